/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sets of characters in a regular expression, as ranges of code points. */

#include "monitor/policy/cel/cel_regex.h"

#define REGEX_LAST 0x10ffffu

struct class_set {
	struct regex_range ranges[REGEX_MAX_RANGES];
	unsigned count;
	bool full; /* something had no room */
};

void class_add(struct class_set *set, uint32_t low, uint32_t high);
/* \d \w \s and their opposites, at *at behind the backslash. False: something else. */
bool class_escape(struct class_set *set, struct str pattern, size_t *at);
/* The character that an escape at *at (behind the backslash) stands for. */
bool class_character(struct str pattern, size_t *at, uint32_t *ret);
/* "[...]" behind its bracket. */
bool class_parse(struct class_set *set, struct str pattern, size_t *at, bool *ret_negated,
		 const char **ret_reason);

/* The next of the characters that differ from it in case only, in a cycle; itself if none does. */
uint32_t fold_next(uint32_t c);

/* The character at `at`, and its bytes; a byte that is no UTF-8 stands for U+FFFD. */
unsigned utf8_decode_at(struct str text, size_t at, uint32_t *ret);
