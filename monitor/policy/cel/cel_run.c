/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Nodes of a tree to values. Source: cel-spec langdef.md, "Evaluation". An error is a value that
 * operators hand on; && and || take it away where the other side decides alone.
 */

#include "monitor/policy/cel/cel_run.h"
#include "monitor/policy/cel/cel_extension.h"
#include "monitor/policy/cel/cel_message.h"

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
		return cel_run_list(run, node);
	case NODE_MAP:
		return cel_run_map(run, node);
	case NODE_MESSAGE:
		return cel_run_message(run, node);
	case NODE_SELECT:
	case NODE_HAS:
		return cel_run_select(run, node);
	case NODE_INDEX:
		return cel_run_index(run, node);
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
