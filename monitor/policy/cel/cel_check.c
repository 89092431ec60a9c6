/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Types of a resolved tree. In a rule every type is known when it is loaded: nothing is compared or
 * converted that has another type, and no list or map mixes types.
 */

#include <assert.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/cel/cel_check.h"

static int type_node(struct typing *t, struct cel_node *node);

const struct cel_node *cel_operand(const struct cel_node *node, unsigned index)
{
	const struct cel_node *operand = node->child;

	while (operand && index-- > 0)
		operand = operand->next;
	assert(operand);
	return operand;
}

/* ---- macros ---- */

static const struct cel_type *type_of_loop(struct typing *t, const struct cel_node *node,
					   const struct cel_type *result)
{
	struct cel_type *map;

	if (node->macro < MACRO_FILTER)
		return type_simple(CEL_BOOL);
	if (node->macro == MACRO_MAP)
		return type_list_of(t, result);
	if (node->macro == MACRO_FILTER)
		return type_list_of(t, t->vars[node->slot]);
	map = cel_tree_keep(t->tree, xcalloc(1, sizeof(*map)));
	*map = (struct cel_type){.kind = CEL_MAP, .item = result, .key = t->vars[node->slot]};
	return map;
}

static void declare(struct typing *t, const struct cel_node *node, const struct cel_type *over)
{
	const struct cel_type *first = over->kind == CEL_MAP ? over->key : over->item;

	if (node->text2.len) {
		t->vars[node->slot + 1] = over->item;
		first = over->kind == CEL_MAP ? over->key : type_simple(CEL_INT);
	}
	t->vars[node->slot] = first;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tree, which the parser bounds */

static int type_loop(struct typing *t, struct cel_node *node)
{
	struct cel_node *over = node->child;
	const uint64_t times = t->times;
	const struct cel_node *last = over;
	int r = type_node(t, over);

	if (r < 0)
		return r;
	if (over->type->kind != CEL_LIST && over->type->kind != CEL_MAP)
		return type_mismatch(t, over, "a macro over items", "a list");
	if (!over->type->item)
		return cel_fail(t->err, over->at, "a loop over an empty list");
	declare(t, node, over->type);
	t->times *= type_count_bound(over) + 1;
	r = type_spend(t, 1, node);
	for (struct cel_node *part = over->next; part && r == 0; part = part->next) {
		r = type_node(t, part);
		if (r == 0 && (part->next || node->macro < MACRO_MAP) &&
		    part->type->kind != CEL_BOOL)
			r = type_mismatch(t, part, "the condition", "bool");
		last = part;
	}
	t->times = times;
	if (r == 0)
		node->type = type_of_loop(t, node, last->type);
	return r;
}

static int type_by_kind(struct typing *t, struct cel_node *node)
{
	static const enum cel_kind literals[] = {
		[NODE_NULL] = CEL_NULL,	  [NODE_BOOL] = CEL_BOOL,     [NODE_INT] = CEL_INT,
		[NODE_UINT] = CEL_UINT,	  [NODE_DOUBLE] = CEL_DOUBLE, [NODE_STRING] = CEL_STRING,
		[NODE_BYTES] = CEL_BYTES,
	};

	static const enum cel_kind fields[] = {
		[FIELD_STRING] = CEL_STRING,
		[FIELD_INT] = CEL_INT,
		[FIELD_BOOL] = CEL_BOOL,
	};

	switch ((int)node->kind) {
	case NODE_LIST:
		return type_list(t, node);
	case NODE_MAP:
		return type_map(t, node);
	case NODE_SELECT:
	case NODE_HAS:
		return type_select(t, node);
	case NODE_INDEX:
		return type_index(t, node);
	case NODE_CALL:
		return type_call(t, node);
	case NODE_NOT:
	case NODE_NEGATE:
		return type_unary(t, node);
	case NODE_BINARY:
		return type_binary(t, node);
	case NODE_COND:
		return type_cond(t, node);
	case NODE_FIELD:
		node->type = node->field->type == FIELD_LIST
				     ? type_list_of(t, type_simple(CEL_STRING))
				     : type_simple(fields[node->field->type]);
		return 0;
	case NODE_LABELS:
	case NODE_NAMED:
		node->type = type_list_of(t, type_simple(CEL_STRING));
		return 0;
	case NODE_VAR:
		node->type = t->vars[node->slot];
		return 0;
	case NODE_TYPE:
		node->type = type_simple(CEL_TYPE);
		return 0;
	default:
		node->type = type_simple(literals[node->kind]);
		return 0;
	}
}

static int type_node(struct typing *t, struct cel_node *node)
{
	int r = type_spend(t, 1, node);

	if (r == 0 && node->kind == NODE_LOOP) {
		r = type_loop(t, node);
	} else if (r == 0) {
		for (struct cel_node *child = node->child; child && r == 0; child = child->next)
			r = type_node(t, child);
		if (r == 0)
			r = type_by_kind(t, node);
	}
	return r < 0 ? r : type_account(t, node);
}

/* NOLINTEND(misc-no-recursion) */

int cel_check_types(struct cel_tree *tree, struct cel_error *err)
{
	struct typing t = {.tree = tree, .err = err, .times = 1};

	return type_node(&t, tree->root);
}

int cel_check(struct cel_tree *tree, struct cel_error *err)
{
	struct typing t = {.tree = tree, .err = err};
	const int r = cel_check_types(tree, err);

	if (r == 0 && tree->root->type->kind != CEL_BOOL)
		return type_mismatch(&t, tree->root, "a rule's \"when\"", "bool");
	return r;
}
