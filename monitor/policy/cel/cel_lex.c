/* SPDX-License-Identifier: Apache-2.0 */

/* Tokens of an expression. Source: cel-spec langdef.md, "Syntax". */

#include <errno.h>
#include <string.h>

#include "monitor/policy/cel/cel_tree.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
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
	if (c == '=')
		return cel_fail(err, *at, "for equality write ==");
	if (c == '&' || c == '|')
		return cel_fail(err, *at, "write %c%c", c, c);
	if (!is_one_of(c, "()[]{}.,?:!<>-+*/%"))
		return cel_fail(err, *at, "unexpected character");
	ret->op = (unsigned char)c;
	(*at)++;
	return 0;
}

static void lex_name(struct str s, size_t *at, struct cel_token *ret)
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
}

static int lex_quoted(struct str s, size_t *at, struct cel_token *ret, struct cel_error *err)
{
	const size_t start = *at + 1;
	size_t p = start;

	while (p < s.len && (is_name(s.at[p]) || is_one_of(s.at[p], "-./ ")))
		p++;
	if (p >= s.len || s.at[p] != '`' || p == start)
		return cel_fail(err, *at,
				"a name in backticks has letters, digits, and any of _ - . / and "
				"space");
	ret->kind = TOKEN_QUOTED;
	ret->text = (struct str){s.at + start, p - start};
	*at = p + 1;
	return 0;
}

/* A quote here or behind b, r, br in either case. */
static bool starts_string(struct str s, size_t at)
{
	at += at < s.len && (s.at[at] | 32) == 'b';
	at += at < s.len && (s.at[at] | 32) == 'r';
	return at < s.len && (s.at[at] == '\'' || s.at[at] == '"');
}

/* ".5" is a number unless it can be a selection from what stands before it. */
static bool starts_number(struct str s, size_t at)
{
	if (is_digit(s.at[at]))
		return true;
	if (s.at[at] != '.' || at + 1 >= s.len || !is_digit(s.at[at + 1]))
		return false;
	return !at || !(is_name(s.at[at - 1]) || is_one_of(s.at[at - 1], ")]}'\"`"));
}

int cel_lex(struct cel_tree *tree, struct str s, size_t *at, struct cel_token *ret,
	    struct cel_error *err)
{
	size_t p = skip_space(s, *at);
	int r = 0;

	*ret = (struct cel_token){.kind = TOKEN_END, .at = p};
	*at = p;
	if (p >= s.len)
		return 0;
	if (starts_string(s, p))
		r = cel_lex_string(tree, s, at, ret, err);
	else if (starts_number(s, p))
		r = cel_lex_number(s, at, ret, err);
	else if (is_name(s.at[p]))
		lex_name(s, at, ret);
	else if (s.at[p] == '`')
		r = lex_quoted(s, at, ret, err);
	else
		r = lex_operator(s, at, ret, err);
	ret->len = *at - p;
	return r;
}
