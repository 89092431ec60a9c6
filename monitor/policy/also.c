/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rules that matched and are not the one that decided. Whose verdict holds is a matter of
 * strictness; what was found, of severity: a denial of something slight must not hide that a rule
 * which only logs saw something grave.
 */

#include <string.h>

#include "monitor/policy/rule.h"

_Static_assert(MAX_RULES <= UINT16_MAX, "a decision names rules by 16 bits, to stay small");

/* Never by place. */
static bool is_worse(const struct policy *policy, uint32_t index, uint32_t other)
{
	const struct rule *a = &policy->rules[index];
	const struct rule *b = &policy->rules[other];

	if (a->severity_rank != b->severity_rank)
		return a->severity_rank > b->severity_rank;
	if (a->verdict != b->verdict)
		return a->verdict > b->verdict;
	return strcmp(a->info.id, b->info.id) < 0;
}

void found_keep_worst(const struct policy *policy, uint32_t index, struct decision *ret)
{
	size_t least = 0;

	for (size_t i = 1; i < MAX_FOUND; i++) {
		if (is_worse(policy, ret->found_rules[least], ret->found_rules[i]))
			least = i;
	}
	if (is_worse(policy, index, ret->found_rules[least]))
		ret->found_rules[least] = (uint16_t)index;
}

bool policy_tells_would(const struct decision *decision)
{
	return decision->would && decision->would_verdict > decision->verdict;
}

/* Its rule may be none of the policy's: see monitor/session/loss.c. */
static bool is_decider(const struct policy *policy, const struct decision *decision, uint32_t index)
{
	return decision->rule == &policy->rules[index].info;
}

static bool is_told(const struct policy *policy, const struct decision *decision, uint32_t index)
{
	return is_decider(policy, decision, index) ||
	       (policy_tells_would(decision) && decision->would_index == index);
}

/* The least severe falls out. */
static void insert(const struct policy *policy, struct also *to, uint32_t index)
{
	size_t at = to->count;

	if (at == MAX_ALSO && !is_worse(policy, index, to->rules[--at]))
		return;
	for (; at > 0 && is_worse(policy, index, to->rules[at - 1]); at--)
		to->rules[at] = to->rules[at - 1];
	to->rules[at] = index;
	to->count += to->count < MAX_ALSO;
}

void policy_also(const struct policy *policy, const struct decision *decision, struct also *ret)
{
	const size_t known = decision->found < MAX_FOUND ? decision->found : MAX_FOUND;
	unsigned others = decision->found;

	*ret = (struct also){0};
	if (decision->rule && is_decider(policy, decision, decision->rule_index))
		others -= policy->rules[decision->rule_index].verdict != VERDICT_ALLOW;
	others -= policy_tells_would(decision);
	for (size_t i = 0; i < known; i++) {
		if (!is_told(policy, decision, decision->found_rules[i]))
			insert(policy, ret, decision->found_rules[i]);
	}
	ret->omitted = others - (unsigned)ret->count;
}

static void put_rule(struct json_writer *w, const struct rule *rule)
{
	json_begin_object(w, NULL);
	json_put_string(w, "rule", rule->info.id);
	json_put_string(w, "category", rule->info.category);
	json_put_string(w, "severity", rule->info.severity);
	json_put_string(w, "verdict", verdict_name(rule->verdict));
	if (rule->observed)
		json_put_string(w, "mode", "observe");
	json_put_string(w, "because", rule->info.because);
	json_end_object(w);
}

void policy_put_also(const struct policy *policy, const struct decision *decision,
		     struct json_writer *w)
{
	struct also also;

	if (!decision->found)
		return;
	policy_also(policy, decision, &also);
	if (also.count) {
		json_begin_array(w, "also");
		for (size_t i = 0; i < also.count; i++)
			put_rule(w, &policy->rules[also.rules[i]]);
		json_end_array(w);
	}
	if (also.omitted)
		json_put_u64(w, "also_omitted", also.omitted);
}
