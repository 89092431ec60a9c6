/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The actions that `cordon policy diff` tries: the examples of the rules of both sides; the same at
 * the edges of what their rules look back to, and as each other kind that their rules are on; and
 * the same with a field set to each constant that a rule of either side compares it with, of what
 * was before to each that a step of the very rule does.
 */

#include <stdlib.h>

#include "common/buf.h"
#include "tools/cordon/policy/diff_internal.h"

#define MS UINT64_C(1000000) /* in nanoseconds; what examples tell times in */

/* The rule's number in the set is @rule. */
typedef void (*try_function)(struct diffing *d, const struct policy_trees *set, size_t rule,
			     const struct example *example);

static void try_itself(struct diffing *d, const struct policy_trees *set, size_t rule,
		       const struct example *example)
{
	(void)rule;
	diff_try(d, set->policy, example);
}

static void try_constants(struct diffing *d, const struct policy *labels_of,
			  const struct example *example)
{
	for (size_t i = 0; i < d->constants.count && example->repeat == 1; i++) {
		struct example variant = *example;
		struct str item = STR("");

		if (constants_apply(&d->constants.items[i], &item, &variant.action))
			diff_try(d, labels_of, &variant);
	}
}

static void try_variants(struct diffing *d, const struct policy_trees *set, size_t rule,
			 const struct example *example)
{
	(void)rule;
	try_constants(d, set->policy, example);
}

/* With one action of those before it changed. */
static void try_steps(struct diffing *d, const struct policy_trees *set, size_t rule,
		      const struct example *example)
{
	struct example variant = *example;
	struct constants constants = {0};

	constants_add_steps(&constants, &set->rules[rule]);
	variant.before = xcalloc(example->before_count, sizeof(*variant.before));
	for (size_t n = 0; n < example->before_count; n++)
		variant.before[n] = example->before[n];
	for (size_t n = 0; n < example->before_count; n++) {
		for (size_t i = 0; i < constants.count; i++) {
			struct str item = STR("");

			if (constants_apply(&constants.items[i], &item, &variant.before[n].action))
				diff_try(d, set->policy, &variant);
			variant.before[n] = example->before[n];
		}
	}
	free(variant.before);
	constants_done(&constants);
}

static void try_other_kinds(struct diffing *d, const struct policy_trees *set, size_t rule,
			    const struct example *example)
{
	const uint32_t kinds = policy_rule_kinds(set->policy, rule);

	for (unsigned k = 0; k < ACTION_KINDS; k++) {
		struct example variant = *example;

		if (!(kinds & (1u << k)) || k == example->action.kind ||
		    (example->vary && !(example->vary->kinds & (1u << k))))
			continue;
		variant.action.kind = (enum action_kind)k;
		if (k == ACTION_EXEC && !variant.action.name.len)
			action_derive_name(&variant.action);
		diff_try(d, set->policy, &variant);
	}
}

static uint64_t time_of(const struct example *example)
{
	return example->after_ns + example->every_ns * (uint64_t)(example->repeat - 1);
}

/* The example over as much time as given: what lies before it further back, or its repetitions
 * further from one another. */
static void try_over(struct diffing *d, const struct policy *labels_of,
		     const struct example *example, bool counts, uint64_t ns)
{
	struct example variant = *example;
	uint64_t before = 0;

	if (counts) {
		variant.every_ns = ns / (uint64_t)(example->repeat - 1) / MS * MS;
	} else {
		for (size_t i = 1; i < example->before_count; i++)
			before += time_of(&example->before[i]);
		variant.after_ns = ns > before ? ns - before : 0;
	}
	diff_try(d, labels_of, &variant);
}

/* Just inside and just outside of the window of a count, and of the time that a sequence has. */
static void try_times(struct diffing *d, const struct policy_trees *set, size_t rule,
		      const struct example *example)
{
	uint64_t ns;

	if (policy_rule_at_least(set->policy, rule, &ns) && example->repeat > 1) {
		try_over(d, set->policy, example, true, ns - MS);
		try_over(d, set->policy, example, true, ns + MS * (uint64_t)example->repeat);
	}
	if (policy_rule_steps(set->policy, rule, &ns) && ns && example->before_count) {
		try_over(d, set->policy, example, false, ns - MS);
		try_over(d, set->policy, example, false, ns + MS);
	}
}

static void try_edges(struct diffing *d, const struct policy_trees *set, size_t rule,
		      const struct example *example)
{
	try_other_kinds(d, set, rule, example);
	try_times(d, set, rule, example);
}

static void try_list(struct diffing *d, const struct policy_trees *set, size_t rule,
		     const char *member, try_function try)
{
	const struct rule_tree *r = &set->rules[rule];
	const struct json *node = json_first(json_get(r->source->doc, "rules"));
	struct example_place place = {
		.policy = set->policy, .source = r->source, .path = "$", .kinds = UINT32_MAX};

	for (size_t n = 0; n < r->in_file; n++)
		node = json_next(node);
	for (const struct json *e = json_first(json_get(node, member)); e; e = json_next(e)) {
		struct example example;

		if (example_decode(&place, e, &example) == 0) /* it was when the policy loaded */
			try(d, set, rule, &example);
		example_done(&example);
	}
}

static void try_rules(struct diffing *d, try_function try)
{
	const struct policy_trees *const sets[] = {&d->old, &d->new};

	for (size_t s = 0; s < 2; s++) {
		for (size_t i = 0; i < sets[s]->count; i++) {
			try_list(d, sets[s], i, "match", try);
			try_list(d, sets[s], i, "not_match", try);
		}
	}
}

/* Of each kind the one that says least, for defaults and for rules that look at one field. */
static void try_kinds(struct diffing *d)
{
	for (unsigned k = 0; k < ACTION_KINDS; k++) {
		struct example example = {.action.kind = (enum action_kind)k, .repeat = 1};

		if (k >= ACTION_CONNECT && k <= ACTION_LISTEN) {
			example.action.address = example.action.host = STR("203.0.113.7");
			example.action.port = 443;
			action_derive_family(&example.action);
		}
		diff_try(d, d->old.policy, &example);
		try_constants(d, d->old.policy, &example);
	}
}

void diff_try_all(struct diffing *d)
{
	constants_add(&d->constants, &d->old);
	constants_add(&d->constants, &d->new);
	/* The first that shows something is shown: what people wrote, then what says least. */
	try_rules(d, try_itself);
	try_kinds(d);
	try_rules(d, try_edges);
	try_rules(d, try_steps);
	try_rules(d, try_variants);
	constants_done(&d->constants);
}
