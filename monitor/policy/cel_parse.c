/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From tokens to a tree: recursive descent along the grammar of cel-spec langdef.md.
 *
 *	Expr = Or ["?" Or ":" Expr]		Or = And {"||" And}	And = Rel {"&&" Rel}
 *	Rel = Unary {relop Unary}		Unary = {"!" | "-"} Member
 *	Member = Primary {"." NAME ["(" args ")"] | "[" Expr "]"}
 *	Primary = NAME ["(" args ")"] | "(" Expr ")" | "[" items "]" | literal
 *
 * Depth is limited by CEL_MAX_DEPTH, so recursion is; a chain of && is a tree as deep as it is
 * long, therefore the nodes are limited too and each of a chain's links counts as depth.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/cel.h"

struct parser {
	struct cel_tree *tree;
	struct str source;
	size_t at;
	struct cel_token token; /* looked at, not yet taken */
	unsigned depth;
	struct cel_error *err;
};

static int parse_expr(struct parser *p, struct cel_node **ret);

int cel_fail(struct cel_error *err, size_t at, const char *format, ...)
{
	va_list args;

	err->at = at;
	err->why.code = -EINVAL;
	va_start(args, format);
	(void)vsnprintf(err->why.text, sizeof(err->why.text), format, args);
	va_end(args);
	return -EINVAL;
}

struct cel_node *cel_node_new(struct cel_tree *tree, enum cel_node_kind kind, size_t at)
{
	struct cel_node *node = xcalloc(1, sizeof(*node));

	node->kind = kind;
	node->at = at;
	node->all = tree->all;
	tree->all = node;
	tree->nodes++;
	return node;
}

void cel_tree_done(struct cel_tree *tree)
{
	for (struct cel_node *node = tree->all; node;) {
		struct cel_node *next = node->all;

		free(node);
		node = next;
	}
	for (size_t i = 0; i < tree->string_count; i++)
		free(tree->strings[i]);
	free(tree->strings);
	*tree = (struct cel_tree){0};
}

static int advance(struct parser *p)
{
	if (p->tree->nodes > CEL_MAX_NODES)
		return cel_fail(p->err, p->at, "the expression has more than %u parts",
				CEL_MAX_NODES);
	return cel_lex(p->tree, p->source, &p->at, &p->token, p->err);
}

static bool is_op(const struct parser *p, int op)
{
	return p->token.kind == TOKEN_OPERATOR && p->token.op == op;
}

static int unexpected(const struct parser *p, const char *expected)
{
	if (p->token.kind == TOKEN_END)
		return cel_fail(p->err, p->token.at, "the expression ends where %s should be",
				expected);
	return cel_fail(p->err, p->token.at, "\"%.*s\" stands where %s should be",
			(int)(p->token.len < 40 ? p->token.len : 40), p->source.at + p->token.at,
			expected);
}

static int expect(struct parser *p, int op, const char *name)
{
	if (!is_op(p, op))
		return unexpected(p, name);
	return advance(p);
}

static int enter(struct parser *p)
{
	if (++p->depth > CEL_MAX_DEPTH)
		return cel_fail(p->err, p->token.at, "nested more than %u deep", CEL_MAX_DEPTH);
	return 0;
}

/* NOLINTBEGIN(misc-no-recursion): bounded by CEL_MAX_DEPTH, see enter() */

/* Items up to the closing operator, which is taken. */
static int parse_items(struct parser *p, int close, const char *name, struct cel_node **tail)
{
	while (!is_op(p, close)) {
		int r = parse_expr(p, tail);

		if (r < 0)
			return r;
		tail = &(*tail)->next;
		if (!is_op(p, ','))
			break;
		r = advance(p);
		if (r < 0)
			return r;
		if (close == ')' && is_op(p, close)) /* only a list may end with a comma */
			return unexpected(p, "an argument");
	}
	return expect(p, close, name);
}

static int parse_name(struct parser *p, struct cel_node **ret)
{
	static const char *const reserved[] = {
		"as",	    "break",  "const",	"continue", "else", "false",	 "for",
		"function", "if",     "import", "let",	    "loop", "namespace", "null",
		"package",  "return", "true",	"var",	    "void", "while",
	};
	struct cel_node *node = cel_node_new(p->tree, NODE_NAME, p->token.at);
	int r;

	node->text = p->token.text;
	if (str_eq(node->text, STR("true")) || str_eq(node->text, STR("false"))) {
		node->kind = NODE_BOOL;
		node->boolean = node->text.len == 4;
		*ret = node;
		return advance(p);
	}
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (str_eq(node->text, str_of(reserved[i])))
			return cel_fail(p->err, node->at, "\"%s\" cannot be used here",
					reserved[i]);
	}
	*ret = node;
	r = advance(p);
	if (r < 0 || !is_op(p, '('))
		return r;
	node->kind = NODE_CALL;
	r = advance(p);
	return r < 0 ? r : parse_items(p, ')', "\")\"", &node->child);
}

