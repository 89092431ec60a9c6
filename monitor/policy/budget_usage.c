/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is measured, and not counted by actions: processor time, memory and bytes written of
 * executions, and bytes of flows. Of an execution its whole use so far is told each time; amounts
 * grow by what is new in that, so a sum that is told twice, or late, counts once.
 */

#include "monitor/policy/budget_state.h"
#include "monitor/policy/rule.h"
#include "monitor/policy/state.h"

#define US_PER_MS 1000u

static uint64_t key_of_execution(uint32_t exec_id)
{
	return exec_id | BY_EXECUTION;
}

static void forget(struct budget_state *b, uint64_t key)
{
	const uint64_t *last = keyed_find(b->usage, key);

	if (!last)
		return;
	b->used[BUDGET_MEMORY] -= last[USAGE_MEMORY];
	keyed_drop(b->usage, key);
}

/* Those that have ended are told of no more and are the oldest. */
static uint64_t *last_of(struct policy_state *state, uint32_t exec_id)
{
	struct budget_state *b = state->budgets;
	uint64_t *last = keyed_make(b->usage, key_of_execution(exec_id));
	uint64_t oldest = 0;

	if (last)
		return last;
	(void)keyed_oldest(b->usage, &oldest);
	forget(b, oldest);
	return keyed_make(b->usage, key_of_execution(exec_id));
}

static uint64_t grow(uint64_t *last, uint64_t now)
{
	const uint64_t more = now > *last ? now - *last : 0;

	*last += more;
	return more;
}

static uint64_t positive(int64_t number)
{
	return number > 0 ? (uint64_t)number : 0;
}

struct more {
	uint64_t cpu_us, written;
	uint64_t memory_before, memory;
};

static void add_usage(uint64_t *amounts, const struct more *more)
{
	const uint64_t memory = amounts[BUDGET_MEMORY] + more->memory;

	amounts[BUDGET_CPU_SECONDS] += more->cpu_us;
	amounts[BUDGET_BYTES_WRITTEN] += more->written;
	/* Of a call that is over nothing is known any more: less than nothing it cannot have. */
	amounts[BUDGET_MEMORY] = memory > more->memory_before ? memory - more->memory_before : 0;
}

static void take_usage(const struct policy *policy, struct policy_state *state,
		       const struct action *action)
{
	struct budget_state *b = state->budgets;
	uint64_t *last = last_of(state, action->exec_id);
	const struct more more = {
		.cpu_us = grow(&last[USAGE_CPU_US], positive(action->cpu_ms) * US_PER_MS),
		.written = grow(&last[USAGE_WRITTEN], positive(action->written_bytes)),
		.memory_before = last[USAGE_MEMORY],
		.memory = positive(action->memory_bytes),
	};

	last[USAGE_MEMORY] = more.memory;
	add_usage(b->used, &more);
	if (b->calls)
		add_usage(budget_call(policy, state, action), &more);
}

void budgets_measure(const struct policy *policy, struct policy_state *state,
		     const struct action *action)
{
	if (state->budgets && action->kind == ACTION_USAGE)
		take_usage(policy, state, action);
}

void policy_state_note_cpu(struct policy_state *state, uint32_t exec_id, uint64_t us)
{
	struct budget_state *b = state->budgets;

	if (!b)
		return;
	b->used[BUDGET_CPU_SECONDS] +=
		exec_id ? grow(&last_of(state, exec_id)[USAGE_CPU_US], us) : us;
	if (exec_id)
		forget(b, key_of_execution(exec_id));
}

/* ---- bytes of flows ---- */

static uint64_t key_of_peer(const struct policy *policy, enum budget_per per,
			    const struct action *action)
{
	return budget_key(policy, action->host.len ? action->host : action->address,
			  per == PER_CALL ? budget_key_of_call(policy, action) : 0);
}

uint64_t budget_bytes_to_host(const struct policy *policy, const struct budget_state *b,
			      enum budget_per per, const struct action *action)
{
	const uint64_t *bytes =
		b->hosts[per] ? keyed_find(b->hosts[per], key_of_peer(policy, per, action)) : NULL;

	return bytes ? *bytes : 0;
}

/* One that is forgotten may be used anew: a loss. */
static void add_to_host(const struct policy *policy, struct policy_state *state,
			enum budget_per per, const struct action *action, uint64_t bytes)
{
	struct keyed *hosts = state->budgets->hosts[per];
	const uint64_t key = key_of_peer(policy, per, action);
	uint64_t *sum = keyed_make(hosts, key);
	uint64_t oldest = 0;

	if (!sum) {
		(void)keyed_oldest(hosts, &oldest);
		keyed_drop(hosts, oldest);
		state_evict(state, &policy->rules[policy->budgets.host_rule].info, true);
		sum = keyed_make(hosts, key);
	}
	*sum += bytes;
}

void budgets_take_bytes(const struct policy *policy, struct policy_state *state,
			const struct action *action, uint64_t bytes)
{
	struct budget_state *b = state->budgets;

	if (!b)
		return;
	b->used[BUDGET_BYTES_OUT] += bytes;
	if (b->calls)
		budget_call(policy, state, action)[BUDGET_BYTES_OUT] += bytes;
	for (unsigned per = 0; per < BUDGET_PERS; per++) {
		if (b->hosts[per])
			add_to_host(policy, state, (enum budget_per)per, action, bytes);
	}
}
