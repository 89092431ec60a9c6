/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What nobody sees of a session, because no trace runs or it has lost events: which rules hang on
 * it, and what is then taken for done, so that a rule that refuses goes on to refuse.
 */

#include "monitor/policy/rule.h"
#include "monitor/policy/state.h"

/* Nobody sees actions of this step any more. */
static bool is_unseen(const struct step *step, bool gates_files)
{
	const uint32_t files = 1u << ACTION_FILE_OPEN | 1u << ACTION_FILE_CHANGE;
	uint32_t seen = 0;

	for (unsigned k = 0; k < ACTION_KINDS; k++) {
		if (action_enforced((enum action_kind)k) == ENFORCED_BEFORE)
			seen |= 1u << k;
	}
	/* told of by the session's init, trace or not; of limits, only some */
	seen |= 1u << ACTION_USAGE | 1u << ACTION_OUTLIVE;
	if (!gates_files)
		seen &= ~files;
	else if (step->is.only_writes)
		seen |= files;
	return (step->is.kinds & ~seen) != 0;
}

/*
 * Is it stricter to take for done what nobody sees? A rule that allows, or forgets labels, is
 * weaker for it; one that only notes would note what nobody saw. The loss itself is told.
 */
static bool is_stricter_unseen(const struct rule *rule)
{
	return rule->verdict > VERDICT_LOG || (rule->verdict == VERDICT_LOG && rule->labels);
}

bool policy_rule_needs_trace(const struct policy *policy, size_t index)
{
	const struct rule *rule = &policy->rules[index];
	const struct sequence *s = &rule->sequence;
	bool needs =
		(s->step_count && s->by == BY_LINEAGE) || policy_rule_reads_lineage(policy, index);

	for (size_t i = 0; i < s->step_count; i++)
		needs |= is_unseen(&policy->steps[s->first_step + i], false);
	return needs || (rule->budget.is_set && (rule->budget.of == BUDGET_PROCESSES_CREATED ||
						 rule->budget.of == BUDGET_PROCESSES_ALIVE));
}

bool policy_decided_unseen(const struct policy *policy, const struct policy_state *state,
			   const struct decision *decision)
{
	const struct rule *rule = decision->rule ? &policy->rules[decision->rule_index] : NULL;
	const struct unseen *unseen;

	if (!rule)
		return false;
	if (rule->budget.is_set && rule->budget.of == BUDGET_PROCESSES_ALIVE && state->untraced)
		return true;
	unseen = rule->sequence.step_count ? &state->unseen[rule->sequence.table] : NULL;
	return unseen && (unseen->places || unseen->since);
}

void policy_state_assume_unseen(struct policy_state *state, bool gates_files, bool from_start)
{
	const struct policy *policy = state->policy;

	state->untraced |= from_start;
	for (size_t i = 0; i < policy->step_count; i++) {
		const struct step *step = &policy->steps[i];
		const struct rule *rule = &policy->rules[step->rule];
		struct unseen *unseen = &state->unseen[rule->sequence.table];

		if (!is_stricter_unseen(rule) || !is_unseen(step, gates_files))
			continue;
		if (step->role == STEP_SINCE)
			unseen->since = true;
		for (uint32_t n = 0; step->role == STEP_DONE && n < step->repeat; n++)
			unseen->places |= UINT64_C(1) << (step->place + n);
	}
}
