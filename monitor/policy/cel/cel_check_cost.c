/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What an expression takes in the worst case: each node counts once for every time it can run, with
 * the longest list that a loop or `in` can meet. A run that takes more all the same (texts can be
 * longer than what is assumed here) ends in an error.
 */

#include "common/limits.h"
#include "monitor/policy/cel/cel_check.h"
#include "monitor/policy/cel/cel_regex.h"

int type_spend(struct typing *t, uint64_t steps, const struct cel_node *node)
{
	if (t->times > CEL_MAX_COST || steps > CEL_MAX_COST ||
	    (t->cost += t->times * steps) > CEL_MAX_COST)
		return cel_fail(t->err, node->at,
				"too costly: loops inside one another over long lists (limit %u "
				"steps)",
				CEL_MAX_COST);
	return 0;
}

static int take(struct typing *t, uint64_t bytes, const struct cel_node *node)
{
	if (bytes > CEL_MAX_MEMORY || (t->memory += t->times * bytes) > CEL_MAX_MEMORY)
		return cel_fail(t->err, node->at,
				"too much memory: lists and texts are made over and over (limit %u "
				"bytes)",
				CEL_MAX_MEMORY);
	return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tree, which the parser bounds */
uint64_t type_count_bound(const struct cel_node *node)
{
	uint64_t a;
	uint64_t b;

	switch ((int)node->kind) {
	case NODE_LABELS:
		return MAX_LABELS;
	case NODE_LIST:
	case NODE_NAMED:
	case NODE_STRING:
		return cel_constant_count(node);
	case NODE_MAP:
		return cel_constant_count(node) / 2;
	case NODE_COND:
		a = type_count_bound(cel_operand(node, 1));
		b = type_count_bound(cel_operand(node, 2));
		return a > b ? a : b;
	case NODE_BINARY:
		return type_count_bound(cel_operand(node, 0)) +
		       type_count_bound(cel_operand(node, 1));
	case NODE_LOOP:
		return type_count_bound(cel_operand(node, 0));
	case NODE_FIELD:
		return action_field_is_lineage(node->field) ? MAX_ANCESTORS : MAX_ARGV_ITEMS;
	default:
		return MAX_ARGV_ITEMS;
	}
}

static bool is_sized(const struct cel_node *node)
{
	return node->type->kind == CEL_LIST || node->type->kind == CEL_MAP;
}

static int account_binary(struct typing *t, const struct cel_node *node)
{
	const struct cel_node *a = cel_operand(node, 0);
	const struct cel_node *b = cel_operand(node, 1);

	if (node->op == OP_IN)
		return type_spend(t, type_count_bound(b), node);
	if ((node->op == OP_EQ || node->op == OP_NE) && a->type->kind == CEL_MAP)
		return type_spend(t, type_count_bound(a) * type_count_bound(b), node);
	if ((node->op == OP_EQ || node->op == OP_NE) && a->type->kind == CEL_LIST)
		return type_spend(t, type_count_bound(a), node);
	if (node->op != '+' || a->type->kind == CEL_INT)
		return 0;
	if (is_sized(node))
		return take(t, type_count_bound(node) * sizeof(struct cel_value), node);
	if (node->type->kind == CEL_STRING || node->type->kind == CEL_BYTES)
		return take(t, t->times == 1 ? CEL_TEXT_ESTIMATE : CEL_ITEM_ESTIMATE, node);
	return 0;
}

static int account_call(struct typing *t, const struct cel_node *node)
{
	const struct cel_node *pattern;
	int r;

	if (node->function == FN_TO_STRING)
		return take(t, CEL_TEXT_MAX, node);
	if (node->function != FN_MATCHES)
		return 0;
	pattern = cel_operand(node, 1);
	r = type_spend(t, pattern->regex->count, node);
	return r < 0 ? r : take(t, 0, node); /* its memory is given back */
}

int type_account(struct typing *t, const struct cel_node *node)
{
	const uint64_t value = sizeof(struct cel_value);

	switch ((int)node->kind) {
	case NODE_LIST:
		if (cel_is_constant(node))
			return take(t, t->times == 1 ? 0 : cel_constant_count(node) * value, node);
		return take(t, cel_constant_count(node) * value, node);
	case NODE_MAP: {
		const uint64_t count = cel_constant_count(node);
		const int r = type_spend(t, count * count / 4, node); /* each key with each */

		return r < 0 ? r : take(t, count * value, node);
	}
	case NODE_SELECT:
	case NODE_HAS:
	case NODE_INDEX:
		return cel_operand(node, 0)->type->kind == CEL_MAP
			       ? type_spend(t, type_count_bound(cel_operand(node, 0)), node)
			       : 0;
	case NODE_LOOP:
		if (node->macro < MACRO_FILTER)
			return 0;
		return take(t,
			    type_count_bound(node) * value *
				    (node->macro == MACRO_MAP_ENTRIES ? 2 : 1),
			    node);
	case NODE_BINARY:
		return account_binary(t, node);
	case NODE_CALL:
		return account_call(t, node);
	default:
		return 0;
	}
}
