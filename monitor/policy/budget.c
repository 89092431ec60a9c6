/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/budget.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/buf.h"
#include "monitor/policy/keyed.h"
#include "monitor/policy/rule.h"
#include "monitor/policy/state.h"

#define BY_EXECUTION   (UINT64_C(1) << 63) /* of what belongs to no call */
#define MAX_EXECUTIONS 256u
#define US_PER_SECOND  1000000u

struct budget_state {
	uint64_t used[BUDGETS];			      /* of the session */
	struct keyed *calls;			      /* BUDGETS words of each; NULL: not needed */
	struct keyed *distinct[BUDGET_PERS][BUDGETS]; /* what was counted already */
	struct keyed *executions;		      /* whose first process was counted already */
	uint64_t cpu_us;
};

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
	if (needs->of[PER_CALL])
		b->calls = keyed_new(MAX_BUDGET_CALLS, BUDGETS);
	for (unsigned per = 0; per < BUDGET_PERS; per++) {
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
		for (unsigned of = 0; of < BUDGETS; of++)
			(void)keyed_free(b->distinct[per][of]);
	}
	(void)keyed_free(b->calls);
	(void)keyed_free(b->executions);
	free(b);
	return NULL;
}

void budget_state_reset(struct budget_state *b)
{
	if (!b)
		return;
	memset(b->used, 0, sizeof(b->used));
	b->cpu_us = 0;
	for (unsigned per = 0; per < BUDGET_PERS; per++) {
		for (unsigned of = 0; of < BUDGETS; of++)
			keyed_clear(b->distinct[per][of]);
	}
	keyed_clear(b->calls);
	keyed_clear(b->executions);
}

/* ---- one action ---- */

static uint64_t hashed(const struct policy *policy, struct str text, uint64_t more)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t key;

	(void)crypto_shorthash(hash, (const unsigned char *)(text.len ? text.at : ""), text.len,
			       policy->hash_key);
	memcpy(&key, hash, sizeof(key));
	return (key ^ (more * UINT64_C(0x9e3779b97f4a7c15))) | 1; /* never 0 */
}

static uint64_t key_of_call(const struct policy *policy, const struct action *action)
{
	return action->call_id.len ? hashed(policy, action->call_id, 0)
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
	return hashed(policy, thing, per == PER_CALL ? key_of_call(policy, action) : 0);
}

bool budget_is_over(const struct policy *policy, const struct policy_state *state,
		    const struct rule *rule, const struct action *action, uint64_t *ret_used)
{
	const struct budget *budget = &rule->budget;
	const struct budget_state *b = state->budgets;
	struct str thing = STR("");
	unsigned own = uses(state, budget->of, action, &thing);
	const uint64_t *amounts = b->used;
	uint64_t key;

	if (budget->of == BUDGET_PROCESSES_ALIVE && state->untraced)
		return true; /* nobody can tell */
	if (budget->per == PER_CALL)
		amounts = keyed_find(b->calls, key_of_call(policy, action));
	key = own ? key_of_thing(policy, b, budget->of, budget->per, action, thing) : 0;
	if (key && keyed_find(b->distinct[budget->per][budget->of], key))
		own = 0;
	*ret_used = (amounts ? amounts[budget->of] : 0) + own;
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

static uint64_t *amounts_of_call(const struct policy *policy, struct policy_state *state,
				 const struct action *action)
{
	struct keyed *calls = state->budgets->calls;
	const uint64_t key = key_of_call(policy, action);
	uint64_t *amounts = keyed_make(calls, key);

	if (amounts)
		return amounts;
	make_room(calls);
	state->evicted++;
	state->evicted_rule = &policy->rules[policy->budgets.rule].info;
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
			amounts_of_call(policy, state, action)[of]++;
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
	if (is_first(b, action))
		(void)note_new(b->executions, action->exec_id);
	if (action->kind == ACTION_PROC_EXIT) {
		one_less(b->used);
		one_less(b->calls ? keyed_find(b->calls, key_of_call(policy, action)) : NULL);
	}
	if (action->kind == ACTION_TOOL_RESULT && b->calls)
		keyed_drop(b->calls, key_of_call(policy, action));
}

void policy_state_note_cpu(struct policy_state *state, uint64_t us)
{
	struct budget_state *b = state->budgets;

	if (!b)
		return;
	b->cpu_us += us;
	b->used[BUDGET_CPU_SECONDS] = b->cpu_us / US_PER_SECOND;
}
