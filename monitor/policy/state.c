/* SPDX-License-Identifier: Apache-2.0 */

/* What one session has done so far: its labels, its counters and how far its sequences have come,
 * made, told and forgotten. */

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/rule.h"
#include "monitor/policy/state.h"

static void table_init(struct policy_state *state, const struct rule *rule, bool alone)
{
	if (rule->sequence.step_count)
		state->tables[rule->sequence.table] = sequence_table_new(state, rule, alone);
}

static struct policy_state *state_new(const struct policy *policy, size_t counters, size_t tables)
{
	struct policy_state *state = xcalloc(1, sizeof(*state));

	state->policy = policy;
	state->counters = xcalloc(counters, sizeof(*state->counters));
	state->counter_count = counters;
	state->tables = xcalloc(tables, sizeof(struct keyed *));
	state->unseen = xcalloc(tables, sizeof(*state->unseen));
	state->holding = xcalloc((tables + 63) / 64, sizeof(*state->holding));
	state->table_count = tables;
	return state;
}

/* No more than it needs: there are many examples. */
struct policy_state *state_new_for_rule(const struct policy *policy, const struct rule *rule)
{
	struct policy_state *state =
		state_new(policy, rule->count.at_least ? rule->counter + 1 : 0,
			  rule->sequence.step_count ? rule->sequence.table + 1 : 0);

	counter_init(state, rule);
	table_init(state, rule, true);
	if (rule->budget.is_set)
		state->budgets = budget_state_new(policy);
	return state;
}

struct policy_state *policy_state_new(const struct policy *policy)
{
	struct policy_state *state = state_new(policy, policy->counters, policy->sequence_count);

	state->budgets = budget_state_new(policy);
	for (size_t i = 0; i < policy->rule_count; i++) {
		counter_init(state, &policy->rules[i]);
		table_init(state, &policy->rules[i], false);
	}
	return state;
}

struct policy_state *policy_state_free(struct policy_state *state)
{
	if (!state)
		return NULL;
	for (size_t i = 0; i < state->counter_count; i++)
		counter_done(&state->counters[i]);
	for (size_t i = 0; i < state->table_count; i++)
		(void)keyed_free(state->tables[i]);
	for (size_t i = 0; i <= MAX_SEQUENCE_WORDS; i++)
		(void)keyed_room_free(state->rooms[i]);
	state->budgets = budget_state_free(state->budgets);
	free(state->tables);
	free(state->unseen);
	free(state->holding);
	free(state->counters);
	free(state);
	return NULL;
}

void policy_state_reset(struct policy_state *state)
{
	const struct policy_state kept = *state;

	for (size_t i = 0; i < kept.counter_count; i++)
		counter_clear(&kept.counters[i]);
	for (size_t i = 0; i < kept.table_count; i++) {
		keyed_clear(kept.tables[i]);
		kept.unseen[i] = (struct unseen){0};
	}
	budget_state_reset(kept.budgets);
	*state = (struct policy_state){
		.policy = kept.policy,
		.counters = kept.counters,
		.counter_count = kept.counter_count,
		.tables = kept.tables,
		.unseen = kept.unseen,
		.holding = kept.holding,
		.table_count = kept.table_count,
		.budgets = kept.budgets,
	};
	memcpy(state->rooms, kept.rooms, sizeof(state->rooms));
}

uint64_t policy_state_labels(const struct policy_state *state)
{
	return state->labels;
}

uint64_t policy_state_process_labels(const struct policy_state *state, const struct action *action)
{
	/* The agent is no process of the session, and has been told all that its tools returned.
	 * What is no process's may be any one's. */
	if (action->kind == ACTION_TOOL_CALL || action->kind == ACTION_TOOL_RESULT || !action->pid)
		return state->labels;
	return (action->labels & state->labels) | state->everywhere;
}

void policy_state_add_labels(struct policy_state *state, uint64_t labels)
{
	state->labels |= labels;
	state->everywhere |= labels;
}

void policy_state_add_session_labels(struct policy_state *state, uint64_t labels)
{
	state->labels |= labels;
}

uint64_t policy_state_evicted(const struct policy_state *state, const struct rule_info **ret_last)
{
	*ret_last = state->evicted_rule;
	return state->evicted;
}

bool policy_state_evicted_acts(const struct policy_state *state)
{
	return state->evicted_acts;
}

void state_evict(struct policy_state *state, const struct rule_info *rule, bool acts)
{
	state->evicted++;
	/* One that acts is why something is done about it. */
	if (acts || !state->evicted_acts)
		state->evicted_rule = rule;
	state->evicted_acts |= acts;
}

void policy_state_fix_labels(struct policy_state *state)
{
	state->labels_fixed = true;
}

uint64_t state_remove_labels(struct policy_state *state, uint64_t labels)
{
	const uint64_t removed = state->labels_fixed ? 0 : labels & state->labels;

	state->labels &= ~removed;
	state->everywhere &= ~removed;
	return removed;
}

void state_set_time(struct policy_state *state, uint64_t time_ns)
{
	if (time_ns > state->now_ns)
		state->now_ns = time_ns;
	if (!state->now_ns)
		state->now_ns = 1; /* 0 marks a free entry */
}

void state_look_only(struct policy_state *state, bool look_only)
{
	state->look_only = look_only;
}
