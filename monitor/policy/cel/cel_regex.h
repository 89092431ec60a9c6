/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Regular expressions of matches(): the syntax of RE2, matched in time linear in the text.
 *
 * A pattern becomes a program for a set of threads (Thompson, Pike): each character of the text is
 * looked at once, by every thread at most once. There is no backtracking, so no pattern and no text
 * can make it take longer than their lengths' product.
 *
 * Of RE2 left out, each an error that says so: \p{...}, \C.
 * (?i) takes as equal what has one simple case folding (cel_regex_fold.c).
 */

#include <stdbool.h>
#include <stdint.h>

#include "monitor/action.h"

#define REGEX_MAX_CODE	 2000u
#define REGEX_MAX_RANGES 2000u
#define REGEX_MAX_REPEAT 1000u /* RE2's */
#define REGEX_MAX_DEPTH	 24u

enum regex_op {
	REGEX_RANGES, /* a character in one of the ranges, or with `negated` in none */
	REGEX_SPLIT,  /* go on here and at `jump` */
	REGEX_JUMP,
	REGEX_TEXT_START,
	REGEX_TEXT_END,
	REGEX_LINE_START,
	REGEX_LINE_END,
	REGEX_WORD,
	REGEX_NO_WORD,
	REGEX_MATCH,
};

struct regex_instruction {
	uint8_t op;
	bool negated;
	bool fold;
	int16_t jump;	/* relative to this instruction, so that code can be moved and copied */
	uint16_t first; /* of the ranges */
	uint16_t count;
};

struct regex_range {
	uint32_t low;
	uint32_t high;
};

/* One block of memory; free(). */
struct regex {
	uint32_t count;
	uint32_t range_count;
	struct regex_instruction *code;
	struct regex_range *ranges;
};

/* NULL and a reason, a static text, if the pattern is none. */
struct regex *regex_new(struct str pattern, const char **ret_reason);

/* False: no text at all has a match. */
bool regex_can_match(const struct regex *regex);

/* Bytes that regex_match() needs. */
size_t regex_scratch(const struct regex *regex);

/*
 * All of the text that lies in some match, as spans that do not overlap, in order: of matches that
 * do, the span is from the first one's beginning to the last one's end. Empty matches are none. In
 * time linear in the text, as regex_match(). @scratch: of regex_span_scratch() bytes, aligned for
 * uint32_t. Return: how many there are, of which the first @size are in @ret.
 */
struct regex_span {
	uint32_t start;
	uint32_t end;
};

size_t regex_span_scratch(const struct regex *regex);
size_t regex_spans(const struct regex *regex, struct str text, void *scratch,
		   struct regex_span *ret, size_t size);
/* Does the text contain a match? @scratch: aligned for uint16_t. */
bool regex_match(const struct regex *regex, struct str text, void *scratch);
