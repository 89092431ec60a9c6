/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From tokens to a tree: recursive descent along the grammar of cel-spec langdef.md.
 *
 *	Expr = Or ["?" Or ":" Expr]		Or = And {"||" And}	And = Rel {"&&" Rel}
 *	Rel = Add {relop Add}			Add = Mul {"+" | "-" Mul}
 *	Mul = Unary {"*" | "/" | "%" Unary}	Unary = {"!" | "-"} Member
 *	Member = Primary {"." NAME ["(" args ")"] | "[" Expr "]"}
 *	Primary = ["."] NAME ["(" args ")"] | "(" Expr ")" | "[" items "]" | "{" entries "}" |
 *		literal | ["."] NAME {"." NAME} "{" fields "}"
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
#include "monitor/policy/cel/cel_tree.h"

struct parser {
	struct cel_tree *tree;
	struct str source;
	size_t at;
	struct cel_token token; /* looked at, not yet taken */
	unsigned depth;
	struct cel_error *err;
};

static int parse_expr(struct parser *p, struct cel_node **ret);

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

/* "key: value" up to the closing brace, which is taken. */
static int parse_entries(struct parser *p, struct cel_node **tail)
{
	int r = 0;

	while (r == 0 && !is_op(p, '}')) {
		r = parse_expr(p, tail);
		if (r == 0)
			r = expect(p, ':', "\":\"");
		if (r == 0)
			r = parse_expr(p, &(*tail)->next);
		if (r < 0)
			return r;
		tail = &(*tail)->next->next;
		if (!is_op(p, ','))
			break;
		r = advance(p);
	}
	return r < 0 ? r : expect(p, '}', "\"}\"");
}

/* "name: value" up to the closing brace, which is taken; *ret is the message's name. */
static int parse_message(struct parser *p, struct cel_node **ret)
{
	struct cel_node *node = cel_node_new(p->tree, NODE_MESSAGE, (*ret)->at);
	struct cel_node **tail = &(*ret)->next;
	int r = advance(p);

	node->child = *ret;
	*ret = node;
	while (r == 0 && !is_op(p, '}')) {
		if (p->token.kind != TOKEN_NAME && p->token.kind != TOKEN_QUOTED)
			return unexpected(p, "a field's name");
		*tail = cel_node_new(p->tree, NODE_SET, p->token.at);
		(*tail)->text = p->token.text;
		r = advance(p);
		if (r == 0)
			r = expect(p, ':', "\":\"");
		if (r == 0)
			r = parse_expr(p, &(*tail)->child);
		tail = &(*tail)->next;
		if (r < 0 || !is_op(p, ','))
			break;
		r = advance(p);
	}
	return r < 0 ? r : expect(p, '}', "\"}\"");
}

static int finish_call(struct parser *p, struct cel_node *node, struct cel_node **args)
{
	int r = advance(p);

	node->kind = NODE_CALL;
	if (r == 0)
		r = parse_items(p, ')', "\")\"", args);
	return r < 0 ? r : cel_expand_macro(node, p->err);
}

/* true, false and null; a word that the standard reserves is an error. */
static int check_word(struct parser *p, struct cel_node *node)
{
	static const char *const reserved[] = {
		"as",	    "break",  "const",	"continue", "else",  "for",
		"function", "if",     "import", "let",	    "loop",  "namespace",
		"package",  "return", "var",	"void",	    "while",
	};

	if (str_eq(node->text, STR("null"))) {
		node->kind = NODE_NULL;
		return 0;
	}
	if (str_eq(node->text, STR("true")) || str_eq(node->text, STR("false"))) {
		node->kind = NODE_BOOL;
		node->boolean = node->text.len == 4;
		return 0;
	}
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (str_eq(node->text, str_of(reserved[i])))
			return cel_fail(p->err, node->at, "\"%s\" cannot be used here",
					reserved[i]);
	}
	return 0;
}

static int parse_name(struct parser *p, bool absolute, struct cel_node **ret)
{
	struct cel_node *node = cel_node_new(p->tree, NODE_NAME, p->token.at);
	int r;

	*ret = node;
	node->text = p->token.text;
	node->absolute = absolute;
	r = check_word(p, node);
	if (r == 0)
		r = advance(p);
	if (r < 0 || node->kind != NODE_NAME)
		return r;
	if (is_op(p, '{'))
		return parse_message(p, ret);
	return is_op(p, '(') ? finish_call(p, node, &node->child) : 0;
}

