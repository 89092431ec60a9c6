/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What one session has done so far: labels, the counters of counting rules, and (sequence.c) how
 * far sequences have come.
 *
 * A counter without "distinct" is a ring of the last `at_least` events: the count is reached when
 * the ring is full and its oldest is still inside the window. Of each it has the time that passed
 * since the one before, in as few bytes as hold the window: a gap that is longer is kept as one
 * just longer, since what lies before it no longer counts either way. With "distinct" it is a
 * table of `at_least` values, the one seen longest ago first; those outside the window are dropped
 * from there. When it is full there are that many live values, so a full table is exactly the
 * answer "reached", and whichever gives way to a new value is one that no answer depends on. Both
 * are exact, and their size is known at load.
 */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/buf.h"
#include "monitor/policy/rule.h"
#include "monitor/policy/state.h"

/* Of one that is longer than the window. */
static uint64_t longest_gap(const struct count_spec *count)
{
	return count->window_ns + 1;
}

static size_t gap_bytes(const struct count_spec *count)
{
	const unsigned bits = 64 - (unsigned)__builtin_clzll(longest_gap(count));

	return (bits + 7) / 8;
}

size_t count_state_bytes(const struct count_spec *count)
{
	if (count->field_count)
		return count->at_least * keyed_bytes(1);
	return count->at_least * gap_bytes(count) + sizeof(uint64_t); /* read a word at a time */
}

static void counter_init(struct policy_state *state, const struct rule *rule)
{
	struct counter *counter;

	if (!rule->count.at_least)
		return;
	counter = &state->counters[rule->counter];
	if (rule->count.field_count)
		counter->seen = keyed_new(rule->count.at_least, 1);
	else
		counter->gaps = xcalloc(1, count_state_bytes(&rule->count));
	counter->gap_bytes = (uint8_t)gap_bytes(&rule->count);
}

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
	for (size_t i = 0; i < state->counter_count; i++) {
		free(state->counters[i].gaps);
		(void)keyed_free(state->counters[i].seen);
	}
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

	for (size_t i = 0; i < kept.counter_count; i++) {
		struct counter *counter = &kept.counters[i];

		keyed_clear(counter->seen);
		*counter = (struct counter){.gaps = counter->gaps,
					    .gap_bytes = counter->gap_bytes,
					    .seen = counter->seen};
	}
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

bool policy_needs_usage(const struct policy *policy)
{
	const uint32_t measured =
		1u << BUDGET_CPU_SECONDS | 1u << BUDGET_MEMORY | 1u << BUDGET_BYTES_WRITTEN;
	uint32_t kinds = 0;

	for (size_t i = 0; i < policy->rule_count; i++)
		kinds |= policy->rules[i].kinds;
	for (size_t i = 0; i < policy->step_count; i++)
		kinds |= policy->steps[i].is.kinds;
	return (kinds & (1u << ACTION_USAGE)) ||
	       ((policy->budgets.of[PER_SESSION] | policy->budgets.of[PER_CALL]) & measured);
}

bool policy_asks_for(const struct policy *policy, enum action_kind kind)
{
	bool asks = policy->has_default[kind] && policy->defaults[kind] > VERDICT_ALLOW;

	for (size_t i = 0; i < policy->rule_count; i++)
		asks |= (policy->rules[i].kinds & (1u << kind)) != 0;
	for (size_t i = 0; i < policy->step_count; i++)
		asks |= (policy->steps[i].is.kinds & (1u << kind)) != 0;
	return asks;
}

