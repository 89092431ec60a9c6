/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which operators and functions take what, where types may be dyn: an operand of that fits
 * wherever one of the overloads does, and the result is what those overloads have in common.
 * Source: cel-spec langdef.md, "List of Standard Definitions".
 */

#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/cel/cel_check.h"
#include "monitor/policy/cel/cel_check_open.h"
#include "monitor/policy/cel/cel_extension.h"

static const struct overload {
	char op;
	enum cel_kind a;
	enum cel_kind b;
	enum cel_kind result;
} overloads[] = {
	{'+', CEL_INT, CEL_INT, CEL_INT},
	{'+', CEL_UINT, CEL_UINT, CEL_UINT},
	{'+', CEL_DOUBLE, CEL_DOUBLE, CEL_DOUBLE},
	{'+', CEL_STRING, CEL_STRING, CEL_STRING},
	{'+', CEL_BYTES, CEL_BYTES, CEL_BYTES},
	{'+', CEL_LIST, CEL_LIST, CEL_LIST},
	{'+', CEL_DURATION, CEL_DURATION, CEL_DURATION},
	{'+', CEL_TIMESTAMP, CEL_DURATION, CEL_TIMESTAMP},
	{'+', CEL_DURATION, CEL_TIMESTAMP, CEL_TIMESTAMP},
	{'-', CEL_INT, CEL_INT, CEL_INT},
	{'-', CEL_UINT, CEL_UINT, CEL_UINT},
	{'-', CEL_DOUBLE, CEL_DOUBLE, CEL_DOUBLE},
	{'-', CEL_DURATION, CEL_DURATION, CEL_DURATION},
	{'-', CEL_TIMESTAMP, CEL_DURATION, CEL_TIMESTAMP},
	{'-', CEL_TIMESTAMP, CEL_TIMESTAMP, CEL_DURATION},
	{'*', CEL_INT, CEL_INT, CEL_INT},
	{'*', CEL_UINT, CEL_UINT, CEL_UINT},
	{'*', CEL_DOUBLE, CEL_DOUBLE, CEL_DOUBLE},
	{'/', CEL_INT, CEL_INT, CEL_INT},
	{'/', CEL_UINT, CEL_UINT, CEL_UINT},
	{'/', CEL_DOUBLE, CEL_DOUBLE, CEL_DOUBLE},
	{'%', CEL_INT, CEL_INT, CEL_INT},
	{'%', CEL_UINT, CEL_UINT, CEL_UINT},
};

static const char *operator_name(const struct cel_node *node)
{
	static const struct {
		int op;
		const char *name;
	} names[] = {
		{'+', "_+_"},	 {'-', "_-_"},	  {'*', "_*_"},	   {'/', "_/_"},
		{'%', "_%_"},	 {'<', "_<_"},	  {'>', "_>_"},	   {OP_LE, "_<=_"},
		{OP_GE, "_>=_"}, {OP_EQ, "_==_"}, {OP_NE, "_!=_"}, {OP_AND, "_&&_"},
		{OP_OR, "_||_"}, {OP_IN, "@in"},
	};

	if (node->kind != NODE_BINARY)
		return node->kind == NODE_NOT	   ? "!_"
		       : node->kind == NODE_NEGATE ? "-_"
		       : node->kind == NODE_COND   ? "_?_:_"
						   : "_[_]";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].op == node->op)
			return names[i].name;
	}
	return "?";
}

/* "found no matching overload for '_+_' applied to '(int, string)'" */
static int no_overload(const struct open_typing *t, const struct cel_node *node, struct str name)
{
	const bool method = node->kind == NODE_CALL && node->method;
	const struct cel_node *arg = node->child;
	_cleanup_buf_ struct buf types = BUF_INIT(0);

	if (method && arg) {
		buf_printf(&types, "%s.", cel_type_text(t->tree, arg->type));
		arg = arg->next;
	}
	buf_putc(&types, '(');
	for (const struct cel_node *i = arg; i; i = i->next)
		buf_printf(&types, "%s%s", i == arg ? "" : ", ", cel_type_text(t->tree, i->type));
	buf_putc(&types, ')');
	return cel_fail(t->err, node->at, "found no matching overload for '%.*s' applied to '%s'",
			(int)name.len, name.at, types.data);
}

