/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The actions that `cordon policy diff` tries: the examples of all rules of both sides; of those
 * that differ the same at the edges of what they look back to, and with a field set to each
 * constant that such a rule compares it with; of the others on the same kinds with those constants
 * only that one side alone has. A rule that refused, and of which nothing was seen to change, is
 * tried with two fields at once.
 */

#include <string.h>

#include "common/buf.h"
#include "tools/cordon/policy/diff_internal.h"

#define MAX_LIST  64u
#define MAX_PAIRS 30000u /* of two constants, for one example */

static void try_itself(struct diffing *d, const struct policy_trees *set, size_t rule,
		       const struct example *example)
{
	(void)rule;
	diff_try(d, set->policy, example);
}

/* The constant as one of the items of the example's list, not all of it. */
static void try_items(struct diffing *d, const struct policy *labels_of,
		      const struct example *example, const struct constant *c)
{
	const struct str_list old = *action_list(&example->action, c->field);
	struct str items[MAX_LIST + 1];
	struct example variant = *example;
	struct str_list list = {items, old.count};

	if (!old.count || old.count > MAX_LIST)
		return;
	for (size_t i = 1; i <= old.count; i++) {
		for (size_t n = 0; n < old.count; n++)
			items[n] = old.items[n];
		items[i] = str_of(c->text);
		list.count = i == old.count ? i + 1 : old.count;
		memcpy((char *)&variant.action + c->field->offset, &list, sizeof(list));
		diff_try(d, labels_of, &variant);
	}
}

static void try_constant(struct diffing *d, const struct policy *labels_of,
			 const struct example *example, const struct constant *c)
{
	struct example variant = *example;
	struct str item = STR("");

	if (!constants_apply(c, &item, &variant.action))
		return;
	diff_try(d, labels_of, &variant);
	if (c->field->type == FIELD_LIST)
		try_items(d, labels_of, example, c);
}

static void try_constants(struct diffing *d, const struct policy *labels_of,
			  const struct example *example)
{
	for (size_t i = 0; i < d->constants.count && example->repeat == 1; i++)
		try_constant(d, labels_of, example, &d->constants.items[i]);
}

static void try_variants(struct diffing *d, const struct policy_trees *set, size_t rule,
			 const struct example *example)
{
	(void)rule;
	try_constants(d, set->policy, example);
}

/* What only one side compares with. */
static void try_new_constants(struct diffing *d, const struct policy_trees *set, size_t rule,
			      const struct example *example)
{
	(void)rule;
	for (size_t s = 0; s < 2 && example->repeat == 1; s++) {
		for (size_t i = 0; i < d->of_side[s].count; i++) {
			const struct constant *c = &d->of_side[s].items[i];

			if (!constants_have(&d->of_side[1 - s], c))
				try_constant(d, set->policy, example, c);
		}
	}
}

static void try_pairs(struct diffing *d, const struct policy_trees *set, size_t rule,
		      const struct example *example)
{
	const struct constants *all = &d->constants;
	size_t pairs = 0;

	(void)rule;
	for (size_t i = 0; i < all->count && example->repeat == 1; i++) {
		struct example one = *example;
		struct str item = STR("");

		if (!constants_apply(&all->items[i], &item, &one.action))
			continue;
		for (size_t n = i + 1; n < all->count && pairs < MAX_PAIRS; n++) {
			struct example both = one;
			struct str second = STR("");

			if (all->items[n].field == all->items[i].field ||
			    !constants_apply(&all->items[n], &second, &both.action))
				continue;
			pairs++;
			diff_try(d, set->policy, &both);
		}
	}
}

void diff_each_example(struct diffing *d, const struct policy_trees *set, size_t rule,
		       const char *member, diff_example_cb each)
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
			each(d, set, rule, &example);
		example_done(&example);
	}
}

enum which {
	ALL_RULES,
	CHANGED_RULES,
	RULES_BESIDE, /* on kinds that changed ones are on, and the same on both sides */
	UNSEEN_RULES, /* changed ones of the old side that refused, and are not told of yet */
};

bool diff_is_told(const struct diffing *d, const char *id)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->weaker[i].was_rule && strcmp(d->weaker[i].was_rule, id) == 0)
			return true;
	}
	return false;
}

static bool is_of(const struct diffing *d, enum which which, size_t side, size_t rule)
{
	const struct policy_trees *set = side ? &d->new : &d->old;
	const bool changed = d->changed[side][rule];

	switch (which) {
	case ALL_RULES:
		return true;
	case CHANGED_RULES:
		return changed;
	case RULES_BESIDE:
		return !changed && side == 0 && (policy_rule_kinds(set->policy, rule) & d->kinds);
	case UNSEEN_RULES:
		return changed && side == 0 && keeps_back(policy_rule_verdict(set->policy, rule)) &&
		       !diff_is_told(d, policy_rule(set->policy, rule)->id);
	}
	return false;
}

static void try_rules(struct diffing *d, enum which which, diff_example_cb try)
{
	const struct policy_trees *const sets[] = {&d->old, &d->new};

	for (size_t s = 0; s < 2; s++) {
		for (size_t i = 0; i < sets[s]->count; i++) {
			if (!is_of(d, which, s, i))
				continue;
			diff_each_example(d, sets[s], i, "match", try);
			diff_each_example(d, sets[s], i, "not_match", try);
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
	/* The first that shows something is shown: what people wrote, then what says least. */
	try_rules(d, ALL_RULES, try_itself);
	try_kinds(d);
	try_rules(d, CHANGED_RULES, diff_try_edges);
	try_rules(d, CHANGED_RULES, try_variants);
	try_rules(d, RULES_BESIDE, try_new_constants);
	try_rules(d, UNSEEN_RULES, try_pairs);
}
