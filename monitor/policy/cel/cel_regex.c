/* SPDX-License-Identifier: Apache-2.0 */

/* From a pattern to its program, in one pass along the syntax of RE2. */

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/utf8.h"
#include "monitor/policy/cel/cel_regex_code.h"

static bool looking_at(const struct regex_compiler *c, char what)
{
	return c->at < c->pattern.len && c->pattern.at[c->at] == what;
}

static bool take(struct regex_compiler *c, char what)
{
	if (!looking_at(c, what))
		return false;
	c->at++;
	return true;
}

static bool put_escape(struct regex_compiler *c)
{
	static const struct {
		char letter;
		enum regex_op op;
	} edges[] = {{'A', REGEX_TEXT_START},
		     {'z', REGEX_TEXT_END},
		     {'b', REGEX_WORD},
		     {'B', REGEX_NO_WORD}};

	const unsigned first = c->set.count;
	uint32_t character;

	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		if (take(c, edges[i].letter))
			return put_op(c, c->count, edges[i].op, 0);
	}
	if (class_escape(&c->set, c->pattern, &c->at))
		return put_ranges(c, first, false);
	if (!class_character(c->pattern, &c->at, &character))
		return regex_fail(c, "an escape that is not known (\\p and \\C are left out)");
	return put_char(c, character, character);
}

static bool put_class(struct regex_compiler *c)
{
	const unsigned first = c->set.count;
	bool negated = false;

	if (!class_parse(&c->set, c->pattern, &c->at, &negated, &c->reason))
		return false;
	return put_ranges(c, first, negated);
}

/* Flags behind "(?", up to ':' or ')'. Return: false on an error; *ret_group: a ':' came. */
static bool read_flags(struct regex_compiler *c, bool *ret_group)
{
	bool on = true;

	for (;; c->at++) {
		if (take(c, ':') || looking_at(c, ')')) {
			*ret_group = c->pattern.at[c->at - 1] == ':';
			return *ret_group || take(c, ')');
		}
		if (looking_at(c, '-'))
			on = false;
		else if (looking_at(c, 'i'))
			c->fold = on;
		else if (looking_at(c, 's'))
			c->dot_all = on;
		else if (looking_at(c, 'm'))
			c->multiline = on;
		else if (!looking_at(c, 'U'))
			return regex_fail(c, "a group that is not known: write (...), (?:...), "
					     "(?P<name>...) or (?ims)");
	}
}

/* "P<name>" or "<name>" behind "(?". */
static bool read_name(struct regex_compiler *c)
{
	const size_t start = c->at;
	size_t p = start + (looking_at(c, 'P') ? 1 : 0);

	if (p >= c->pattern.len || c->pattern.at[p] != '<')
		return false;
	while (p < c->pattern.len && c->pattern.at[p] != '>')
		p++;
	if (p >= c->pattern.len)
		return false;
	c->at = p + 1;
	return true;
}

/* NOLINTBEGIN(misc-no-recursion): bounded by REGEX_MAX_DEPTH */

static bool put_alternatives(struct regex_compiler *c);

/* Behind "(". *ret_operand: something was emitted that can be repeated. */
static bool put_group(struct regex_compiler *c, bool *ret_operand)
{
	const bool fold = c->fold;
	const bool dot_all = c->dot_all;
	const bool multiline = c->multiline;

	if (take(c, '?') && !read_name(c)) {
		bool group = false;

		if (!read_flags(c, &group))
			return false;
		if (!group) { /* the flags hold to the end of the group around */
			*ret_operand = false;
			return true;
		}
	}
	if (++c->depth > REGEX_MAX_DEPTH)
		return regex_fail(c, "groups are nested too deep");
	if (!put_alternatives(c))
		return false;
	c->depth--;
	c->fold = fold;
	c->dot_all = dot_all;
	c->multiline = multiline;
	return take(c, ')') || regex_fail(c, "a group has no end");
}

static bool put_atom(struct regex_compiler *c, bool *ret_operand)
{
	uint32_t character = 0;
	unsigned n;

	*ret_operand = true;
	if (take(c, '('))
		return put_group(c, ret_operand);
	if (take(c, '['))
		return put_class(c);
	if (take(c, '\\'))
		return put_escape(c);
	if (take(c, '^'))
		return put_op(c, c->count, c->multiline ? REGEX_LINE_START : REGEX_TEXT_START, 0);
	if (take(c, '$'))
		return put_op(c, c->count, c->multiline ? REGEX_LINE_END : REGEX_TEXT_END, 0);
	if (take(c, '.')) {
		const unsigned first = c->set.count;

		if (!c->dot_all)
			class_add(&c->set, '\n', '\n');
		return put_ranges(c, first, true);
	}
	if (looking_at(c, '*') || looking_at(c, '+') || looking_at(c, '?'))
		return regex_fail(c, "nothing stands before *, + or ?");
	n = utf8_decode_at(c->pattern, c->at, &character);
	c->at += n;
	return put_char(c, character, character);
}

static bool take_escape(struct regex_compiler *c, char letter)
{
	if (c->at + 2 > c->pattern.len || c->pattern.at[c->at] != '\\' ||
	    c->pattern.at[c->at + 1] != letter)
		return false;
	c->at += 2;
	return true;
}

