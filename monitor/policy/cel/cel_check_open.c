/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Types where not all of them are known before an expression is evaluated. Source: cel-spec
 * langdef.md, "Gradual Type Checking". Texts of errors are those of the standard's own checker.
 */

#include "monitor/policy/cel/cel_check_open.h"
#include "common/buf.h"
#include "monitor/policy/cel/cel_check.h"
#include "monitor/policy/cel/cel_message.h"

bool open_is(const struct cel_type *type, enum cel_kind kind)
{
	return type->kind == kind || type->kind == CEL_DYN;
}

const struct cel_type *open_list(struct open_typing *t, const struct cel_type *item)
{
	struct cel_type *type = cel_tree_keep(t->tree, xcalloc(1, sizeof(*type)));

	*type = (struct cel_type){.kind = CEL_LIST, .item = item};
	return type;
}

const struct cel_type *open_map(struct open_typing *t, const struct cel_type *key,
				const struct cel_type *value)
{
	struct cel_type *type = cel_tree_keep(t->tree, xcalloc(1, sizeof(*type)));

	*type = (struct cel_type){.kind = CEL_MAP, .item = value, .key = key};
	return type;
}

const struct cel_type *open_optional(struct open_typing *t, const struct cel_type *item)
{
	struct cel_type *type = cel_tree_keep(t->tree, xcalloc(1, sizeof(*type)));

	*type = (struct cel_type){.kind = CEL_OPTIONAL, .item = item};
	return type;
}

const struct cel_type *open_type_of(struct open_typing *t, const struct cel_type *named)
{
	struct cel_type *type = cel_tree_keep(t->tree, xcalloc(1, sizeof(*type)));

	*type = (struct cel_type){.kind = CEL_TYPE, .item = named};
	return type;
}

static const struct cel_type *or_dyn(const struct cel_type *type)
{
	return type ? type : type_simple(CEL_DYN);
}

const struct cel_type *open_held(const struct cel_type *type)
{
	return type->kind == CEL_OPTIONAL ? or_dyn(type->item) : type;
}

/* NOLINTBEGIN(misc-no-recursion): types are nested no deeper than what has them */

static const struct cel_type *join_null(const struct cel_type *other)
{
	return other->wrapper || other->kind == CEL_DURATION || other->kind == CEL_TIMESTAMP ||
			       other->kind == CEL_OPTIONAL
		       ? other
		       : NULL;
}

const struct cel_type *open_join(struct open_typing *t, const struct cel_type *a,
				 const struct cel_type *b)
{
	const struct cel_type *item;
	const struct cel_type *key;

	if (!a || !b || a == b)
		return a ? a : b;
	if (a->kind == CEL_DYN || b->kind == CEL_DYN)
		return type_simple(CEL_DYN);
	if (a->kind != b->kind)
		return a->kind == CEL_NULL   ? join_null(b)
		       : b->kind == CEL_NULL ? join_null(a)
					     : NULL;
	if (a->kind == CEL_TYPE)
		return type_simple(CEL_TYPE);
	if (a->kind != CEL_LIST && a->kind != CEL_MAP && a->kind != CEL_OPTIONAL)
		return a->wrapper ? a : b;
	item = open_join(t, a->item, b->item);
	key = open_join(t, a->key, b->key);
	if ((!item && a->item) || (!key && a->key))
		return NULL;
	if (a->kind == CEL_OPTIONAL)
		return open_optional(t, item);
	return a->kind == CEL_LIST ? open_list(t, item) : open_map(t, key, item);
}

static void put_type(struct buf *out, const struct cel_type *type)
{
	buf_printf(out, type->wrapper ? "wrapper(%s)" : "%s", cel_kind_name(type->kind));
	if (type->kind != CEL_LIST && type->kind != CEL_MAP && type->kind != CEL_OPTIONAL &&
	    !type->item)
		return;
	buf_putc(out, '(');
	if (type->kind == CEL_MAP) {
		put_type(out, or_dyn(type->key));
		buf_puts(out, ", ");
	}
	put_type(out, or_dyn(type->item));
	buf_putc(out, ')');
}

const char *cel_type_text(struct cel_tree *tree, const struct cel_type *type)
{
	struct buf out = BUF_INIT(0);

	put_type(&out, type);
	return cel_tree_keep(tree, out.data);
}

/* NOLINTEND(misc-no-recursion) */

/* ---- literals ---- */

/* What stands behind a "?" is an optional, of which the value goes in. */
static int type_in_literal(struct open_typing *t, const struct cel_node *node, bool if_there,
			   const struct cel_type **ret)
{
	*ret = if_there ? open_held(node->type) : node->type;
	if (!if_there || open_is(node->type, CEL_OPTIONAL))
		return 0;
	return cel_fail(t->err, node->at, "expected type 'optional_type' but found '%s'",
			cel_type_text(t->tree, node->type));
}

