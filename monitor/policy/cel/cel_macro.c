/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Macros: calls that the standard expands while parsing, since they bind names. has(e.f), and over
 * lists and maps all, exists, exists_one, filter, map; with two names (index or key, and value)
 * also existsOne, transformList and transformMap. Not for rules: cel.bind, and optMap and
 * optFlatMap of an optional value; cel.block and its names, as the standard's optimizers write
 * what they take out of an expression.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/buf.h"
#include "monitor/policy/cel/cel_tree.h"

static const struct macro_row {
	const char *name;
	enum cel_macro macro;
	unsigned names;
	unsigned parts; /* conditions and results */
} macros[] = {
	{"all", MACRO_ALL, 1, 1},
	{"exists", MACRO_EXISTS, 1, 1},
	{"exists_one", MACRO_EXISTS_ONE, 1, 1},
	{"existsOne", MACRO_EXISTS_ONE, 1, 1},
	{"filter", MACRO_FILTER, 1, 1},
	{"map", MACRO_MAP, 1, 1},
	{"map", MACRO_MAP, 1, 2},
	{"all", MACRO_ALL, 2, 1},
	{"exists", MACRO_EXISTS, 2, 1},
	{"exists_one", MACRO_EXISTS_ONE, 2, 1},
	{"existsOne", MACRO_EXISTS_ONE, 2, 1},
	{"transformList", MACRO_MAP, 2, 1},
	{"transformList", MACRO_MAP, 2, 2},
	{"transformMap", MACRO_MAP_ENTRIES, 2, 1},
	{"transformMap", MACRO_MAP_ENTRIES, 2, 2},
	{"optMap", MACRO_OPT_MAP, 1, 1},
	{"optFlatMap", MACRO_OPT_FLAT_MAP, 1, 1},
};

static int expand_has(struct cel_node *call, struct cel_error *err)
{
	struct cel_node *arg = call->child;

	if (!arg || arg->next || arg->kind != NODE_SELECT || arg->optional)
		return cel_fail(err, call->at, "has() takes a selection: has(value.name)");
	call->kind = NODE_HAS;
	call->text = arg->text;
	call->child = arg->child;
	call->at = arg->at;
	return 0;
}

static int bind(struct cel_node *call, const struct macro_row *row, struct cel_error *err)
{
	struct cel_node *list = call->child;
	struct cel_node *name = list->next;
	struct cel_node *second = row->names == 2 && name ? name->next : NULL;

	if (!name)
		return -EINVAL; /* never: the arguments were counted */
	if (name->kind != NODE_NAME || name->absolute)
		return cel_fail(err, name->at, "a name for the item goes here");
	if (second && (second->kind != NODE_NAME || second->absolute))
		return cel_fail(err, second->at, "a name for the value goes here");
	if (second && str_eq(second->text, name->text))
		return cel_fail(err, second->at, "the two names are the same");
	call->kind = NODE_LOOP;
	call->macro = row->macro;
	call->filtered = row->macro == MACRO_FILTER || row->parts == 2;
	call->name_at = name->at;
	call->text = name->text;
	call->text2 = second ? second->text : STR("");
	list->next = second ? second->next : name->next;
	return 0;
}

/* @value has the result behind it. */
static void make_bind(struct cel_node *node, size_t at, struct str name, struct cel_node *value)
{
	node->kind = NODE_LOOP;
	node->macro = MACRO_BIND;
	node->name_at = at;
	node->text = name;
	node->child = value;
}

/* cel.bind(name, value, result) */
static int expand_bind(struct cel_node *call, struct cel_error *err)
{
	struct cel_node *name = call->child->next;

	if (!name || !name->next || !name->next->next || name->next->next->next)
		return cel_fail(err, call->at, "bind takes a name, a value and a result");
	if (name->kind != NODE_NAME || name->absolute)
		return cel_fail(err, name->at, "a name for the value goes here");
	make_bind(call, name->at, name->text, name->next);
	return 0;
}