/* Behind \Q, up to \E or the end: text. *ret_last: where its last character begins. */
static bool put_quoted(struct regex_compiler *c, unsigned *ret_last, bool *ret_operand)
{
	*ret_operand = false;
	while (!take_escape(c, 'E') && c->at < c->pattern.len) {
		uint32_t character = 0;

		c->at += utf8_decode_at(c->pattern, c->at, &character);
		*ret_last = c->count;
		*ret_operand = true;
		if (!put_char(c, character, character))
			return false;
	}
	return true;
}

/* "{n}", "{n,}" or "{n,m}"; anything else is text. */
static bool read_braces(struct regex_compiler *c, uint32_t *ret_least, uint32_t *ret_most)
{
	const size_t start = c->at;
	uint32_t values[2] = {0, UINT32_MAX};

	c->at++;
	for (unsigned i = 0; i < 2; i++) {
		const size_t digits = c->at;
		uint32_t value = 0;

		while (c->at < c->pattern.len && c->pattern.at[c->at] >= '0' &&
		       c->pattern.at[c->at] <= '9' && c->at - digits < 5)
			value = value * 10 + (uint32_t)(c->pattern.at[c->at++] - '0');
		if (c->at > digits)
			values[i] = value;
		else if (i == 0)
			break;
		if (i == 0 && looking_at(c, '}'))
			values[1] = value;
		if (looking_at(c, '}') || (i == 0 && !take(c, ',')))
			break;
	}
	if (!looking_at(c, '}') || c->at == start + 1) {
		c->at = start;
		return false;
	}
	c->at++;
	*ret_least = values[0];
	*ret_most = values[1];
	return true;
}

/* "*", "+", "?" or braces, if one of them comes next. */
static bool read_repetition(struct regex_compiler *c, uint32_t *ret_least, uint32_t *ret_most)
{
	*ret_least = looking_at(c, '+');
	*ret_most = looking_at(c, '?') ? 1 : UINT32_MAX;
	if (!take(c, '*') && !take(c, '+') && !take(c, '?') &&
	    (!looking_at(c, '{') || !read_braces(c, ret_least, ret_most)))
		return false;
	(void)take(c, '?'); /* whether it takes few or many makes no difference here */
	return true;
}

static bool put_repeated(struct regex_compiler *c)
{
	unsigned start = c->count;
	bool operand = true;
	uint32_t least = 0;
	uint32_t most = 0;

	if (take_escape(c, 'Q') ? !put_quoted(c, &start, &operand) : !put_atom(c, &operand))
		return false;
	if (!operand || !read_repetition(c, &least, &most))
		return true;
	if (least > REGEX_MAX_REPEAT ||
	    (most != UINT32_MAX && (most > REGEX_MAX_REPEAT || most < least)))
		return regex_fail(c, "a repetition is out of order, or of more than 1000");
	if (!put_repeat(c, start, least, most))
		return false;
	/* As in RE2: a++ means something else elsewhere, so it means nothing here. */
	if (read_repetition(c, &least, &most))
		return regex_fail(c, "a repetition is repeated: put it in a group");
	return true;
}

static bool put_alternatives(struct regex_compiler *c)
{
	const unsigned start = c->count;

	while (c->at < c->pattern.len && !looking_at(c, '|') && !looking_at(c, ')')) {
		if (!put_repeated(c))
			return false;
	}
	if (!looking_at(c, '|'))
		return true;
	while (take(c, '|')) {
		const unsigned length = c->count - start;
		unsigned jump;

		if (!put_op(c, start, REGEX_SPLIT, (int)length + 2))
			return false;
		jump = c->count;
		if (!put_op(c, jump, REGEX_JUMP, 0))
			return false;
		while (c->at < c->pattern.len && !looking_at(c, '|') && !looking_at(c, ')')) {
			if (!put_repeated(c))
				return false;
		}
		c->code[jump].jump = (int16_t)(c->count - jump);
	}
	return true;
}

/* NOLINTEND(misc-no-recursion) */

static struct regex *pack(const struct regex_compiler *c)
{
	const size_t code = c->count * sizeof(c->code[0]);
	const size_t ranges = c->set.count * sizeof(c->set.ranges[0]);
	struct regex *regex = xcalloc(1, sizeof(*regex) + ranges + code);

	regex->count = c->count;
	regex->range_count = c->set.count;
	regex->ranges = (struct regex_range *)(regex + 1);
	regex->code = (struct regex_instruction *)(regex->ranges + c->set.count);
	memcpy(regex->ranges, c->set.ranges, ranges);
	memcpy(regex->code, c->code, code);
	return regex;
}

struct regex *regex_new(struct str pattern, const char **ret_reason)
{
	_cleanup_free_ struct regex_compiler *c = xcalloc(1, sizeof(*c));

	c->pattern = pattern;
	if (put_alternatives(c) && c->at < pattern.len)
		(void)regex_fail(c, "a ) without its (");
	if (!c->reason)
		(void)put_op(c, c->count, REGEX_MATCH, 0);
	*ret_reason = c->reason;
	return c->reason ? NULL : pack(c);
}
