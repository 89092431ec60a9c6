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
#include "monitor/policy/cel/cel_fast_test.h"

static void load_field(const struct machine *m, uint32_t index, struct value *ret)
{
	const struct action_field *field = &action_fields[index];
	const struct action *action = m->env->action;
	const struct str_list *list;

	if (action_is_unknown(action, field)) {
		set_error(ret);
		return;
	}
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

/*
 * NOLINTBEGIN(clang-analyzer-core.UndefinedBinaryOperatorResult): what lies on the stack was put
 * there by instructions before; the compiler of expressions sees to that, the analyzer cannot.
 */

/* Over nothing, exists is false and all is true. Return: false if it is over. */
static bool loop_start(struct machine *m, const struct cel_op *op, struct value *v)
{
	if (v->kind != CEL_ERROR && v->list.count) {
		m->loops[op->slot & 0x7f] = (struct loop){.list = v->list};
		return true;
	}
	if (v->kind != CEL_ERROR)
		set_bool(v, !(op->slot & 0x80));
	return false;
}

/* Return: false if it is over, and the value its result. */
static bool loop_next(struct machine *m, const struct cel_op *op, struct value *v)
{
	struct loop *loop = &m->loops[op->slot & 0x7f];
	const bool exists = op->slot & 0x80;

	if (v->kind == CEL_ERROR)
		loop->failed = true;
	else if (v->boolean == exists)
		return false;
	if (++loop->index < loop->list.count)
		return true;
	if (loop->failed)
		set_error(v);
	else
		set_bool(v, !exists);
	return false;
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

/* A condition of ? : that is an error stays as the result: on to behind the other side. */
static const struct cel_op *branch(struct machine *m, const struct cel_op *op)
{
	const struct cel_op *code = m->program->code;
	const struct value *top = &m->stack[m->top - 1];

	if (top->kind == CEL_ERROR)
		return &code[code[op->arg - 1].arg];
	m->top--;
	return top->boolean ? op + 1 : &code[op->arg];
}

/* What is rarer than the rest. Return: the next instruction. */
static const struct cel_op *other(struct machine *m, const struct cel_op *op)
{
	struct value *free = &m->stack[m->top];

	switch (op->op) {
	case CODE_NEGATE:
		fast_negate(free - 1);
		break;
	case CODE_COMPARE:
	case CODE_IN:
	case CODE_INDEX:
		m->top--;
		fast_binary(op, free - 2, free - 1);
		break;
	case CODE_LOGIC:
		m->top--;
		fast_logic(free - 2, free - 1, op->slot != 0);
		break;
	case CODE_BRANCH:
		return branch(m, op);
	case CODE_JUMP:
		return &m->program->code[op->arg];
	case CODE_CALL:
		fast_call(m, op);
		break;
	default:
		load(m, op, free);
		m->top++;
	}
	return op + 1;
}

static struct str item_text(const struct machine *m, unsigned slot)
{
	const struct loop *loop = &m->loops[slot];

	return loop->list.strings[place_of_item(&loop->list, loop->index)];
}

static bool test_field(const struct machine *m, const struct cel_op *op)
{
	const struct action_field *field = &action_fields[op->function];

	if (op->op == CODE_TEST_INT)
		return test_integer(m->program, op, action_integer(m->env->action, field));
	return test_string(m->program, op, action_string(m->env->action, field));
}

static void fast_not(struct value *a)
{
	if (a->kind == CEL_BOOL)
		a->boolean = !a->boolean;
}

/* `free` is the first place of the stack without a value. */
enum cel_result cel_fast(const struct cel_program *program, const struct cel_env *env)
{
	/* Not cleared, also not by the hardened build: that would cost more than the evaluation. */
	struct machine m __attribute__((uninitialized));
	const struct cel_op *const code = program->code;
	const struct cel_op *const end = code + program->count, *op = code;
	struct value *free = m.stack;

	m.program = program;
	m.env = env;
	m.steps = CEL_MAX_STEPS;
	while (op < end) {
		switch (op->op) {
		case CODE_TEST_FIELD:
		case CODE_TEST_INT:
			set_bool(free++, test_field(&m, op));
			break;
		case CODE_TEST_VAR:
			set_bool(free++, test_string(program, op, item_text(&m, op->function)));
			break;
		case CODE_NOT:
			fast_not(free - 1);
			break;
		case CODE_DECIDED:
			if (free[-1].kind == CEL_BOOL && free[-1].boolean == op->slot) {
				op = &code[op->arg];
				continue;
			}
			break;
		case CODE_ELSE:
			if (free[-1].boolean == op->slot) {
				op = &code[op->arg];
				continue;
			}
			free--;
			break;
		case CODE_LOOP:
			if (!loop_start(&m, op, free - 1)) {
				op = &code[op->arg];
				continue;
			}
			free--;
			break;
		case CODE_NEXT:
			if (loop_next(&m, op, free - 1)) {
				free--;
				op = &code[op->arg];
				continue;
			}
			break;
		default:
			m.top = (unsigned)(free - m.stack);
			op = other(&m, op);
			free = &m.stack[m.top];
			continue;
		}
		op++;
	}
	if (!m.steps || m.stack[0].kind == CEL_ERROR)
		return CEL_FAILED;
	return m.stack[0].boolean ? CEL_TRUE : CEL_FALSE;
}

/* NOLINTEND(clang-analyzer-core.UndefinedBinaryOperatorResult) */
