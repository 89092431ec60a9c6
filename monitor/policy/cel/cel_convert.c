/* SPDX-License-Identifier: Apache-2.0 */

/* Conversions between types. What does not fit or cannot be read is an error, never a guess. */

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "monitor/policy/cel/cel_value.h"

#define TWO_TO_63 9223372036854775808.0

static struct cel_value range(void)
{
	return cel_of_error("range: the value does not fit in the type it is converted to");
}

static struct cel_value unreadable(void)
{
	return cel_of_error("the text cannot be converted to that type");
}

void cel_print_double(double number, char ret[CEL_TEXT_MAX])
{
	if (isnan(number) || isinf(number)) {
		(void)snprintf(ret, CEL_TEXT_MAX, "%s",
			       isnan(number) ? "NaN"
			       : number > 0  ? "Infinity"
					     : "-Infinity");
		return;
	}
	/* with fewer digits a hundred is 1e+02; what is below DBL_MIN has fewer */
	for (int precision = fabs(number) < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
		(void)snprintf(ret, CEL_TEXT_MAX, "%.*g", precision, number);
		if (strtod(ret, NULL) == number)
			return;
	}
}

/* Digits with an optional sign; anything else is unreadable. */
static struct cel_value integer_of_text(struct str text, bool is_unsigned)
{
	bool negative = false;
	uint64_t value = 0;

	if (text.len && (*text.at == '+' || (*text.at == '-' && !is_unsigned))) {
		negative = *text.at == '-';
		text.at++;
		text.len--;
	}
	if (!text.len)
		return unreadable();
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return unreadable();
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text.at[i] - '0'), &value))
			return range();
	}
	if (is_unsigned)
		return cel_of_uint(value);
	if (value > (uint64_t)INT64_MAX + negative)
		return range();
	return cel_of_int((int64_t)(negative ? 0 - value : value));
}

static struct cel_value to_int(const struct cel_value *v)
{
	switch (v->kind) {
	case CEL_INT:
		return *v;
	case CEL_UINT:
		return v->uinteger > INT64_MAX ? range() : cel_of_int((int64_t)v->uinteger);
	case CEL_DOUBLE:
		/* The standard leaves out both ends, which a double cannot tell from beyond. */
		return v->number > -TWO_TO_63 && v->number < TWO_TO_63
			       ? cel_of_int((int64_t)v->number)
			       : range();
	case CEL_STRING:
		return integer_of_text(v->text, false);
	case CEL_TIMESTAMP:
		return cel_of_int(v->integer);
	default:
		return cel_no_overload();
	}
}

static struct cel_value to_uint(const struct cel_value *v)
{
	switch (v->kind) {
	case CEL_UINT:
		return *v;
	case CEL_INT:
		return v->integer < 0 ? range() : cel_of_uint((uint64_t)v->integer);
	case CEL_DOUBLE:
		return v->number >= 0 && v->number < 2 * TWO_TO_63
			       ? cel_of_uint((uint64_t)v->number)
			       : range();
	case CEL_STRING:
		return integer_of_text(v->text, true);
	default:
		return cel_no_overload();
	}
}

static struct cel_value double_of_text(struct str text)
{
	static const char allowed[] = "0123456789+-.eE";
	char copy[512];
	char *end;
	double d;

	if (!text.len || text.len >= sizeof(copy))
		return unreadable();
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	if (strspn(copy, allowed) != text.len && strcasecmp(copy, "nan") != 0 &&
	    strcasecmp(copy + strspn(copy, "+-"), "inf") != 0 &&
	    strcasecmp(copy + strspn(copy, "+-"), "infinity") != 0)
		return unreadable(); /* what strtod() takes besides: spaces, hex, nan(...) */
	d = strtod(copy, &end);
	return *end ? unreadable() : cel_of_double(d);
}

static struct cel_value to_double(const struct cel_value *v)
{
	switch (v->kind) {
	case CEL_DOUBLE:
		return *v;
	case CEL_INT:
		return cel_of_double((double)v->integer);
	case CEL_UINT:
		return cel_of_double((double)v->uinteger);
	case CEL_STRING:
		return double_of_text(v->text);
	default:
		return cel_no_overload();
	}
}

static struct cel_value to_bool(const struct cel_value *v)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

	if (v->kind == CEL_BOOL)
		return *v;
	if (v->kind != CEL_STRING)
		return cel_no_overload();
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (str_eq(v->text, str_of(yes[i])))
			return cel_of_bool(true);
		if (str_eq(v->text, str_of(no[i])))
			return cel_of_bool(false);
	}
	return unreadable();
}

static struct cel_value string_of_bytes(struct str bytes)
{
	for (size_t at = 0, n; at < bytes.len; at += n) {
		n = utf8_length(bytes.at + at, bytes.len - at);
		if (!n)
			return cel_of_error("invalid UTF-8: the bytes are no text");
	}
	return cel_of_text(CEL_STRING, bytes);
}

static struct cel_value to_string(struct cel_arena *arena, const struct cel_value *v)
{
	char text[CEL_TEXT_MAX];
	size_t len;
	char *copy;

	switch (v->kind) {
	case CEL_STRING:
		return *v;
	case CEL_BYTES:
		return string_of_bytes(v->text);
	case CEL_BOOL:
		return cel_of_text(CEL_STRING, v->boolean ? STR("true") : STR("false"));
	case CEL_INT:
		(void)snprintf(text, sizeof(text), "%" PRId64, v->integer);
		break;
	case CEL_UINT:
		(void)snprintf(text, sizeof(text), "%" PRIu64, v->uinteger);
		break;
	case CEL_DOUBLE:
		cel_print_double(v->number, text);
		break;
	case CEL_DURATION:
		cel_print_duration(v->integer, text);
		break;
	case CEL_TIMESTAMP:
		cel_print_timestamp(v, text);
		break;
	case CEL_IP:
	case CEL_CIDR:
		cel_print_network(v, text);
		break;
	default:
		return cel_no_overload();
	}
	len = strlen(text);
	copy = cel_take(arena, len);
	if (!copy)
		return cel_no_memory();
	memcpy(copy, text, len);
	return cel_of_text(CEL_STRING, (struct str){copy, len});
}

static struct cel_value to_bytes(const struct cel_value *v)
{
	if (v->kind != CEL_STRING && v->kind != CEL_BYTES)
		return cel_no_overload();
	return cel_of_text(CEL_BYTES, v->text);
}

static struct cel_value to_time(enum cel_function to, const struct cel_value *v)
{
	const bool timestamp = to == FN_TO_TIMESTAMP;

	if (v->kind == (timestamp ? CEL_TIMESTAMP : CEL_DURATION))
		return *v;
	if (v->kind == CEL_STRING)
		return timestamp ? cel_read_timestamp(v->text) : cel_read_duration(v->text);
	if (v->kind == CEL_INT && timestamp)
		return cel_of_timestamp(v->integer, 0);
	return cel_no_overload();
}

struct cel_value cel_convert(struct cel_arena *arena, enum cel_function to,
			     const struct cel_value *v)
{
	switch ((int)to) {
	case FN_TO_BOOL:
		return to_bool(v);
	case FN_TO_INT:
		return to_int(v);
	case FN_TO_UINT:
		return to_uint(v);
	case FN_TO_DOUBLE:
		return to_double(v);
	case FN_TO_STRING:
		return to_string(arena, v);
	case FN_TO_BYTES:
		return to_bytes(v);
	default:
		return to_time(to, v);
	}
}
