/* SPDX-License-Identifier: Apache-2.0 */

/* Kinds and an expression, as rules and steps of sequences have them: from JSON to code. */

#include <errno.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_scan.h"
#include "monitor/policy/rule.h"

int condition_decode_kinds(const struct policy_place *place, const struct json *on,
			   struct condition *ret)
{
	_cleanup_free_ char *at = xasprintf("%s.on", place->path);
	_cleanup_free_ char *known = action_kinds_known();

	for (const struct json *k = json_first(on); k; k = json_next(k)) {
		const char *name = json_string(k);
		const enum action_kind kind = name ? action_kind_by_name(name) : ACTION_KINDS;

		if (kind == ACTION_KINDS)
			return source_error(place->source, place->err, EINVAL, at,
					    "unknown action kind \"%.64s\"; known are: %s",
					    name ? name : json_type_name(json_type(k)), known);
		ret->kinds |= 1u << kind;
	}
	return ret->kinds ? 0
			  : source_error(place->source, place->err, EINVAL, at,
					 "names no action kind; known are: %s", known);
}

int condition_type(const struct policy *policy, uint32_t kinds, const char *when,
		   struct cel_tree *ret, struct cel_reads *reads, struct cel_error *why)
{
	const struct cel_scope scope = policy_scope(policy, kinds);
	int r = cel_parse(str_of(when), ret, why);

	if (r == 0)
		r = cel_resolve(ret, &scope, reads, why);
	if (r == 0)
		r = cel_check(ret, why);
	return r;
}

int condition_compile(const struct policy_place *place, const char *when, struct condition *ret)
{
	_cleanup_free_ char *at = xasprintf("%s.when", place->path);
	_cleanup_(cel_tree_done) struct cel_tree tree = {0};
	struct policy *policy = place->policy;
	struct cel_error why = {0};
	struct cel_reads reads = {0};
	int r = condition_type(policy, ret->kinds, when, &tree, &reads, &why);

	if (r < 0)
		return policy_expression_error(policy, &tree, place->source, at, &why, place->err);
	r = guard_of_tree(policy, &tree, &ret->guard, &ret->labels_read);
	if (r < 0)
		return source_error(place->source, place->err, r, at, "it names a label that is %s",
				    r == -E2BIG ? "one more than 64" : "no label's name");
	ret->only_writes = tree_demands_bool(&tree, "write", true);
	ret->only_reads = tree_demands_bool(&tree, "write", false);
	ret->only_host_bound = tree_demands_text(&tree, "provenance", STR("host-bound"));
	r = cel_compile(&tree, &ret->when, &why);
	if (r < 0)
		return policy_expression_error(policy, &tree, place->source, at, &why, place->err);
	ret->when.reads = reads;
	if (cel_needs_scratch(&ret->when) && !policy->scratch)
		policy->scratch = xcalloc(1, CEL_MAX_MEMORY);
	return 0;
}

int condition_decode(const struct policy_place *place, const struct json *on, const char *when,
		     struct condition *ret)
{
	const int r = condition_decode_kinds(place, on, ret);

	return r < 0 ? r : condition_compile(place, when, ret);
}

void condition_done(struct condition *condition)
{
	free(condition->guard.keys);
	cel_program_done(&condition->when);
}
