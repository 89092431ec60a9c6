/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The stack machine for what most rules say: it takes no memory of its own and looks at no type.
 * Types were checked at load, so an instruction knows what lies on the stack; the one thing to look
 * for is an error value, which operators hand on and && and || may drop. lowerAscii() sets a mark
 * on its string instead of copying it; comparisons heed the mark.
 */

#include <string.h>

#include "monitor/policy/cel/cel_fast.h"
#include "monitor/policy/cel/cel_fast_machine.h"

static void load_field(const struct machine *m, uint32_t index, struct value *ret)
{
	const struct action_field *field = &action_fields[index];
	const struct action *action = m->env->action;
	const struct str_list *list;

	switch (field->type) {
	case FIELD_STRING:
		set_string(ret, action_string(action, field));
		return;
	case FIELD_INT:
		set_int(ret, action_integer(action, field));
		return;
	case FIELD_BOOL:
		set_bool(ret, action_boolean(action, field));
		return;
	case FIELD_LIST:
		break;
	}
	list = action_list(action, field);
	set_list(ret, (struct list_value){.strings = list->items, .count = list->count});
}

static void load_labels(const struct machine *m, bool of_process, struct value *ret)
{
	const uint64_t bits = of_process ? m->env->process_labels : m->env->labels;

	set_list(ret, (struct list_value){.strings = m->env->label_names,
					  .bits = bits,
					  .count = (size_t)__builtin_popcountll(bits)});
}

static void load_item(const struct list_value *list, size_t index, struct value *ret)
{
	uint64_t bits = list->bits;

	if (list->integers) {
		set_int(ret, list->integers[index]);
		return;
	}
	if (bits) {
		while (index-- > 0)
			bits &= bits - 1;
		index = (size_t)__builtin_ctzll(bits);
	}
	set_string(ret, list->strings[index]);
}

/* NOLINTBEGIN(clang-analyzer-core.CallAndMessage): as below */

static int compare(const struct value *a, const struct value *b)
{
	if (a->kind == CEL_STRING)
		return text_compare(a->string, b->string, a->fold, b->fold);
	if (a->kind == CEL_INT)
		return (a->integer > b->integer) - (a->integer < b->integer);
	return a->boolean - b->boolean;
}

/* NOLINTEND(clang-analyzer-core.CallAndMessage) */

static bool ordered(int op, int order)
{
	switch (op) {
	case OP_EQ:
		return order == 0;
	case OP_NE:
		return order != 0;
	case OP_LE:
		return order <= 0;
	case OP_GE:
		return order >= 0;
	case '<':
		return order < 0;
	default:
		return order > 0;
	}
}

static bool list_has(const struct list_value *list, const struct value *item)
{
	if (!list->bits && !list->integers && item->kind == CEL_STRING && !item->fold) {
		for (size_t i = 0; i < list->count; i++) {
			if (str_eq(list->strings[i], item->string))
				return true;
		}
		return false;
	}
	if (list->integers) {
		for (size_t i = 0; i < list->count; i++) {
			if (list->integers[i] == item->integer)
				return true;
		}
		return false;
	}
	for (size_t i = 0; i < list->count; i++) {
		struct value other;

		load_item(list, i, &other);
		if (compare(item, &other) == 0)
			return true;
	}
	return false;
}

static void item_at(struct value *list, const struct value *index)
{
	const struct list_value items = list->list;

	if (index->integer < 0 || (uint64_t)index->integer >= items.count)
		set_error(list);
	else
		load_item(&items, (size_t)index->integer, list);
}

/*
 * NOLINTBEGIN(clang-analyzer-core.UndefinedBinaryOperatorResult): what lies on the stack was put
 * there by instructions before; the compiler of expressions sees to that, the analyzer cannot.
 */

/* Operators of two values; an error on either side is the result. */
static void binary(struct machine *m, const struct cel_op *op)
{
	const struct value *b = &m->stack[--m->top];
	struct value *a = &m->stack[m->top - 1];

	if (a->kind == CEL_ERROR || b->kind == CEL_ERROR)
		set_error(a);
	else if (op->op == CODE_COMPARE)
		set_bool(a, ordered((int)op->arg, compare(a, b)));
	else if (op->op == CODE_IN)
		set_bool(a, list_has(&b->list, a));
	else
		item_at(a, b);
}

/* cel-spec: "false && error" is false on either side, and "true || error" is true. */
static void logic(struct value *a, const struct value *b, bool is_or)
{
	if ((a->kind == CEL_BOOL && a->boolean == is_or) ||
	    (b->kind == CEL_BOOL && b->boolean == is_or))
		set_bool(a, is_or);
	else if (a->kind == CEL_ERROR || b->kind == CEL_ERROR)
		set_error(a);
	else
		set_bool(a, !is_or);
}

