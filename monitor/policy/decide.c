/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One action against all rules that can match it.
 *
 * The strictest verdict wins. `log` only observes: it neither allows nor stands in the way of the
 * kind's default; nor does `throttle`, which slows down what may happen anyway. Where no rule but
 * these matched, the default decides, if it is stricter. Labels that this
 * action sets count from the next action on, so the order of rules does not matter.
 *
 * An expression that ends in an error (an index outside its list) counts as a match, except for
 * `allow`: a rule must not be dodged by making it fail.
 */

#include <errno.h>
#include <string.h>

#include "monitor/policy/rule.h"

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_ALLOW] = "allow", [VERDICT_LOG] = "log",   [VERDICT_THROTTLE] = "throttle",
		[VERDICT_ASK] = "ask",	   [VERDICT_DENY] = "deny", [VERDICT_KILL] = "kill",
	};

	return verdict <= VERDICT_KILL ? names[verdict] : "unknown";
}

enum verdict policy_default(const struct policy *policy, const struct action *action)
{
	if (policy->has_default[action->kind])
		return policy->defaults[action->kind];
	if (action->kind != ACTION_CONNECT && action->kind != ACTION_SEND)
		return VERDICT_ALLOW;
	if (action->loopback || str_eq(action->family, STR("unix")) ||
	    str_eq(action->family, STR("netlink")))
		return VERDICT_ALLOW;
	return VERDICT_DENY;
}

bool rule_matches(const struct policy *policy, struct policy_state *state, const struct rule *rule,
		  const struct action *action, enum cel_result *ret)
{
	const struct cel_env env = {.action = action,
				    .labels = policy_state_labels(state),
				    .label_names = policy->label_names,
				    .scratch = policy->scratch};

	*ret = cel_eval(&rule->when, &env);
	if (*ret == CEL_FALSE)
		return false;
	if (*ret == CEL_FAILED && rule->verdict == VERDICT_ALLOW && !rule->labels)
		return false;
	return !rule->count.at_least || state_count(state, rule, action);
}

/* Never by place. */
bool rule_outranks(const struct rule *rule, const struct rule *other)
{
	if (rule->verdict != other->verdict)
		return rule->verdict > other->verdict;
	if (rule->throttle.interval_ns != other->throttle.interval_ns)
		return rule->throttle.interval_ns > other->throttle.interval_ns;
	if (rule->severity_rank != other->severity_rank)
		return rule->severity_rank > other->severity_rank;
	return strcmp(rule->info.id, other->info.id) < 0;
}

static void apply_default(const struct policy *policy, const struct action *action,
			  struct decision *ret)
{
	const enum verdict verdict = policy_default(policy, action);

	if (ret->rule && ret->verdict >= verdict)
		return;
	ret->verdict = verdict;
	ret->rule = NULL;
	ret->rule_index = 0;
	ret->errno_value = verdict >= VERDICT_ASK ? EPERM : 0;
}

static enum rule_answer answer_of(const struct rule *rule, enum cel_result result, bool matched)
{
	if (result == CEL_FAILED)
		return rule->verdict == VERDICT_ALLOW ? RULE_FAILED_ALLOW : RULE_FAILED;
	if (result == CEL_FALSE)
		return RULE_FALSE;
	return matched ? RULE_MATCHED : RULE_BELOW_COUNT;
}

static void note_observed(const struct policy *policy, uint32_t index, struct decision *ret)
{
	const struct rule *rule = &policy->rules[index];

	if (ret->would && !rule_outranks(rule, &policy->rules[ret->would_index]))
		return;
	ret->would = &rule->info;
	ret->would_verdict = rule->verdict;
	ret->would_index = index;
}

/* Inline, so that nothing is paid where nobody is told. */
static inline __attribute__((always_inline)) void
decide(const struct policy *policy, struct policy_state *state, const struct action *action,
       struct decision *ret, const struct rule_teller *teller)
{
	uint64_t bits[INDEX_WORDS] __attribute__((uninitialized));
	const uint64_t before = policy_state_labels(state);
	const uint32_t *rules;
	bool decided = false;
	uint64_t labels = 0;
	size_t words = 0;

	*ret = (struct decision){.verdict = VERDICT_ALLOW};
	state_set_time(state, action->time_ns);
	rules = policy_index_candidates(policy, action, before, bits, &words);
	for (size_t w = 0; w < words; w++) {
		for (uint64_t left = bits[w]; left; left &= left - 1) {
			const uint32_t index = rules[w * 64 + (size_t)__builtin_ctzll(left)];
			const struct rule *rule = &policy->rules[index];
			enum cel_result result;
			const bool matched = rule_matches(policy, state, rule, action, &result);

			if (teller)
				teller->tell(teller->ctx, index, answer_of(rule, result, matched));
			if (!matched)
				continue;
			if (rule->observed) {
				note_observed(policy, index, ret);
				continue;
			}
			labels |= rule->labels;
			if (result == CEL_FAILED && rule->verdict == VERDICT_ALLOW)
				continue;
			ret->matched++;
			decided |=
				rule->verdict != VERDICT_LOG && rule->verdict != VERDICT_THROTTLE;
			if (ret->rule && !rule_outranks(rule, &policy->rules[ret->rule_index]))
				continue;
			ret->verdict = rule->verdict;
			ret->rule = &rule->info;
			ret->rule_index = index;
			ret->errno_value = rule->errno_value;
		}
	}
	if (!decided)
		apply_default(policy, action, ret);
	ret->labels_added = labels & ~before;
	policy_state_add_labels(state, labels);
}

void policy_decide(const struct policy *policy, struct policy_state *state,
		   const struct action *action, struct decision *ret)
{
	decide(policy, state, action, ret, NULL);
}

void policy_decide_again(const struct policy *policy, struct policy_state *state,
			 const struct action *action, struct decision *ret)
{
	state_look_only(state, true);
	decide(policy, state, action, ret, NULL);
	state_look_only(state, false);
}

void policy_decide_told(const struct policy *policy, struct policy_state *state,
			const struct action *action, struct decision *ret,
			const struct rule_teller *teller)
{
	decide(policy, state, action, ret, teller);
}
