/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What one session has done so far: labels, and the counters of counting rules.
 *
 * A counter without "distinct" is a ring of the times of the last `at_least` events: the count is
 * reached when the ring is full and its oldest is still inside the window. With "distinct" it is a
 * table of `at_least` values with the time each was last seen; when no entry is free or outdated,
 * there are that many live values already, so a full table is exactly the answer "reached".
 * Both are exact, and their size is known at load.
 */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/buf.h"
#include "monitor/policy/rule.h"

struct seen {
	uint64_t value;	  /* keyed hash */
	uint64_t time_ns; /* 0: free */
};

struct counter {
	uint64_t *times; /* ring, or NULL */
	size_t next;
	size_t filled;
	struct seen *seen; /* table, or NULL */
};

struct policy_state {
	const struct policy *policy; /* borrowed: outlives its sessions */
	uint64_t labels;
	uint64_t now_ns;
	struct counter *counters;
	size_t counter_count;
	bool look_only; /* what is asked about now is counted already */
};

size_t count_state_bytes(const struct count_spec *count)
{
	return count->at_least * (count->field_count ? sizeof(struct seen) : sizeof(uint64_t));
}

static void counter_init(struct policy_state *state, const struct rule *rule)
{
	struct counter *counter;

	if (!rule->count.at_least)
		return;
	counter = &state->counters[rule->counter];
	if (rule->count.field_count)
		counter->seen = xcalloc(rule->count.at_least, sizeof(struct seen));
	else
		counter->times = xcalloc(rule->count.at_least, sizeof(uint64_t));
}

static struct policy_state *state_new(const struct policy *policy, size_t counters)
{
	struct policy_state *state = xcalloc(1, sizeof(*state));

	state->policy = policy;
	state->counters = xcalloc(counters, sizeof(*state->counters));
	state->counter_count = counters;
	return state;
}

struct policy_state *state_new_for_rule(const struct policy *policy, const struct rule *rule)
{
	struct policy_state *state =
		state_new(policy, rule->count.at_least ? rule->counter + 1 : 0);

	counter_init(state, rule);
	return state;
}

struct policy_state *policy_state_new(const struct policy *policy)
{
	struct policy_state *state = state_new(policy, policy->counters);

	for (size_t i = 0; i < policy->rule_count; i++)
		counter_init(state, &policy->rules[i]);
	return state;
}

struct policy_state *policy_state_free(struct policy_state *state)
{
	if (!state)
		return NULL;
	for (size_t i = 0; i < state->counter_count; i++) {
		free(state->counters[i].times);
		free(state->counters[i].seen);
	}
	free(state->counters);
	free(state);
	return NULL;
}

uint64_t policy_state_labels(const struct policy_state *state)
{
	return state->labels;
}

void policy_state_add_labels(struct policy_state *state, uint64_t labels)
{
	state->labels |= labels;
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
	(void)crypto_shorthash((unsigned char *)&value, (const unsigned char *)parts, sizeof(parts),
			       policy->hash_key);
	return value;
}

static void count_event(struct counter *counter, const struct count_spec *count, uint64_t now)
{
	counter->times[counter->next] = now;
	counter->next = (counter->next + 1) % count->at_least;
	if (counter->filled < count->at_least)
		counter->filled++;
}

static void count_value(struct counter *counter, const struct count_spec *count, uint64_t now,
			uint64_t value)
{
	struct seen *oldest = &counter->seen[0];
	struct seen *same = NULL;

	for (size_t i = 0; i < count->at_least; i++) {
		struct seen *s = &counter->seen[i];

		if (s->time_ns && s->value == value)
			same = s;
		if (s->time_ns < oldest->time_ns)
			oldest = s;
	}
	*(same ? same : oldest) = (struct seen){value, now};
}

static bool is_reached(const struct counter *counter, const struct count_spec *count, uint64_t now)
{
	size_t live = 0;

	if (!count->field_count)
		return counter->filled == count->at_least &&
		       now - counter->times[counter->next] <= count->window_ns;
	for (size_t i = 0; i < count->at_least; i++) {
		const struct seen *s = &counter->seen[i];

		live += s->time_ns && now - s->time_ns <= count->window_ns;
	}
	return live == count->at_least;
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
		count_value(counter, &rule->count, state->now_ns,
			    distinct_value(state->policy, &rule->count, action));
	return is_reached(counter, &rule->count, state->now_ns);
}
