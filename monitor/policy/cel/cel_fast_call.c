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

const struct path_keys *cel_path_keys(const struct cel_env *env, struct str path)
{
	const bool other = path.at != env->action->path.at;
	struct path_keys *keys;

	if (!env->memo)
		return NULL;
	keys = &env->memo->paths[other];
	if (keys->text.at != path.at || keys->text.len != path.len)
		path_keys_of(path, keys);
	return keys->count <= MAX_PATH_KEYS ? keys : NULL;
}

static bool any_pattern(const struct machine *m, const struct cel_op *op, const struct value *v)
{
	const struct cel_list *patterns = &m->program->lists[op->arg];
	const struct path_keys *keys =
		patterns->globs && !v->fold ? cel_path_keys(m->env, v->string) : NULL;

	if (keys)
		return globs_match(patterns->globs, keys);
	for (size_t i = 0; i < patterns->count; i++) {
		if (op->function == FN_GLOB ? glob_match(patterns->strings[i], v->string, v->fold)
					    : host_match(patterns->strings[i], v->string))
			return true;
	}
	return false;
}

/* An address that cannot be read is an error: a rule about networks must not be dodged by it. */
static void in_networks(const struct machine *m, const struct cel_op *op, struct value *v)
{
	const struct cidr_set *set = &m->program->cidrs[op->arg];
	uint8_t address[16];
	bool found = false;

	if (v->string.len && !address_parse(v->string, address)) {
		set_error(v);
		return;
	}
	for (size_t i = 0; i < set->count && v->string.len && !found; i++)
		found = cidr_has(&set->nets[i], address);
	set_bool(v, found);
}

/* With the limits of the general evaluator. */
static void matches(struct machine *m, const struct cel_op *op, struct value *v)
{
	const struct regex *regex = m->program->regexes[op->arg];

	if (!m->env->scratch ||
	    !cel_spend(&m->steps, regex->count * (v->string.len / CEL_BYTES_A_STEP + 1)))
		set_error(v);
	else
		set_bool(v, regex_match(regex, v->string, m->env->scratch));
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

static struct str command_of(const struct machine *m, const struct value *v)
{
	const struct str_list *own = &m->env->action->argv;
	const struct str_list argv = {v->list.strings, v->list.count};

	if (v->kind != CEL_LIST)
		return command_of_text(v->string);
	if (argv.items == own->items && argv.count == own->count)
		return cel_command(m->env);
	return command_of_argv(m->env->action->name, &argv);
}

void fast_call(struct machine *m, const struct cel_op *op)
{
	const enum cel_function function = (enum cel_function)op->function;
	const bool two = function <= FN_CONTAINS;
	const struct value *part = &m->stack[m->top - 1];
	struct value *v = &m->stack[m->top - 1 - two];

	m->top -= two;
	if (v->kind == CEL_ERROR || part->kind == CEL_ERROR) {
		set_error(v);
		return;
	}
	switch ((int)function) {
	case FN_STARTS_WITH:
	case FN_ENDS_WITH:
		set_bool(v, has_affix(function, v, part));
		break;
	case FN_CONTAINS:
		set_bool(v, text_contains(v->string, part->string, v->fold, part->fold));
		break;
	case FN_LOWER:
		v->fold = true;
		break;
	case FN_SIZE:
		set_int(v, size_of(v));
		break;
	case FN_COMMAND:
		set_string(v, command_of(m, v));
		break;
	case FN_HOST_MATCHES:
	case FN_GLOB:
		set_bool(v, any_pattern(m, op, v));
		break;
	case FN_MATCHES:
		matches(m, op, v);
		break;
	case FN_IN_CIDR:
		in_networks(m, op, v);
		break;
	default:
		break;
	}
}
