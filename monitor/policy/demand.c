/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What an expression cannot do without: an operand of its outermost && that compares a field with a
 * constant. (An expression that fails counts as a match, but false && failure is false.)
 */

#include <string.h>

#include "monitor/policy/rule.h"

struct demand {
	const char *field;
	const struct str *text; /* NULL: a bool */
	bool boolean;
};

static bool is_field(const struct cel_node *node, const char *name)
{
	return node->kind == NODE_FIELD && strcmp(node->field->name, name) == 0;
}

static bool is_met_by(const struct demand *demand, const struct cel_node *value)
{
	if (demand->text)
		return value->kind == NODE_STRING && str_eq(value->text, *demand->text);
	return value->kind == NODE_BOOL && value->boolean == demand->boolean;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tree, which the parser bounds */
static bool demands(const struct cel_node *node, const struct demand *demand)
{
	const struct cel_node *a = node->child;

	if (is_field(node, demand->field))
		return !demand->text && demand->boolean;
	if (node->kind == NODE_NOT)
		return !demand->text && !demand->boolean && is_field(a, demand->field);
	if (node->kind != NODE_BINARY)
		return false;
	if (node->op == OP_AND)
		return demands(a, demand) || demands(a->next, demand);
	if (node->op == OP_OR)
		return demands(a, demand) && demands(a->next, demand);
	if (node->op != OP_EQ)
		return false;
	return (is_field(a, demand->field) && is_met_by(demand, a->next)) ||
	       (is_field(a->next, demand->field) && is_met_by(demand, a));
}

/* NOLINTEND(misc-no-recursion) */

bool tree_demands_bool(const struct cel_tree *tree, const char *field, bool value)
{
	const struct demand demand = {.field = field, .boolean = value};

	return demands(tree->root, &demand);
}

bool tree_demands_text(const struct cel_tree *tree, const char *field, struct str text)
{
	const struct demand demand = {.field = field, .text = &text};

	return demands(tree->root, &demand);
}