/* ---- operators; NULL: none of them takes these types ---- */

static const struct cel_type *type_of_sum(struct open_typing *t, int op, const struct cel_type *a,
					  const struct cel_type *b)
{
	const struct cel_type *result = NULL;

	if (op == '+' && a->kind == CEL_LIST && b->kind == CEL_LIST)
		return open_join(t, a, b);
	for (size_t i = 0; i < sizeof(overloads) / sizeof(overloads[0]); i++) {
		const struct overload *o = &overloads[i];

		if (o->op != op || !open_is(a, o->a) || !open_is(b, o->b))
			continue;
		if (result && result->kind != o->result)
			return type_simple(CEL_DYN);
		result = o->result == CEL_LIST ? (a->kind == CEL_LIST ? a : b)
					       : type_simple(o->result);
	}
	return result;
}

static bool is_ordered(const struct cel_type *type)
{
	return type->kind == CEL_BOOL || cel_is_number(type->kind) || type->kind == CEL_STRING ||
	       type->kind == CEL_BYTES || type->kind == CEL_DURATION ||
	       type->kind == CEL_TIMESTAMP || type->kind == CEL_DYN;
}

static bool is_comparable(struct open_typing *t, int op, const struct cel_type *a,
			  const struct cel_type *b)
{
	if (op == OP_EQ || op == OP_NE)
		return open_join(t, a, b) != NULL;
	if (!is_ordered(a) || !is_ordered(b))
		return false;
	return open_is(a, b->kind) || b->kind == CEL_DYN ||
	       (cel_is_number(a->kind) && cel_is_number(b->kind));
}

static bool may_hold(struct open_typing *t, const struct cel_type *in, const struct cel_type *item)
{
	if (in->kind == CEL_DYN)
		return true;
	return (in->kind == CEL_LIST && open_join(t, in->item, item)) ||
	       (in->kind == CEL_MAP && open_join(t, in->key, item));
}

static const struct cel_type *type_of_binary(struct open_typing *t, int op,
					     const struct cel_type *a, const struct cel_type *b)
{
	bool good;

	if (op < 256 && op != '<' && op != '>')
		return type_of_sum(t, op, a, b);
	if (op == OP_AND || op == OP_OR)
		good = open_is(a, CEL_BOOL) && open_is(b, CEL_BOOL);
	else if (op == OP_IN)
		good = may_hold(t, b, a);
	else
		good = is_comparable(t, op, a, b);
	return good ? type_simple(CEL_BOOL) : NULL;
}

static const struct cel_type *type_of_index(struct open_typing *t, const struct cel_node *node)
{
	const struct cel_type *operand = node->child->type;
	const struct cel_type *index = node->child->next->type;
	const struct cel_type *of = open_held(operand);
	const struct cel_type *item;
	const bool fits = of->kind == CEL_LIST	? open_is(index, CEL_INT)
			  : of->kind == CEL_MAP ? open_join(t, of->key, index) != NULL
						: of->kind == CEL_DYN;

	if (!fits)
		return NULL;
	item = of->item ? of->item : type_simple(CEL_DYN);
	return node->optional || of != operand ? open_optional(t, item) : item;
}

static const struct cel_type *type_of_unary(const struct cel_node *node)
{
	const struct cel_type *type = node->child->type;

	if (node->kind == NODE_NOT)
		return open_is(type, CEL_BOOL) ? type_simple(CEL_BOOL) : NULL;
	if (type->kind == CEL_INT || type->kind == CEL_DOUBLE || type->kind == CEL_DYN)
		return type_simple(type->kind);
	return NULL;
}

int open_operator(struct open_typing *t, struct cel_node *node)
{
	const struct cel_node *a = node->child;
	const struct cel_node *b = a->next;

	if (node->kind == NODE_COND)
		node->type =
			open_is(a->type, CEL_BOOL) ? open_join(t, b->type, b->next->type) : NULL;
	else if (node->kind == NODE_INDEX)
		node->type = type_of_index(t, node);
	else if (node->kind == NODE_BINARY)
		node->type = type_of_binary(t, node->op, a->type, b->type);
	else
		node->type = type_of_unary(node);
	return node->type ? 0 : no_overload(t, node, str_of(operator_name(node)));
}

