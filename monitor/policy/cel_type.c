/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Resolves names, checks types, and estimates the worst cost: each node counts once for every time
 * it can run, with the longest list that a loop or `in` can meet.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "monitor/policy/cel_type.h"

static int type_node(struct typing *t, struct cel_node *node);

const struct cel_node *cel_operand(const struct cel_node *node, unsigned index)
{
	const struct cel_node *operand = node->child;

	while (operand && index-- > 0)
		operand = operand->next;
	assert(operand);
	return operand;
}

struct cel_type type_simple(enum cel_kind kind)
{
	return (struct cel_type){kind, CEL_ERROR};
}

static struct cel_type list_of(enum cel_kind item)
{
	return (struct cel_type){CEL_LIST, item};
}

const char *cel_type_name(struct cel_type type)
{
	static const char *const names[] = {
		[CEL_BOOL] = "bool", [CEL_INT] = "int",	    [CEL_STRING] = "string",
		[CEL_LIST] = "list", [CEL_ERROR] = "error",
	};

	if (type.kind != CEL_LIST)
		return names[type.kind];
	return type.item == CEL_STRING ? "list of string"
	       : type.item == CEL_INT  ? "list of int"
				       : "empty list";
}

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

/* The most items a list can have. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tree, which the parser bounds */
static uint64_t list_bound(const struct cel_node *list)
{
	if (list->kind == NODE_FIELD)
		return MAX_ARGV_ITEMS;
	if (list->kind == NODE_LABELS)
		return MAX_LABELS;
	if (list->kind == NODE_COND) {
		const uint64_t a = list_bound(cel_operand(list, 1));
		const uint64_t b = list_bound(cel_operand(list, 2));

		return a > b ? a : b;
	}
	return cel_constant_count(list);
}

