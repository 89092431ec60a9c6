/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What names and functions of a tree stand for. In a rule that is known when it is loaded, so a
 * name that stands for nothing is an error of the policy; in an open scope it is one of the
 * evaluation, which && and || may take away.
 */

#include <stdio.h>
#include <string.h>

#include "monitor/policy/cel/cel_extension.h"
#include "monitor/policy/cel/cel_message.h"
#include "monitor/policy/cel/cel_regex.h"
#include "monitor/policy/cel/cel_resolve.h"

#define MAX_NAME 256u /* a name with its dots and its container */

/* ---- names ---- */

static const struct cel_variable *find_variable(const struct cel_scope *scope, const char *name)
{
	for (size_t i = 0; i < scope->variable_count; i++) {
		if (strcmp(scope->variables[i].name, name) == 0)
			return &scope->variables[i];
	}
	return NULL;
}

static bool bind_name(const struct resolving *r, struct cel_node *node, const char *name)
{
	const struct cel_variable *variable = find_variable(r->scope, name);
	const enum cel_kind kind = cel_type_value_by_name(str_of(name));
	const struct cel_message *message = cel_message_by_name(name);

	if (node->kind == NODE_MESSAGE) {
		node->message = message;
		return message != NULL;
	}
	if (variable) {
		node->kind = NODE_VARIABLE;
		node->value = &variable->value;
		node->type = variable->type;
	} else if (kind != CEL_ERROR) {
		node->kind = NODE_TYPE;
		node->integer = kind;
	} else if (strcmp(name, "google.protobuf.NullValue.NULL_VALUE") == 0) {
		node->kind = NODE_INT; /* an enum's value; its number is 0 */
	} else {
		return false;
	}
	node->child = NULL;
	return true;
}

/* With each prefix of the container, the longest first, then alone. */
static bool bind_in_container(const struct resolving *r, struct cel_node *node, const char *name,
			      bool absolute)
{
	const char *container = r->scope->container && !absolute ? r->scope->container : "";
	size_t n = strlen(container);
	char full[2 * MAX_NAME];

	while (n) {
		if (snprintf(full, sizeof(full), "%.*s.%s", (int)n, container, name) <
			    (int)sizeof(full) &&
		    bind_name(r, node, full))
			return true;
		while (n && container[n - 1] != '.')
			n--;
		n -= n > 0;
	}
	return bind_name(r, node, name);
}

