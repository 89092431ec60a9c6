/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/budget.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/buf.h"
#include "monitor/policy/budget_state.h"
#include "monitor/policy/rule.h"
#include "monitor/policy/state.h"

const char *budget_of_name(enum budget_of of)
{
	static const char *const names[BUDGETS] = {
		[BUDGET_TOOL_CALLS] = "tool_calls",
		[BUDGET_PROCESSES_CREATED] = "processes_created",
		[BUDGET_PROCESSES_ALIVE] = "processes_alive",
		[BUDGET_FILES_WRITTEN] = "files_written",
		[BUDGET_CONNECTIONS] = "connections",
		[BUDGET_HOSTS] = "hosts",
		[BUDGET_CPU_SECONDS] = "cpu_seconds",
		[BUDGET_MEMORY] = "memory",
		[BUDGET_BYTES_WRITTEN] = "bytes_written",
		[BUDGET_BYTES_OUT] = "bytes_out",
		[BUDGET_SPEND] = "spend",
	};

	return of < BUDGETS ? names[of] : "unknown";
}

const char *budget_per_name(enum budget_per per)
{
	return per == PER_SESSION ? "session" : "call";
}

struct budget_state *budget_state_new(const struct policy *policy)
{
	const struct budget_needs *needs = &policy->budgets;
	struct budget_state *b;

	if (!needs->of[PER_SESSION] && !needs->of[PER_CALL])
		return NULL;
	b = xcalloc(1, sizeof(*b));
	b->executions = keyed_new(MAX_EXECUTIONS, 1);
	b->usage = keyed_new(MAX_EXECUTIONS, USAGE_WORDS);
	if (needs->of[PER_CALL])
		b->calls = keyed_new(MAX_BUDGET_CALLS, BUDGETS);
	for (unsigned per = 0; per < BUDGET_PERS; per++) {
		if (needs->by_host[per])
			b->hosts[per] = keyed_new(MAX_BUDGET_HOSTS, 1);
		for (unsigned of = 0; of < BUDGETS; of++) {
			if (needs->distinct[per][of])
				b->distinct[per][of] = keyed_new(needs->distinct[per][of], 1);
		}
	}
	return b;
}

struct budget_state *budget_state_free(struct budget_state *b)
{
	if (!b)
		return NULL;
	for (unsigned per = 0; per < BUDGET_PERS; per++) {
		(void)keyed_free(b->hosts[per]);
		for (unsigned of = 0; of < BUDGETS; of++)
			(void)keyed_free(b->distinct[per][of]);
	}
	(void)keyed_free(b->calls);
	(void)keyed_free(b->executions);
	(void)keyed_free(b->usage);
	free(b);
	return NULL;
}

void budget_state_reset(struct budget_state *b)
{
	if (!b)
		return;
	memset(b->used, 0, sizeof(b->used));
	memset(b->spent, 0, sizeof(b->spent));
	for (unsigned per = 0; per < BUDGET_PERS; per++) {
		keyed_clear(b->hosts[per]);
		for (unsigned of = 0; of < BUDGETS; of++)
			keyed_clear(b->distinct[per][of]);
	}
	keyed_clear(b->calls);
	keyed_clear(b->executions);
	keyed_clear(b->usage);
}

/* ---- one action ---- */

uint64_t budget_key(const struct policy *policy, struct str text, uint64_t more)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t key;

	(void)crypto_shorthash(hash, (const unsigned char *)(text.len ? text.at : ""), text.len,
			       policy->hash_key);
	memcpy(&key, hash, sizeof(key));
	return (key ^ (more * UINT64_C(0x9e3779b97f4a7c15))) | 1; /* never 0 */
}

uint64_t budget_key_of_call(const struct policy *policy, const struct action *action)
{
	return action->call_id.len ? budget_key(policy, action->call_id, 0)
				   : action->exec_id | BY_EXECUTION;
}

/* A process that nobody forked: the first of an execution. */
static bool is_first(const struct budget_state *b, const struct action *action)
{
	return action->kind == ACTION_EXEC && action->exec_id &&
	       !keyed_find(b->executions, action->exec_id);
}

static bool goes_out(const struct action *action)
{
	return (action->kind == ACTION_CONNECT || action->kind == ACTION_SEND) && !action->loopback;
}

/* /dev/null is written to by whoever redirects something. */
static bool is_device(struct str path)
{
	return path.len > 5 && memcmp(path.at, "/dev/", 5) == 0;
}

/* What of this it uses, 0 or 1. @ret_thing: of what is counted once, what it is. */
static unsigned uses(const struct policy_state *state, enum budget_of of,
		     const struct action *action, struct str *ret_thing)
{
	const struct budget_state *b = state->budgets;

	switch (of) {
	case BUDGET_TOOL_CALLS:
		return action->kind == ACTION_TOOL_CALL;
	case BUDGET_PROCESSES_CREATED:
		/* Without a trace a program that is executed is the least that is known of one. */
		if (state->untraced)
			return action->kind == ACTION_EXEC;
		return action->kind == ACTION_FORK || is_first(b, action);
	case BUDGET_PROCESSES_ALIVE:
		return action->kind == ACTION_FORK || is_first(b, action);
	case BUDGET_FILES_WRITTEN:
		*ret_thing = action->path;
		return action->kind == ACTION_FILE_OPEN && action->write && action->result >= 0 &&
		       !is_device(action->path);
	case BUDGET_CONNECTIONS:
		return action->kind == ACTION_CONNECT && goes_out(action);
	case BUDGET_HOSTS:
		*ret_thing = action->host.len ? action->host : action->address;
		return goes_out(action);
	case BUDGET_CPU_SECONDS:
	case BUDGET_MEMORY:
	case BUDGET_BYTES_WRITTEN:
	case BUDGET_BYTES_OUT:
	case BUDGET_SPEND:
	case BUDGETS:
		break;
	}
	return 0;
}

