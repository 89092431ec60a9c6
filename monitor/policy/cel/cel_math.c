/* SPDX-License-Identifier: Apache-2.0 */

/* The extension library "math". */

#include <math.h>

#include "monitor/policy/cel/cel_extension.h"

/* Of several numbers, or those of one list, the one furthest that way; the first of equal ones. */
static struct cel_value extreme(struct cel_run *run, const struct cel_value *args, unsigned n,
				enum cel_order way)
{
	const bool list = args[0].kind == CEL_LIST;
	const size_t count = list ? cel_count(&args[0]) : n;
	struct cel_value best = cel_of_error("the list is empty");

	(void)cel_spend(&run->steps, count);
	for (size_t i = 0; i < count; i++) {
		const struct cel_value v = list ? cel_item(&args[0], i) : args[i];

		if (!cel_is_number((enum cel_kind)v.kind))
			return cel_no_overload();
		if (!i || cel_order(&v, &best) == way)
			best = v;
	}
	return best;
}

static struct cel_value abs_of(const struct cel_value *v)
{
	if (v->kind == CEL_DOUBLE)
		return cel_of_double(fabs(v->number));
	if (v->kind == CEL_UINT || v->integer >= 0)
		return *v;
	return v->integer == INT64_MIN ? cel_of_error("overflow: the smallest int has no negative")
				       : cel_of_int(-v->integer);
}

static struct cel_value sign_of(const struct cel_value *v)
{
	if (v->kind == CEL_UINT)
		return cel_of_uint(v->uinteger != 0);
	if (v->kind == CEL_INT)
		return cel_of_int((v->integer > 0) - (v->integer < 0));
	if (isnan(v->number))
		return *v;
	return cel_of_double((v->number > 0) - (v->number < 0));
}

static double as_double(const struct cel_value *v)
{
	return v->kind == CEL_INT    ? (double)v->integer
	       : v->kind == CEL_UINT ? (double)v->uinteger
				     : v->number;
}

/* Of an int the bits are those of its two's complement. */
static struct cel_value of_bits(const struct cel_value *like, uint64_t bits)
{
	return like->kind == CEL_UINT ? cel_of_uint(bits) : cel_of_int((int64_t)bits);
}

/* What comes in is 0 on either side, of an int as well. */
static struct cel_value shift(const struct cel_value *args, bool left)
{
	const int64_t by = args[1].integer;

	if (by < 0)
		return cel_of_error("negative offset: a shift is by 0 or more");
	if (by > 63)
		return of_bits(args, 0);
	return of_bits(args, left ? args[0].uinteger << by : args[0].uinteger >> by);
}

static struct cel_value of_double(enum cel_extra which, double d)
{
	switch ((int)which) {
	case MATH_CEIL:
		return cel_of_double(ceil(d));
	case MATH_FLOOR:
		return cel_of_double(floor(d));
	case MATH_ROUND: /* halves go away from zero */
		return cel_of_double(round(d));
	case MATH_TRUNC:
		return cel_of_double(trunc(d));
	case MATH_SQRT:
		return cel_of_double(sqrt(d));
	case MATH_IS_NAN:
		return cel_of_bool(isnan(d));
	case MATH_IS_INF:
		return cel_of_bool(isinf(d));
	default:
		return cel_of_bool(isfinite(d));
	}
}

struct cel_value cel_run_math(struct cel_run *run, enum cel_extra which,
			      const struct cel_value *args, unsigned count)
{
	switch ((int)which) {
	case MATH_GREATEST:
		return extreme(run, args, count, ORDER_GREATER);
	case MATH_LEAST:
		return extreme(run, args, count, ORDER_LESS);
	case MATH_ABS:
		return abs_of(args);
	case MATH_SIGN:
		return sign_of(args);
	case MATH_AND:
		return of_bits(args, args[0].uinteger & args[1].uinteger);
	case MATH_OR:
		return of_bits(args, args[0].uinteger | args[1].uinteger);
	case MATH_XOR:
		return of_bits(args, args[0].uinteger ^ args[1].uinteger);
	case MATH_NOT:
		return of_bits(args, ~args[0].uinteger);
	case MATH_LEFT:
	case MATH_RIGHT:
		return shift(args, which == MATH_LEFT);
	default:
		return of_double(which, as_double(args));
	}
}
