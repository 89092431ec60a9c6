/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One action against all rules that can match it.
 *
 * The strictest verdict wins. `log` only observes: it neither allows nor stands in the way of the
 * kind's default; nor do `throttle` and `redact`, by which it happens later or changed. Where no
 * rule but these matched, the default decides, if it is stricter. Labels that this action sets, and
 * steps of sequences that it is, count from the next action on, so the order of rules does not
 * matter.
 *
 * An expression that ends in an error (an index outside its list) counts as a match, except for
 * `allow`: a rule must not be dodged by making it fail.
 */

#include <errno.h>
#include <string.h>

#include "monitor/policy/policy_index.h"
#include "monitor/policy/rule.h"
#include "monitor/policy/state.h"

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_ALLOW] = "allow",	 [VERDICT_LOG] = "log",
		[VERDICT_THROTTLE] = "throttle", [VERDICT_REDACT] = "redact",
		[VERDICT_ASK] = "ask",		 [VERDICT_DECOY] = "decoy",
		[VERDICT_DENY] = "deny",	 [VERDICT_KILL] = "kill",
	};

	return verdict <= VERDICT_KILL ? names[verdict] : "unknown";
}

bool verdict_by_name(const char *name, enum verdict *ret)
{
	for (unsigned v = VERDICT_ALLOW; name && v <= VERDICT_KILL; v++) {
		if (strcmp(verdict_name((enum verdict)v), name) == 0) {
			*ret = (enum verdict)v;
			return true;
		}
	}
	return false;
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

struct cel_env policy_env(const struct policy *policy, const struct policy_state *state,
			  const struct action *action, struct cel_memo *memo)
{
	if (memo)
		cel_memo_begin(memo);
	return (struct cel_env){.action = action,
				.labels = policy_state_labels(state),
				.process_labels = policy_state_process_labels(state, action),
				.label_names = policy->label_names,
				.scratch = policy->scratch,
				.memo = memo};
}

bool rule_matches(const struct policy *policy, struct policy_state *state, const struct rule *rule,
		  const struct cel_env *env, struct rule_match *ret)
{
	const struct action *action = env->action;

	*ret = (struct rule_match){
		.result = cel_eval(&rule->when, env), .in_sequence = true, .over_budget = true};
	if (ret->result == CEL_FALSE)
		return false;
	if (ret->result == CEL_FAILED && rule->verdict == VERDICT_ALLOW && !rule->labels)
		return false;
	if (rule->sequence.step_count)
		ret->in_sequence = sequence_holds(policy, state, rule, action, &ret->began_ns);
	if (ret->in_sequence && rule->budget.is_set)
		ret->over_budget = budget_is_over(policy, state, rule, action, &ret->used);
	if (!ret->in_sequence || !ret->over_budget)
		return false;
	return !rule->count.at_least || state_count(state, rule, action);
}

/* An expression that fails is taken as what errs on the side of the rule: what must have been has,
 * what undoes it has not; for a rule that allows, the other way round. */
void step_take(const struct policy *policy, struct policy_state *state, const struct step *step,
	       const struct cel_env *env, bool refused)
{
	const enum cel_result result = cel_eval(&step->is.when, env);
	const bool allows = policy->rules[step->rule].verdict == VERDICT_ALLOW;

	if (result == CEL_FALSE || (result == CEL_FAILED && step_undoes(step) != allows))
		return;
	sequence_step(policy, state, step, env->action, refused);
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
	ret->began_ns = 0;
	ret->used = 0;
	ret->errno_value = verdict >= VERDICT_ASK ? EPERM : 0;
}

static enum rule_answer answer_of(const struct rule *rule, const struct rule_match *match,
				  bool matched)
{
	if (match->result == CEL_FALSE)
		return RULE_FALSE;
	if (!match->in_sequence)
		return RULE_NO_SEQUENCE;
	if (!match->over_budget)
		return RULE_IN_BUDGET;
	if (match->result == CEL_FAILED)
		return rule->verdict == VERDICT_ALLOW ? RULE_FAILED_ALLOW : RULE_FAILED;
	return matched ? RULE_MATCHED : RULE_BELOW_COUNT;
}

/* Not all of it: of more bytes gcc makes a `rep stos`, which takes as long as the rest of a fork's
 * decision. */
static inline void begin_decision(struct decision *ret, uint64_t process_labels)
{
	memset(ret, 0, offsetof(struct decision, found));
	ret->found = 0;
	ret->verdict = VERDICT_ALLOW;
	ret->process_labels = process_labels;
}

/* What allows finds nothing. */
static void note_found(const struct policy *policy, uint32_t index, struct decision *ret)
{
	if (policy->rules[index].verdict == VERDICT_ALLOW)
		return;
	if (ret->found < MAX_FOUND)
		ret->found_rules[ret->found] = (uint16_t)index;
	else
		found_keep_worst(policy, index, ret);
	ret->found++;
}

/* One rule that matched, among those before it. */
static void weigh(const struct policy *policy, uint32_t index, const struct rule_match *match,
		  struct decision *ret)
{
	const struct rule *rule = &policy->rules[index];

	ret->matched++;
	note_found(policy, index, ret);
	if (ret->rule && !rule_outranks(rule, &policy->rules[ret->rule_index]))
		return;
	ret->verdict = rule->verdict;
	ret->rule = &rule->info;
	ret->rule_index = index;
	ret->errno_value = rule->errno_value;
	ret->began_ns = match->began_ns;
	ret->used = match->used;
}

/*
 * Steps that this action is. One that was refused is one too, but for what undoes others. Where it
 * goes on though it was refused, what it undoes is caught up with.
 */
static void take_steps(const struct policy *policy, struct policy_state *state,
		       const struct cel_env *env, const struct candidates *c, bool refused,
		       bool catch_up)
{
	struct candidate_walk walk = {.of = c};
	uint32_t number;

	while (candidates_next(&walk, &number)) {
		const struct step *step;

		if (number < policy->rule_count)
			continue;
		step = &policy->steps[number - policy->rule_count];
		if (!catch_up || step_undoes(step))
			step_take(policy, state, step, env, refused);
	}
	sequences_follow(policy, state, env->action, refused);
}

void policy_note_let_through(const struct policy *policy, struct policy_state *state,
			     const struct action *action)
{
	struct cel_memo memo __attribute__((uninitialized));
	const struct cel_env env = policy_env(policy, state, action, &memo);
	struct candidates c __attribute__((uninitialized));

	budgets_take(policy, state, action, false);
	if (!policy->step_count)
		return;
	policy_index_candidates(policy, &env, &c);
	take_steps(policy, state, &env, &c, false, true);
}

static void note_observed(const struct policy *policy, uint32_t index, struct decision *ret)
{
	const struct rule *rule = &policy->rules[index];

	note_found(policy, index, ret);
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
	struct candidates c __attribute__((uninitialized));
	struct cel_memo memo __attribute__((uninitialized));
	const struct cel_env env = policy_env(policy, state, action, &memo);
	struct candidate_walk walk = {.of = &c};
	uint32_t index;
	bool decided = false;
	uint64_t labels = 0;
	uint64_t declassified = 0;

	begin_decision(ret, env.process_labels);
	state_set_time(state, action->time_ns);
	if (!state->look_only)
		budgets_measure(policy, state, action);
	policy_index_candidates(policy, &env, &c);
	while (candidates_next(&walk, &index) && index < policy->rule_count) {
		const struct rule *rule = &policy->rules[index];
		struct rule_match match;
		bool matched;

		matched = rule_matches(policy, state, rule, &env, &match);
		if (teller)
			teller->tell(teller->ctx, index, answer_of(rule, &match, matched));
		if (!matched)
			continue;
		if (rule->observed) {
			note_observed(policy, index, ret);
			continue;
		}
		labels |= rule->labels;
		if (match.result == CEL_TRUE)
			declassified |= rule->declassify;
		if (match.result == CEL_FAILED && rule->verdict == VERDICT_ALLOW)
			continue;
		decided |= !verdict_only_adds(rule->verdict);
		weigh(policy, index, &match, ret);
	}
	if (!decided)
		apply_default(policy, action, ret);
	if (!state->look_only) {
		const bool refused = ret->verdict >= VERDICT_ASK;

		if (policy->step_count)
			take_steps(policy, state, &env, &c, refused, false);
		budgets_take(policy, state, action, refused);
	}
	if (declassified && ret->verdict < VERDICT_ASK)
		ret->labels_removed = state_remove_labels(state, declassified & ~labels);
	ret->labels_added = labels & ~env.labels;
	policy_state_add_labels(state, labels);
}

/* Of datagrams a flow goes on by both, whichever began it: only what names an address is an action
 * of its own, and what a connected socket sends does not. */
static uint32_t kinds_of_flow(const struct action *action)
{
	const uint32_t kind = 1u << action->kind;

	return str_eq(action->protocol, STR("udp"))
		       ? kind | 1u << ACTION_CONNECT | 1u << ACTION_SEND
		       : kind;
}

/*
 * Such a flow is an action that was let through: what is asked is whether it would be now. Nothing
 * of it is counted a second time.
 */
void policy_count_bytes(const struct policy *policy, struct policy_state *state,
			const struct action *action, uint64_t bytes, struct decision *ret)
{
	const uint32_t kinds = kinds_of_flow(action);
	struct cel_memo memo __attribute__((uninitialized));
	struct cel_env env;

	begin_decision(ret, 0);
	budgets_take_bytes(policy, state, action, bytes);
	if (!state->budgets)
		return;
	env = policy_env(policy, state, action, &memo);
	state_set_time(state, action->time_ns);
	state_look_only(state, true);
	for (size_t n = 0; n < policy->bytes_rule_count; n++) {
		const uint32_t i = policy->bytes_rules[n];
		const struct rule *rule = &policy->rules[i];
		struct rule_match match;

		if (!(rule->kinds & kinds) || !rule_matches(policy, state, rule, &env, &match))
			continue;
		if (rule->observed)
			note_observed(policy, i, ret);
		else
			weigh(policy, i, &match, ret);
	}
	state_look_only(state, false);
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

struct still_redacts {
	const struct policy *policy;
	bool is_true;
};

static void note_redacting(void *ctx, size_t rule_index, enum rule_answer answer)
{
	struct still_redacts *still = ctx;
	const struct rule *rule = &still->policy->rules[rule_index];

	if ((answer == RULE_MATCHED || answer == RULE_FAILED) && !rule->observed &&
	    rule->verdict == VERDICT_REDACT && reads_text(&rule->when.reads))
		still->is_true = true;
}

bool policy_still_redacts(const struct policy *policy, struct policy_state *state,
			  const struct action *action)
{
	struct still_redacts still = {.policy = policy};
	const struct rule_teller teller = {note_redacting, &still};
	struct decision decision;

	state_look_only(state, true);
	decide(policy, state, action, &decision, &teller);
	state_look_only(state, false);
	return still.is_true || decision.verdict >= VERDICT_ASK;
}
