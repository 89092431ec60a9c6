/* SPDX-License-Identifier: Apache-2.0 */

/* What rules read: fields of the action, labels, lists, and macros, which become part of the tree.
 */

#include "monitor/policy/cel/cel_resolve.h"

#include <assert.h>
#include <errno.h>

/* NOLINTBEGIN(misc-no-recursion): as deep as the tree, which the parser bounds */

bool cel_is_root_name(struct str name)
{
	return str_eq(name, STR("action")) || str_eq(name, STR("session")) ||
	       str_eq(name, STR("process")) || str_eq(name, STR("call")) ||
	       str_eq(name, STR("lists")) || str_eq(name, STR("macros"));
}

static const struct action_field *find_field(struct str name)
{
	for (size_t i = 0; i < action_field_count; i++) {
		if (str_eq(name, str_of(action_fields[i].name)))
			return &action_fields[i];
	}
	return NULL;
}

static int resolve_field(struct resolving *r, struct cel_node *node)
{
	const bool has = node->kind == NODE_HAS;
	const struct action_field *field = find_field(node->text);
	uint32_t without;

	if (!field)
		return cel_fail(r->err, node->at, "unknown field action.%.*s", (int)node->text.len,
				node->text.at);
	without = r->scope->kinds & ~field->kinds;
	if (has && (!without || without == r->scope->kinds)) {
		node->kind = NODE_BOOL;
		node->boolean = !without;
		node->child = NULL;
		return 0;
	}
	for (unsigned k = 0; k < ACTION_KINDS; k++) {
		if (without & (1u << k))
			return cel_fail(r->err, node->at,
					"action.%s is not there for %s, which the rule is \"on\"",
					field->name, action_kind_name((enum action_kind)k));
	}
	node->kind = NODE_FIELD;
	node->child = NULL;
	node->field = field;
	field_set_add(&r->reads->fields, (size_t)(field - action_fields));
	return 0;
}

static int resolve_list(struct resolving *r, struct cel_node *node)
{
	for (size_t i = 0; i < r->scope->list_count; i++) {
		if (!str_eq(node->text, str_of(r->scope->lists[i].name)))
			continue;
		node->kind = NODE_NAMED;
		node->list = &r->scope->lists[i];
		return 0;
	}
	return cel_fail(r->err, node->at, "no file defines the list \"%.*s\"", (int)node->text.len,
			node->text.at);
}

/* Return: the index, or a negative errno. */
static int find_definition(struct resolving *r, const struct cel_node *node)
{
	for (size_t i = 0; i < r->scope->definition_count; i++) {
		if (str_eq(node->text, str_of(r->scope->definitions[i].name)))
			return (int)i;
	}
	return cel_fail(r->err, node->at, "no file defines the macro \"%.*s\"", (int)node->text.len,
			node->text.at);
}

/* Whether the macro is one of those that the place is in, or they are too many. */
static int check_use(const struct resolving *r, const struct cel_node *node, size_t definition)
{
	const struct cel_use *use = cel_use_of(r->tree, node->at);
	unsigned depth = 0;

	for (; use; use = cel_use_of(r->tree, use->at)) {
		if (use->definition == definition)
			return cel_fail(r->err, node->at, "the macro %s uses itself",
					r->scope->definitions[definition].name);
		if (++depth == CEL_MAX_USES)
			return cel_fail(r->err, node->at, "more than %u macros inside one another",
					CEL_MAX_USES);
	}
	return 0;
}

/* The node becomes the macro's root. Names of loops around it are not in there: a macro with such a
 * name would not have been loaded. */
static int resolve_use(struct resolving *r, struct cel_node *node)
{
	const struct cel_node old = *node;
	const int definition = find_definition(r, node);
	const struct cel_use use = {.at = node->at, .definition = (size_t)definition};
	struct cel_node *root = NULL;
	int e = definition < 0 ? definition : check_use(r, node, use.definition);

	if (e == 0)
		e = cel_parse_use(r->tree, r->scope->definitions[definition].text, &use, &root,
				  r->err);
	if (e < 0)
		return e;
	assert(root); /* the parser gave one */
	*node = *root;
	node->next = old.next;
	node->all = old.all;
	root->kind = NODE_NULL; /* what it was is now `node` */
	root->child = NULL;
	return resolve_node(r, node);
}

int resolve_member(struct resolving *r, struct cel_node *node)
{
	const struct str base = node->child->text;
	const bool has = node->kind == NODE_HAS;
	int e = 0;

	if (str_eq(base, STR("call"))) {
		const bool tool = str_eq(node->text, STR("tool"));
		const bool declared = str_eq(node->text, STR("declared"));

		if (!tool && !declared && !str_eq(node->text, STR("id")))
			return cel_fail(r->err, node->at,
					"call has the members id, tool and declared");
		if (!declared)
			node->text = tool ? STR("call_tool") : STR("call_id");
	}
	if (str_eq(base, STR("action")) || str_eq(base, STR("call")))
		return resolve_field(r, node);
	if (str_eq(base, STR("macros")) && !has)
		return resolve_use(r, node);
	if (str_eq(base, STR("macros"))) {
		e = find_definition(r, node) < 0 ? -EINVAL : 0;
	} else if (str_eq(base, STR("lists"))) {
		e = resolve_list(r, node);
	} else if (!str_eq(node->text, STR("labels"))) {
		return cel_fail(r->err, node->at, "%.*s has the member labels", (int)base.len,
				base.at);
	} else {
		node->kind = NODE_LABELS;
		node->boolean = str_eq(base, STR("process"));
		r->reads->labels |= !has && !node->boolean;
		r->reads->process_labels |= !has && node->boolean;
	}
	if (has) {
		node->kind = NODE_BOOL;
		node->boolean = true;
	}
	node->child = NULL;
	return e;
}

/* NOLINTEND(misc-no-recursion) */
