/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where a rule takes hold. What the gate and the trace do about each kind: judge.c and observe.c
 * of the monitor, and "checked before" and "seen after" in cordon-policy(5).
 */

#include "monitor/policy/rule.h"

const char *hold_name(enum hold hold)
{
	static const char *const names[] = {
		[HOLD_NONE] = "not at all",
		[HOLD_AFTER] = "after",
		[HOLD_BEFORE] = "before",
		[HOLD_VERIFIED] = "verified",
	};

	return names[hold];
}

static enum hold after(bool traced)
{
	return traced ? HOLD_AFTER : HOLD_NONE;
}

/* Whether writes come to the gate depends on all rules and on what is bound. */
static enum hold of_write(const struct policy *policy, const struct rule *rule, bool traced,
			  bool host_bound)
{
	if (rule->only_host_bound && !host_bound)
		return HOLD_NONE;
	return policy_gates_files(policy, host_bound) ? HOLD_BEFORE : after(traced);
}

static struct rule_hold hold_of(const struct policy *policy, const struct rule *rule,
				enum action_kind kind, bool traced)
{
	struct rule_hold hold = {.kind = kind, .hold = HOLD_BEFORE, .host_bound = HOLD_BEFORE};

	if (kind == ACTION_EXEC && traced)
		hold.hold = hold.host_bound = HOLD_VERIFIED;
	if (kind == ACTION_FILE_CHANGE || kind == ACTION_FILE_OPEN) {
		hold.hold = of_write(policy, rule, traced, false);
		hold.host_bound = of_write(policy, rule, traced, true);
	} else if (kind == ACTION_USAGE || kind == ACTION_LIMIT || kind == ACTION_OUTLIVE) {
		hold.hold = hold.host_bound = HOLD_AFTER;
	} else if (action_enforced(kind) == ENFORCED_AFTER) {
		hold.hold = hold.host_bound = after(traced);
	}
	return hold;
}

size_t policy_rule_holds(const struct policy *policy, size_t index, bool traced,
			 struct rule_hold ret[MAX_RULE_HOLDS])
{
	const struct rule *rule = &policy->rules[index];
	size_t count = 0;

	for (unsigned k = 0; k < ACTION_KINDS; k++) {
		const enum action_kind kind = (enum action_kind)k;
		struct rule_hold hold;

		if (!(rule->kinds & (1u << k)))
			continue;
		hold = hold_of(policy, rule, kind, traced);
		if (kind == ACTION_FILE_OPEN && !rule->only_writes) {
			/* What was opened has no provenance any more. */
			const enum hold read = rule->only_host_bound ? HOLD_NONE : after(traced);

			ret[count++] = (struct rule_hold){kind, "reading", read, read};
		}
		if (kind == ACTION_FILE_OPEN && rule->only_reads)
			continue;
		if (kind == ACTION_FILE_OPEN)
			hold.access = "writing";
		ret[count++] = hold;
	}
	return count;
}

static bool is_blind(const struct policy *policy, size_t index)
{
	struct rule_hold holds[MAX_RULE_HOLDS];
	const size_t count = policy_rule_holds(policy, index, false, holds);

	for (size_t i = 0; i < count; i++) {
		if (holds[i].host_bound != HOLD_NONE)
			return false;
	}
	return true;
}

size_t policy_count_blind(const struct policy *policy)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];

		count += rule->verdict >= VERDICT_ASK && !rule->observed && is_blind(policy, i);
	}
	return count;
}
