/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Nodes of a tree to values. Source: cel-spec langdef.md, "Evaluation". An error is a value that
 * operators hand on; && and || take it away where the other side decides alone.
 */

#include <string.h>

#include "monitor/policy/cel/cel_extension.h"
#include "monitor/policy/cel/cel_message.h"
#include "monitor/policy/cel/cel_run.h"

struct cel_value cel_too_costly(void)
{
	return cel_of_error("more steps than an expression may take");
}

static struct cel_value run_field(const struct cel_run *run, const struct action_field *field)
{
	const struct action *action = run->env->action;
	const struct str_list *list;

	if (action_is_unknown(action, field))
		return cel_of_error("nobody has seen where the process comes from");
	switch (field->type) {
	case FIELD_STRING:
		return cel_of_text(CEL_STRING, action_string(action, field));
	case FIELD_INT:
		return cel_of_int(action_integer(action, field));
	case FIELD_BOOL:
		return cel_of_bool(action_boolean(action, field));
	case FIELD_LIST:
		break;
	}
	list = action_list(action, field);
	return (struct cel_value){
		.kind = CEL_LIST, .view = VIEW_STRINGS, .list = {list->items, list->count}};
}

static struct cel_value run_literal(const struct cel_run *run, const struct cel_node *node)
{
	switch ((int)node->kind) {
	case NODE_BOOL:
		return cel_of_bool(node->boolean);
	case NODE_INT:
		return cel_of_int(node->integer);
	case NODE_UINT:
		return cel_of_uint((uint64_t)node->integer);
	case NODE_DOUBLE:
		return cel_of_double(node->number);
	case NODE_STRING:
		return cel_of_text(CEL_STRING, node->text);
	case NODE_BYTES:
		return cel_of_text(CEL_BYTES, node->text);
	case NODE_FIELD:
		return run_field(run, node->field);
	case NODE_LABELS:
		return (struct cel_value){
			.kind = CEL_LIST,
			.view = VIEW_LABELS,
			.list = {run->env->label_names,
				 node->boolean ? run->env->process_labels : run->env->labels}};
	case NODE_NAMED:
		return (struct cel_value){.kind = CEL_LIST,
					  .view = VIEW_STRINGS,
					  .list = {node->list->strings, node->list->count}};
	case NODE_VAR:
		return run->vars[node->slot];
	case NODE_VARIABLE:
		return *node->value;
	case NODE_TYPE:
		return (struct cel_value){.kind = CEL_TYPE, .integer = node->integer};
	case NODE_UNKNOWN:
		return cel_of_error("undeclared name");
	default:
		return (struct cel_value){.kind = CEL_NULL};
	}
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tree, which the parser bounds */

/* Whether there is what stands behind a "?"; if so it takes the place of the optional. */
static bool is_there(const struct cel_node *node, struct cel_value *v)
{
	if (!node->if_there || v->kind == CEL_ERROR)
		return true;
	if (v->kind != CEL_OPTIONAL) {
		*v = cel_no_overload();
		return true;
	}
	if (!cel_count(v))
		return false;
	*v = *cel_optional_get(v);
	return true;
}

static struct cel_value run_list(struct cel_run *run, const struct cel_node *node)
{
	struct cel_value *items;
	size_t count = 0;
	size_t i = 0;

	for (const struct cel_node *item = node->child; item; item = item->next)
		count++;
	items = cel_take(&run->arena, count * sizeof(*items));
	if (!items)
		return cel_no_memory();
	for (const struct cel_node *item = node->child; item; item = item->next) {
		items[i] = cel_run_node(run, item);
		if (!is_there(item, &items[i]))
			continue;
		if (items[i].kind == CEL_ERROR)
			return items[i];
		i++;
	}
	return cel_of_list(items, i);
}

static bool is_key(const struct cel_value *key)
{
	return key->kind == CEL_BOOL || key->kind == CEL_INT || key->kind == CEL_UINT ||
	       key->kind == CEL_STRING;
}

static struct cel_value run_map(struct cel_run *run, const struct cel_node *node)
{
	struct cel_value map = cel_of_map(NULL, 0);
	struct cel_value *entries;
	size_t count = 0;

	for (const struct cel_node *key = node->child; key; key = key->next->next)
		count++;
	map.list.items = entries = cel_take(&run->arena, count * 2 * sizeof(*entries));
	if (!entries)
		return cel_no_memory();
	for (const struct cel_node *key = node->child; key; key = key->next->next) {
		struct cel_value k = cel_run_node(run, key);
		struct cel_value v;

		if (k.kind == CEL_ERROR)
			return k;
		if (!is_key(&k))
			return cel_of_error("unsupported key type: a key is a bool, int, uint or "
					    "string");
		if (cel_find(&run->steps, &map, &k, &v))
			return cel_of_error("a key is there twice");
		v = cel_run_node(run, key->next);
		if (!is_there(key, &v))
			continue;
		if (v.kind == CEL_ERROR)
			return v;
		entries[map.list.count * 2] = k;
		entries[map.list.count * 2 + 1] = v;
		map.list.count++;
	}
	return map;
}

static struct cel_value run_select(struct cel_run *run, const struct cel_node *node)
{
	struct cel_value map = cel_run_node(run, node->child);
	const bool optional = node->optional || map.kind == CEL_OPTIONAL;
	const struct cel_value key = cel_of_text(CEL_STRING, node->text);
	struct cel_value v;
	bool found;

