/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The counter of a counting rule: has this happened so often within the window?
 *
 * Without "distinct" it is a ring of the last `at_least` events: the count is reached when
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

void counter_init(struct policy_state *state, const struct rule *rule)
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

void counter_clear(struct counter *counter)
{
	keyed_clear(counter->seen);
	*counter = (struct counter){
		.gaps = counter->gaps, .gap_bytes = counter->gap_bytes, .seen = counter->seen};
}

void counter_done(struct counter *counter)
{
	free(counter->gaps);
	(void)keyed_free(counter->seen);
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
