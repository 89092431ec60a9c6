/* SPDX-License-Identifier: Apache-2.0 */

/* The functions of the general evaluator; operands are values already, and no errors. */

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "monitor/policy/cel/cel_regex.h"
#include "monitor/policy/cel/cel_run.h"
#include "monitor/policy/command.h"

static bool is_text(const struct cel_value *v)
{
	return v->kind == CEL_STRING;
}

/* CEL's size of a string is in characters. */
static struct cel_value size_of(const struct cel_value *v)
{
	int64_t n = 0;

	if (v->kind == CEL_LIST || v->kind == CEL_MAP)
		return cel_of_int((int64_t)cel_count(v));
	if (v->kind == CEL_BYTES)
		return cel_of_int((int64_t)v->text.len);
	if (!is_text(v))
		return cel_no_overload();
	for (size_t i = 0; i < v->text.len; i++)
		n += ((unsigned char)v->text.at[i] & 0xc0) != 0x80;
	return cel_of_int(n);
}

static bool has_part(enum cel_function function, struct str s, struct str part)
{
	if (part.len > s.len)
		return false;
	if (!part.len)
		return true;
	if (function == FN_CONTAINS)
		return memmem(s.at, s.len, part.at, part.len) != NULL;
	return memcmp(function == FN_ENDS_WITH ? s.at + s.len - part.len : s.at, part.at,
		      part.len) == 0;
}

static struct cel_value lower(struct cel_run *run, const struct cel_value *v)
{
	char *text;

	if (!is_text(v))
		return cel_no_overload();
	text = cel_take(&run->arena, v->text.len);
	if (!text)
		return cel_no_memory();
	for (size_t i = 0; i < v->text.len; i++) {
		const char c = v->text.at[i];

		text[i] = c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
	}
	return cel_of_text(CEL_STRING, (struct str){text, v->text.len});
}

static struct cel_value matches(struct cel_run *run, const struct cel_node *node,
				const struct cel_value *v, const struct cel_value *pattern)
{
	const struct cel_node *constant = node->child->next;
	const size_t before = run->arena.used;
	_cleanup_free_ struct regex *made = NULL;
	const struct regex *regex = constant->regex;
	const char *reason;
	struct cel_value result;
	void *scratch;

	if (!is_text(v) || !is_text(pattern))
		return cel_no_overload();
	if (!regex) {
		made = regex_new(pattern->text, &reason);
		regex = made;
	}
	if (!regex)
		return cel_of_error(reason);
	if (!cel_spend(&run->steps, regex->count * (v->text.len / CEL_BYTES_A_STEP + 1)))
		return cel_too_costly();
	scratch = cel_take(&run->arena, regex_scratch(regex));
	if (!scratch)
		return cel_no_memory();
	result = cel_of_bool(regex_match(regex, v->text, scratch));
	run->arena.used = before;
	return result;
}

static struct cel_value one_pattern(enum cel_function function, struct str pattern, struct str text,
				    const uint8_t address[16])
{
	struct cidr net;
	const char *reason = function == FN_GLOB	   ? glob_check(pattern, false)
			     : function == FN_HOST_MATCHES ? host_check(pattern)
							   : cidr_parse(pattern, &net);

	if (reason)
		return cel_of_error(reason);
	if (function == FN_IN_CIDR)
		return cel_of_bool(cidr_has(&net, address));
	return cel_of_bool(function == FN_GLOB ? glob_match(pattern, text, false)
					       : host_match(pattern, text));
}

/* glob, hostMatches, inCIDR: of one pattern or a list of them. */
static struct cel_value any_pattern(struct cel_run *run, const struct cel_node *node,
				    const struct cel_value *v, const struct cel_value *patterns)
{
	const enum cel_function function = node->function;
	const struct path_keys *keys;
	const bool list = patterns->kind == CEL_LIST;
	const size_t count = list ? cel_count(patterns) : 1;
	uint8_t address[16];

	if (!is_text(v) || (!list && !is_text(patterns)))
		return cel_no_overload();
	if (function == FN_IN_CIDR && !v->text.len)
		return cel_of_bool(false);
	if (function == FN_IN_CIDR && !address_parse(v->text, address))
		return cel_of_error("not a numeric address");
	keys = node->globs ? cel_path_keys(run->env, v->text) : NULL;
	if (keys && !cel_spend(&run->steps, count * (1 + v->text.len / CEL_BYTES_A_STEP)))
		return cel_too_costly();
	if (keys)
		return cel_of_bool(globs_match(node->globs, keys));
	for (size_t i = 0; i < count; i++) {
		const struct cel_value pattern = list ? cel_item(patterns, i) : *patterns;
		struct cel_value result;

		if (!is_text(&pattern))
			return cel_no_overload();
		if (!cel_spend(&run->steps, 1 + pattern.text.len * v->text.len / CEL_BYTES_A_STEP))
			return cel_too_costly();
		result = one_pattern(function, pattern.text, v->text, address);
		if (result.kind == CEL_ERROR || result.boolean)
			return result;
	}
	return cel_of_bool(false);
}

static struct cel_value command_of(struct cel_run *run, const struct cel_value *v)
{
	const struct str name = run->env->action ? run->env->action->name : STR("");
	struct str_list argv = {v->list.items, cel_count(v)};
	struct str *copy;

	if (is_text(v))
		return cel_of_text(CEL_STRING, command_of_text(v->text));
	if (v->kind != CEL_LIST)
		return cel_no_overload();
	if (v->view != VIEW_STRINGS) {
		argv.items = copy = cel_take(&run->arena, argv.count * sizeof(*copy));
		if (!copy)
			return cel_no_memory();
		for (size_t i = 0; i < argv.count; i++) {
			const struct cel_value item = cel_item(v, i);

			if (!is_text(&item))
				return cel_no_overload();
			copy[i] = item.text;
		}
	}
	return cel_of_text(CEL_STRING, command_of_argv(name, &argv));
}

static struct cel_value two_texts(enum cel_function function, const struct cel_value *a,
				  const struct cel_value *b)
{
	if (!is_text(a) || !is_text(b))
		return cel_no_overload();
	return cel_of_bool(has_part(function, a->text, b->text));
}

struct cel_value cel_run_call(struct cel_run *run, const struct cel_node *node,
			      const struct cel_value *args, unsigned count)
{
	const enum cel_function function = node->function;

	if (args[0].kind == CEL_STRING || args[0].kind == CEL_BYTES)
		(void)cel_spend(&run->steps, args[0].text.len / CEL_BYTES_A_STEP);
	if (function >= FN_FULL_YEAR)
		return cel_time_part(function, &args[0], count > 1 ? &args[1] : NULL,
				     run->env->zone);
	if (function >= FN_TO_BOOL)
		return cel_convert(&run->arena, function, &args[0]);
	switch ((int)function) {
	case FN_STARTS_WITH:
	case FN_ENDS_WITH:
	case FN_CONTAINS:
		return two_texts(function, &args[0], &args[1]);
	case FN_LOWER:
		return lower(run, &args[0]);
	case FN_SIZE:
		return size_of(&args[0]);
	case FN_COMMAND:
		return command_of(run, &args[0]);
	case FN_MATCHES:
		return matches(run, node, &args[0], &args[1]);
	case FN_TYPE:
		return (struct cel_value){.kind = CEL_TYPE, .integer = args[0].kind};
	case FN_DYN:
		return args[0];
	default:
		return any_pattern(run, node, &args[0], &args[1]);
	}
}
