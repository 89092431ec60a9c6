/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/sequence.h"

#include <string.h>

#include "monitor/policy/keyed.h"
#include "monitor/policy/policy_state.h"
#include "monitor/policy/sequence_row.h"

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
	memcpy(kept, row, sequence_row_words(&rule->sequence) * sizeof(*row));
	memcpy(sequence_make_row(state, rule, to), kept,
	       sequence_row_words(&rule->sequence) * sizeof(*row));
}

/* renameat2(2) can exchange two files, and what is done cannot be told from what was: so the rows
 * are exchanged, of which a plain rename leaves one with nobody. */
static void exchange_rows(struct policy_state *state, const struct rule *rule, uint64_t a,
			  uint64_t b)
{
	struct keyed *table = state->tables[rule->sequence.table];
	const size_t bytes = sequence_row_words(&rule->sequence) * sizeof(uint64_t);
	const uint64_t *of_b = keyed_find(table, b);
	uint64_t kept[MAX_SEQUENCE_WORDS] = {0};

	if (of_b)
		memcpy(kept, of_b, bytes);
	copy_row(state, rule, a, b);
	keyed_drop(table, a);
	if (of_b)
		memcpy(sequence_make_row(state, rule, a), kept, bytes);
}

/* The things that a row was about, and will be. */
struct move {
	uint64_t from, to;
};

static struct move move_of(const struct policy *policy, const struct action *action)
{
	if (action->kind == ACTION_FILE_CHANGE)
		return (struct move){sequence_key_of_text(policy, action->path),
				     sequence_key_of_text(policy, action->target)};
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
