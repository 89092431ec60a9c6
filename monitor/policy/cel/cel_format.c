/* SPDX-License-Identifier: Apache-2.0 */

/*
 * format() of the extension library "strings": %s anything, %d whole numbers, %f and %e doubles,
 * %b %o %x %X whole numbers in other bases (%b also bools, %x also texts and bytes), %% a percent
 * sign. %f and %e take a precision: %.3f.
 */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "monitor/policy/cel/cel_extension.h"

#define MAX_PRECISION 100u
#define MAX_NUMBER    512u /* DBL_MAX as %f has 309 digits and its precision */

static void put_c(struct cel_text *out, const char *text)
{
	cel_text_put(out, str_of(text));
}

static bool is_finite(const struct cel_value *v)
{
	return v->kind != CEL_DOUBLE || isfinite(v->number);
}

static void put_number(struct cel_text *out, const struct cel_value *v)
{
	char text[CEL_TEXT_MAX];

	if (v->kind == CEL_DOUBLE)
		cel_print_double(v->number, text);
	else
		(void)snprintf(text, sizeof(text), v->kind == CEL_INT ? "%" PRId64 : "%" PRIu64,
			       v->integer);
	put_c(out, text);
}

/* ---- %s ---- */

/* NOLINTBEGIN(misc-no-recursion): values are nested no deeper than what made them */

static bool put_value(struct cel_run *run, struct cel_text *out, const struct cel_value *v);

static bool put_list(struct cel_run *run, struct cel_text *out, const struct cel_value *v)
{
	put_c(out, "[");
	for (size_t i = 0; i < cel_count(v); i++) {
		const struct cel_value item = cel_item(v, i);

		if (i)
			put_c(out, ", ");
		if (!put_value(run, out, &item))
			return false;
	}
	put_c(out, "]");
	return true;
}

static void key_text(const struct cel_value *key, char number[CEL_TEXT_MAX], struct str *ret)
{
	*ret = key->text;
	if (key->kind == CEL_STRING)
		return;
	if (key->kind == CEL_BOOL)
		(void)snprintf(number, CEL_TEXT_MAX, "%s", key->boolean ? "true" : "false");
	else
		(void)snprintf(number, CEL_TEXT_MAX, key->kind == CEL_INT ? "%" PRId64 : "%" PRIu64,
			       key->integer);
	*ret = str_of(number);
}

/* Whether one key's text comes before another's; those of one text in the order of the map. */
static bool comes_before(const struct cel_value *map, size_t a, size_t b)
{
	char numbers[2][CEL_TEXT_MAX];
	struct cel_value keys[2] = {cel_key(map, a), cel_key(map, b)};
	enum cel_order order;

	for (unsigned i = 0; i < 2; i++) {
		struct str text;

		key_text(&keys[i], numbers[i], &text);
		keys[i] = cel_of_text(CEL_STRING, text);
	}
	order = cel_order(&keys[0], &keys[1]);
	return order == ORDER_LESS || (order == ORDER_SAME && a < b);
}

/* The entry behind another in the order of their keys' texts; SIZE_MAX: before the first. */
static size_t entry_behind(const struct cel_value *map, size_t last)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < cel_count(map); i++) {
		if ((last == SIZE_MAX || comes_before(map, last, i)) &&
		    (best == SIZE_MAX || comes_before(map, i, best)))
			best = i;
	}
	return best;
}

static bool put_map(struct cel_run *run, struct cel_text *out, const struct cel_value *v)
{
	const size_t count = cel_count(v);
	size_t at = SIZE_MAX;

	if (!cel_spend(&run->steps, count * count))
		return true;
	put_c(out, "{");
	for (size_t i = 0; i < count; i++) {
		char number[CEL_TEXT_MAX];
		struct cel_value value;
		struct str key;

		at = entry_behind(v, at);
		value = cel_key(v, at);
		key_text(&value, number, &key);
		if (i)
			put_c(out, ", ");
		cel_text_put(out, key);
		put_c(out, ": ");
		value = cel_entry(v, at);
		if (!put_value(run, out, &value))
			return false;
	}
	put_c(out, "}");
	return true;
}

/* Return: false for what has no text. */
static bool put_value(struct cel_run *run, struct cel_text *out, const struct cel_value *v)
{
	char text[CEL_TEXT_MAX];

	if (!cel_spend(&run->steps, 1))
		return true; /* lists share their items: a small one can be a large tree */
	switch (v->kind) {
	case CEL_NULL:
		put_c(out, "null");
		return true;
	case CEL_BOOL:
		put_c(out, v->boolean ? "true" : "false");
		return true;
	case CEL_INT:
	case CEL_UINT:
	case CEL_DOUBLE:
		put_number(out, v);
		return true;
	case CEL_STRING:
	case CEL_BYTES:
		cel_text_put(out, v->text);
		return v->kind == CEL_STRING ||
		       cel_convert(NULL, FN_TO_STRING, v).kind == CEL_STRING;
	case CEL_DURATION:
		cel_print_duration(v->integer, text);
		put_c(out, text);
		return true;
	case CEL_TIMESTAMP:
		cel_print_timestamp(v, text);
		put_c(out, text);
		return true;
	case CEL_TYPE:
		put_c(out, cel_type_value_name((enum cel_kind)v->integer));
		return true;
	case CEL_LIST:
		return put_list(run, out, v);
	case CEL_MAP:
		return put_map(run, out, v);
	default:
		return false;
	}
}