/* Items of several types make a list of dyn. */
static int open_type_list(struct open_typing *t, struct cel_node *node)
{
	const struct cel_type *item = NULL;
	const struct cel_type *type = NULL;
	int r = 0;

	for (const struct cel_node *i = node->child; i && r == 0; i = i->next) {
		r = type_in_literal(t, i, i->if_there, &type);
		item = i == node->child ? type : or_dyn(open_join(t, item, type));
	}
	node->type = open_list(t, item);
	return r;
}

static int open_type_map(struct open_typing *t, struct cel_node *node)
{
	const struct cel_type *key = NULL;
	const struct cel_type *value = NULL;
	const struct cel_type *type = NULL;
	int r = 0;

	for (const struct cel_node *k = node->child; k && k->next && r == 0; k = k->next->next) {
		r = type_in_literal(t, k->next, k->if_there, &type);
		key = k == node->child ? k->type : or_dyn(open_join(t, key, k->type));
		value = k == node->child ? type : or_dyn(open_join(t, value, type));
	}
	node->type = open_map(t, key, value);
	return r;
}

static const struct cel_type *type_of_message(struct open_typing *t,
					      const struct cel_message *message)
{
	struct cel_type *type;

	if (message->kind == CEL_LIST)
		return open_list(t, type_simple(CEL_DYN));
	if (message->kind == CEL_MAP)
		return open_map(t, type_simple(CEL_STRING), type_simple(CEL_DYN));
	if (!message->wrapper)
		return type_simple(message->kind == CEL_ERROR ? CEL_DYN : message->kind);
	type = cel_tree_keep(t->tree, xcalloc(1, sizeof(*type)));
	*type = (struct cel_type){.kind = message->kind, .wrapper = true};
	return type;
}

static int open_type_message(struct open_typing *t, struct cel_node *node)
{
	const struct cel_message *message = node->message;

	node->type = type_of_message(t, message);
	for (const struct cel_node *set = node->child->next; set; set = set->next) {
		const struct cel_type *given =
			set->if_there ? open_held(set->child->type) : set->child->type;
		const enum cel_kind kind = cel_message_field(message, set->text);

		if (!open_is(given, kind) && !(message->wrapper && given->kind == CEL_NULL))
			return cel_fail(
				t->err, set->at,
				"expected type of field '%.*s' is '%s' but provided type is '%s'",
				(int)set->text.len, set->text.at,
				cel_type_text(t->tree, type_simple(kind)),
				cel_type_text(t->tree, given));
	}
	return 0;
}

/* Of a variable without a declared type: what its value is, but not what that holds. */
static const struct cel_type *type_of_value(struct open_typing *t, const struct cel_value *v)
{
	if (v->kind == CEL_LIST)
		return open_list(t, type_simple(CEL_DYN));
	if (v->kind == CEL_MAP)
		return open_map(t, type_simple(CEL_DYN), type_simple(CEL_DYN));
	if (v->kind == CEL_OPTIONAL)
		return open_optional(t, type_simple(CEL_DYN));
	return type_simple(v->kind == CEL_ERROR ? CEL_DYN : (enum cel_kind)v->kind);
}

static int open_type_select(struct open_typing *t, struct cel_node *node)
{
	const struct cel_type *operand = cel_operand(node, 0)->type;
	const struct cel_type *of = open_held(operand);

	if (!open_is(of, CEL_MAP))
		return cel_fail(t->err, node->at, "type '%s' does not support field selection",
				cel_type_text(t->tree, of));
	node->type = node->kind == NODE_HAS ? type_simple(CEL_BOOL) : or_dyn(of->item);
	if (node->kind == NODE_SELECT && (node->optional || of != operand))
		node->type = open_optional(t, node->type);
	return 0;
}

/* ---- macros ---- */

static void declare(struct open_typing *t, const struct cel_node *node, const struct cel_type *over)
{
	const bool map = over->kind == CEL_MAP;

	t->vars[node->slot] = or_dyn(map ? over->key : over->item);
	if (!node->text2.len)
		return;
	t->vars[node->slot + 1] = or_dyn(over->item);
	if (over->kind == CEL_LIST)
		t->vars[node->slot] = type_simple(CEL_INT);
}

