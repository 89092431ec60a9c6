/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/sequence.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "common/buf.h"
#include "monitor/policy/keyed.h"
#include "monitor/policy/rule.h"
#include "monitor/policy/state.h"

/*
 * The words of a key are times; 0: never. First the latest start of a beginning of 1, 2, ... steps.
 * Then, where the sequence asks for it: the last "since"; the last event that must not have been
 * before the first step.
 */
#define SESSION_KEY  1u
#define BY_EXECUTION (UINT64_C(1) << 63) /* where nobody sees which process started which */

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

/* ---- memory ---- */

static size_t row_words(const struct sequence *sequence)
{
	return sequence->places + sequence->since + sequence->missing_first;
}

_Static_assert(MAX_KEYED + MAX_POLICY_STEPS <= MAX_ROOM_KEYS, "each sequence has a step");

/* The memory that all have is shared out by how many rules have rows of a length. */
static uint32_t room_for(uint32_t rules, uint32_t all, size_t words)
{
	const size_t bytes = (size_t)SEQUENCE_BYTES / all * rules;
	size_t keys = bytes / keyed_bytes(words);

	if (keys < MIN_SEQUENCE_KEYS)
		keys = MIN_SEQUENCE_KEYS;
	return keys < MAX_KEYED ? (uint32_t)keys : MAX_KEYED;
}

int sequences_share(struct policy *policy, struct error *err)
{
	uint32_t all = 0;

	for (size_t i = 0; i < policy->sequence_count; i++) {
		const struct sequence *s = &policy->rules[policy->sequences[i]].sequence;
		struct sequence_room *room = &policy->rooms[row_words(s)];

		room->tables++;
		if (s->by == BY_SESSION)
			room->keys++; /* its own: nobody else has so few */
		else
			room->sharing++;
		all += s->by != BY_SESSION;
	}
	for (size_t words = 0; words <= MAX_SEQUENCE_WORDS; words++) {
		struct sequence_room *room = &policy->rooms[words];

		if (all && room->sharing)
			room->keys += room_for(room->sharing, all, words);
		policy->state_bytes += room->keys * keyed_bytes(words);
	}
	if (policy->state_bytes <= MAX_STATE_BYTES)
		return 0;
	return error_set(err, E2BIG,
			 "the counters and sequences of all rules take more than %u bytes a "
			 "session: use fewer rules with \"sequence\", or lower \"at_least\"",
			 MAX_STATE_BYTES);
}

struct keyed *sequence_table_new(struct policy_state *state, const struct rule *rule, bool alone)
{
	const struct sequence *s = &rule->sequence;
	const size_t words = row_words(s);
	const struct sequence_room *room = &state->policy->rooms[words];

	if (!state->rooms[words])
		state->rooms[words] = keyed_room_new(alone ? MIN_SEQUENCE_KEYS : room->keys, words,
						     alone ? 1 : room->tables);
	return keyed_in(state->rooms[words], (uint32_t)s->table);
}

/* ---- keys ---- */

static uint64_t hashed(const struct policy *policy, struct str text)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t key;

	(void)crypto_shorthash(hash, (const unsigned char *)(text.len ? text.at : ""), text.len,
			       policy->hash_key);
	memcpy(&key, hash, sizeof(key));
	return key | 1; /* never 0 */
}

