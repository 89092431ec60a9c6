/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The functions of the language: one row each, what their arguments must be, and the check of
 * constant patterns when a policy is loaded.
 */

#include <string.h>

#include "monitor/policy/cel_type.h"

const struct cel_signature cel_signatures[] = {
	{"startsWith", FN_STARTS_WITH, true, 2, CEL_BOOL},
	{"endsWith", FN_ENDS_WITH, true, 2, CEL_BOOL},
	{"contains", FN_CONTAINS, true, 2, CEL_BOOL},
	{"lowerAscii", FN_LOWER, true, 1, CEL_STRING},
	{"size", FN_SIZE, true, 1, CEL_INT},
	{"size", FN_SIZE, false, 1, CEL_INT},
	{"command", FN_COMMAND, false, 1, CEL_STRING},
	{"hostMatches", FN_HOST_MATCHES, false, 2, CEL_BOOL},
	{"glob", FN_GLOB, false, 2, CEL_BOOL},
	{"inCIDR", FN_IN_CIDR, false, 2, CEL_BOOL},
};

const size_t cel_signature_count = sizeof(cel_signatures) / sizeof(cel_signatures[0]);

static const struct cel_signature *find_function(const struct cel_node *node)
{
	for (size_t i = 0; i < cel_signature_count; i++) {
		if (str_eq(node->text, str_of(cel_signatures[i].name)) &&
		    cel_signatures[i].method == node->method)
			return &cel_signatures[i];
	}
	return NULL;
}

static int no_function(struct typing *t, const struct cel_node *node)
{
	struct cel_node other = *node;

	if (str_eq(node->text, STR("matches")))
		return cel_fail(t->err, node->at,
				"regular expressions are left out (their time is not bounded): use "
				"glob(), hostMatches(), startsWith, endsWith or contains");
	if (str_eq(node->text, STR("has")))
		return cel_fail(t->err, node->at,
				"has() is not needed: which fields an action has "
				"is known from its kind");
	other.method = !node->method;
	if (find_function(&other))
		return cel_fail(t->err, node->at, "%.*s is written %s", (int)node->text.len,
				node->text.at,
				node->method ? "as a function: name(value, ...)"
					     : "after its value: value.name(...)");
	return cel_fail(t->err, node->at, "unknown function \"%.*s\"", (int)node->text.len,
			node->text.at);
}

static bool is_path(const struct cel_node *node)
{
	static const char *const paths[] = {"path", "target", "exe", "cwd", "interpreter"};

	if (node->kind != NODE_FIELD)
		return false;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (strcmp(node->field->name, paths[i]) == 0)
			return true;
	}
	return false;
}

/* The second argument of glob, hostMatches and inCIDR: constant, and every item well-formed. */
static int check_patterns(struct typing *t, const struct cel_node *node)
{
	const struct cel_node *value = cel_operand(node, 0);
	const struct cel_node *patterns = cel_operand(node, 1);
	const size_t count = cel_is_constant(patterns) ? cel_constant_count(patterns) : 0;
	struct cidr net;

	if (!cel_is_constant(patterns) ||
	    (patterns->kind != NODE_STRING && patterns->type.item == CEL_INT))
		return cel_fail(t->err, patterns->at,
				"the pattern is a literal, a list of literals, or lists.NAME");
	for (size_t i = 0; i < count; i++) {
		const struct str text = cel_constant_string(patterns, i);
		const char *reason = node->function == FN_GLOB ? glob_check(text, is_path(value))
				     : node->function == FN_HOST_MATCHES ? host_check(text)
									 : cidr_parse(text, &net);

		if (reason)
			return cel_fail(t->err, patterns->at, "\"%.*s\": %s",
					(int)(text.len < 200 ? text.len : 200), text.at, reason);
	}
	return type_spend(t, count, node);
}

int type_call(struct typing *t, struct cel_node *node)
{
	const struct cel_signature *f = find_function(node);
	const struct cel_node *first;
	unsigned args = 0;

	if (!f)
		return no_function(t, node);
	for (const struct cel_node *arg = node->child; arg; arg = arg->next)
		args++;
	if (args != f->args)
		return cel_fail(t->err, node->at, "%s takes %u argument%s, found %u", f->name,
				f->args - f->method, f->args - f->method == 1 ? "" : "s",
				args - f->method);
	first = cel_operand(node, 0); /* every function has one */
	node->function = f->function;
	node->type = type_simple(f->result);
	if (f->function == FN_SIZE || f->function == FN_COMMAND) {
		if (first->type.kind != CEL_STRING && first->type.kind != CEL_LIST)
			return type_mismatch(t, first, f->name, "a string or a list");
		if (f->function == FN_COMMAND && first->kind != NODE_FIELD &&
		    first->kind != NODE_STRING && first->kind != NODE_VAR)
			return cel_fail(t->err, first->at,
					"command() takes action.argv or a string as it is; "
					"lowerAscii() goes behind it");
		return 0;
	}
	if (first->type.kind != CEL_STRING)
		return type_mismatch(t, first, f->name, "string");
	if (f->function >= FN_HOST_MATCHES)
		return check_patterns(t, node);
	if (args == 2 && first->next->type.kind != CEL_STRING)
		return type_mismatch(t, first->next, f->name, "string");
	return 0;
}
