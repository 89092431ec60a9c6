/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Tokens of an expression. Source: cel-spec langdef.md, "Syntax". Left out, each with an error that
 * says so: bytes, unsigned and floating-point literals, arithmetic.
 */

#include <errno.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/hex.h"
#include "common/utf8.h"
#include "monitor/policy/cel.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

static size_t skip_space(struct str s, size_t at)
{
	while (at < s.len) {
		if (s.at[at] == '/' && at + 1 < s.len && s.at[at + 1] == '/') {
			while (at < s.len && s.at[at] != '\n')
				at++;
		} else if (s.at[at] == ' ' || s.at[at] == '\t' || s.at[at] == '\n' ||
			   s.at[at] == '\r' || s.at[at] == '\f') {
			at++;
		} else {
			break;
		}
	}
	return at;
}

/* A number of `digits` digits of base 16 or 8 at *at, as a character. */
static int put_number(struct str s, size_t *at, unsigned digits, unsigned base, struct buf *out)
{
	uint32_t value = 0;
	char bytes[4];

	for (unsigned i = 0; i < digits; i++) {
		const int d = *at < s.len ? hex_value(s.at[*at]) : -1;

		if (d < 0 || (unsigned)d >= base)
			return -EINVAL;
		value = value * base + (uint32_t)d;
		(*at)++;
	}
	if (value == 0 || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return -ERANGE;
	buf_put(out, bytes, utf8_encode(value, bytes));
	return 0;
}

/* The escape at *at, which points behind the backslash. */
static int put_escape(struct str s, size_t *at, struct buf *out)
{
	static const char from[] = "abfnrtv\\?\"'`";
	static const char to[] = "\a\b\f\n\r\t\v\\?\"'`";
	const char c = *at < s.len ? s.at[*at] : '\0';
	const char *simple = c ? strchr(from, c) : NULL;

	if (simple) {
		buf_putc(out, to[simple - from]);
		(*at)++;
		return 0;
	}
	if (c >= '0' && c <= '3')
		return put_number(s, at, 3, 8, out);
	(*at)++;
	if (c == 'x' || c == 'X')
		return put_number(s, at, 2, 16, out);
	if (c == 'u')
		return put_number(s, at, 4, 16, out);
	if (c == 'U')
		return put_number(s, at, 8, 16, out);
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

/* A string whose (first) quote is at *at. */
static int lex_string(struct cel_tree *tree, struct str s, size_t *at, bool raw,
		      struct cel_token *ret, struct cel_error *err)
{
	const char quote = s.at[*at];
	const size_t quotes = quoted_by(s, *at, quote, 3) ? 3 : 1;
	_cleanup_buf_ struct buf out = BUF_INIT(CEL_MAX_BYTES);
	size_t p = *at + quotes;

	buf_puts(&out, "");
	while (!quoted_by(s, p, quote, quotes)) {
		const size_t here = p;

		if (p >= s.len || (quotes == 1 && (s.at[p] == '\n' || s.at[p] == '\r')))
			return cel_fail(err, ret->at, "the string has no end");
		if (raw || s.at[p] != '\\') {
			buf_putc(&out, s.at[p++]);
			continue;
		}
		p++;
		if (put_escape(s, &p, &out) < 0)
			return cel_fail(err, here, "no valid escape; for a backslash write \\\\");
	}
	*at = p + quotes;
	ret->kind = TOKEN_STRING;
	tree->strings = xrealloc_array(tree->strings, tree->string_count + 1, sizeof(char *));
	ret->text = (struct str){out.data, out.len};
	tree->strings[tree->string_count++] = take_ptr(out.data);
	return 0;
}

static int lex_integer(struct str s, size_t *at, struct cel_token *ret, struct cel_error *err)
{
	const bool hex = *at + 2 < s.len && s.at[*at] == '0' && (s.at[*at + 1] | 32) == 'x' &&
			 hex_value(s.at[*at + 2]) >= 0;
	const unsigned base = hex ? 16 : 10;
	uint64_t value = 0;
	size_t p = *at + (hex ? 2 : 0);

	for (; p < s.len && hex_value(s.at[p]) >= 0 && (hex || is_digit(s.at[p])); p++) {
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)hex_value(s.at[p]), &value) ||
		    value > INT64_MAX)
			return cel_fail(err, *at, "the number does not fit in 64 bits");
	}
	if (p < s.len && (s.at[p] == '.' || is_name(s.at[p])))
		return cel_fail(err, *at, "only whole numbers (int) are known here");
	ret->kind = TOKEN_INT;
	ret->integer = (int64_t)value;
	*at = p;
	return 0;
}

static int lex_operator(struct str s, size_t *at, struct cel_token *ret, struct cel_error *err)
{
	static const struct {
		char text[3];
		int op;
	} pairs[] = {{"<=", OP_LE}, {">=", OP_GE},  {"==", OP_EQ},
		     {"!=", OP_NE}, {"&&", OP_AND}, {"||", OP_OR}};

	const char c = s.at[*at];

	ret->kind = TOKEN_OPERATOR;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (*at + 1 < s.len && c == pairs[i].text[0] && s.at[*at + 1] == pairs[i].text[1]) {
			ret->op = pairs[i].op;
			*at += 2;
			return 0;
		}
	}
	if (c && strchr("+*/%", c))
		return cel_fail(err, *at, "arithmetic (%c) is not part of this language", c);
	if (c == '=')
		return cel_fail(err, *at, "for equality write ==");
	if (c == '&' || c == '|')
		return cel_fail(err, *at, "write %c%c", c, c);
	if (c == '{' || c == '}')
		return cel_fail(err, *at, "maps and messages are not part of this language");
	if (!c || !strchr("()[].,?:!<>-", c))
		return cel_fail(err, *at, "unexpected character");
	ret->op = (unsigned char)c;
	(*at)++;
	return 0;
}

static int lex_name(struct str s, size_t *at, struct cel_token *ret)
{
	size_t p = *at;

	while (p < s.len && is_name(s.at[p]))
		p++;
	ret->kind = TOKEN_NAME;
	ret->text = (struct str){s.at + *at, p - *at};
	if (str_eq(ret->text, STR("in"))) {
		ret->kind = TOKEN_OPERATOR;
		ret->op = OP_IN;
	}
	*at = p;
	return 0;
}

int cel_lex(struct cel_tree *tree, struct str s, size_t *at, struct cel_token *ret,
	    struct cel_error *err)
{
	size_t p = skip_space(s, *at);
	char c;
	int r;

	*ret = (struct cel_token){.kind = TOKEN_END, .at = p};
	*at = p;
	if (p >= s.len)
		return 0;
	c = s.at[p];
	if (c == '\'' || c == '"') {
		r = lex_string(tree, s, at, false, ret, err);
	} else if ((c == 'r' || c == 'R') && p + 1 < s.len &&
		   (s.at[p + 1] == '\'' || s.at[p + 1] == '"')) {
		(*at)++;
		r = lex_string(tree, s, at, true, ret, err);
	} else if ((c == 'b' || c == 'B') && p + 1 < s.len &&
		   (s.at[p + 1] == '\'' || s.at[p + 1] == '"')) {
		r = cel_fail(err, p, "bytes literals are not part of this language");
	} else if (is_digit(c)) {
		r = lex_integer(s, at, ret, err);
	} else if (is_name(c)) {
		r = lex_name(s, at, ret);
	} else {
		r = lex_operator(s, at, ret, err);
	}
	ret->len = *at - p;
	return r;
}
