/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What an expression cannot do without: operands of its outermost && that ask about a field alone.
 * (An expression that fails counts as a match, but false && failure is false.)
 */

#include <string.h>

#include "monitor/policy/rule.h"

static bool is_field(const struct cel_node *node, const char *name)
{
	return node->kind == NODE_FIELD && strcmp(node->field->name, name) == 0;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tree, which the parser bounds */

static bool demands_text(const struct cel_node *node, const char *field, struct str text)
{
	const struct cel_node *a = node->child;
	const struct cel_node *b = a ? a->next : NULL;

	if (node->kind != NODE_BINARY || !b)
		return false;
	if (node->op == OP_AND)
		return demands_text(a, field, text) || demands_text(b, field, text);
	if (node->op == OP_OR)
		return demands_text(a, field, text) && demands_text(b, field, text);
	if (node->op != OP_EQ)
		return false;
	if (b->kind == NODE_FIELD) {
		b = a;
		a = node->child->next;
	}
	return is_field(a, field) && b->kind == NODE_STRING && str_eq(b->text, text);
}

/* @value: what the node must not be the opposite of; so that ! only turns it round. */
static struct flags flags_of(const struct cel_node *node, bool value)
{
	struct flags ret = {0};
	struct flags a, b;
	uint64_t bit;

	if (node->kind == NODE_NOT)
		return flags_of(node->child, !value);
	if (node->kind == NODE_FIELD && node->field->type == FIELD_BOOL &&
	    node->field - action_fields < 64 && !action_field_may_be_unknown(node->field)) {
		bit = UINT64_C(1) << (node->field - action_fields);
		*(value ? &ret.set : &ret.clear) = bit;
		return ret;
	}
	if (node->kind != NODE_BINARY)
		return ret;
	if (node->op == OP_EQ && node->child->next->kind == NODE_BOOL)
		return flags_of(node->child, value == node->child->next->boolean);
	if (node->op != OP_AND && node->op != OP_OR)
		return ret;
	a = flags_of(node->child, value);
	b = flags_of(node->child->next, value);
	if ((node->op == OP_AND) == value)
		return (struct flags){a.set | b.set, a.clear | b.clear};
	return (struct flags){a.set & b.set, a.clear & b.clear};
}

/* NOLINTEND(misc-no-recursion) */

struct flags tree_flags(const struct cel_tree *tree)
{
	return flags_of(tree->root, true);
}

bool tree_demands_bool(const struct cel_tree *tree, const char *field, bool value)
{
	const struct flags flags = tree_flags(tree);

	for (uint64_t left = value ? flags.set : flags.clear; left; left &= left - 1) {
		if (strcmp(action_fields[__builtin_ctzll(left)].name, field) == 0)
			return true;
	}
	return false;
}

bool tree_demands_text(const struct cel_tree *tree, const char *field, struct str text)
{
	return demands_text(tree->root, field, text);
}