/* Return: the next instruction. */
static size_t loop_start(struct machine *m, const struct cel_op *op, size_t next)
{
	struct value *v = &m->stack[m->top - 1];
	struct loop *loop = &m->loops[op->slot & 0x7f];

	if (v->kind != CEL_ERROR && v->list.count) {
		*loop = (struct loop){.list = v->list};
		m->top--;
		return next;
	}
	/* Over nothing, exists is false and all is true. */
	if (v->kind != CEL_ERROR)
		set_bool(v, !(op->slot & 0x80));
	return op->arg;
}

static size_t loop_next(struct machine *m, const struct cel_op *op, size_t next)
{
	struct value *v = &m->stack[m->top - 1];
	struct loop *loop = &m->loops[op->slot & 0x7f];
	const bool exists = op->slot & 0x80;

	if (v->kind == CEL_ERROR)
		loop->failed = true;
	else if (v->boolean == exists)
		return next; /* decided; the value is the result */
	if (++loop->index < loop->list.count) {
		m->top--;
		return op->arg;
	}
	if (loop->failed)
		set_error(v);
	else
		set_bool(v, !exists);
	return next;
}

static void unary(struct machine *m, enum cel_opcode code)
{
	struct value *v = &m->stack[m->top - 1];

	if (v->kind == CEL_ERROR)
		return;
	if (code == CODE_NOT)
		v->boolean = !v->boolean;
	else if (v->integer == INT64_MIN)
		set_error(v);
	else
		v->integer = -v->integer;
}

static void load(const struct machine *m, const struct cel_op *op, struct value *ret)
{
	const struct cel_program *p = m->program;
	const struct cel_list *list;

	switch (op->op) {
	case CODE_STRING:
		set_string(ret, p->strings[op->arg]);
		return;
	case CODE_INT:
		set_int(ret, p->integers[op->arg]);
		return;
	case CODE_BOOL:
		set_bool(ret, op->arg != 0);
		return;
	case CODE_FIELD:
		load_field(m, op->arg, ret);
		return;
	case CODE_LABELS:
		load_labels(m, op->arg != 0, ret);
		return;
	case CODE_VAR:
		load_item(&m->loops[op->slot].list, m->loops[op->slot].index, ret);
		return;
	default:
		list = &p->lists[op->arg];
		set_list(ret, (struct list_value){.strings = list->strings,
						  .integers = list->integers,
						  .count = list->count});
	}
}

/* Instructions that change where to go on. Return: the next instruction. */
static size_t control(struct machine *m, const struct cel_op *op, size_t next)
{
	const struct value *top = &m->stack[m->top - 1];

	switch (op->op) {
	case CODE_DECIDED:
		return top->kind == CEL_BOOL && top->boolean == (op->slot != 0) ? op->arg : next;
	case CODE_BRANCH:
		if (top->kind == CEL_ERROR) /* stays as the result: on to behind the other side */
			return m->program->code[op->arg - 1].arg;
		m->top--;
		return top->boolean ? next : op->arg;
	case CODE_LOOP:
		return loop_start(m, op, next);
	case CODE_NEXT:
		return loop_next(m, op, next);
	default: /* CODE_JUMP */
		return op->arg;
	}
}

enum cel_result cel_fast(const struct cel_program *program, const struct cel_env *env)
{
	/* Not cleared, also not by the hardened build: that would cost more than the evaluation. */
	struct machine m __attribute__((uninitialized));
	const struct cel_op *const code = program->code;
	const size_t count = program->count;
	size_t at = 0;

	m.program = program;
	m.env = env;
	m.top = 0;
	m.steps = CEL_MAX_STEPS;
	while (at < count) {
		const struct cel_op *op = &code[at++];

		if (op->op <= CODE_VAR) {
			load(&m, op, &m.stack[m.top++]);
		} else if (op->op <= CODE_NEGATE) {
			unary(&m, (enum cel_opcode)op->op);
		} else if (op->op <= CODE_INDEX) {
			binary(&m, op);
		} else if (op->op == CODE_LOGIC) {
			m.top--;
			logic(&m.stack[m.top - 1], &m.stack[m.top], op->slot != 0);
		} else if (op->op == CODE_CALL) {
			fast_call(&m, op);
		} else {
			at = control(&m, op, at);
		}
	}
	if (!m.steps || m.stack[0].kind == CEL_ERROR)
		return CEL_FAILED;
	return m.stack[0].boolean ? CEL_TRUE : CEL_FALSE;
}

/* NOLINTEND(clang-analyzer-core.UndefinedBinaryOperatorResult) */
