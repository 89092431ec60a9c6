/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The state of cel_fast(): cel_fast.c runs the code, cel_fast_call.c has its functions,
 * cel_fast_operator.c its operators. */

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

/* In place, member by member: a value is larger than most of what it holds. */
static inline void set_bool(struct value *v, bool b)
{
	v->kind = CEL_BOOL;
	v->boolean = b;
}

static inline void set_int(struct value *v, int64_t i)
{
	v->kind = CEL_INT;
	v->integer = i;
}

static inline void set_string(struct value *v, struct str s)
{
	v->kind = CEL_STRING;
	v->fold = false;
	v->string = s;
}

static inline void set_list(struct value *v, struct list_value list)
{
	v->kind = CEL_LIST;
	v->list = list;
}

static inline void set_error(struct value *v)
{
	v->kind = CEL_ERROR;
}

/* Labels are the bits that are set, in order. */
static inline size_t place_of_item(const struct list_value *list, size_t index)
{
	uint64_t bits = list->bits;

	if (!bits)
		return index;
	while (index-- > 0)
		bits &= bits - 1;
	return (size_t)__builtin_ctzll(bits);
}

static inline void load_item(const struct list_value *list, size_t index, struct value *ret)
{
	if (list->integers)
		set_int(ret, list->integers[index]);
	else
		set_string(ret, list->strings[place_of_item(list, index)]);
}

/* CODE_CALL. */
void fast_call(struct machine *m, const struct cel_op *op);

/* CODE_COMPARE, _IN and _INDEX of a and b; CODE_LOGIC; CODE_NEGATE: the result in `a`. */
void fast_binary(const struct cel_op *op, struct value *a, const struct value *b);
void fast_logic(struct value *a, const struct value *b, bool is_or);
void fast_negate(struct value *a);
