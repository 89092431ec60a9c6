/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inside of a session's state: of state.c, counter.c, unseen.c and sequence*.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/policy/budget.h"
#include "monitor/policy/keyed.h"
#include "monitor/policy/policy_state.h"
#include "monitor/policy/sequence.h"

struct counter {
	uint8_t *gaps;	    /* ring of at_least numbers of gap_bytes, or NULL */
	struct keyed *seen; /* by value when it was last seen, or NULL */
	uint64_t last_ns;
	uint64_t span_ns; /* from the oldest event in the ring to the last: the sum of its gaps */
	uint32_t next;
	uint32_t filled;
	uint8_t gap_bytes;
};

/* Of one rule's sequence: what nobody can see here, and counts as having happened. */
struct unseen {
	uint64_t places; /* bit per place */
	bool since;
};

struct policy_state {
	const struct policy *policy; /* borrowed: outlives its sessions */
	uint64_t labels;
	uint64_t everywhere; /* of these: what any process of the session may have */
	bool labels_fixed;
	uint64_t now_ns;
	struct counter *counters;
	size_t counter_count;
	struct keyed_room *rooms[MAX_SEQUENCE_WORDS + 1]; /* of those tables, by a row's words */
	struct keyed **tables;				  /* of sequences */
	struct unseen *unseen;				  /* as many */
	uint64_t *holding; /* bit per table: all that are not empty, and maybe more */
	size_t table_count;
	struct budget_state *budgets; /* NULL: no rule has one */
	bool untraced;
	bool look_only; /* what is asked about now is counted already */
	uint64_t evicted;
	const struct rule_info *evicted_rule; /* borrowed */
	bool evicted_acts;
};

/* counter.c: that of @rule, if it counts. */
void counter_init(struct policy_state *state, const struct rule *rule);
void counter_clear(struct counter *counter);
void counter_done(struct counter *counter);

/* @acts: what is missed by it may be more than an entry of the log. */
void state_evict(struct policy_state *state, const struct rule_info *rule, bool acts);
