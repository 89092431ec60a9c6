/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the files of regex_new() share: cel_regex.c reads the syntax, cel_regex_code.c writes the
 * code. Each function gives false, with the reason in the compiler, for what cannot be.
 */

#include "monitor/policy/cel/cel_regex_class.h"

struct regex_compiler {
	struct str pattern;
	size_t at;
	unsigned depth;
	bool fold;	/* (?i) */
	bool dot_all;	/* (?s) */
	bool multiline; /* (?m) */
	struct regex_instruction code[REGEX_MAX_CODE];
	unsigned count;
	struct class_set set;
	const char *reason;
};

bool regex_fail(struct regex_compiler *c, const char *reason);
/* One instruction at `at`; what stands there and behind moves. */
bool put_op(struct regex_compiler *c, unsigned at, enum regex_op op, int jump);
/* The ranges from `first` to the end of the set, as one instruction. */
bool put_ranges(struct regex_compiler *c, unsigned first, bool negated);
bool put_char(struct regex_compiler *c, uint32_t low, uint32_t high);
/* The code from `start` to the end as often as this. */
bool put_star(struct regex_compiler *c, unsigned start);
bool put_repeat(struct regex_compiler *c, unsigned start, uint32_t least, uint32_t most);
