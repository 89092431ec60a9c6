/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which rules can match an action at all; see policy_index.c. */

#include <stdbool.h>
#include <stdint.h>

#include "common/limits.h"
#include "monitor/policy/sequence.h"

struct cel_env;
struct policy;

#define INDEX_WORDS  ((MAX_RULES + MAX_POLICY_STEPS + 63) / 64)
#define INDEX_GROUPS ((INDEX_WORDS + 63) / 64)

/*
 * Bits by position: the rules of a kind in their order, behind them its steps. Only words that hold
 * one are written and read, so that neither takes longer where there are more rules.
 */
struct candidates {
	uint64_t groups[INDEX_GROUPS]; /* bit per word: it is there */
	uint64_t words[INDEX_WORDS];
	const uint32_t *numbers; /* by position; those of steps follow on the last rule's */
};

void policy_index_build(struct policy *policy);
void policy_index_free(struct policy *policy);
void policy_index_candidates(const struct policy *policy, const struct cel_env *env,
			     struct candidates *ret);

static inline void candidates_add(struct candidates *c, uint32_t position)
{
	const uint32_t word = position / 64;
	const uint64_t there = UINT64_C(1) << (word % 64);

	if (!(c->groups[word / 64] & there))
		c->words[word] = 0;
	c->groups[word / 64] |= there;
	c->words[word] |= UINT64_C(1) << (position % 64);
}

/* On the way through them, in order; begun with nothing but `of`. */
struct candidate_walk {
	const struct candidates *of;
	uint64_t words, bits; /* of the group and the word at hand, still to come */
	uint32_t groups;      /* begun */
	uint32_t word;
};

static inline bool candidates_next(struct candidate_walk *w, uint32_t *ret_number)
{
	while (!w->bits) {
		while (!w->words) {
			if (w->groups == INDEX_GROUPS)
				return false;
			w->words = w->of->groups[w->groups++];
		}
		w->word = (w->groups - 1) * 64 + (uint32_t)__builtin_ctzll(w->words);
		w->words &= w->words - 1;
		w->bits = w->of->words[w->word];
	}
	*ret_number = w->of->numbers[w->word * 64 + (uint32_t)__builtin_ctzll(w->bits)];
	w->bits &= w->bits - 1;
	return true;
}
