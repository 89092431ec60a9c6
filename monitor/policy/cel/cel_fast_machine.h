/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The state of cel_fast(): cel_fast.c runs the code, cel_fast_call.c has its functions. */

#include "monitor/policy/cel/cel.h"

/* A list at run time: constant items, argv, or the bits of the labels. */
struct list_value {
	const struct str *strings;
	const int64_t *integers;
	uint64_t bits;
	size_t count;
};

struct value {
	enum cel_kind kind;
	bool fold; /* string under lowerAscii() */

	union {
		bool boolean;
		int64_t integer;
		struct str string;
		struct list_value list;
	};
};

struct loop {
	struct list_value list;
	size_t index;
	bool failed; /* some item gave an error */
};

struct machine {
	const struct cel_program *program;
	const struct cel_env *env;
	struct loop loops[CEL_MAX_LOOPS];
	struct value stack[CEL_MAX_STACK];
	unsigned top;	/* number of values */
	uint64_t steps; /* left for regular expressions; 0: too costly */
};

static inline struct value of_bool(bool b)
{
	return (struct value){.kind = CEL_BOOL, .boolean = b};
}

static inline struct value of_int(int64_t i)
{
	return (struct value){.kind = CEL_INT, .integer = i};
}

static inline struct value of_string(struct str s, bool fold)
{
	return (struct value){.kind = CEL_STRING, .fold = fold, .string = s};
}

static inline struct value of_error(void)
{
	return (struct value){.kind = CEL_ERROR};
}

/* CODE_CALL. */
void fast_call(struct machine *m, const struct cel_op *op);
