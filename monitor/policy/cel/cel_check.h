/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the files of the type checker share: cel_check.c walks the tree, cel_check_operator.c and
 * cel_check_call.c know operators and functions, cel_check_cost.c what evaluating may take. Errors
 * are those of cel_fail(): negative errno with the place in the text.
 */

#include "monitor/policy/cel/cel.h"

/* What a text that is joined is taken to have when memory is estimated; inside a loop an item. */
#define CEL_TEXT_ESTIMATE 4096u
#define CEL_ITEM_ESTIMATE 64u

struct typing {
	struct cel_tree *tree;
	struct cel_error *err;
	const struct cel_type *vars[2 * CEL_MAX_LOOPS];
	uint64_t times; /* how often the node at hand can run */
	uint64_t cost;
	uint64_t memory;
};

/* A child that nodes of this kind always have; the parser or a check before saw to that. */
const struct cel_node *cel_operand(const struct cel_node *node, unsigned index);
const struct cel_type *type_simple(enum cel_kind kind);
const struct cel_type *type_list_of(struct typing *t, const struct cel_type *item);
/* For messages: "list of string". Kept by the tree. */
const char *type_text(struct typing *t, const struct cel_type *type);
/* The type that both have, with what one of them leaves open filled in; NULL if they differ. */
const struct cel_type *type_join(const struct cel_type *a, const struct cel_type *b);
int type_mismatch(struct typing *t, const struct cel_node *node, const char *what,
		  const char *expected);
/* Type a node whose children are typed already. */
int type_list(struct typing *t, struct cel_node *node);
int type_map(struct typing *t, struct cel_node *node);
int type_binary(struct typing *t, struct cel_node *node);
int type_cond(struct typing *t, struct cel_node *node);
int type_unary(struct typing *t, struct cel_node *node);
int type_index(struct typing *t, struct cel_node *node);
int type_select(struct typing *t, struct cel_node *node);
/* Types a call whose arguments are typed already. */
int type_call(struct typing *t, struct cel_node *node);

/* Adds to the cost of the expression. Errors: over CEL_MAX_COST. */
int type_spend(struct typing *t, uint64_t steps, const struct cel_node *node);
/* Cost and memory of a typed node itself, for each time that it runs. Errors: over the limits. */
int type_account(struct typing *t, const struct cel_node *node);
/* The most items that a list or map can have. */
uint64_t type_count_bound(const struct cel_node *node);
