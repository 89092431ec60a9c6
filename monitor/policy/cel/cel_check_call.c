/* SPDX-License-Identifier: Apache-2.0 */

/* Types of calls, and the check of constant patterns when a policy is loaded. */

#include <string.h>

#include "common/buf.h"
#include "monitor/policy/cel/cel_check.h"

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

	if (!cel_is_constant(patterns) || cel_has_integers(patterns))
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

/* cel_resolve() found one, or the rule would not have come here. */
static const struct cel_signature *signature_of(const struct cel_node *node)
{
	size_t i = 0;

	while (i + 1 < cel_signature_count && cel_signatures[i].function != node->function)
		i++;
	return &cel_signatures[i];
}

/* "string", "string or list" */
static const char *taken_text(struct typing *t, uint32_t takes)
{
	struct buf out = BUF_INIT(256);

	for (unsigned k = 0; k <= CEL_TYPE; k++) {
		if (takes & (1u << k))
			buf_printf(&out, "%s%s", out.len ? " or " : "",
				   k == CEL_LIST  ? "list"
				   : k == CEL_MAP ? "map"
						  : type_text(t, type_simple((enum cel_kind)k)));
	}
	return cel_tree_keep(t->tree, out.data);
}

/* What a rule cannot do though the language can, and what depends on more than the types. */
static int check_special(struct typing *t, struct cel_node *node, const struct cel_signature *f)
{
	const struct cel_node *first = cel_operand(node, 0);

	if (f->function == FN_DYN)
		return cel_fail(t->err, node->at,
				"dyn() is not for rules: their types are known when they are "
				"loaded");
	if (f->function == FN_COMMAND) {
		if (first->kind != NODE_FIELD && first->kind != NODE_STRING &&
		    first->kind != NODE_VAR)
			return cel_fail(t->err, first->at,
					"command() takes action.argv or a string as it is; "
					"lowerAscii() goes behind it");
		return 0;
	}
	if (f->function == FN_HOST_MATCHES || f->function == FN_GLOB || f->function == FN_IN_CIDR)
		return check_patterns(t, node);
	if (f->function == FN_MATCHES && cel_operand(node, 1)->kind != NODE_STRING)
		return cel_fail(t->err, cel_operand(node, 1)->at,
				"the pattern of matches() is a literal");
	return 0;
}

int type_call(struct typing *t, struct cel_node *node)
{
	const struct cel_signature *f = signature_of(node);
	unsigned i = 0;

	node->type = type_simple(f->result == CEL_DYN ? CEL_NULL : f->result);
	for (const struct cel_node *arg = node->child; arg; arg = arg->next, i++) {
		const uint32_t takes = f->takes[i];

		/* Whether a list fits, a check of the patterns says better. */
		if (!(takes & (1u << arg->type->kind)))
			return type_mismatch(t, arg, f->name, taken_text(t, takes));
	}
	if (node->function >= FN_FULL_YEAR && i > 1 &&
	    cel_operand(node, 0)->type->kind == CEL_DURATION)
		return cel_fail(t->err, cel_operand(node, 1)->at, "a duration has no time zone");
	return check_special(t, node, f);
}
