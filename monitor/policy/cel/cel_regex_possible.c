/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Is there a text that a program of cel_regex.c matches? All ways through its code are taken with
 * any characters; of what is behind and ahead is kept only whether something has been, and whether
 * nothing more may come. Where lines and words begin and end is taken to fit.
 */

#include <stdlib.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/cel/cel_regex.h"
#include "monitor/policy/cel/cel_regex_class.h"

#define BEHIND 1u /* characters: this is not the text's start */
#define ENDED  2u /* it is its end */
#define WAYS   4u

static bool takes_something(const struct regex *regex, const struct regex_instruction *i)
{
	if (!i->negated)
		return i->count > 0;
	for (unsigned r = i->first; r < (unsigned)i->first + i->count; r++) {
		if (regex->ranges[r].low == 0 && regex->ranges[r].high >= REGEX_LAST)
			return false;
	}
	return true;
}

/* What is known behind the instruction; WAYS: it lets nothing through. */
static unsigned behind(const struct regex *regex, const struct regex_instruction *i, unsigned known)
{
	switch (i->op) {
	case REGEX_RANGES:
		return (known & ENDED) || !takes_something(regex, i) ? WAYS : BEHIND;
	case REGEX_TEXT_START:
		return known & BEHIND ? WAYS : known;
	case REGEX_TEXT_END:
		return known | ENDED;
	default:
		return known;
	}
}

bool regex_can_match(const struct regex *regex)
{
	_cleanup_free_ bool *seen = xcalloc((size_t)regex->count * WAYS, sizeof(*seen));
	_cleanup_free_ uint32_t *stack =
		xcalloc((size_t)2 * regex->count * WAYS + 1, sizeof(*stack));
	size_t top = 0;

	stack[top++] = 0; /* at the start of the text, where every match may begin */
	while (top) {
		const uint32_t here = stack[--top];
		const struct regex_instruction *i = &regex->code[here / WAYS];
		const unsigned known = behind(regex, i, here % WAYS);

		if (seen[here] || known == WAYS)
			continue;
		seen[here] = true;
		if (i->op == REGEX_MATCH)
			return true;
		if (i->op == REGEX_SPLIT || i->op == REGEX_JUMP)
			stack[top++] = (uint32_t)((int)(here / WAYS) + i->jump) * WAYS + known;
		if (i->op != REGEX_JUMP)
			stack[top++] = (here / WAYS + 1) * WAYS + known;
	}
	return false;
}