	if (map.kind == CEL_OPTIONAL && !cel_count(&map))
		return node->kind == NODE_HAS ? cel_of_bool(false) : map;
	if (map.kind == CEL_OPTIONAL)
		map = *cel_optional_get(&map);
	if (map.kind == CEL_ERROR)
		return map;
	if (map.kind != CEL_MAP)
		return cel_no_overload();
	found = cel_find(&run->steps, &map, &key, &v);
	if (node->kind == NODE_HAS)
		return cel_of_bool(found);
	if (optional)
		return cel_of_optional(run, found ? &v : NULL);
	return found ? v : cel_of_error("no such key");
}

static bool is_whole(const struct cel_value *index, int64_t *ret)
{
	const struct cel_value at = cel_convert(NULL, FN_TO_INT, index);

	*ret = at.integer;
	return cel_is_number((enum cel_kind)index->kind) && at.kind != CEL_ERROR &&
	       (index->kind != CEL_DOUBLE || (double)at.integer == index->number);
}

static struct cel_value run_index(struct cel_run *run, const struct cel_node *node)
{
	struct cel_value of = cel_run_node(run, node->child);
	const struct cel_value index = cel_run_node(run, node->child->next);
	const bool optional = node->optional || of.kind == CEL_OPTIONAL;
	struct cel_value v;
	bool found;
	int64_t at;

	if (of.kind == CEL_ERROR || index.kind == CEL_ERROR)
		return of.kind == CEL_ERROR ? of : index;
	if (of.kind == CEL_OPTIONAL && !cel_count(&of))
		return of;
	if (of.kind == CEL_OPTIONAL)
		of = *cel_optional_get(&of);
	if (of.kind != CEL_LIST && of.kind != CEL_MAP)
		return cel_no_overload();
	if (of.kind == CEL_MAP) {
		found = cel_find(&run->steps, &of, &index, &v);
	} else {
		if (!is_whole(&index, &at))
			return cel_of_error("the index of a list is a whole number");
		found = at >= 0 && (uint64_t)at < cel_count(&of);
		if (found)
			v = cel_item(&of, (size_t)at);
	}
	if (optional)
		return cel_of_optional(run, found ? &v : NULL);
	return found ? v
		     : cel_of_error(of.kind == CEL_MAP ? "no such key"
						       : "the index is outside the list");
}

static struct cel_value run_in(struct cel_run *run, const struct cel_value *a,
			       const struct cel_value *b)
{
	struct cel_value unused;

	if (b->kind == CEL_MAP)
		return cel_of_bool(cel_find(&run->steps, b, a, &unused));
	if (b->kind != CEL_LIST)
		return cel_no_overload();
	for (size_t i = 0; i < cel_count(b); i++) {
		const struct cel_value item = cel_item(b, i);

		if (cel_equal(&run->steps, &item, a))
			return cel_of_bool(true);
	}
	return cel_of_bool(false);
}

static struct cel_value compare(struct cel_run *run, int op, const struct cel_value *a,
				const struct cel_value *b)
{
	enum cel_order order;

	if (op == OP_EQ || op == OP_NE)
		return cel_of_bool(cel_equal(&run->steps, a, b) == (op == OP_EQ));
	order = cel_order(a, b);
	if (order == ORDER_NO_OVERLOAD)
		return cel_no_overload();
	if (a->kind == CEL_STRING || a->kind == CEL_BYTES)
		(void)cel_spend(&run->steps, a->text.len / CEL_BYTES_A_STEP);
	return cel_of_bool((op == '<' && order == ORDER_LESS) ||
			   (op == '>' && order == ORDER_GREATER) ||
			   (op == OP_LE && order <= ORDER_SAME) ||
			   (op == OP_GE && (order == ORDER_SAME || order == ORDER_GREATER)));
}

/* "false && error" is false on either side, and "true || error" is true. */
static struct cel_value run_logic(struct cel_run *run, const struct cel_node *node)
{
	const bool decides = node->op == OP_OR;
	struct cel_value a = cel_run_node(run, node->child);
	struct cel_value b;