/* NOLINTEND(misc-no-recursion) */

/* ---- numbers ---- */

static bool put_decimal(struct cel_text *out, const struct cel_value *v)
{
	if (v->kind != CEL_INT && v->kind != CEL_UINT && is_finite(v))
		return false;
	put_number(out, v);
	return true;
}

static bool put_double(struct cel_text *out, char clause, unsigned precision,
		       const struct cel_value *v)
{
	char text[MAX_NUMBER];

	if (v->kind != CEL_DOUBLE)
		return false;
	if (!is_finite(v)) {
		put_number(out, v);
		return true;
	}
	(void)snprintf(text, sizeof(text), clause == 'f' ? "%.*f" : "%.*e", (int)precision,
		       v->number);
	put_c(out, text);
	return true;
}

static bool put_hex_bytes(struct cel_text *out, const char *digits, struct str bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		const unsigned char byte = (unsigned char)bytes.at[i];
		const char two[2] = {digits[byte >> 4], digits[byte & 15]};

		cel_text_put(out, (struct str){two, 2});
	}
	return true;
}

static bool put_in_base(struct cel_text *out, char clause, const struct cel_value *v)
{
	const char *digits = clause == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	const unsigned bits = clause == 'b' ? 1 : clause == 'o' ? 3 : 4;
	const bool negative = v->kind == CEL_INT && v->integer < 0;
	uint64_t left = negative ? 0 - v->uinteger : v->uinteger;
	char text[CEL_TEXT_MAX + 2];
	size_t at = sizeof(text);

	if (bits == 4 && (v->kind == CEL_STRING || v->kind == CEL_BYTES))
		return put_hex_bytes(out, digits, v->text);
	if (v->kind == CEL_BOOL && bits == 1)
		left = v->boolean;
	else if (v->kind != CEL_INT && v->kind != CEL_UINT)
		return false;
	do
		text[--at] = digits[left & ((1u << bits) - 1)];
	while (left >>= bits);
	if (negative)
		text[--at] = '-';
	cel_text_put(out, (struct str){text + at, sizeof(text) - at});
	return true;
}

/* ---- the format ---- */

/* Digits of ".6" at *at, which are taken. */
static bool read_precision(struct str format, size_t *at, unsigned *ret)
{
	unsigned n = 0;
	const size_t start = *at + 1;

	*ret = 6;
	if (*at >= format.len || format.at[*at] != '.')
		return true;
	for (*at = start; *at < format.len && format.at[*at] >= '0' && format.at[*at] <= '9';
	     ++*at) {
		n = n * 10 + (unsigned)(format.at[*at] - '0');
		if (n > MAX_PRECISION)
			return false;
	}
	*ret = n;
	return *at > start;
}

static const char *put_clause(struct cel_run *run, struct cel_text *out, char clause,
			      unsigned precision, const struct cel_value *v)
{
	switch (clause) {
	case 's':
		return put_value(run, out, v) ? NULL : "%s does not take such a value";
	case 'd':
		return put_decimal(out, v) ? NULL : "%d takes integers only";
	case 'f':
	case 'e':
		return put_double(out, clause, precision, v) ? NULL : "%f and %e take doubles only";
	case 'b':
		return put_in_base(out, clause, v) ? NULL : "%b takes integers and bools only";
	case 'o':
		return put_in_base(out, clause, v) ? NULL : "%o takes integers only";
	default:
		return put_in_base(out, clause, v) ? NULL
						   : "%x takes integers, bytes and strings only";
	}
}

struct cel_value cel_run_format(struct cel_run *run, enum cel_extra which,
				const struct cel_value *args, unsigned count)
{
	static const char clauses[] = {'s', 'd', 'f', 'e', 'b', 'o', 'x', 'X'};
	const struct str format = args[0].text;
	struct cel_text out = cel_text_begin(&run->arena);
	size_t next = 0;

	(void)which;
	(void)count;
	for (size_t at = 0; at < format.len; at++) {
		struct cel_value item;
		unsigned precision;
		const char *wrong;

		if (format.at[at] != '%') {
			cel_text_put(&out, (struct str){&format.at[at], 1});
			continue;
		}
		at++;
		if (at < format.len && format.at[at] == '%') {
			put_c(&out, "%");
			continue;
		}
		if (!read_precision(format, &at, &precision))
			return cel_of_error("the precision is a number of at most 100");
		if (at >= format.len || !memchr(clauses, format.at[at], sizeof(clauses)))
			return cel_of_error("unrecognized formatting clause: known are "
					    "%s %d %f %e %b %o %x %X %%");
		if (next >= cel_count(&args[1]))
			return cel_of_error("index out of range: there are more clauses than "
					    "values");
		item = cel_item(&args[1], next++);
		wrong = put_clause(run, &out, format.at[at], precision, &item);
		if (wrong)
			return cel_of_error(wrong);
	}
	return cel_text_end(&out, CEL_STRING);
}
