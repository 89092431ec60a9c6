/* SPDX-License-Identifier: Apache-2.0 */

/* Literals of strings, bytes and numbers. Source: cel-spec langdef.md, "Syntax", "Values". */

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/hex.h"
#include "common/utf8.h"
#include "monitor/policy/cel/cel_tree.h"

struct literal {
	struct str source;
	size_t at;
	bool raw;
	bool bytes;
	struct buf out;
};

static int read_number(struct literal *l, unsigned digits, unsigned base, uint32_t *ret)
{
	*ret = 0;
	for (unsigned i = 0; i < digits; i++) {
		const int d = l->at < l->source.len ? hex_value(l->source.at[l->at]) : -1;

		if (d < 0 || (unsigned)d >= base)
			return -EINVAL;
		*ret = *ret * base + (uint32_t)d;
		l->at++;
	}
	return 0;
}

/* A high surrogate and "\u" with a low one are one character, any other is none. */
static int read_low_surrogate(struct literal *l, uint32_t *value)
{
	uint32_t low;

	if (l->source.len - l->at < 2 || l->source.at[l->at] != '\\' ||
	    l->source.at[l->at + 1] != 'u')
		return -EINVAL;
	l->at += 2;
	if (read_number(l, 4, 16, &low) < 0 || low < 0xdc00 || low > 0xdfff)
		return -EINVAL;
	*value = 0x10000 + ((*value - 0xd800) << 10) + (low - 0xdc00);
	return 0;
}

/*
 * `digits` digits of base 16 or 8: a character, or with `octet` in bytes that one byte. In strings
 * an escape of two hex or three octal digits is a code point.
 */
static int put_number(struct literal *l, unsigned digits, unsigned base, bool octet)
{
	uint32_t value;
	char utf8[4];

	if (read_number(l, digits, base, &value) < 0)
		return -EINVAL;
	if (digits == 4 && value >= 0xd800 && value < 0xdc00 && read_low_surrogate(l, &value) < 0)
		return -EINVAL;
	if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return -ERANGE;
	if (octet && l->bytes)
		buf_putc(&l->out, (char)value);
	else
		buf_put(&l->out, utf8, utf8_encode(value, utf8));
	return 0;
}

/* The escape at l->at, which is behind the backslash. */
static int put_escape(struct literal *l)
{
	static const char from[] = "abfnrtv\\?\"'`";
	static const char to[] = "\a\b\f\n\r\t\v\\?\"'`";
	const char c = l->at < l->source.len ? l->source.at[l->at] : '\0';
	const char *simple = c ? strchr(from, c) : NULL;

	if (simple) {
		buf_putc(&l->out, to[simple - from]);
		l->at++;
		return 0;
	}
	if (c >= '0' && c <= '3')
		return put_number(l, 3, 8, true);
	l->at++;
	if (c == 'x' || c == 'X')
		return put_number(l, 2, 16, true);
	if (l->bytes) /* a code point is for strings alone */
		return -EINVAL;
	if (c == 'u')
		return put_number(l, 4, 16, false);
	if (c == 'U')
		return put_number(l, 8, 16, false);
	return -EINVAL;
}

static bool quoted_by(struct str s, size_t at, char quote, size_t quotes)
{
	for (size_t i = 0; i < quotes; i++) {
		if (at + i >= s.len || s.at[at + i] != quote)
			return false;
	}
	return true;
}

static int put_content(struct literal *l, size_t start, struct cel_error *err)
{
	const struct str s = l->source;
	const char quote = s.at[l->at];
	const size_t quotes = quoted_by(s, l->at, quote, 3) ? 3 : 1;

	l->at += quotes;
	while (!quoted_by(s, l->at, quote, quotes)) {
		const size_t here = l->at;

		if (here >= s.len || (quotes == 1 && (s.at[here] == '\n' || s.at[here] == '\r')))
			return cel_fail(err, start, "the string has no end");
		l->at++;
		if (l->raw || s.at[here] != '\\')
			buf_putc(&l->out, s.at[here]);
		else if (put_escape(l) < 0)
			return cel_fail(err, here, "no valid escape; for a backslash write \\\\");
	}
	l->at += quotes;
	return 0;
}

