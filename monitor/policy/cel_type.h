/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the files of the type checker share: cel_type.c walks the tree, cel_type_call.c knows the
 * functions. Errors are those of cel_fail(): negative errno with the place in the text.
 */

#include "monitor/policy/cel.h"

struct typing {
	struct cel_tree *tree;
	const struct cel_scope *scope;
	struct cel_reads *reads;
	struct cel_error *err;

	struct {
		struct str name;
		struct cel_type type;
	} vars[CEL_MAX_LOOPS];

	unsigned var_count;
	uint64_t times; /* how often the node at hand can run */
	uint64_t cost;
};

/* A child that nodes of this kind always have; the parser or a check before saw to that. */
const struct cel_node *cel_operand(const struct cel_node *node, unsigned index);
struct cel_type type_simple(enum cel_kind kind);
/* Adds to the cost of the expression. Errors: over CEL_MAX_COST. */
int type_spend(struct typing *t, uint64_t steps, const struct cel_node *node);
int type_mismatch(struct typing *t, const struct cel_node *node, const char *what,
		  const char *expected);
/* Types a call whose arguments are typed already. */
int type_call(struct typing *t, struct cel_node *node);
