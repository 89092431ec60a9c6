/* SPDX-License-Identifier: Apache-2.0 */

/* The functions of cel_fast(). */

#include "monitor/policy/cel/cel_fast_machine.h"
#include "monitor/policy/cel/cel_regex.h"

#include "monitor/policy/command.h"

struct str cel_command(const struct cel_env *env)
{
	struct cel_memo *memo = env->memo;
	const struct action *action = env->action;

	if (!memo)
		return command_of_argv(action->name, &action->argv);
	if (!memo->has_command)
		memo->command = command_of_argv(action->name, &action->argv);
	memo->has_command = true;
	return memo->command;
}

/* NULL: there are none to go by. */
static const struct path_marks *marks_of(const struct machine *m, const struct value *v)
{
	struct cel_memo *memo = m->env->memo;

	if (!memo || v->fold)
		return NULL;
	if (memo->marked.at != v->string.at || memo->marked.len != v->string.len)
		path_marks_of(v->string, &memo->marks);
	memo->marked = v->string;
	return &memo->marks;
}

static bool any_pattern(const struct machine *m, const struct cel_op *op, const struct value *v)
{
	const struct cel_list *patterns = &m->program->lists[op->arg];
	const struct path_marks *marks = patterns->marks ? marks_of(m, v) : NULL;

	for (size_t i = 0; i < patterns->count; i++) {
		if (marks && !path_marks_have(marks, patterns->marks[i]))
			continue;
		if (op->function == FN_GLOB ? glob_match(patterns->strings[i], v->string, v->fold)
					    : host_match(patterns->strings[i], v->string))
			return true;
	}
	return false;
}

/* An address that cannot be read is an error: a rule about networks must not be dodged by it. */
static struct value in_networks(const struct machine *m, const struct cel_op *op, struct str text)
{
	const struct cidr_set *set = &m->program->cidrs[op->arg];
	uint8_t address[16];

	if (!text.len)
		return of_bool(false);
	if (!address_parse(text, address))
		return of_error();
	for (size_t i = 0; i < set->count; i++) {
		if (cidr_has(&set->nets[i], address))
			return of_bool(true);
	}
	return of_bool(false);
}

/* With the limits of the general evaluator. */
static struct value matches(struct machine *m, const struct cel_op *op, struct str text)
{
	const struct regex *regex = m->program->regexes[op->arg];

	if (!m->env->scratch ||
	    !cel_spend(&m->steps, regex->count * (text.len / CEL_BYTES_A_STEP + 1)))
		return of_error();
	return of_bool(regex_match(regex, text, m->env->scratch));
}

/* CEL's size of a string is in characters. */
static int64_t size_of(const struct value *v)
{
	int64_t n = 0;

	if (v->kind == CEL_LIST)
		return (int64_t)v->list.count;
	for (size_t i = 0; i < v->string.len; i++)
		n += ((unsigned char)v->string.at[i] & 0xc0) != 0x80;
	return n;
}

static bool has_affix(enum cel_function function, const struct value *v, const struct value *part)
{
	struct str s = v->string;

	if (part->string.len > s.len)
		return false;
	if (function == FN_ENDS_WITH)
		s.at += s.len - part->string.len;
	s.len = part->string.len;
	return text_compare(s, part->string, v->fold, part->fold) == 0;
}

static struct value command_of(const struct machine *m, const struct value *v)
{
	const struct str_list *own = &m->env->action->argv;
	const struct str_list argv = {v->list.strings, v->list.count};

	if (v->kind != CEL_LIST)
		return of_string(command_of_text(v->string), false);
	if (argv.items == own->items && argv.count == own->count)
		return of_string(cel_command(m->env), false);
	return of_string(command_of_argv(m->env->action->name, &argv), false);
}

void fast_call(struct machine *m, const struct cel_op *op)
{
	const enum cel_function function = (enum cel_function)op->function;
	const bool two = function <= FN_CONTAINS;
	const struct value *part = &m->stack[m->top - 1];
	struct value *v = &m->stack[m->top - 1 - two];

	m->top -= two;
	if (v->kind == CEL_ERROR || part->kind == CEL_ERROR) {
		*v = of_error();
		return;
	}
	switch ((int)function) {
	case FN_STARTS_WITH:
	case FN_ENDS_WITH:
		*v = of_bool(has_affix(function, v, part));
		break;
	case FN_CONTAINS:
		*v = of_bool(text_contains(v->string, part->string, v->fold, part->fold));
		break;
	case FN_LOWER:
		v->fold = true;
		break;
	case FN_SIZE:
		*v = of_int(size_of(v));
		break;
	case FN_COMMAND:
		*v = command_of(m, v);
		break;
	case FN_HOST_MATCHES:
	case FN_GLOB:
		*v = of_bool(any_pattern(m, op, v));
		break;
	case FN_MATCHES:
		*v = matches(m, op, v->string);
		break;
	case FN_IN_CIDR:
		*v = in_networks(m, op, v->string);
		break;
	default:
		break;
	}
}
