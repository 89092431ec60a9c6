/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/trees.h"

#include <errno.h>
#include <stdlib.h>

#include "common/buf.h"
#include "monitor/policy/rule.h"

/* What loading has typed once is typed again. */
static int add_tree(struct policy_trees *set, const struct source *source, size_t in_file,
		    const struct json *node, struct error *err)
{
	const struct policy *policy = set->policy;
	const struct rule *rule = &policy->rules[set->count];
	const struct cel_scope scope = policy_scope(policy, rule->kinds);
	struct rule_tree *r = &set->rules[set->count++];
	struct cel_reads reads;
	struct cel_error why;
	int result;

	*r = (struct rule_tree){.rule = rule, .source = source, .in_file = in_file};
	result = cel_parse(str_of(json_string(json_get(node, "when"))), &r->tree, &why);
	if (result == 0)
		result = cel_resolve(&r->tree, &scope, &reads, &why);
	if (result == 0)
		result = cel_check(&r->tree, &why);
	return result < 0 ? error_set(err, result, "%s: %s: %s", source->name, rule->info.id,
				      why.why.text)
			  : 0;
}

int policy_trees_load(const char *const *paths, size_t count, struct policy_trees *ret,
		      struct error *err)
{
	int r = 0;

	*ret = (struct policy_trees){0};
	for (size_t i = 0; i < count && r == 0; i++)
		r = sources_add_path(&ret->sources, paths[i], err);
	if (r == 0)
		r = policy_build(&ret->sources, &ret->policy, err);
	if (r < 0)
		return r;
	ret->rules = xcalloc(ret->policy->rule_count + 1, sizeof(*ret->rules));
	for (size_t s = 0; s < ret->sources.count && r == 0; s++) {
		const struct source *source = &ret->sources.items[s];
		const struct json *node = json_first(json_get(source->doc, "rules"));

		for (size_t n = 0; node && r == 0; node = json_next(node), n++)
			r = add_tree(ret, source, n, node, err);
	}
	return r;
}

void policy_trees_done(struct policy_trees *set)
{
	for (size_t i = 0; i < set->count; i++)
		cel_tree_done(&set->rules[i].tree);
	free(set->rules);
	set->policy = policy_free(set->policy);
	sources_done(&set->sources);
}
