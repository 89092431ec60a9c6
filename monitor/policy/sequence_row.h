/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of sequences: what is kept for a key.
 *
 *	sequence.c		what steps make of a row, and whether it holds
 *	sequence_follow.c	rows that go where what they are about goes
 *	sequence_memory.c	how the memory is shared out between rules
 */

#include "monitor/policy/rule.h"
#include "monitor/policy/state.h"

/* The key of a process, where nobody sees which one started which: its execution's. */
#define BY_EXECUTION (UINT64_C(1) << 63)

/*
 * The words of a row are times; 0: never. First the latest start of a beginning of 1, 2, ... steps.
 * Then, where the sequence asks for it: the last "since"; the last event that must not have been
 * before the first step.
 */
static inline size_t sequence_row_words(const struct sequence *sequence)
{
	return sequence->places + sequence->since + sequence->missing_first;
}

/* The key of a file or host. Never 0. */
uint64_t sequence_key_of_text(const struct policy *policy, struct str text);
/* The row of a key, made if need be. Never NULL: another key gives way. */
uint64_t *sequence_make_row(struct policy_state *state, const struct rule *rule, uint64_t key);