bool cel_is_constant(const struct cel_node *node)
{
	return node->kind == NODE_STRING || node->kind == NODE_LIST || node->kind == NODE_NAMED;
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

static int type_field(struct typing *t, struct cel_node *node)
{
	for (size_t i = 0; i < action_field_count; i++) {
		const struct action_field *field = &action_fields[i];
		const uint32_t without = t->scope->kinds & ~field->kinds;

		if (!str_eq(node->text, str_of(field->name)))
			continue;
		for (unsigned k = 0; k < ACTION_KINDS; k++) {
			if (without & (1u << k))
				return cel_fail(t->err, node->at,
						"action.%s is not there for %s, which the rule is "
						"\"on\"",
						field->name, action_kind_name((enum action_kind)k));
		}
		node->kind = NODE_FIELD;
		node->field = field;
		t->reads->fields |= UINT64_C(1) << i;
		node->type = field->type == FIELD_STRING ? type_simple(CEL_STRING)
			     : field->type == FIELD_INT	 ? type_simple(CEL_INT)
			     : field->type == FIELD_BOOL ? type_simple(CEL_BOOL)
							 : list_of(CEL_STRING);
		return 0;
	}
	return cel_fail(t->err, node->at, "unknown field action.%.*s", (int)node->text.len,
			node->text.at);
}

static int type_select(struct typing *t, struct cel_node *node)
{
	const struct cel_node *base = node->child;

	if (base->kind != NODE_NAME)
		return cel_fail(t->err, node->at,
				"only action, session, call and lists have "
				"members");
	if (str_eq(base->text, STR("action")))
		return type_field(t, node);
	if (str_eq(base->text, STR("call"))) {
		const bool tool = str_eq(node->text, STR("tool"));

		if (!tool && !str_eq(node->text, STR("id")))
			return cel_fail(t->err, node->at, "call has the members id and tool");
		node->text = tool ? STR("call_tool") : STR("call_id");
		return type_field(t, node);
	}
	if (str_eq(base->text, STR("session"))) {
		if (!str_eq(node->text, STR("labels")))
			return cel_fail(t->err, node->at, "session has the member labels");
		node->kind = NODE_LABELS;
		node->type = list_of(CEL_STRING);
		t->reads->labels = true;
		return 0;
	}
	if (!str_eq(base->text, STR("lists")))
		return cel_fail(t->err, base->at, "unknown name \"%.*s\"", (int)base->text.len,
				base->text.at);
	for (size_t i = 0; i < t->scope->list_count; i++) {
		if (!str_eq(node->text, str_of(t->scope->lists[i].name)))
			continue;
		node->kind = NODE_NAMED;
		node->list = &t->scope->lists[i];
		node->type = list_of(CEL_STRING);
		return 0;
	}
	return cel_fail(t->err, node->at, "no file defines the list \"%.*s\"", (int)node->text.len,
			node->text.at);
}

static int type_name(struct typing *t, struct cel_node *node)
{
	for (unsigned i = t->var_count; i-- > 0;) {
		if (str_eq(node->text, t->vars[i].name)) {
			node->kind = NODE_VAR;
			node->slot = i;
			node->type = t->vars[i].type;
			return 0;
		}
	}
	return cel_fail(t->err, node->at, "unknown name \"%.*s\"", (int)node->text.len,
			node->text.at);
}

static int type_list(struct typing *t, struct cel_node *node)
{
	node->type = list_of(CEL_ERROR);
	for (struct cel_node *item = node->child; item; item = item->next) {
		if (item->kind == NODE_NEGATE && item->child->kind == NODE_INT) {
			item->kind = NODE_INT;
			item->integer = -item->child->integer;
		}
		if (item->kind != NODE_STRING && item->kind != NODE_INT)
			return cel_fail(t->err, item->at,
					"a list holds literal strings or numbers");
		item->type = type_simple(item->kind == NODE_INT ? CEL_INT : CEL_STRING);
		if (item != node->child && item->type.kind != node->type.item)
			return cel_fail(t->err, item->at, "the items of a list are of one type");
		node->type.item = item->type.kind;
	}
	return 0;
}

int type_mismatch(struct typing *t, const struct cel_node *node, const char *what,
		  const char *expected)
{
	return cel_fail(t->err, node->at, "type mismatch: %s expects %s, found %s", what, expected,
			cel_type_name(node->type));
}

static bool same_type(struct cel_type a, struct cel_type b)
{
	return a.kind == b.kind && a.kind != CEL_LIST;
}

static int type_binary(struct typing *t, struct cel_node *node)
{
	const struct cel_node *a = cel_operand(node, 0);
	const struct cel_node *b = cel_operand(node, 1);

	node->type = type_simple(CEL_BOOL);
	if (node->op == OP_AND || node->op == OP_OR) {
		const char *name = node->op == OP_AND ? "&&" : "||";

		if (a->type.kind != CEL_BOOL)
			return type_mismatch(t, a, name, "bool");
		return b->type.kind == CEL_BOOL ? 0 : type_mismatch(t, b, name, "bool");
	}
	if (node->op == OP_IN) {
		if (b->type.kind != CEL_LIST)
			return type_mismatch(t, b, "in", "a list on its right");
		if (a->type.kind == CEL_LIST ||
		    (b->type.item != CEL_ERROR && b->type.item != a->type.kind))
			return cel_fail(t->err, node->at, "type mismatch: %s in %s",
					cel_type_name(a->type), cel_type_name(b->type));
		return type_spend(t, list_bound(b), node);
	}
	if (!same_type(a->type, b->type))
		return cel_fail(t->err, node->at, "type mismatch: %s compared with %s",
				cel_type_name(a->type), cel_type_name(b->type));
	return 0;
}

/* What stands for something before a dot; an item of that name would hide it from the reader. */
static bool is_root_name(struct str name)
{
	return str_eq(name, STR("action")) || str_eq(name, STR("session")) ||
	       str_eq(name, STR("call")) || str_eq(name, STR("lists"));
}

static bool is_macro(const struct cel_node *node)
{
	return node->kind == NODE_CALL && node->method &&
	       (str_eq(node->text, STR("exists")) || str_eq(node->text, STR("all")));
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tree, which the parser bounds */

static int type_loop(struct typing *t, struct cel_node *node)
{
	struct cel_node *list = node->child;
	struct cel_node *var = list->next;
	const uint64_t times = t->times;
	int r;

	if (!var || !var->next || var->next->next)
		return cel_fail(t->err, node->at, "%.*s takes a name and a condition",
				(int)node->text.len, node->text.at);
	if (var->kind != NODE_NAME)
		return cel_fail(t->err, var->at, "a name for the item goes here");
	if (is_root_name(var->text))
		return cel_fail(t->err, var->at,
				"\"%.*s\" has a meaning of its own: give the item another name",
				(int)var->text.len, var->text.at);
	if (t->var_count == CEL_MAX_LOOPS)
		return cel_fail(t->err, node->at, "more than %u loops inside one another",
				CEL_MAX_LOOPS);
	r = type_node(t, list);
	if (r < 0)
		return r;
	if (list->type.kind != CEL_LIST)
		return type_mismatch(t, list, "exists or all", "a list");
	if (list->type.item == CEL_ERROR)
		return cel_fail(t->err, list->at, "a loop over an empty list");
	node->slot = t->var_count;
	t->vars[t->var_count].name = var->text;
	t->vars[t->var_count++].type = type_simple(list->type.item);
	t->times *= list_bound(list) + 1;
	r = type_spend(t, 1, node);
	if (r == 0)
		r = type_node(t, var->next);
	t->times = times;
	t->var_count--;
	if (r == 0 && var->next->type.kind != CEL_BOOL)
		r = type_mismatch(t, var->next, "the condition", "bool");
	node->kind = NODE_LOOP;
	node->op = str_eq(node->text, STR("exists")) ? OP_OR : OP_AND;
	node->type = type_simple(CEL_BOOL);
	list->next = var->next;
	return r;
}

static int type_cond(struct typing *t, struct cel_node *node)
{
	const struct cel_node *condition = cel_operand(node, 0);
	const struct cel_node *a = cel_operand(node, 1);
	const struct cel_node *b = cel_operand(node, 2);

	if (condition->type.kind != CEL_BOOL)
		return type_mismatch(t, condition, "the condition before \"?\"", "bool");
	if (a->type.kind != b->type.kind || a->type.item != b->type.item)
		return cel_fail(t->err, b->at,
				"type mismatch: the two sides of \":\" are %s and %s",
				cel_type_name(a->type), cel_type_name(b->type));
	node->type = a->type;
	return 0;
}

static int type_unary(struct typing *t, struct cel_node *node, const char *name, enum cel_kind kind)
{
	const struct cel_node *operand = cel_operand(node, 0);

	node->type = type_simple(kind);
	return operand->type.kind == kind
		       ? 0
		       : type_mismatch(t, operand, name, cel_type_name(node->type));
}

static int type_index(struct typing *t, struct cel_node *node)
{
	const struct cel_node *list = cel_operand(node, 0);
	const struct cel_node *index = cel_operand(node, 1);

	if (list->type.kind != CEL_LIST || list->type.item == CEL_ERROR)
		return type_mismatch(t, list, "[ ]", "a list");
	node->type = type_simple(list->type.item);
	return index->type.kind == CEL_INT ? 0 : type_mismatch(t, index, "the index", "int");
}

static int type_checked(struct typing *t, struct cel_node *node)
{
	switch (node->kind) {
	case NODE_NOT:
		return type_unary(t, node, "!", CEL_BOOL);
	case NODE_NEGATE:
		return type_unary(t, node, "-", CEL_INT);
	case NODE_BINARY:
		return type_binary(t, node);
	case NODE_COND:
		return type_cond(t, node);
	case NODE_INDEX:
		return type_index(t, node);
	case NODE_CALL:
		return type_call(t, node);
	case NODE_STRING:
	case NODE_INT:
	case NODE_BOOL:
	case NODE_LIST:
	case NODE_NAME:
	case NODE_SELECT:
	case NODE_FIELD:
	case NODE_LABELS:
	case NODE_NAMED:
	case NODE_VAR:
	case NODE_LOOP:
		break;
	}
	return 0;
}

static int type_node(struct typing *t, struct cel_node *node)
{
	int r = type_spend(t, 1, node);

	if (r < 0)
		return r;
	if (node->kind == NODE_SELECT)
		return type_select(t, node);
	if (node->kind == NODE_NAME)
		return type_name(t, node);
	if (node->kind == NODE_LIST)
		return type_list(t, node);
	if (is_macro(node))
		return type_loop(t, node);
	node->type = type_simple(node->kind == NODE_STRING ? CEL_STRING
				 : node->kind == NODE_INT  ? CEL_INT
							   : CEL_BOOL);
	for (struct cel_node *child = node->child; child; child = child->next) {
		r = type_node(t, child);
		if (r < 0)
			return r;
	}
	return type_checked(t, node);
}

/* NOLINTEND(misc-no-recursion) */

int cel_type(struct cel_tree *tree, const struct cel_scope *scope, struct cel_reads *reads,
	     struct cel_error *err)
{
	struct typing t = {.tree = tree, .scope = scope, .reads = reads, .err = err, .times = 1};
	int r;

	*reads = (struct cel_reads){0};
	r = type_node(&t, tree->root);
	if (r < 0)
		return r;
	if (tree->root->type.kind != CEL_BOOL)
		return type_mismatch(&t, tree->root, "a rule's \"when\"", "bool");
	return 0;
}