static struct str text_of(struct cel_tree *tree, const char *kind, const struct cel_node *number)
{
	char text[64];
	int n;

	if (number->next)
		n = snprintf(text, sizeof(text), "@%s:%" PRId64 ":%" PRId64, kind, number->integer,
			     number->next->integer);
	else
		n = snprintf(text, sizeof(text), "@%s%" PRId64, kind, number->integer);
	return (struct str){cel_tree_keep(tree, xstrndup(text, (size_t)n)), (size_t)n};
}

/* cel.block([value, ...], result): a bind inside the other, as values may use those before them. */
static int expand_block(struct cel_tree *tree, struct cel_node *call, struct cel_error *err)
{
	struct cel_node *list = call->child->next;
	struct cel_node number = {.kind = NODE_INT};
	struct cel_node *outer = call;
	struct cel_node *next;

	if (!list || list->kind != NODE_LIST || !list->child || !list->next || list->next->next)
		return cel_fail(err, call->at, "block takes a list of values and a result");
	for (struct cel_node *value = list->child; value; value = next, number.integer++) {
		if (value->if_there)
			return cel_fail(err, value->at, "a value of a block is not optional");
		next = value->next;
		value->next = next ? cel_node_new(tree, NODE_LOOP, next->at) : list->next;
		make_bind(outer, value->at, text_of(tree, "index", &number), value);
		outer = value->next;
	}
	return 0;
}

/* cel.index(0), cel.iterVar(0, 0), cel.accuVar(0, 0): names that nobody can write otherwise. */
static int expand_block_name(struct cel_tree *tree, struct cel_node *call, const char *kind,
			     unsigned numbers, struct cel_error *err)
{
	const struct cel_node *first = call->child->next;
	unsigned found = 0;

	for (const struct cel_node *arg = first; arg; arg = arg->next)
		found += arg->kind == NODE_INT ? 1 : 3;
	if (!first || found != numbers)
		return cel_fail(err, call->at, "%.*s takes %s", (int)call->text.len, call->text.at,
				numbers == 1 ? "a number" : "two numbers");
	call->text = text_of(tree, kind, first);
	call->kind = NODE_NAME;
	call->method = false;
	call->child = NULL;
	return 0;
}

/* cel.NAME(...); false: it is none of them. */
static bool expand_cel(struct cel_tree *tree, struct cel_node *call, struct cel_error *err,
		       int *ret)
{
	if (call->child->kind != NODE_NAME || !str_eq(call->child->text, STR("cel")))
		return false;
	if (str_eq(call->text, STR("bind")))
		*ret = expand_bind(call, err);
	else if (str_eq(call->text, STR("block")))
		*ret = expand_block(tree, call, err);
	else if (str_eq(call->text, STR("index")))
		*ret = expand_block_name(tree, call, "index", 1, err);
	else if (str_eq(call->text, STR("iterVar")))
		*ret = expand_block_name(tree, call, "it", 2, err);
	else if (str_eq(call->text, STR("accuVar")))
		*ret = expand_block_name(tree, call, "ac", 2, err);
	else
		return false;
	return true;
}

int cel_expand_macro(struct cel_tree *tree, struct cel_node *call, struct cel_error *err)
{
	int r;

	const struct macro_row *known = NULL;
	unsigned args = 0;

	if (!call->method)
		return str_eq(call->text, STR("has")) && !call->absolute ? expand_has(call, err)
									 : 0;
	if (expand_cel(tree, call, err, &r))
		return r;
	for (const struct cel_node *arg = call->child->next; arg; arg = arg->next)
		args++;
	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
		if (!str_eq(call->text, str_of(macros[i].name)))
			continue;
		known = known ? known : &macros[i];
		if (args == macros[i].names + macros[i].parts)
			return bind(call, &macros[i], err);
	}
	if (!known)
		return 0;
	return cel_fail(err, call->at, "%s takes %s and a %s", known->name,
			known->names == 2 ? "two names" : "a name",
			known->macro >= MACRO_MAP ? "result" : "condition");
}
