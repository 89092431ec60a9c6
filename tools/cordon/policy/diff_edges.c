/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Examples at the edges of what their rules look back to: over just less and just more time, as
 * often and as much as either side takes, with a step that is another or left out, with one more
 * that takes the others back; and as each other kind of action.
 */

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/rule.h"
#include "tools/cordon/policy/diff_internal.h"

#define MS	   UINT64_C(1000000) /* in nanoseconds; what examples tell times in */
#define MAX_REPEAT INT64_C(262144)

/* With one action of those before it changed. */
static void try_steps(struct diffing *d, const struct policy_trees *set, size_t rule,
		      const struct example *example)
{
	struct example variant = *example;
	struct constants constants = {0};

	for (size_t i = 0; i < set->rules[rule].step_count; i++)
		constants_add_tree(&constants, &set->rules[rule].steps[i].tree);
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

/* With one action of those before it left out. */
static void try_fewer(struct diffing *d, const struct policy_trees *set,
		      const struct example *example)
{
	struct example variant = *example;

	if (!example->before_count)
		return;
	variant.before = xcalloc(example->before_count, sizeof(*variant.before));
	variant.before_count = example->before_count - 1;
	for (size_t left_out = 0; left_out < example->before_count; left_out++) {
		for (size_t n = 0; n < variant.before_count; n++)
			variant.before[n] = example->before[n < left_out ? n : n + 1];
		diff_try(d, set->policy, &variant);
	}
	free(variant.before);
}

/* With one action more behind those before it: it may be what takes them back. */
static void try_undone_by(struct diffing *d, const struct policy_trees *set,
			  const struct example *example, const struct example *undoing)
{
	struct example variant = *example;

	variant.before = xcalloc(example->before_count + 1, sizeof(*variant.before));
	for (size_t n = 0; n < example->before_count; n++)
		variant.before[n] = example->before[n];
	variant.before[variant.before_count++] = *undoing;
	diff_try(d, set->policy, &variant);
	free(variant.before);
}

static void try_undoing(struct diffing *d, const struct policy_trees *set,
			const struct example *example, const struct step_tree *t)
{
	struct constants constants = {0};

	constants_add_tree(&constants, &t->tree);
	for (unsigned k = 0; k < ACTION_KINDS; k++) {
		struct example undoing = {.action.kind = (enum action_kind)k, .repeat = 1};

		if (!(t->step->is.kinds & (1u << k)))
			continue;
		undoing.action.exe = example->action.exe;
		try_undone_by(d, set, example, &undoing);
		for (size_t i = 0; i < constants.count; i++) {
			struct example one = undoing;
			struct str item = STR("");

			if (constants_apply(&constants.items[i], &item, &one.action))
				try_undone_by(d, set, example, &one);
		}
	}
	constants_done(&constants);
}

/* The rule of this name, on both sides. */
static size_t both_sides(const struct diffing *d, const struct policy_trees *set, size_t rule,
			 const struct rule_tree *ret[2])
{
	const struct policy_trees *const sets[] = {&d->old, &d->new};
	const char *id = set->rules[rule].rule->info.id;
	size_t count = 0;

	for (size_t s = 0; s < 2; s++) {
		for (size_t i = 0; i < sets[s]->count; i++) {
			if (strcmp(sets[s]->rules[i].rule->info.id, id) == 0)
				ret[count++] = &sets[s]->rules[i];
		}
	}
	return count;
}

static void try_undone(struct diffing *d, const struct policy_trees *set, size_t rule,
		       const struct example *example)
{
	const struct rule_tree *sides[2];
	const size_t count = both_sides(d, set, rule, sides);

	for (size_t s = 0; s < count; s++) {
		for (size_t i = 0; i < sides[s]->step_count; i++) {
			if (step_undoes(sides[s]->steps[i].step))
				try_undoing(d, set, example, &sides[s]->steps[i]);
		}
	}
}

/* What of a budget the example says at all, as much as given. */
static void use(struct example *e, uint64_t amount)
{
	const int64_t number =
		(int64_t)(amount > INT64_MAX / 1000000 ? INT64_MAX / 1000000 : amount);

	if (e->repeat > 1)
		e->repeat = number < 1 ? 1 : number > MAX_REPEAT ? MAX_REPEAT : number;
	if (e->cpu_us)
		e->cpu_us = (uint64_t)number * 1000000;
	if (e->bytes_out)
		e->bytes_out = amount;
	if (e->action.cost)
		e->action.cost = number;
	if (e->action.cpu_ms)
		e->action.cpu_ms = number * 1000;
	if (e->action.memory_bytes)
		e->action.memory_bytes = number;
	if (e->action.written_bytes)
		e->action.written_bytes = number;
}

static void try_amount(struct diffing *d, const struct policy_trees *set,
		       const struct example *example, uint64_t amount)
{
	struct example variant = *example;

	use(&variant, amount);
	diff_try(d, set->policy, &variant);
	if (!example->before_count)
		return;
	variant.before = xcalloc(example->before_count, sizeof(*variant.before));
	for (size_t n = 0; n < example->before_count; n++) {
		variant.before[n] = example->before[n];
		use(&variant.before[n], amount);
	}
	diff_try(d, set->policy, &variant);
	free(variant.before);
}

/* Just as often, or just as much, as either side bears. */
static void try_amounts(struct diffing *d, const struct policy_trees *set, size_t rule,
			const struct example *example)
{
	const struct rule_tree *sides[2];
	const size_t count = both_sides(d, set, rule, sides);

	for (size_t s = 0; s < count; s++) {
		const struct rule *r = sides[s]->rule;

		if (r->count.at_least)
			try_amount(d, set, example, r->count.at_least);
		if (r->budget.is_set)
			try_amount(d, set, example, r->budget.limit + 1);
	}
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

void diff_try_edges(struct diffing *d, const struct policy_trees *set, size_t rule,
		    const struct example *example)
{
	try_other_kinds(d, set, rule, example);
	try_times(d, set, rule, example);
	try_amounts(d, set, rule, example);
	try_steps(d, set, rule, example);
	try_fewer(d, set, example);
	try_undone(d, set, rule, example);
}
