/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From tokens to a tree: recursive descent along the grammar of cel-spec langdef.md.
 *
 *	Expr = Or ["?" Or ":" Expr]		Or = And {"||" And}	And = Rel {"&&" Rel}
 *	Rel = Add {relop Add}			Add = Mul {"+" | "-" Mul}
 *	Mul = Unary {"*" | "/" | "%" Unary}	Unary = {"!" | "-"} Member
 *	Member = Primary {"." ["?"] NAME ["(" args ")"] | "[" ["?"] Expr "]"}
 *	Primary = ["."] NAME ["(" args ")"] | "(" Expr ")" | "[" items "]" | "{" entries "}" |
 *		literal | ["."] NAME {"." NAME} "{" fields "}"
 *	An item, the key of an entry and a field may have "?" before it.
 *
 * A minus before a number belongs to it, so that the smallest int can be written.
 *
 * Depth is limited by CEL_MAX_DEPTH, so recursion is; a chain of && is a tree as deep as it is
 * long, therefore the nodes are limited too and each of a chain's links counts as depth.
 */

#include <errno.h>
#include <string.h>

#include "common/buf.h"
#include "common/utf8.h"
#include "monitor/policy/cel/cel_parse.h"

int parser_advance(struct parser *p)
{
	if (p->tree->nodes > CEL_MAX_NODES)
		return cel_fail(p->err, p->at, "the expression has more than %u parts",
				CEL_MAX_NODES);
	return cel_lex(p->tree, p->source, &p->at, &p->token, p->err);
}

bool parser_is(const struct parser *p, int op)
{
	return p->token.kind == TOKEN_OPERATOR && p->token.op == op;
}

int parser_unexpected(const struct parser *p, const char *expected)
{
	if (p->token.kind == TOKEN_END)
		return cel_fail(p->err, p->token.at, "the expression ends where %s should be",
				expected);
	return cel_fail(p->err, p->token.at, "\"%.*s\" stands where %s should be",
			(int)(p->token.len < 40 ? p->token.len : 40), p->source.at + p->token.at,
			expected);
}

int parser_expect(struct parser *p, int op, const char *name)
{
	if (!parser_is(p, op))
		return parser_unexpected(p, name);
	return parser_advance(p);
}

int parser_enter(struct parser *p)
{
	if (++p->depth > CEL_MAX_DEPTH)
		return cel_fail(p->err, p->token.at, "nested more than %u deep", CEL_MAX_DEPTH);
	return 0;
}

/* NOLINTBEGIN(misc-no-recursion): bounded by CEL_MAX_DEPTH, see parser_enter() */

static int parse_unary(struct parser *p, struct cel_node **ret)
{
	const unsigned depth = p->depth;
	int r = 0;

	while (r == 0 && (parser_is(p, '!') || parser_is(p, '-'))) {
		const bool minus = parser_is(p, '-');
		struct cel_node *node;
		const size_t at = p->token.at;

		r = parser_enter(p);
		if (r == 0)
			r = parser_advance(p);
		if (r < 0)
			return r;
		if (minus && (p->token.kind == TOKEN_INT || p->token.kind == TOKEN_DOUBLE)) {
			r = parse_literal(p, true, ret);
			if (r == 0)
				r = parse_postfix(p, ret);
			p->depth = depth;
			return r;
		}
		node = cel_node_new(p->tree, minus ? NODE_NEGATE : NODE_NOT, at);
		*ret = node;
		ret = &node->child;
	}
	if (r == 0)
		r = parse_primary(p, ret);
	if (r == 0)
		r = parse_postfix(p, ret);
	p->depth = depth;
	return r;
}

#define BINARY_LEVELS 5

static int binary_level(const struct parser *p)
{
	if (p->token.kind != TOKEN_OPERATOR)
		return 0;
	switch (p->token.op) {
	case OP_OR:
		return 1;
	case OP_AND:
		return 2;
	case '<':
	case '>':
	case OP_LE:
	case OP_GE:
	case OP_EQ:
	case OP_NE:
	case OP_IN:
		return 3;
	case '+':
	case '-':
		return 4;
	case '*':
	case '/':
	case '%':
		return BINARY_LEVELS;
	default:
		return 0;
	}
}

/* Binary operators of at least `level`, left-associative. */
static int parse_binary(struct parser *p, int level, struct cel_node **ret)
{
	const unsigned depth = p->depth;
	int r = level > BINARY_LEVELS ? parse_unary(p, ret) : parse_binary(p, level + 1, ret);

	while (r == 0 && level <= BINARY_LEVELS && binary_level(p) == level) {
		struct cel_node *node = cel_node_new(p->tree, NODE_BINARY, p->token.at);

		node->op = p->token.op;
		node->child = *ret;
		*ret = node;
		r = parser_enter(p);
		if (r == 0)
			r = parser_advance(p);
		if (r == 0)
			r = parse_binary(p, level + 1, &node->child->next);
	}
	p->depth = depth;
	return r;
}

int parse_expr(struct parser *p, struct cel_node **ret)
{
	struct cel_node *node;
	int r = parser_enter(p);

	if (r == 0)
		r = parse_binary(p, 1, ret);
	if (r == 0 && parser_is(p, '?')) {
		node = cel_node_new(p->tree, NODE_COND, p->token.at);
		node->child = *ret;
		*ret = node;
		r = parser_advance(p);
		if (r == 0)
			r = parse_binary(p, 1, &node->child->next);
		if (r == 0)
			r = parser_expect(p, ':', "\":\"");
		if (r == 0)
			r = parse_expr(p, &node->child->next->next);
	}
	p->depth--;
	return r;
}

/* NOLINTEND(misc-no-recursion) */

static int parse_all(struct cel_tree *tree, struct str source, struct cel_node **ret,
		     struct cel_error *err)
{
	struct parser p = {.tree = tree, .source = source, .err = err};
	int r;

	if (source.len > CEL_MAX_BYTES)
		return cel_fail(err, 0, "the expression is longer than %u bytes", CEL_MAX_BYTES);
	for (size_t at = 0, n; at < source.len; at += n) {
		n = utf8_length(source.at + at, source.len - at);
		if (!n)
			return cel_fail(err, at, "not UTF-8");
	}
	r = parser_advance(&p);
	if (r == 0)
		r = parse_expr(&p, ret);
	if (r == 0 && p.token.kind != TOKEN_END)
		r = parser_unexpected(&p, "an operator or the end");
	return r;
}

int cel_parse(struct str source, struct cel_tree *ret, struct cel_error *err)
{
	*ret = (struct cel_tree){.end = source.len + 1};
	return parse_all(ret, source, &ret->root, err);
}

int cel_parse_use(struct cel_tree *tree, struct str source, const struct cel_use *use,
		  struct cel_node **ret, struct cel_error *err)
{
	const struct cel_node *before = tree->all;
	const size_t base = tree->end;
	const int r = parse_all(tree, source, ret, err);

	tree->uses = xrealloc_array(tree->uses, tree->use_count + 1, sizeof(*tree->uses));
	tree->uses[tree->use_count] = *use;
	tree->uses[tree->use_count++].base = base;
	tree->end += source.len + 1;
	for (struct cel_node *node = tree->all; node != before; node = node->all) {
		node->at += base;
		node->name_at += base;
	}
	if (r < 0)
		err->at += base;
	return r;
}