bool policy_budgets_bytes(const struct policy *policy)
{
	return (policy->budgets.of[PER_SESSION] | policy->budgets.of[PER_CALL]) &
	       1u << BUDGET_BYTES_OUT;
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

/* One 64-bit value for the fields, each with its length so that no two sets run together. */
static uint64_t distinct_value(const struct policy *policy, const struct count_spec *count,
			       const struct action *action)
{
	uint64_t parts[MAX_DISTINCT_FIELDS * 2] = {0};
	uint64_t value = 0;

	for (size_t i = 0; i < count->field_count; i++) {
		const struct action_field *field = &action_fields[count->fields[i]];
		unsigned char hash[crypto_shorthash_BYTES];
		struct str text;

		if (field->type == FIELD_STRING) {
			text = action_string(action, field);
			(void)crypto_shorthash(hash, (const unsigned char *)text.at, text.len,
					       policy->hash_key);
			memcpy(&parts[i * 2], hash, sizeof(hash));
			parts[i * 2 + 1] = text.len;
		} else if (field->type == FIELD_INT) {
			parts[i * 2] = (uint64_t)action_integer(action, field);
		} else {
			parts[i * 2] = action_boolean(action, field);
		}
	}
	(void)crypto_shorthash((unsigned char *)&value, (const unsigned char *)parts,
			       sizeof(*parts) * 2 * count->field_count, policy->hash_key);
	return value ? value : 1; /* 0 is no key */
}

/* The gap of the event at `next`: the low bytes of a word, which come first. */
static uint64_t gap_mask(const struct counter *counter)
{
	return UINT64_MAX >> (64 - 8 * counter->gap_bytes);
}

static uint64_t gap_get(const struct counter *counter)
{
	uint64_t word;

	memcpy(&word, counter->gaps + (size_t)counter->next * counter->gap_bytes, sizeof(word));
	return word & gap_mask(counter);
}

static void gap_put(const struct counter *counter, uint64_t gap)
{
	uint8_t *at = counter->gaps + (size_t)counter->next * counter->gap_bytes;
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	word = (word & ~gap_mask(counter)) | gap;
	memcpy(at, &word, sizeof(word));
}

static void count_event(struct counter *counter, const struct count_spec *count, uint64_t now)
{
	uint64_t gap = counter->filled ? now - counter->last_ns : 0;

	if (gap > longest_gap(count))
		gap = longest_gap(count);
	gap_put(counter, gap);
	if (++counter->next == count->at_least)
		counter->next = 0;
	counter->last_ns = now;
	counter->span_ns += gap;
	if (counter->filled == count->at_least)
		counter->span_ns -= gap_get(counter); /* what was before the oldest */
	else
		counter->filled++;
}

static void count_value(struct counter *counter, uint64_t now, uint64_t value)
{
	uint64_t key = 0;
	uint64_t *time = keyed_make(counter->seen, value);

	if (!time) {
		(void)keyed_oldest(counter->seen, &key);
		keyed_drop(counter->seen, key);
		time = keyed_make(counter->seen, value);
	}
	*time = now;
}

static bool is_reached(struct counter *counter, const struct count_spec *count, uint64_t now)
{
	const uint64_t *oldest;
	uint64_t key = 0;

	if (!count->field_count)
		return counter->filled == count->at_least &&
		       now - counter->last_ns + counter->span_ns <= count->window_ns;
	while ((oldest = keyed_oldest(counter->seen, &key)) && now - *oldest > count->window_ns)
		keyed_drop(counter->seen, key);
	return keyed_count(counter->seen) == count->at_least;
}

uint32_t state_counted(const struct policy_state *state, const struct rule *rule)
{
	const struct counter *counter = &state->counters[rule->counter];

	return (uint32_t)(counter->seen ? keyed_count(counter->seen) : counter->filled);
}

void state_look_only(struct policy_state *state, bool look_only)
{
	state->look_only = look_only;
}

bool state_count(struct policy_state *state, const struct rule *rule, const struct action *action)
{
	struct counter *counter = &state->counters[rule->counter];

	if (!state->look_only && !rule->count.field_count)
		count_event(counter, &rule->count, state->now_ns);
	else if (!state->look_only)
		count_value(counter, state->now_ns,
			    distinct_value(state->policy, &rule->count, action));
	return is_reached(counter, &rule->count, state->now_ns);
}