static bool is_local(const struct resolving *r, const struct cel_node *name, unsigned *ret_slot)
{
	for (unsigned i = r->var_count; i-- > 0 && !name->absolute;) {
		if (str_eq(name->text, r->vars[i].name)) {
			*ret_slot = r->vars[i].slot;
			return true;
		}
	}
	return false;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tree, which the parser bounds */

/* "a.b.c" of a chain of selections from a name; 0 if it is another, or too long. */
static size_t dotted_name(const struct resolving *r, const struct cel_node *node, char *ret,
			  bool *ret_absolute)
{
	size_t n = 0;
	unsigned slot;

	if (node->kind == NODE_SELECT && !node->optional) {
		n = dotted_name(r, node->child, ret, ret_absolute);
		if (!n)
			return 0;
		ret[n++] = '.';
	} else if (node->kind != NODE_NAME || is_local(r, node, &slot)) {
		return 0;
	} else {
		*ret_absolute = node->absolute;
	}
	if (n + node->text.len + 2 > MAX_NAME)
		return 0;
	memcpy(ret + n, node->text.at, node->text.len);
	n += node->text.len;
	ret[n] = '\0';
	return n;
}

static int resolve_select(struct resolving *r, struct cel_node *node)
{
	const struct cel_node *base = node->child;
	char name[MAX_NAME];
	bool absolute = false;
	unsigned slot;

	if (node->kind == NODE_SELECT && dotted_name(r, node, name, &absolute) &&
	    bind_in_container(r, node, name, absolute))
		return 0;
	if (!r->scope->open && base->kind == NODE_NAME && !is_local(r, base, &slot) &&
	    cel_is_root_name(base->text))
		return resolve_member(r, node);
	return resolve_node(r, node->child);
}

static int resolve_name(struct resolving *r, struct cel_node *node)
{
	char name[MAX_NAME];
	bool absolute = false;

	if (is_local(r, node, &node->slot)) {
		node->kind = NODE_VAR;
		return 0;
	}
	if (dotted_name(r, node, name, &absolute) && bind_in_container(r, node, name, absolute))
		return 0;
	if (!r->scope->open)
		return cel_fail(r->err, node->at, "unknown name \"%.*s\"", (int)node->text.len,
				node->text.at);
	node->kind = NODE_UNKNOWN;
	return 0;
}

/* ---- functions and macros ---- */

static int no_function(struct resolving *r, struct cel_node *node, bool exists,
		       const struct cel_signature *other, unsigned args)
{
	node->function = FN_UNKNOWN;
	if (r->scope->open)
		return 0;
	if (exists)
		return cel_fail(r->err, node->at, "%s takes %u argument%s, found %u", other->name,
				other->args - other->method,
				other->args - other->method == 1 ? "" : "s", args - node->method);
	if (other)
		return cel_fail(r->err, node->at, "%.*s is written %s", (int)node->text.len,
				node->text.at,
				node->method ? "as a function: name(value, ...)"
					     : "after its value: value.name(...)");
	if (cel_extension_known(node->text))
		return cel_fail(r->err, node->at, "%.*s() is not for rules", (int)node->text.len,
				node->text.at);
	return cel_fail(r->err, node->at, "unknown function \"%.*s\"", (int)node->text.len,
			node->text.at);
}

static unsigned count_operands(const struct cel_node *node)
{
	unsigned count = 0;

	for (const struct cel_node *arg = node->child; arg; arg = arg->next)
		count++;
	return count;
}

/* "math.abs(x)" has the form of a method: what stands before the dot is part of the name. */
static bool bind_qualified(const struct resolving *r, struct cel_node *node)
{
	const struct cel_extension *row;
	bool absolute = false;
	char name[MAX_NAME];
	size_t n;

	if (!r->scope->open || !node->method)
		return false;
	n = dotted_name(r, node->child, name, &absolute);
	if (!n || n + node->text.len + 2 > MAX_NAME)
		return false;
	name[n++] = '.';
	memcpy(name + n, node->text.at, node->text.len);
	row = cel_extension_find((struct str){name, n + node->text.len}, false,
				 count_operands(node) - 1);
	if (!row)
		return false;
	node->extension = row;
	node->text = str_of(row->name);
	node->method = false;
	node->child = node->child->next;
	return true;
}

static int find_function(struct resolving *r, struct cel_node *node)
{
	const unsigned args = count_operands(node);
	const struct cel_signature *other = NULL;
	bool exists = false;

	for (size_t i = 0; i < cel_signature_count; i++) {
		const struct cel_signature *f = &cel_signatures[i];

		if (!str_eq(node->text, str_of(f->name)))
			continue;
		if (f->method == node->method && args >= f->args && args <= f->most) {
			node->function = f->function;
			return 0;
		}
		if (f->method == node->method || !exists)
			other = f;
		exists |= f->method == node->method;
	}
	node->extension =
		r->scope->open ? cel_extension_find(node->text, node->method, args) : NULL;
	return no_function(r, node, exists, other, args);
}

static int compile_pattern(struct resolving *r, const struct cel_node *node)
{
	struct cel_node *pattern = node->child ? node->child->next : NULL;
	const char *reason = NULL;

	if (node->function != FN_MATCHES || !pattern || pattern->kind != NODE_STRING)
		return 0;
	pattern->regex = regex_new(pattern->text, &reason);
	if (pattern->regex || r->scope->open)
		return 0;
	return cel_fail(r->err, pattern->at, "%s", reason);
}

static int bind(struct resolving *r, const struct cel_node *node, struct str name)
{
	if (!r->scope->open && cel_is_root_name(name))
		return cel_fail(r->err, node->name_at,
				"\"%.*s\" has a meaning of its own: give the item another name",
				(int)name.len, name.at);
	r->vars[r->var_count].name = name;
	r->vars[r->var_count].slot = r->var_count;
	r->var_count++;
	return 0;
}

static int check_macro(const struct resolving *r, const struct cel_node *node)
{
	const bool binds = node->macro >= MACRO_BIND;

	if (binds && !r->scope->open)
		return cel_fail(r->err, node->at, "%s is not for rules",
				node->macro == MACRO_BIND      ? "cel.bind() or cel.block()"
				: node->macro == MACRO_OPT_MAP ? "optMap()"
							       : "optFlatMap()");
	if (binds && r->binds == CEL_MAX_BINDS)
		return cel_fail(r->err, node->at, "more than %u names inside one another",
				CEL_MAX_BINDS);
	if (!binds && r->loops == CEL_MAX_LOOPS)
		return cel_fail(r->err, node->at, "more than %u loops inside one another",
				CEL_MAX_LOOPS);
	return 0;
}

static int resolve_loop(struct resolving *r, struct cel_node *node)
{
	unsigned *depth = node->macro >= MACRO_BIND ? &r->binds : &r->loops;
	const unsigned count = r->var_count;
	int e = check_macro(r, node);

	if (e == 0)
		e = resolve_node(r, node->child);
	node->slot = count;
	++*depth;
	if (e == 0)
		e = bind(r, node, node->text);
	if (e == 0 && node->text2.len)
		e = bind(r, node, node->text2);
	for (struct cel_node *part = node->child->next; part && e == 0; part = part->next)
		e = resolve_node(r, part);
	--*depth;
	r->var_count = count;
	return e;
}

static int resolve_message(struct resolving *r, struct cel_node *node)
{
	char name[MAX_NAME];
	bool absolute = false;
	int e = 0;

	if (!r->scope->open)
		return cel_fail(r->err, node->at, "messages are not for rules");
	if (!dotted_name(r, node->child, name, &absolute) ||
	    !bind_in_container(r, node, name, absolute))
		return cel_fail(r->err, node->at,
				"of messages only the values of google.protobuf are known, "
				"as google.protobuf.Int64Value");
	for (struct cel_node *set = node->child->next; set && e == 0; set = set->next) {
		e = cel_message_check(node->message, set, r->err);
		if (e == 0)
			e = resolve_node(r, set->child);
	}
	return e;
}

int resolve_node(struct resolving *r, struct cel_node *node)
{
	bool bound = false;
	int e = 0;

	if (!r->scope->open && (node->optional || node->if_there))
		return cel_fail(r->err, node->at, "optional values are not for rules");

	if (node->kind == NODE_MESSAGE)
		return resolve_message(r, node);

	if (node->kind == NODE_NAME)
		return resolve_name(r, node);
	if (node->kind == NODE_SELECT || node->kind == NODE_HAS)
		return resolve_select(r, node);
	if (node->kind == NODE_LOOP)
		return resolve_loop(r, node);
	if (node->kind == NODE_CALL)
		bound = bind_qualified(r, node);
	for (struct cel_node *child = node->child; child && e == 0; child = child->next)
		e = resolve_node(r, child);
	if (e == 0 && node->kind == NODE_CALL && !bound)
		e = find_function(r, node);
	if (e == 0 && node->kind == NODE_CALL)
		e = compile_pattern(r, node);
	return e;
}

/* NOLINTEND(misc-no-recursion) */

int cel_resolve(struct cel_tree *tree, const struct cel_scope *scope, struct cel_reads *reads,
		struct cel_error *err)
{
	struct resolving r = {.tree = tree, .scope = scope, .reads = reads, .err = err};

	*reads = (struct cel_reads){0};
	return resolve_node(&r, tree->root);
}