int cel_lex_string(struct cel_tree *tree, struct str s, size_t *at, struct cel_token *ret,
		   struct cel_error *err)
{
	struct literal l = {.source = s, .at = *at, .out = BUF_INIT(CEL_MAX_BYTES)};
	int r;

	for (; s.at[l.at] != '\'' && s.at[l.at] != '"'; l.at++) {
		l.raw |= (s.at[l.at] | 32) == 'r';
		l.bytes |= (s.at[l.at] | 32) == 'b';
	}
	buf_puts(&l.out, "");
	r = put_content(&l, *at, err);
	if (r < 0) {
		buf_done(&l.out);
		return r;
	}
	*at = l.at;
	ret->kind = l.bytes ? TOKEN_BYTES : TOKEN_STRING;
	ret->text = (struct str){cel_tree_keep(tree, l.out.data), l.out.len};
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t skip_digits(struct str s, size_t p)
{
	while (p < s.len && is_digit(s.at[p]))
		p++;
	return p;
}

/* Where a floating-point literal that begins at `p` ends; p itself if it is none. */
static size_t double_end(struct str s, size_t p)
{
	const size_t whole = skip_digits(s, p);
	size_t end = whole;
	size_t digits;

	if (end + 1 < s.len && s.at[end] == '.' && is_digit(s.at[end + 1]))
		end = skip_digits(s, end + 1);
	if (end < s.len && (s.at[end] | 32) == 'e') {
		digits = end + 1;
		digits += digits < s.len && (s.at[digits] == '+' || s.at[digits] == '-');
		if (skip_digits(s, digits) > digits)
			end = skip_digits(s, digits);
	}
	return end == whole ? p : end;
}

static int lex_double(struct str s, size_t at, size_t end, struct cel_token *ret,
		      struct cel_error *err)
{
	char text[512];

	if (end - at >= sizeof(text))
		return cel_fail(err, at, "the number has more than %zu digits", sizeof(text) - 1);
	memcpy(text, s.at + at, end - at);
	text[end - at] = '\0';
	ret->kind = TOKEN_DOUBLE;
	ret->number = strtod(text, NULL);
	if (isinf(ret->number))
		return cel_fail(err, at, "the number does not fit in a double");
	return 0;
}

int cel_lex_number(struct str s, size_t *at, struct cel_token *ret, struct cel_error *err)
{
	const bool hex = *at + 2 < s.len && s.at[*at] == '0' && s.at[*at + 1] == 'x' &&
			 hex_value(s.at[*at + 2]) >= 0;
	const size_t start = *at;
	const size_t end = hex ? start : double_end(s, start);
	size_t p = start + (hex ? 2 : 0);

	if (end > start) {
		const int r = lex_double(s, start, end, ret, err);

		if (r < 0)
			return r;
		p = end;
	} else {
		ret->kind = TOKEN_INT;
		for (; p < s.len && hex_value(s.at[p]) >= 0 && (hex || is_digit(s.at[p])); p++) {
			if (__builtin_mul_overflow(ret->integer, hex ? 16u : 10u, &ret->integer) ||
			    __builtin_add_overflow(ret->integer, (uint64_t)hex_value(s.at[p]),
						   &ret->integer))
				return cel_fail(err, start, "the number does not fit in 64 bits");
		}
		if (p < s.len && (s.at[p] | 32) == 'u') {
			ret->kind = TOKEN_UINT;
			p++;
		}
	}
	if (p < s.len && (isalnum((unsigned char)s.at[p]) || s.at[p] == '_'))
		return cel_fail(err, start, "not a number: write 12, 0xff, 12u, 1.5 or 1e3");
	*at = p;
	return 0;
}
