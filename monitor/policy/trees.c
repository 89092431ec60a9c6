/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/trees.h"

#include <errno.h>
#include <stdlib.h>

#include "common/buf.h"
#include "monitor/policy/rule.h"

/* What loading has typed once is typed again. */
static int type(const struct policy_trees *set, const struct rule_tree *r, uint32_t kinds,
		const struct json *when, struct cel_tree *ret, struct error *err)
{
	struct cel_reads reads;
	struct cel_error why;
	const int result = condition_type(set->policy, kinds, json_string(when), ret, &reads, &why);

	return result < 0 ? error_set(err, result, "%s: %s: %s", r->source->name, r->rule->info.id,
				      why.why.text)
			  : 0;
}

static const struct json *node_of_step(const struct json *sequence, const struct step *step)
{
	const struct json *node = json_first(json_get(sequence, "steps"));

	if (step->role == STEP_SINCE || step->role == STEP_UNTIL)
		return json_get(sequence, step->role == STEP_SINCE ? "since" : "until");
	for (uint32_t n = 0; n < step->in_file; n++)
		node = json_next(node);
	return node;
}

static int add_steps(struct policy_trees *set, struct rule_tree *r, const struct json *sequence,
		     struct error *err)
{
	const struct sequence *s = &r->rule->sequence;
	int result = 0;

	r->steps = xcalloc(s->step_count, sizeof(*r->steps));
	while (r->step_count < s->step_count && result == 0) {
		struct step_tree *t = &r->steps[r->step_count++];

		t->step = &set->policy->steps[s->first_step + r->step_count - 1];
		result = type(set, r, t->step->is.kinds,
			      json_get(node_of_step(sequence, t->step), "when"), &t->tree, err);
	}
	return result;
}

static int add_tree(struct policy_trees *set, const struct source *source, size_t in_file,
		    const struct json *node, struct error *err)
{
	const struct rule *rule = &set->policy->rules[set->count];
	struct rule_tree *r = &set->rules[set->count++];
	int result;

	*r = (struct rule_tree){.rule = rule, .source = source, .in_file = in_file};
	result = type(set, r, rule->kinds, json_get(node, "when"), &r->tree, err);
	if (result == 0 && rule->sequence.step_count)
		result = add_steps(set, r, json_get(node, "sequence"), err);
	return result;
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
	for (size_t i = 0; i < set->count; i++) {
		cel_tree_done(&set->rules[i].tree);
		for (size_t n = 0; n < set->rules[i].step_count; n++)
			cel_tree_done(&set->rules[i].steps[n].tree);
		free(set->rules[i].steps);
	}
	free(set->rules);
	set->policy = policy_free(set->policy);
	sources_done(&set->sources);
}
