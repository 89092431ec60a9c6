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

/* ---- constants ---- */

bool cel_is_constant(const struct cel_node *node)
{
	if (node->kind != NODE_LIST)
		return node->kind == NODE_STRING || node->kind == NODE_NAMED;
	for (const struct cel_node *item = node->child; item; item = item->next) {
		if ((item->kind != NODE_STRING && item->kind != NODE_INT) ||
		    item->kind != node->child->kind)
			return false;
	}
	return true;
}

bool cel_has_integers(const struct cel_node *node)
{
	return node->kind == NODE_LIST && node->child && node->child->kind == NODE_INT;
}

size_t cel_constant_count(const struct cel_node *node)
{
	size_t n = 0;

	if (node->kind == NODE_STRING)
		return 1;
	if (node->kind == NODE_NAMED)
		return node->list->count;
	for (const struct cel_node *item = node->child; item; item = item->next)
		n++;
	return n;
}

struct str cel_constant_string(const struct cel_node *node, size_t index)
{
	const struct cel_node *item = node->child;

	if (node->kind == NODE_STRING)
		return node->text;
	if (node->kind == NODE_NAMED)
		return node->list->strings[index];
	while (index-- > 0)
		item = item->next;
	return item->text;
}

/* ---- operators ---- */

static int type_list(struct typing *t, struct cel_node *node)
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

static int type_map(struct typing *t, struct cel_node *node)
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

static int type_binary(struct typing *t, struct cel_node *node)
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

static int type_cond(struct typing *t, struct cel_node *node)
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

static int type_unary(struct typing *t, struct cel_node *node)
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

static int type_index(struct typing *t, struct cel_node *node)
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

static int type_select(struct typing *t, struct cel_node *node)
{
	const struct cel_node *of = cel_operand(node, 0);

	if (of->type->kind != CEL_MAP || (of->type->key && of->type->key->kind != CEL_STRING))
		return cel_fail(t->err, node->at,
				"only action, session, call, lists and maps by string have "
				"members");
	node->type = node->kind == NODE_HAS ? type_simple(CEL_BOOL) : of->type->item;
	return node->type ? 0 : open_type(t, node);
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