	if (a.kind == CEL_BOOL && a.boolean == decides)
		return a;
	b = cel_run_node(run, node->child->next);
	if (b.kind == CEL_BOOL && b.boolean == decides)
		return b;
	if (a.kind == CEL_ERROR || b.kind == CEL_ERROR)
		return a.kind == CEL_ERROR ? a : b;
	return a.kind == CEL_BOOL && b.kind == CEL_BOOL ? cel_of_bool(!decides) : cel_no_overload();
}

static struct cel_value run_binary(struct cel_run *run, const struct cel_node *node)
{
	struct cel_value a;
	struct cel_value b;

	if (node->op == OP_AND || node->op == OP_OR)
		return run_logic(run, node);
	a = cel_run_node(run, node->child);
	if (a.kind == CEL_ERROR)
		return a;
	b = cel_run_node(run, node->child->next);
	if (b.kind == CEL_ERROR)
		return b;
	if (node->op == OP_IN)
		return run_in(run, &a, &b);
	if (node->op == '+' || node->op == '-' || node->op == '*' || node->op == '/' ||
	    node->op == '%')
		return cel_arithmetic(&run->arena, node->op, &a, &b);
	return compare(run, node->op, &a, &b);
}

static struct cel_value run_unary(struct cel_run *run, const struct cel_node *node)
{
	const struct cel_value v = cel_run_node(run, node->child);

	if (v.kind == CEL_ERROR)
		return v;
	if (node->kind == NODE_NOT)
		return v.kind == CEL_BOOL ? cel_of_bool(!v.boolean) : cel_no_overload();
	if (v.kind == CEL_DOUBLE)
		return cel_of_double(-v.number);
	if (v.kind != CEL_INT)
		return cel_no_overload();
	return v.integer == INT64_MIN ? cel_of_error("overflow: the smallest int has no negative")
				      : cel_of_int(-v.integer);
}

static struct cel_value run_cond(struct cel_run *run, const struct cel_node *node)
{
	const struct cel_value v = cel_run_node(run, node->child);

	if (v.kind == CEL_ERROR)
		return v;
	if (v.kind != CEL_BOOL)
		return cel_no_overload();
	return cel_run_node(run, v.boolean ? node->child->next : node->child->next->next);
}

static struct cel_value run_call(struct cel_run *run, const struct cel_node *node)
{
	struct cel_value args[CEL_MAX_OPERANDS] __attribute__((uninitialized)); /* set as counted */
	struct cel_value result;
	unsigned count = 0;

	if (node->function == FN_UNKNOWN && !node->extension)
		return cel_of_error("unknown function, or not with so many arguments");
	for (const struct cel_node *arg = node->child; arg; arg = arg->next) {
		if (count == CEL_MAX_OPERANDS)
			return cel_of_error("more arguments than a function may have");
		args[count] = cel_run_node(run, arg);
		if (args[count].kind == CEL_ERROR)
			return args[count];
		count++;
		if (node->extension && count == 1 &&
		    cel_optional_decides(node->extension, &args[0], &result))
			return result;
	}
	if (node->extension)
		return cel_run_extension(run, node, args, count);
	return cel_run_call(run, node, args, count);
}

static struct cel_value run_any(struct cel_run *run, const struct cel_node *node)
{
	switch ((int)node->kind) {
	case NODE_LIST:
		return run_list(run, node);
	case NODE_MAP:
		return run_map(run, node);
	case NODE_MESSAGE:
		return cel_run_message(run, node);
	case NODE_SELECT:
	case NODE_HAS:
		return run_select(run, node);
	case NODE_INDEX:
		return run_index(run, node);
	case NODE_CALL:
		return run_call(run, node);
	case NODE_LOOP:
		return cel_run_loop(run, node);
	case NODE_NOT:
	case NODE_NEGATE:
		return run_unary(run, node);
	case NODE_BINARY:
		return run_binary(run, node);
	case NODE_COND:
		return run_cond(run, node);
	default:
		return run_literal(run, node);
	}
}

struct cel_value cel_run_node(struct cel_run *run, const struct cel_node *node)
{
	struct cel_value v;

	if (!cel_spend(&run->steps, 1)) {
		v = cel_too_costly();
	} else {
		v = run_any(run, node);
		if (!run->steps)
			v = cel_too_costly();
	}
	if (v.kind == CEL_ERROR && v.error.at == SIZE_MAX)
		v.error.at = node->at;
	return v;
}

/* NOLINTEND(misc-no-recursion) */

enum cel_result cel_run_rule(const struct cel_program *program, const struct cel_env *env)
{
	struct cel_run run __attribute__((uninitialized)); /* vars are set before they are read */
	struct cel_value v;

	run.env = env;
	run.arena = (struct cel_arena){env->scratch, env->scratch ? CEL_MAX_MEMORY : 0, 0};
	run.steps = CEL_MAX_STEPS;
	v = cel_run_node(&run, program->tree.root);
	if (v.kind != CEL_BOOL)
		return CEL_FAILED;
	return v.boolean ? CEL_TRUE : CEL_FALSE;
}