static uint64_t host_key(const struct policy *policy, struct str host)
{
	char lower[256];
	size_t len = host.len < sizeof(lower) ? host.len : sizeof(lower);

	for (size_t i = 0; i < len; i++)
		lower[i] = (char)(host.at[i] >= 'A' && host.at[i] <= 'Z' ? host.at[i] + 32
									 : host.at[i]);
	if (len > 1 && lower[len - 1] == '.')
		len--;
	return hashed(policy, (struct str){lower, len});
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
		return action->path.len ? hashed(policy, action->path) : 0;
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
	for (size_t i = 0; i < row_words(s); i++) {
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
	for (size_t i = 0; i < row_words(s); i++) {
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
		memcpy(row, kept, row_words(s) * sizeof(*row));
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

static uint64_t *make_row(struct policy_state *state, const struct rule *rule, uint64_t key)
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
	row = make_row(state, rule, key);
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

/* ---- what rows are about ---- */

static void copy_row(struct policy_state *state, const struct rule *rule, uint64_t from,
		     uint64_t to)
{
	struct keyed *table = state->tables[rule->sequence.table];
	const uint64_t *row = keyed_find(table, from);
	uint64_t kept[MAX_SEQUENCE_WORDS];

	if (!row) {
		keyed_drop(table, to);
		return;
	}
	memcpy(kept, row, row_words(&rule->sequence) * sizeof(*row));
	memcpy(make_row(state, rule, to), kept, row_words(&rule->sequence) * sizeof(*row));
}

/* renameat2(2) can exchange two files, and what is done cannot be told from what was: so the rows
 * are exchanged, of which a plain rename leaves one with nobody. */
static void exchange_rows(struct policy_state *state, const struct rule *rule, uint64_t a,
			  uint64_t b)
{
	struct keyed *table = state->tables[rule->sequence.table];
	const size_t bytes = row_words(&rule->sequence) * sizeof(uint64_t);
	const uint64_t *of_b = keyed_find(table, b);
	uint64_t kept[MAX_SEQUENCE_WORDS] = {0};

	if (of_b)
		memcpy(kept, of_b, bytes);
	copy_row(state, rule, a, b);
	keyed_drop(table, a);
	if (of_b)
		memcpy(make_row(state, rule, a), kept, bytes);
}

/* The things that a row was about, and will be. */
struct move {
	uint64_t from, to;
};

static struct move move_of(const struct policy *policy, const struct action *action)
{
	if (action->kind == ACTION_FILE_CHANGE)
		return (struct move){hashed(policy, action->path), hashed(policy, action->target)};
	return (struct move){(uint64_t)action->parent, action->pid};
}

static void follow(struct policy_state *state, const struct rule *rule, const struct action *action,
		   struct move move)
{
	if (action->kind == ACTION_PROC_EXIT)
		keyed_drop(state->tables[rule->sequence.table], move.to);
	else if (action->kind == ACTION_FORK || str_eq(action->op, STR("link")))
		copy_row(state, rule, move.from, move.to);
	else
		exchange_rows(state, rule, move.from, move.to);
}

/* Of most sequences nothing has been yet: their tables are not looked at. */
void sequences_follow(const struct policy *policy, struct policy_state *state,
		      const struct action *action, bool refused)
{
	const bool is_process = action->kind == ACTION_FORK || action->kind == ACTION_PROC_EXIT;
	const bool is_name = action->kind == ACTION_FILE_CHANGE && action->target.len &&
			     action->path.len && action->result >= 0 && !refused &&
			     (str_eq(action->op, STR("link")) || str_eq(action->op, STR("rename")));
	const enum sequence_key by = is_process ? BY_LINEAGE : BY_FILE;
	struct move move;

	if (!is_process && !is_name)
		return;
	move = move_of(policy, action);
	for (size_t w = 0; w * 64 < state->table_count; w++) {
		for (uint64_t left = state->holding[w]; left; left &= left - 1) {
			const size_t i = w * 64 + (size_t)__builtin_ctzll(left);
			const struct rule *rule = &policy->rules[policy->sequences[i]];

			if (rule->sequence.by == by)
				follow(state, rule, action, move);
			if (!keyed_count(state->tables[i]))
				state->holding[w] &= ~(left & -left);
		}
	}
}

void policy_state_end_execution(struct policy_state *state, uint32_t exec_id)
{
	const struct policy *policy = state->policy;

	for (size_t i = 0; state->untraced && i < policy->rule_count; i++) {
		const struct sequence *s = &policy->rules[i].sequence;

		if (s->step_count && s->by == BY_LINEAGE)
			keyed_drop(state->tables[s->table], exec_id | BY_EXECUTION);
	}
}
