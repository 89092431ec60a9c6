/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Macros: calls that the standard expands while parsing, since they bind names. has(e.f), and over
 * lists and maps all, exists, exists_one, filter, map; with two names (index or key, and value)
 * also existsOne, transformList and transformMap. Not for rules: cel.bind, and optMap and
 * optFlatMap of an optional value.
 */

#include <errno.h>

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

/* cel.bind(name, value, result) */
static int expand_bind(struct cel_node *call, struct cel_error *err)
{
	struct cel_node *name = call->child->next;

	if (!name || !name->next || !name->next->next || name->next->next->next)
		return cel_fail(err, call->at, "bind takes a name, a value and a result");
	if (name->kind != NODE_NAME || name->absolute)
		return cel_fail(err, name->at, "a name for the value goes here");
	call->kind = NODE_LOOP;
	call->macro = MACRO_BIND;
	call->name_at = name->at;
	call->text = name->text;
	call->child = name->next;
	return 0;
}

int cel_expand_macro(struct cel_node *call, struct cel_error *err)
{
	const struct macro_row *known = NULL;
	unsigned args = 0;

	if (!call->method)
		return str_eq(call->text, STR("has")) && !call->absolute ? expand_has(call, err)
									 : 0;
	if (str_eq(call->text, STR("bind")) && call->child->kind == NODE_NAME &&
	    str_eq(call->child->text, STR("cel")))
		return expand_bind(call, err);
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
