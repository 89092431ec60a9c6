/* SPDX-License-Identifier: Apache-2.0 */

/* Names, literals, calls, lists, maps and messages, and what follows them: .name, [index]. */

#include "monitor/policy/cel/cel_parse.h"

#include "common/buf.h"

/* NOLINTBEGIN(misc-no-recursion): bounded by CEL_MAX_DEPTH, see parser_enter() */

/* A "?" before an item, a key, a field or an index. */
static int parse_question(struct parser *p, bool *ret)
{
	*ret = parser_is(p, '?');
	return *ret ? parser_advance(p) : 0;
}

/* Items up to the closing operator, which is taken. */
static int parse_items(struct parser *p, int close, const char *name, struct cel_node **tail)
{
	while (!parser_is(p, close)) {
		bool if_there = false;
		int r = close == ']' ? parse_question(p, &if_there) : 0;

		if (r == 0)
			r = parse_expr(p, tail);
		if (r < 0)
			return r;
		(*tail)->if_there = if_there;
		tail = &(*tail)->next;
		if (!parser_is(p, ','))
			break;
		r = parser_advance(p);
		if (r < 0)
			return r;
		if (close == ')' && parser_is(p, close)) /* only a list may end with a comma */
			return parser_unexpected(p, "an argument");
	}
	return parser_expect(p, close, name);
}

/* "key: value" up to the closing brace, which is taken. */
static int parse_entries(struct parser *p, struct cel_node **tail)
{
	int r = 0;

	while (r == 0 && !parser_is(p, '}')) {
		bool if_there;

		r = parse_question(p, &if_there);
		if (r == 0)
			r = parse_expr(p, tail);
		if (r == 0)
			r = parser_expect(p, ':', "\":\"");
		if (r == 0)
			r = parse_expr(p, &(*tail)->next);
		if (r < 0)
			return r;
		(*tail)->if_there = if_there;
		tail = &(*tail)->next->next;
		if (!parser_is(p, ','))
			break;
		r = parser_advance(p);
	}
	return r < 0 ? r : parser_expect(p, '}', "\"}\"");
}

/* "name: value" up to the closing brace, which is taken; *ret is the message's name. */
static int parse_message(struct parser *p, struct cel_node **ret)
{
	struct cel_node *node = cel_node_new(p->tree, NODE_MESSAGE, (*ret)->at);
	struct cel_node **tail = &(*ret)->next;
	int r = parser_advance(p);

	node->child = *ret;
	*ret = node;
	while (r == 0 && !parser_is(p, '}')) {
		bool if_there;

		r = parse_question(p, &if_there);
		if (r < 0)
			return r;
		if (p->token.kind != TOKEN_NAME && p->token.kind != TOKEN_QUOTED)
			return parser_unexpected(p, "a field's name");
		*tail = cel_node_new(p->tree, NODE_SET, p->token.at);
		(*tail)->text = p->token.text;
		(*tail)->if_there = if_there;
		r = parser_advance(p);
		if (r == 0)
			r = parser_expect(p, ':', "\":\"");
		if (r == 0)
			r = parse_expr(p, &(*tail)->child);
		tail = &(*tail)->next;
		if (r < 0 || !parser_is(p, ','))
			break;
		r = parser_advance(p);
	}
	return r < 0 ? r : parser_expect(p, '}', "\"}\"");
}

static int finish_call(struct parser *p, struct cel_node *node, struct cel_node **args)
{
	int r = parser_advance(p);

	node->kind = NODE_CALL;
	if (r == 0)
		r = parse_items(p, ')', "\")\"", args);
	return r < 0 ? r : cel_expand_macro(p->tree, node, p->err);
}

/* They stand for a value wherever they stand: a key of that name is selected in backticks. */
static bool is_value_word(struct str text)
{
	return str_eq(text, STR("true")) || str_eq(text, STR("false")) || str_eq(text, STR("null"));
}

static bool parser_is_name(const struct parser *p)
{
	return p->token.kind == TOKEN_NAME && !is_value_word(p->token.text);
}

