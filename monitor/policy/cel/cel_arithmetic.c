/* SPDX-License-Identifier: Apache-2.0 */

/* + - * / %: an int, uint, time or duration that would overflow is an error, a double is not. */

#include <string.h>

#include "monitor/policy/cel/cel_value.h"

static struct cel_value overflow(void)
{
	return cel_of_error("overflow: the result does not fit in its type");
}

static struct cel_value divided_by_zero(void)
{
	return cel_of_error("division by zero");
}

static struct cel_value of_ints(int op, int64_t a, int64_t b)
{
	int64_t result = 0;
	bool over = false;

	if ((op == '/' || op == '%') && b == 0)
		return divided_by_zero();
	if ((op == '/' || op == '%') && a == INT64_MIN && b == -1)
		return overflow();
	if (op == '+')
		over = __builtin_add_overflow(a, b, &result);
	else if (op == '-')
		over = __builtin_sub_overflow(a, b, &result);
	else if (op == '*')
		over = __builtin_mul_overflow(a, b, &result);
	else
		result = op == '/' ? a / b : a % b;
	return over ? overflow() : cel_of_int(result);
}

static struct cel_value of_uints(int op, uint64_t a, uint64_t b)
{
	uint64_t result = 0;
	bool over = false;

	if ((op == '/' || op == '%') && b == 0)
		return divided_by_zero();
	if (op == '+')
		over = __builtin_add_overflow(a, b, &result);
	else if (op == '-')
		over = __builtin_sub_overflow(a, b, &result);
	else if (op == '*')
		over = __builtin_mul_overflow(a, b, &result);
	else
		result = op == '/' ? a / b : a % b;
	return over ? overflow() : cel_of_uint(result);
}

/* IEEE 754: a division by zero is infinite or NaN. The build for UBSan is told so. */
__attribute__((no_sanitize("float-divide-by-zero"))) static struct cel_value
of_doubles(int op, double a, double b)
{
	switch (op) {
	case '+':
		return cel_of_double(a + b);
	case '-':
		return cel_of_double(a - b);
	case '*':
		return cel_of_double(a * b);
	case '/':
		return cel_of_double(a / b);
	default:
		return cel_no_overload();
	}
}

static struct cel_value join_texts(struct cel_arena *arena, const struct cel_value *a,
				   const struct cel_value *b)
{
	const size_t len = a->text.len + b->text.len;
	char *text = cel_take(arena, len);

	if (!text)
		return cel_no_memory();
	if (a->text.len)
		memcpy(text, a->text.at, a->text.len);
	if (b->text.len)
		memcpy(text + a->text.len, b->text.at, b->text.len);
	return cel_of_text((enum cel_kind)a->kind, (struct str){text, len});
}

static struct cel_value join_lists(struct cel_arena *arena, const struct cel_value *a,
				   const struct cel_value *b)
{
	const size_t first = cel_count(a);
	const size_t count = first + cel_count(b);
	struct cel_value *items = cel_take(arena, count * sizeof(*items));

	if (!items)
		return cel_no_memory();
	for (size_t i = 0; i < count; i++)
		items[i] = i < first ? cel_item(a, i) : cel_item(b, i - first);
	return cel_of_list(items, count);
}

static struct cel_value shift(const struct cel_value *time, int op, int64_t nanos)
{
	const int64_t seconds = nanos / 1000000000;
	const int64_t rest = nanos % 1000000000;

	return op == '+' ? cel_of_timestamp(time->integer + seconds, time->nanos + rest)
			 : cel_of_timestamp(time->integer - seconds, time->nanos - rest);
}

static struct cel_value of_times(int op, const struct cel_value *a, const struct cel_value *b)
{
	int64_t nanos;

	if (op != '+' && op != '-')
		return cel_no_overload();
	if (a->kind == CEL_DURATION && b->kind == CEL_DURATION) {
		if (op == '+' ? __builtin_add_overflow(a->integer, b->integer, &nanos)
			      : __builtin_sub_overflow(a->integer, b->integer, &nanos))
			return overflow();
		return cel_of_duration(nanos);
	}
	if (a->kind == CEL_TIMESTAMP && b->kind == CEL_DURATION)
		return shift(a, op, b->integer);
	if (a->kind == CEL_DURATION && b->kind == CEL_TIMESTAMP && op == '+')
		return shift(b, op, a->integer);
	if (a->kind != CEL_TIMESTAMP || b->kind != CEL_TIMESTAMP || op != '-')
		return cel_no_overload();
	if (__builtin_mul_overflow(a->integer - b->integer, INT64_C(1000000000), &nanos) ||
	    __builtin_add_overflow(nanos, (int64_t)(a->nanos - b->nanos), &nanos))
		return overflow();
	return cel_of_duration(nanos);
}

static bool is_time(const struct cel_value *v)
{
	return v->kind == CEL_DURATION || v->kind == CEL_TIMESTAMP;
}

struct cel_value cel_arithmetic(struct cel_arena *arena, int op, const struct cel_value *a,
				const struct cel_value *b)
{
	if (is_time(a) && is_time(b))
		return of_times(op, a, b);
	if (a->kind != b->kind)
		return cel_no_overload();
	if (a->kind == CEL_INT)
		return of_ints(op, a->integer, b->integer);
	if (a->kind == CEL_UINT)
		return of_uints(op, a->uinteger, b->uinteger);
	if (a->kind == CEL_DOUBLE)
		return of_doubles(op, a->number, b->number);
	if (op == '+' && (a->kind == CEL_STRING || a->kind == CEL_BYTES))
		return join_texts(arena, a, b);
	if (op == '+' && a->kind == CEL_LIST)
		return join_lists(arena, a, b);
	return cel_no_overload();
}
