/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/sequence.h"

#include <errno.h>

#include "monitor/policy/keyed.h"
#include "monitor/policy/sequence_row.h"

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
		struct sequence_room *room = &policy->rooms[sequence_row_words(s)];

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
	const size_t words = sequence_row_words(s);
	const struct sequence_room *room = &state->policy->rooms[words];

	if (!state->rooms[words])
		state->rooms[words] = keyed_room_new(alone ? MIN_SEQUENCE_KEYS : room->keys, words,
						     alone ? 1 : room->tables);
	return keyed_in(state->rooms[words], (uint32_t)s->table);
}