static int parse_primary(struct parser *p, struct cel_node **ret)
{
	struct cel_node *node;
	int r;

	if (p->token.kind == TOKEN_NAME)
		return parse_name(p, ret);
	if (p->token.kind == TOKEN_STRING || p->token.kind == TOKEN_INT) {
		node = cel_node_new(p->tree, p->token.kind == TOKEN_INT ? NODE_INT : NODE_STRING,
				    p->token.at);
		node->text = p->token.text;
		node->integer = p->token.integer;
		*ret = node;
		return advance(p);
	}
	if (is_op(p, '[')) {
		node = cel_node_new(p->tree, NODE_LIST, p->token.at);
		*ret = node;
		r = advance(p);
		return r < 0 ? r : parse_items(p, ']', "\"]\"", &node->child);
	}
	if (!is_op(p, '('))
		return unexpected(p, "a value");
	r = advance(p);
	if (r == 0)
		r = parse_expr(p, ret);
	return r < 0 ? r : expect(p, ')', "\")\"");
}

static int parse_dot(struct parser *p, struct cel_node **ret)
{
	struct cel_node *node;
	int r = advance(p);

	if (r < 0)
		return r;
	if (p->token.kind != TOKEN_NAME)
		return unexpected(p, "a name");
	node = cel_node_new(p->tree, NODE_SELECT, p->token.at);
	node->text = p->token.text;
	node->child = *ret;
	*ret = node;
	r = advance(p);
	if (r < 0 || !is_op(p, '('))
		return r;
	node->kind = NODE_CALL;
	node->method = true;
	r = advance(p);
	return r < 0 ? r : parse_items(p, ')', "\")\"", &node->child->next);
}

static int parse_member(struct parser *p, struct cel_node **ret)
{
	const unsigned depth = p->depth;
	int r = parse_primary(p, ret);

	while (r == 0 && (is_op(p, '.') || is_op(p, '['))) {
		r = enter(p);
		if (r == 0 && is_op(p, '.')) {
			r = parse_dot(p, ret);
		} else if (r == 0) {
			struct cel_node *node = cel_node_new(p->tree, NODE_INDEX, p->token.at);

			node->child = *ret;
			*ret = node;
			r = advance(p);
			if (r == 0)
				r = parse_expr(p, &node->child->next);
			if (r == 0)
				r = expect(p, ']', "\"]\"");
		}
	}
	p->depth = depth;
	return r;
}

static int parse_unary(struct parser *p, struct cel_node **ret)
{
	const unsigned depth = p->depth;
	int r = 0;

	while (is_op(p, '!') || is_op(p, '-')) {
		struct cel_node *node =
			cel_node_new(p->tree, is_op(p, '!') ? NODE_NOT : NODE_NEGATE, p->token.at);

		*ret = node;
		ret = &node->child;
		r = enter(p);
		if (r == 0)
			r = advance(p);
		if (r < 0)
			return r;
	}
	r = parse_member(p, ret);
	p->depth = depth;
	return r;
}

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
	default:
		return 0;
	}
}

/* Binary operators of at least `level`, left-associative. */
static int parse_binary(struct parser *p, int level, struct cel_node **ret)
{
	const unsigned depth = p->depth;
	int r = level > 3 ? parse_unary(p, ret) : parse_binary(p, level + 1, ret);

	while (r == 0 && level <= 3 && binary_level(p) == level) {
		struct cel_node *node = cel_node_new(p->tree, NODE_BINARY, p->token.at);

		node->op = p->token.op;
		node->child = *ret;
		*ret = node;
		r = enter(p);
		if (r == 0)
			r = advance(p);
		if (r == 0)
			r = parse_binary(p, level + 1, &node->child->next);
	}
	p->depth = depth;
	return r;
}

static int parse_expr(struct parser *p, struct cel_node **ret)
{
	struct cel_node *node;
	int r = enter(p);

	if (r == 0)
		r = parse_binary(p, 1, ret);
	if (r == 0 && is_op(p, '?')) {
		node = cel_node_new(p->tree, NODE_COND, p->token.at);
		node->child = *ret;
		*ret = node;
		r = advance(p);
		if (r == 0)
			r = parse_binary(p, 1, &node->child->next);
		if (r == 0)
			r = expect(p, ':', "\":\"");
		if (r == 0)
			r = parse_expr(p, &node->child->next->next);
	}
	p->depth--;
	return r;
}

/* NOLINTEND(misc-no-recursion) */

int cel_parse(struct str source, struct cel_tree *ret, struct cel_error *err)
{
	struct parser p = {.tree = ret, .source = source, .err = err};
	const char *nul;
	int r;

	*ret = (struct cel_tree){0};
	if (source.len > CEL_MAX_BYTES)
		return cel_fail(err, 0, "the expression is longer than %u bytes", CEL_MAX_BYTES);
	nul = source.len ? memchr(source.at, '\0', source.len) : NULL;
	if (nul)
		return cel_fail(err, (size_t)(nul - source.at), "a NUL byte");
	r = advance(&p);
	if (r == 0)
		r = parse_expr(&p, &ret->root);
	if (r == 0 && p.token.kind != TOKEN_END)
		r = unexpected(&p, "an operator or the end");
	return r;
}
