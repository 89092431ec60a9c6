/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/sequence.h"

#include <string.h>

#include <sodium.h>

#include "monitor/policy/keyed.h"
#include "monitor/policy/sequence_row.h"

#define SESSION_KEY 1u

const char *sequence_key_name(enum sequence_key by)
{
	static const char *const names[SEQUENCE_KEYS] = {
		[BY_SESSION] = "session",
		[BY_LINEAGE] = "lineage",
		[BY_FILE] = "file",
		[BY_HOST] = "host",
	};

	return by < SEQUENCE_KEYS ? names[by] : "unknown";
}

/* ---- keys ---- */

uint64_t sequence_key_of_text(const struct policy *policy, struct str text)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t key;

	(void)crypto_shorthash(hash, (const unsigned char *)(text.len ? text.at : ""), text.len,
			       policy->hash_key);
	memcpy(&key, hash, sizeof(key));
	return key | 1; /* never 0 */
}

/* Not inlined: what is about no host would pay for the frame, which is cleared when it is made. */
static __attribute__((noinline)) uint64_t host_key(const struct policy *policy, struct str host)
{
	char lower[256];
	size_t len = host.len < sizeof(lower) ? host.len : sizeof(lower);

	for (size_t i = 0; i < len; i++)
		lower[i] = (char)(host.at[i] >= 'A' && host.at[i] <= 'Z' ? host.at[i] + 32
									 : host.at[i]);
	if (len > 1 && lower[len - 1] == '.')
		len--;
	return sequence_key_of_text(policy, (struct str){lower, len});
}

/* 0: the action is about no such thing. */
static uint64_t key_of(const struct policy *policy, const struct policy_state *state,
		       enum sequence_key by, const struct action *action)
{
	switch (by) {
	case BY_SESSION:
		return SESSION_KEY;
	case BY_LINEAGE:
		if (state->untraced)
			return action->exec_id | BY_EXECUTION;
		return action->pid;
	case BY_FILE:
		return action->path.len ? sequence_key_of_text(policy, action->path) : 0;
	case BY_HOST:
		return action->host.len ? host_key(policy, action->host) : 0;
	case SEQUENCE_KEYS:
		break;
	}
	return 0;
}

/* ---- rows ---- */

static uint64_t since_of(const struct sequence *s, const uint64_t *row)
{
	return s->since ? row[s->places] : 0;
}

static uint64_t missing_of(const struct sequence *s, const uint64_t *row)
{
	return s->missing_first ? row[s->places + s->since] : 0;
}

static bool is_empty(const struct sequence *s, const uint64_t *row)
{
	for (size_t i = 0; i < sequence_row_words(s); i++) {
		if (row[i])
			return false;
	}
	return true;
}

static bool is_within(const struct sequence *s, uint64_t time_ns, uint64_t now)
{
	return time_ns && (!s->within_ns || now - time_ns <= s->within_ns);
}

/* Nothing in it can still lead to a match, or keep one from being. */
static bool is_over(const struct sequence *s, const uint64_t *row, uint64_t now)
{
	if (since_of(s, row))
		return false;
	for (size_t i = 0; i < sequence_row_words(s); i++) {
		if (is_within(s, row[i], now))
			return false;
	}
	return true;
}

/* Whether a first step at this time is one. */
static bool may_begin(const struct sequence *s, const uint64_t *row, uint64_t now)
{
	if (s->since)
		return since_of(s, row) && !missing_of(s, row);
	return !is_within(s, missing_of(s, row), now);
}

/* What nobody can see counts as having happened just now: each beginning that needs no more than
 * that is there. */
static void assume(const struct sequence *s, uint64_t places, bool since, uint64_t *row,
		   uint64_t now)
{
	if (since && !row[s->places])
		row[s->places] = now;
	for (uint32_t i = 0; i < s->places; i++) {
		const uint64_t before = i ? row[i - 1] : may_begin(s, row, now) ? now : 0;

		if ((places & (UINT64_C(1) << i)) && before > row[i])
			row[i] = before;
	}
}

static void assume_unseen(const struct policy_state *state, const struct sequence *s, uint64_t *row)
{
	const struct unseen *unseen = &state->unseen[s->table];

	if (unseen->places || unseen->since)
		assume(s, unseen->places, unseen->since, row, state->now_ns);
}

