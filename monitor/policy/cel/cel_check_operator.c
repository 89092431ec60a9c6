/* SPDX-License-Identifier: Apache-2.0 */

/* Types of operators, literals and selections whose operands are typed already. */

#include "common/buf.h"
#include "monitor/policy/cel/cel_check.h"

int type_list(struct typing *t, struct cel_node *node)
{
	const struct cel_type *item_type = NULL;

	for (const struct cel_node *item = node->child; item; item = item->next) {
		item_type = item_type ? type_join(item_type, item->type) : item->type;
		if (!item_type)
			return cel_fail(t->err, item->at, "the items of a list are of one type");
	}
	node->type = type_list_of(t, item_type);
	return 0;
}

int type_map(struct typing *t, struct cel_node *node)
{
	struct cel_type *type = cel_tree_keep(t->tree, xcalloc(1, sizeof(*type)));

	type->kind = CEL_MAP;
	for (const struct cel_node *key = node->child; key && key->next; key = key->next->next) {
		const struct cel_node *value = key->next;

		if (key->type->kind != CEL_BOOL && key->type->kind != CEL_INT &&
		    key->type->kind != CEL_UINT && key->type->kind != CEL_STRING)
			return type_mismatch(t, key, "a key", "bool, int, uint or string");
		type->key = type->key ? type_join(type->key, key->type) : key->type;
		type->item = type->item ? type_join(type->item, value->type) : value->type;
		if (!type->key || !type->item)
			return cel_fail(t->err, type->key ? value->at : key->at,
					"the keys of a map are of one type, and so are its values");
	}
	node->type = type;
	return 0;
}

static int type_in(struct typing *t, struct cel_node *node)
{
	const struct cel_node *a = cel_operand(node, 0);
	const struct cel_node *b = cel_operand(node, 1);
	const struct cel_type *member = b->type->kind == CEL_MAP ? b->type->key : b->type->item;

	if (b->type->kind != CEL_LIST && b->type->kind != CEL_MAP)
		return type_mismatch(t, b, "in", "a list on its right");
	if (member && !type_join(member, a->type))
		return cel_fail(t->err, node->at, "type mismatch: %s in %s", type_text(t, a->type),
				type_text(t, b->type));
	return 0;
}

static bool is_ordered(enum cel_kind kind)
{
	return kind == CEL_BOOL || cel_is_number(kind) || kind == CEL_STRING || kind == CEL_BYTES ||
	       kind == CEL_DURATION || kind == CEL_TIMESTAMP;
}

static int type_relation(struct typing *t, const struct cel_node *node)
{
	const struct cel_node *a = cel_operand(node, 0);
	const struct cel_node *b = cel_operand(node, 1);

	if (!type_join(a->type, b->type) ||
	    (node->op != OP_EQ && node->op != OP_NE && !is_ordered(a->type->kind)))
		return cel_fail(t->err, node->at, "type mismatch: %s compared with %s",
				type_text(t, a->type), type_text(t, b->type));
	return 0;
}

static int type_logic(struct typing *t, const struct cel_node *node)
{
	const char *name = node->op == OP_AND ? "&&" : "||";

	for (unsigned i = 0; i < 2; i++) {
		const struct cel_node *side = cel_operand(node, i);

		if (side->type->kind != CEL_BOOL)
			return type_mismatch(t, side, name, "bool");
	}
	return 0;
}

/* The type of a + b and its like; NULL if they do not go together. */
static const struct cel_type *type_of_sum(int op, const struct cel_type *a,
					  const struct cel_type *b)
{
	const enum cel_kind kind = a->kind;
	const bool times = op == '+' || op == '-';

	if (times && kind == CEL_TIMESTAMP && b->kind == CEL_DURATION)
		return a;
	if (op == '+' && kind == CEL_DURATION && b->kind == CEL_TIMESTAMP)
		return b;
	if (op == '-' && kind == CEL_TIMESTAMP && b->kind == CEL_TIMESTAMP)
		return type_simple(CEL_DURATION);
	if (kind == CEL_INT || kind == CEL_UINT || (kind == CEL_DOUBLE && op != '%') ||
	    (kind == CEL_DURATION && times) ||
	    ((kind == CEL_STRING || kind == CEL_BYTES || kind == CEL_LIST) && op == '+'))
		return type_join(a, b);
	return NULL;
}

int type_binary(struct typing *t, struct cel_node *node)
{
	const struct cel_node *a = cel_operand(node, 0);
	const struct cel_node *b = cel_operand(node, 1);

	node->type = type_simple(CEL_BOOL);
	if (node->op == OP_AND || node->op == OP_OR)
		return type_logic(t, node);
	if (node->op == OP_IN)
		return type_in(t, node);
	if (node->op > 255 || node->op == '<' || node->op == '>')
		return type_relation(t, node);
	node->type = type_of_sum(node->op, a->type, b->type);
	if (!node->type)
		return cel_fail(t->err, node->at, "type mismatch: %s %c %s", type_text(t, a->type),
				node->op, type_text(t, b->type));
	return 0;
}

int type_cond(struct typing *t, struct cel_node *node)
{
	const struct cel_node *condition = cel_operand(node, 0);
	const struct cel_node *a = cel_operand(node, 1);
	const struct cel_node *b = cel_operand(node, 2);

	if (condition->type->kind != CEL_BOOL)
		return type_mismatch(t, condition, "the condition before \"?\"", "bool");
	node->type = type_join(a->type, b->type);
	if (!node->type)
		return cel_fail(t->err, b->at,
				"type mismatch: the two sides of \":\" are %s and %s",
				type_text(t, a->type), type_text(t, b->type));
	return 0;
}

int type_unary(struct typing *t, struct cel_node *node)
{
	const struct cel_node *operand = cel_operand(node, 0);

	node->type = operand->type;
	if (node->kind == NODE_NOT)
		return operand->type->kind == CEL_BOOL ? 0 : type_mismatch(t, operand, "!", "bool");
	if (operand->type->kind == CEL_INT || operand->type->kind == CEL_DOUBLE)
		return 0;
	return type_mismatch(t, operand, "-", "int");
}

static int open_type(struct typing *t, const struct cel_node *node)
{
	return cel_fail(t->err, node->at,
			"what this holds is not known: the list or map is written empty");
}

int type_index(struct typing *t, struct cel_node *node)
{
	const struct cel_node *of = cel_operand(node, 0);
	const struct cel_node *index = cel_operand(node, 1);

	node->type = of->type->item;
	if (of->type->kind == CEL_MAP) {
		if (of->type->key && !type_join(of->type->key, index->type))
			return type_mismatch(t, index, "the key", type_text(t, of->type->key));
		return node->type ? 0 : open_type(t, node);
	}
	if (of->type->kind != CEL_LIST)
		return type_mismatch(t, of, "[ ]", "a list");
	if (index->type->kind != CEL_INT)
		return type_mismatch(t, index, "the index", "int");
	return node->type ? 0 : open_type(t, node);
}

int type_select(struct typing *t, struct cel_node *node)
{
	const struct cel_node *of = cel_operand(node, 0);

	if (of->type->kind != CEL_MAP || (of->type->key && of->type->key->kind != CEL_STRING))
		return cel_fail(
			t->err, node->at,
			"only action, session, process, call, lists and maps by string have "
			"members");
	node->type = node->kind == NODE_HAS ? type_simple(CEL_BOOL) : of->type->item;
	return node->type ? 0 : open_type(t, node);
}
