/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From a typed tree to code:
 *
 *	cel_compile.c		the code of each node
 *	cel_compile_test.c	what takes one instruction though its tree has several nodes
 *	cel_program.c		the constants
 */

#include "monitor/policy/cel/cel.h"
#include "monitor/policy/cel/cel_fast.h"

struct compiler {
	struct cel_program *program;
	unsigned depth; /* values on the stack at this point */
};

/* @pushes: how many values more there are behind it. Return: its place. */
size_t cel_emit(struct compiler *c, struct cel_op op, int pushes);

/* Emits the one instruction of a field or an item against constants. False: it is no such test. */
bool cel_compile_test(struct compiler *c, const struct cel_node *node);
/* Whether the node's value can be an error. */
bool cel_can_fail(const struct cel_node *node);

/* Each adds a constant. Return: its index. */
size_t cel_add_string(struct cel_program *p, struct str text);
size_t cel_add_integer(struct cel_program *p, int64_t value);
size_t cel_add_list(struct cel_program *p, const struct cel_node *node);
size_t cel_add_globs(struct cel_program *p, const struct cel_node *node);
size_t cel_add_cidrs(struct cel_program *p, const struct cel_node *node);
size_t cel_add_regex(struct cel_program *p, struct cel_node *pattern);