bool sequence_holds(const struct policy *policy, const struct policy_state *state,
		    const struct rule *rule, const struct action *action, uint64_t *ret_began)
{
	const struct sequence *s = &rule->sequence;
	const uint64_t key = key_of(policy, state, s->by, action);
	const uint64_t *kept = key ? keyed_find(state->tables[s->table], key) : NULL;
	uint64_t row[MAX_SEQUENCE_WORDS] = {0};

	*ret_began = 0;
	if (!key)
		return false;
	if (kept)
		memcpy(row, kept, sequence_row_words(s) * sizeof(*row));
	assume_unseen(state, s, row);
	if (!s->places)
		return may_begin(s, row, state->now_ns);
	*ret_began = row[s->places - 1];
	return is_within(s, *ret_began, state->now_ns);
}

uint32_t sequence_reached(const struct policy *policy, const struct policy_state *state,
			  const struct rule *rule, const struct action *action)
{
	const struct sequence *s = &rule->sequence;
	const uint64_t key = key_of(policy, state, s->by, action);
	const uint64_t *row = key ? keyed_find(state->tables[s->table], key) : NULL;
	uint32_t reached = s->places;

	while (reached && (!row || !row[reached - 1]))
		reached--;
	return reached;
}

/* Does it more than log? Labels are what other rules decide by. */
static bool acts(const struct rule *rule)
{
	return (rule->verdict > VERDICT_LOG && !rule->observed) || rule->labels || rule->declassify;
}

/* All that it holds keeps the rule from matching: who forgets it misses nothing. */
static bool is_excuse(const struct sequence *s, const uint64_t *row, uint64_t now)
{
	for (uint32_t i = 0; i < s->places; i++) {
		if (is_within(s, row[i], now))
			return false;
	}
	return !since_of(s, row);
}

/* The rule that has most of the room gives up its oldest key. */
static void give_way(struct policy_state *state, struct keyed *table)
{
	struct keyed *fullest = keyed_fullest(table);
	const struct policy *policy = state->policy;
	const struct rule *rule = &policy->rules[policy->sequences[keyed_id(fullest)]];
	uint64_t key = 0;
	const uint64_t *row = keyed_oldest(fullest, &key);

	if (!is_over(&rule->sequence, row, state->now_ns))
		state_evict(state, &rule->info,
			    acts(rule) && !is_excuse(&rule->sequence, row, state->now_ns));
	keyed_drop(fullest, key);
}

uint64_t *sequence_make_row(struct policy_state *state, const struct rule *rule, uint64_t key)
{
	const size_t index = rule->sequence.table;
	struct keyed *table = state->tables[index];
	uint64_t *row = keyed_make(table, key);

	state->holding[index / 64] |= UINT64_C(1) << (index % 64);
	if (row)
		return row;
	give_way(state, table);
	return keyed_make(table, key);
}

/* ---- events ---- */

static void on_done(const struct sequence *s, const struct step *step, uint64_t *row, uint64_t now)
{
	/* From the last repetition to the first: one event is one of them. */
	for (uint32_t i = step->place + step->repeat; i-- > step->place;) {
		const uint64_t before = i ? row[i - 1] : may_begin(s, row, now) ? now : 0;

		if (before > row[i])
			row[i] = before;
	}
}

void sequence_step(const struct policy *policy, struct policy_state *state, const struct step *step,
		   const struct action *action, bool refused)
{
	const struct rule *rule = &policy->rules[step->rule];
	const struct sequence *s = &rule->sequence;
	const uint64_t key = key_of(policy, state, s->by, action);
	struct keyed *table = state->tables[s->table];
	uint64_t *row;

	if (!key || (refused && step_undoes(step)))
		return;
	if (step->role == STEP_UNTIL) {
		keyed_drop(table, key);
		return;
	}
	row = keyed_find(table, key);
	/* A row that is not there is empty; only these make something of that. */
	if (!row && step->place && step->role != STEP_SINCE && !state->unseen[s->table].places)
		return;
	row = sequence_make_row(state, rule, key);
	assume_unseen(state, s, row);
	if (step->role == STEP_SINCE) {
		row[s->places] = state->now_ns;
		if (s->missing_first)
			row[s->places + 1] = 0;
	} else if (step->role == STEP_DONE) {
		on_done(s, step, row, state->now_ns);
	} else if (step->place) {
		row[step->place - 1] = 0;
	} else {
		row[s->places + s->since] = state->now_ns;
	}
	if (is_empty(s, row))
		keyed_drop(table, key);
}
