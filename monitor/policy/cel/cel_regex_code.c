/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Code of regular expressions: it is emitted behind what stands there already; an operator that
 * comes after its operand moves it, or copies it for a repetition.
 */

#include "monitor/policy/cel/cel_regex_code.h"

#include <string.h>

bool regex_fail(struct regex_compiler *c, const char *reason)
{
	if (!c->reason)
		c->reason = reason;
	return false;
}

/* Makes room for `more` instructions at `at`. */
static bool make_room(struct regex_compiler *c, unsigned at, unsigned more)
{
	if (c->count + more > REGEX_MAX_CODE)
		return regex_fail(c, "the pattern is too large");
	memmove(&c->code[at + more], &c->code[at], (c->count - at) * sizeof(c->code[0]));
	memset(&c->code[at], 0, more * sizeof(c->code[0]));
	c->count += more;
	return true;
}

bool put_op(struct regex_compiler *c, unsigned at, enum regex_op op, int jump)
{
	if (!make_room(c, at, 1))
		return false;
	c->code[at].op = (uint8_t)op;
	c->code[at].jump = (int16_t)jump;
	return true;
}

bool put_ranges(struct regex_compiler *c, unsigned first, bool negated)
{
	struct regex_instruction *i = &c->code[c->count];

	if (c->set.full)
		return regex_fail(c, "the classes of the pattern are too large");
	if (!put_op(c, c->count, REGEX_RANGES, 0))
		return false;
	i->first = (uint16_t)first;
	i->count = (uint16_t)(c->set.count - first);
	i->negated = negated;
	i->fold = c->fold;
	return true;
}

bool put_char(struct regex_compiler *c, uint32_t low, uint32_t high)
{
	const unsigned first = c->set.count;

	class_add(&c->set, low, high);
	return put_ranges(c, first, false);
}

/* One more copy of the operand [start, end) behind all. */
static bool put_copy(struct regex_compiler *c, unsigned start, unsigned length)
{
	const unsigned at = c->count;

	if (!make_room(c, at, length))
		return false;
	memcpy(&c->code[at], &c->code[start], length * sizeof(c->code[0]));
	return true;
}

/* x* of the operand that is last: split, x, back. */
bool put_star(struct regex_compiler *c, unsigned start)
{
	const int length = (int)(c->count - start);

	return put_op(c, start, REGEX_SPLIT, length + 2) &&
	       put_op(c, c->count, REGEX_JUMP, -(length + 1));
}

/* The operand from `start` on, between `least` and `most` times; UINT32_MAX: without an end. */
bool put_repeat(struct regex_compiler *c, unsigned start, uint32_t least, uint32_t most)
{
	const unsigned length = c->count - start;
	unsigned last;

	for (uint32_t i = 1; i < least; i++) {
		if (!put_copy(c, start, length))
			return false;
	}
	if (most == UINT32_MAX) {
		if (least && !put_copy(c, start, length))
			return false;
		return put_star(c, c->count - length);
	}
	for (uint32_t i = least ? least : 1; i < most; i++) {
		last = c->count;
		if (!put_copy(c, start, length) || !put_op(c, last, REGEX_SPLIT, (int)length + 1))
			return false;
	}
	if (!least && most)
		return put_op(c, start, REGEX_SPLIT, (int)length + 1);
	if (!most)
		c->count = start;
	return true;
}