static const struct cel_type *type_of_loop(struct open_typing *t, const struct cel_node *node,
					   const struct cel_type *over,
					   const struct cel_type *result)
{
	if (node->macro < MACRO_FILTER)
		return type_simple(CEL_BOOL);
	if (node->macro == MACRO_FILTER)
		return open_list(t, over->kind == CEL_MAP ? over->key : over->item);
	return node->macro == MACRO_MAP ? open_list(t, result)
					: open_map(t, t->vars[node->slot], result);
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tree, which the parser bounds */

static int open_type_node(struct open_typing *t, struct cel_node *node);

/* cel.bind, optMap, optFlatMap: a name for one value. */
static int open_type_bind(struct open_typing *t, struct cel_node *node)
{
	const struct cel_node *value = node->child;
	struct cel_node *result = node->child->next;
	int r;

	if (node->macro != MACRO_BIND && !open_is(value->type, CEL_OPTIONAL))
		return cel_fail(t->err, value->at, "expected type 'optional_type' but found '%s'",
				cel_type_text(t->tree, value->type));
	t->vars[node->slot] = node->macro == MACRO_BIND ? value->type : open_held(value->type);
	r = open_type_node(t, result);
	if (r < 0)
		return r;
	if (node->macro == MACRO_OPT_FLAT_MAP && !open_is(result->type, CEL_OPTIONAL))
		return cel_fail(t->err, result->at, "expected type 'optional_type' but found '%s'",
				cel_type_text(t->tree, result->type));
	node->type = node->macro == MACRO_OPT_MAP ? open_optional(t, result->type) : result->type;
	return 0;
}

static int open_type_loop(struct open_typing *t, struct cel_node *node)
{
	struct cel_node *over = node->child;
	const struct cel_node *last = over;
	int r = open_type_node(t, over);

	if (r < 0)
		return r;
	if (node->macro >= MACRO_BIND)
		return open_type_bind(t, node);
	if (!open_is(over->type, CEL_LIST) && over->type->kind != CEL_MAP)
		return cel_fail(t->err, over->at,
				"expression of type '%s' cannot be range of a comprehension (must "
				"be list, map, or dynamic)",
				cel_type_text(t->tree, over->type));
	declare(t, node, over->type);
	for (struct cel_node *part = over->next; part && r == 0; part = part->next) {
		r = open_type_node(t, part);
		if (r == 0 && (part->next || node->macro < MACRO_MAP) &&
		    !open_is(part->type, CEL_BOOL))
			r = cel_fail(t->err, part->at, "expected type 'bool' but found '%s'",
				     cel_type_text(t->tree, part->type));
		last = part;
	}
	if (r == 0)
		node->type = type_of_loop(t, node, over->type, last->type);
	return r;
}

static int open_type_by_kind(struct open_typing *t, struct cel_node *node)
{
	static const enum cel_kind literals[] = {
		[NODE_NULL] = CEL_NULL,	  [NODE_BOOL] = CEL_BOOL,     [NODE_INT] = CEL_INT,
		[NODE_UINT] = CEL_UINT,	  [NODE_DOUBLE] = CEL_DOUBLE, [NODE_STRING] = CEL_STRING,
		[NODE_BYTES] = CEL_BYTES,
	};

	switch ((int)node->kind) {
	case NODE_LIST:
		return open_type_list(t, node);
	case NODE_MAP:
		return open_type_map(t, node);
	case NODE_MESSAGE:
		return open_type_message(t, node);
	case NODE_SET:
		return 0;
	case NODE_SELECT:
	case NODE_HAS:
		return open_type_select(t, node);
	case NODE_CALL:
		return open_call(t, node);
	case NODE_INDEX:
	case NODE_NOT:
	case NODE_NEGATE:
	case NODE_BINARY:
	case NODE_COND:
		return open_operator(t, node);
	case NODE_VAR:
		node->type = t->vars[node->slot];
		return 0;
	case NODE_VARIABLE:
		node->type = node->type ? node->type : type_of_value(t, node->value);
		return 0;
	case NODE_TYPE:
		node->type = open_type_of(t, type_simple((enum cel_kind)node->integer));
		return 0;
	case NODE_UNKNOWN:
		return cel_fail(t->err, node->at, "undeclared reference to '%.*s'",
				(int)node->text.len, node->text.at);
	default:
		node->type = type_simple(literals[node->kind]);
		return 0;
	}
}

static int open_type_node(struct open_typing *t, struct cel_node *node)
{
	struct cel_node *child = node->child;
	int r = 0;

	if (node->kind == NODE_LOOP)
		return open_type_loop(t, node);
	if (node->kind == NODE_MESSAGE)
		child = child->next; /* behind its name */
	for (; child && r == 0; child = child->next)
		r = open_type_node(t, child);
	return r < 0 ? r : open_type_by_kind(t, node);
}

/* NOLINTEND(misc-no-recursion) */

int cel_check_open(struct cel_tree *tree, struct cel_error *err)
{
	struct open_typing t = {.tree = tree, .err = err};

	return open_type_node(&t, tree->root);
}