/* true, false and null; a word that the standard reserves is an error. */
static int check_word(struct parser *p, struct cel_node *node)
{
	static const char *const reserved[] = {
		"as",	    "break",  "const",	"continue", "else",  "for",
		"function", "if",     "import", "let",	    "loop",  "namespace",
		"package",  "return", "var",	"void",	    "while",
	};

	if (is_value_word(node->text)) {
		node->kind = str_eq(node->text, STR("null")) ? NODE_NULL : NODE_BOOL;
		node->boolean = str_eq(node->text, STR("true"));
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
		r = parser_advance(p);
	if (r < 0 || node->kind != NODE_NAME)
		return r;
	if (parser_is(p, '{'))
		return parse_message(p, ret);
	return parser_is(p, '(') ? finish_call(p, node, &node->child) : 0;
}

int parse_literal(struct parser *p, bool negative, struct cel_node **ret)
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
	return parser_advance(p);
}

/* What stands between brackets or braces, or a parenthesis. */
static int parse_enclosed(struct parser *p, struct cel_node **ret)
{
	const size_t at = p->token.at;
	const int op = p->token.op;
	int r = parser_advance(p);

	if (r < 0)
		return r;
	if (op == '(') {
		r = parse_expr(p, ret);
		return r < 0 ? r : parser_expect(p, ')', "\")\"");
	}
	*ret = cel_node_new(p->tree, op == '[' ? NODE_LIST : NODE_MAP, at);
	return op == '[' ? parse_items(p, ']', "\"]\"", &(*ret)->child)
			 : parse_entries(p, &(*ret)->child);
}

int parse_primary(struct parser *p, struct cel_node **ret)
{
	int r;

	if (p->token.kind == TOKEN_NAME)
		return parse_name(p, false, ret);
	if (p->token.kind >= TOKEN_STRING && p->token.kind <= TOKEN_DOUBLE)
		return parse_literal(p, false, ret);
	if (parser_is(p, '[') || parser_is(p, '{') || parser_is(p, '('))
		return parse_enclosed(p, ret);
	if (!parser_is(p, '.'))
		return parser_unexpected(p, "a value");
	r = parser_advance(p);
	if (r < 0)
		return r;
	return parser_is_name(p) ? parse_name(p, true, ret) : parser_unexpected(p, "a name");
}

static bool is_dotted_name(const struct cel_node *node)
{
	while (node->kind == NODE_SELECT && node->child && !node->optional)
		node = node->child;
	return node->kind == NODE_NAME;
}

static int parse_dot(struct parser *p, struct cel_node **ret)
{
	struct cel_node *node;
	bool optional = false;
	int r = parser_advance(p);

	if (r == 0)
		r = parse_question(p, &optional);
	if (r < 0)
		return r;
	if (!parser_is_name(p) && p->token.kind != TOKEN_QUOTED)
		return parser_unexpected(p, "a name");
	node = cel_node_new(p->tree, NODE_SELECT, p->token.at);
	node->text = p->token.text; /* a key at run time, when the source may be gone */
	node->text.at = cel_tree_keep(p->tree, xstrndup(node->text.at, node->text.len));
	node->child = *ret;
	*ret = node;
	node->optional = optional;
	node->method = p->token.kind == TOKEN_NAME && !optional; /* it may be one */
	r = parser_advance(p);
	if (r == 0 && parser_is(p, '{') && is_dotted_name(node))
		return parse_message(p, ret);
	if (r == 0 && node->method && parser_is(p, '('))
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
	r = parser_advance(p);
	if (r == 0)
		r = parse_question(p, &node->optional);
	if (r == 0)
		r = parse_expr(p, &node->child->next);
	return r < 0 ? r : parser_expect(p, ']', "\"]\"");
}

int parse_postfix(struct parser *p, struct cel_node **ret)
{
	const unsigned depth = p->depth;
	int r = 0;

	while (r == 0 && (parser_is(p, '.') || parser_is(p, '['))) {
		r = parser_enter(p);
		if (r == 0)
			r = parser_is(p, '.') ? parse_dot(p, ret) : parse_index(p, ret);
	}
	p->depth = depth;
	return r;
}

/* NOLINTEND(misc-no-recursion) */