/* ---- functions ---- */

static bool is_known(struct str name)
{
	for (size_t i = 0; i < cel_signature_count; i++) {
		if (str_eq(name, str_of(cel_signatures[i].name)))
			return true;
	}
	return cel_extension_known(name);
}

static const struct cel_type *or_dyn(const struct cel_type *type)
{
	return type ? type : type_simple(CEL_DYN);
}

/* What the row gives where T is that type; NULL: free, as of optional.none(). */
static const struct cel_type *type_given(struct open_typing *t, char letter,
					 const struct cel_type *held)
{
	switch (letter) {
	case 'b':
		return type_simple(CEL_BOOL);
	case 'i':
		return type_simple(CEL_INT);
	case 'u':
		return type_simple(CEL_UINT);
	case 'd':
		return type_simple(CEL_DOUBLE);
	case 's':
		return type_simple(CEL_STRING);
	case 'y':
		return type_simple(CEL_BYTES);
	case 'S':
		return open_list(t, type_simple(CEL_STRING));
	case 'O':
		return open_optional(t, held);
	case 'a':
		return type_simple(CEL_IP);
	case 'c':
		return type_simple(CEL_CIDR);
	case 'T':
		return or_dyn(held);
	default:
		return type_simple(CEL_DYN);
	}
}

/* What the row gives for the operands; NULL: it does not take them. */
static const struct cel_type *type_of_row(struct open_typing *t, const struct cel_node *node,
					  const struct cel_extension *row)
{
	const struct cel_type *held = NULL;
	unsigned i = 0;

	for (const struct cel_node *arg = node->child; arg; arg = arg->next, i++) {
		const char letter = cel_extension_letter(row, i);
		const struct cel_type *type = arg->type;

		if (type->kind != CEL_DYN && !(cel_extension_takes(row, i) & (1u << type->kind)))
			return NULL;
		if (letter == 'S' && type->item && !open_is(type->item, CEL_STRING))
			return NULL;
		if (letter == 'L' || letter == 'O')
			type = type->kind == CEL_DYN ? type : type->item;
		else if (letter != 'T')
			continue;
		if (held && type && !open_join(t, held, type))
			return NULL;
		held = open_join(t, held, type);
	}
	return cel_extension_letter(row, i) && !strchr(row->takes, '+')
		       ? NULL
		       : type_given(t, row->gives, held);
}

/* The first that fits; where an operand is dyn, what all that fit have in common. */
static int open_extension(struct open_typing *t, struct cel_node *node)
{
	const struct cel_type *result = NULL;
	bool open = false;

	for (const struct cel_node *arg = node->child; arg; arg = arg->next)
		open |= arg->type->kind == CEL_DYN;
	for (const struct cel_extension *row = node->extension; row && (open || !result);
	     row = cel_extension_next(row)) {
		const struct cel_type *type = type_of_row(t, node, row);

		if (type)
			result = result ? or_dyn(open_join(t, result, type)) : type;
	}
	node->type = result;
	return result ? 0 : no_overload(t, node, node->text);
}

int open_call(struct open_typing *t, struct cel_node *node)
{
	const struct cel_signature *f = cel_signatures;
	unsigned i = 0;

	if (node->extension)
		return open_extension(t, node);
	if (node->function == FN_UNKNOWN && !is_known(node->text))
		return cel_fail(t->err, node->at, "undeclared reference to '%.*s'",
				(int)node->text.len, node->text.at);
	while (f < cel_signatures + cel_signature_count && f->function != node->function)
		f++;
	if (node->function == FN_UNKNOWN)
		return no_overload(t, node, node->text);
	for (const struct cel_node *arg = node->child; arg; arg = arg->next, i++) {
		if (arg->type->kind != CEL_DYN && !(f->takes[i] & (1u << arg->type->kind)))
			return no_overload(t, node, node->text);
	}
	if (node->function >= FN_FULL_YEAR && i > 1 && node->child->type->kind == CEL_DURATION)
		return no_overload(t, node, node->text);
	node->type = node->function == FN_TYPE ? open_type_of(t, cel_operand(node, 0)->type)
					       : type_simple(f->result);
	return 0;
}