/* 0: it is not counted by what it is. */
static uint64_t key_of_thing(const struct policy *policy, const struct budget_state *b,
			     enum budget_of of, enum budget_per per, const struct action *action,
			     struct str thing)
{
	if (!b->distinct[per][of])
		return 0;
	return budget_key(policy, thing, per == PER_CALL ? budget_key_of_call(policy, action) : 0);
}

/* What the action costs in a unit. */
static uint64_t cost_in(const struct policy *policy, size_t unit, const struct action *action)
{
	return action->kind == ACTION_TOOL_CALL && action->cost > 0 &&
			       str_eq(action->unit, str_of(policy->budgets.units[unit]))
		       ? (uint64_t)action->cost
		       : 0;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	uint64_t all;

	return __builtin_add_overflow(a, b, &all) ? UINT64_MAX : all;
}

/* What was used before the action. */
static uint64_t used_before(const struct policy *policy, const struct budget_state *b,
			    const struct budget *budget, const struct action *action)
{
	const uint64_t *amounts = b->used;

	if (budget->of == BUDGET_SPEND)
		return b->spent[budget->unit];
	if (budget->by_host)
		return budget_bytes_to_host(policy, b, budget->per, action);
	if (budget->per == PER_CALL)
		amounts = keyed_find(b->calls, budget_key_of_call(policy, action));
	if (!amounts)
		return 0;
	return budget->of == BUDGET_CPU_SECONDS ? amounts[budget->of] / US_PER_SECOND
						: amounts[budget->of];
}

/* What it uses itself, as far as that was not counted yet. */
static uint64_t used_by(const struct policy *policy, const struct policy_state *state,
			const struct budget *budget, const struct action *action)
{
	const struct budget_state *b = state->budgets;
	struct str thing = STR("");
	unsigned own;
	uint64_t key;

	if (budget->of == BUDGET_SPEND)
		return cost_in(policy, budget->unit, action);
	own = uses(state, budget->of, action, &thing);
	key = own ? key_of_thing(policy, b, budget->of, budget->per, action, thing) : 0;
	return key && keyed_find(b->distinct[budget->per][budget->of], key) ? 0 : own;
}

bool budget_is_over(const struct policy *policy, const struct policy_state *state,
		    const struct rule *rule, const struct action *action, uint64_t *ret_used)
{
	const struct budget *budget = &rule->budget;

	if (budget->of == BUDGET_PROCESSES_ALIVE && state->untraced)
		return true; /* nobody can tell */
	*ret_used = sum(used_before(policy, state->budgets, budget, action),
			used_by(policy, state, budget, action));
	return *ret_used > budget->limit;
}

/* ---- after the verdict ---- */

/* A full table has more than any rule allows, or things of calls that have ended. */
static void make_room(struct keyed *table)
{
	uint64_t oldest = 0;

	if (keyed_oldest(table, &oldest))
		keyed_drop(table, oldest);
}

/* Return: false if it was there. */
static bool note_new(struct keyed *table, uint64_t key)
{
	if (keyed_find(table, key))
		return false;
	if (!keyed_make(table, key)) {
		make_room(table);
		(void)keyed_make(table, key);
	}
	return true;
}

uint64_t *budget_call(const struct policy *policy, struct policy_state *state,
		      const struct action *action)
{
	struct keyed *calls = state->budgets->calls;
	const uint64_t key = budget_key_of_call(policy, action);
	uint64_t *amounts = keyed_make(calls, key);

	if (amounts)
		return amounts;
	make_room(calls);
	state_evict(state, &policy->rules[policy->budgets.rule].info, true);
	return keyed_make(calls, key);
}

static void take(const struct policy *policy, struct policy_state *state, enum budget_per per,
		 const struct action *action, bool refused)
{
	struct budget_state *b = state->budgets;

	for (uint32_t left = policy->budgets.of[per]; left; left &= left - 1) {
		const enum budget_of of = (enum budget_of)__builtin_ctz(left);
		/* A process is there, whatever it was refused; a program that was, is not. */
		const bool is_process = !state->untraced && (of == BUDGET_PROCESSES_CREATED ||
							     of == BUDGET_PROCESSES_ALIVE);
		struct str thing = STR("");
		uint64_t key;

		if ((refused && !is_process) || !uses(state, of, action, &thing))
			continue;
		key = key_of_thing(policy, b, of, per, action, thing);
		if (key && !note_new(b->distinct[per][of], key))
			continue;
		if (per == PER_SESSION)
			b->used[of]++;
		else
			budget_call(policy, state, action)[of]++;
	}
}

static void one_less(uint64_t *amounts)
{
	if (amounts && amounts[BUDGET_PROCESSES_ALIVE])
		amounts[BUDGET_PROCESSES_ALIVE]--;
}

void budgets_take(const struct policy *policy, struct policy_state *state,
		  const struct action *action, bool refused)
{
	struct budget_state *b = state->budgets;

	if (!b)
		return;
	take(policy, state, PER_SESSION, action, refused);
	take(policy, state, PER_CALL, action, refused);
	for (size_t i = 0; i < policy->budgets.unit_count && !refused; i++)
		b->spent[i] = sum(b->spent[i], cost_in(policy, i, action));
	if (is_first(b, action))
		(void)note_new(b->executions, action->exec_id);
	if (action->kind == ACTION_PROC_EXIT) {
		one_less(b->used);
		one_less(b->calls ? keyed_find(b->calls, budget_key_of_call(policy, action))
				  : NULL);
	}
	if (action->kind == ACTION_TOOL_RESULT && b->calls)
		keyed_drop(b->calls, budget_key_of_call(policy, action));
}