static int parse_literal(struct parser *p, bool negative, struct cel_node **ret)
{
	static const enum cel_node_kind kinds[] = {
		[TOKEN_STRING] = NODE_STRING, [TOKEN_BYTES] = NODE_BYTES,   [TOKEN_INT] = NODE_INT,
		[TOKEN_UINT] = NODE_UINT,     [TOKEN_DOUBLE] = NODE_DOUBLE,
	};

	const uint64_t limit = (uint64_t)INT64_MAX + negative;
	struct cel_node *node = cel_node_new(p->tree, kinds[p->token.kind], p->token.at);

	*ret = node;
	node->text = p->token.text;
	node->number = negative ? -p->token.number : p->token.number;
	node->integer = (int64_t)(negative ? 0 - p->token.integer : p->token.integer);
	if (node->kind == NODE_INT && p->token.integer > limit)
		return cel_fail(p->err, node->at, "the number does not fit in 64 bits");
	return advance(p);
}

/* What stands between brackets or braces, or a parenthesis. */
static int parse_enclosed(struct parser *p, struct cel_node **ret)
{
	const size_t at = p->token.at;
	const int op = p->token.op;
	int r = advance(p);

	if (r < 0)
		return r;
	if (op == '(') {
		r = parse_expr(p, ret);
		return r < 0 ? r : expect(p, ')', "\")\"");
	}
	*ret = cel_node_new(p->tree, op == '[' ? NODE_LIST : NODE_MAP, at);
	return op == '[' ? parse_items(p, ']', "\"]\"", &(*ret)->child)
			 : parse_entries(p, &(*ret)->child);
}

static int parse_primary(struct parser *p, struct cel_node **ret)
{
	int r;

	if (p->token.kind == TOKEN_NAME)
		return parse_name(p, false, ret);
	if (p->token.kind >= TOKEN_STRING && p->token.kind <= TOKEN_DOUBLE)
		return parse_literal(p, false, ret);
	if (is_op(p, '[') || is_op(p, '{') || is_op(p, '('))
		return parse_enclosed(p, ret);
	if (!is_op(p, '.'))
		return unexpected(p, "a value");
	r = advance(p);
	if (r < 0)
		return r;
	return p->token.kind == TOKEN_NAME ? parse_name(p, true, ret) : unexpected(p, "a name");
}

static bool is_dotted_name(const struct cel_node *node)
{
	while (node->kind == NODE_SELECT && node->child)
		node = node->child;
	return node->kind == NODE_NAME;
}

static int parse_dot(struct parser *p, struct cel_node **ret)
{
	struct cel_node *node;
	int r = advance(p);

	if (r < 0)
		return r;
	if (p->token.kind != TOKEN_NAME && p->token.kind != TOKEN_QUOTED)
		return unexpected(p, "a name");
	node = cel_node_new(p->tree, NODE_SELECT, p->token.at);
	node->text = p->token.text; /* a key at run time, when the source may be gone */
	node->text.at = cel_tree_keep(p->tree, xstrndup(node->text.at, node->text.len));
	node->child = *ret;
	*ret = node;
	node->method = p->token.kind == TOKEN_NAME; /* it may be one */
	r = advance(p);
	if (r == 0 && is_op(p, '{') && is_dotted_name(node))
		return parse_message(p, ret);
	if (r == 0 && node->method && is_op(p, '('))
		return finish_call(p, node, &node->child->next);
	node->method = false;
	return r;
}

static int parse_index(struct parser *p, struct cel_node **ret)
{
	struct cel_node *node = cel_node_new(p->tree, NODE_INDEX, p->token.at);
	int r;

	node->child = *ret;
	*ret = node;
	r = advance(p);
	if (r == 0)
		r = parse_expr(p, &node->child->next);
	return r < 0 ? r : expect(p, ']', "\"]\"");
}

/* What follows a primary; *ret is that already. */
static int parse_postfix(struct parser *p, struct cel_node **ret)
{
	const unsigned depth = p->depth;
	int r = 0;

	while (r == 0 && (is_op(p, '.') || is_op(p, '['))) {
		r = enter(p);
		if (r == 0)
			r = is_op(p, '.') ? parse_dot(p, ret) : parse_index(p, ret);
	}
	p->depth = depth;
	return r;
}

static int parse_unary(struct parser *p, struct cel_node **ret)
{
	const unsigned depth = p->depth;
	int r = 0;

	while (r == 0 && (is_op(p, '!') || is_op(p, '-'))) {
		const bool minus = is_op(p, '-');
		struct cel_node *node;
		const size_t at = p->token.at;

		r = enter(p);
		if (r == 0)
			r = advance(p);
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
	r = advance(&p);
	if (r == 0)
		r = parse_expr(&p, ret);
	if (r == 0 && p.token.kind != TOKEN_END)
		r = unexpected(&p, "an operator or the end");
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
