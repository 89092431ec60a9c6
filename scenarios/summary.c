/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/summary.h"

#include <math.h>

#define Z_95 1.959964 /* of the normal distribution */

/* The score interval (Wilson 1927), sensible for none of n and all of n too. */
static struct rate rate_of(size_t hits, size_t of)
{
	struct rate rate = {hits, of, 0, 1};
	double n = (double)of, p, middle, half;

	if (!of)
		return rate;
	p = (double)hits / n;
	middle = (p + Z_95 * Z_95 / (2 * n)) / (1 + Z_95 * Z_95 / n);
	half = Z_95 / (1 + Z_95 * Z_95 / n) * sqrt(p * (1 - p) / n + Z_95 * Z_95 / (4 * n * n));
	rate.low = fmax(0, middle - half);
	rate.high = fmin(1, middle + half);
	return rate;
}

struct tally {
	size_t hits, of;
};

struct family_tally {
	struct tally attacks, attack_steps, benign, benign_steps;
};

static void add(struct tally *tally, bool hit)
{
	tally->hits += hit;
	tally->of++;
}

static void tally_trial(const struct trial *trial, struct family_tally *to)
{
	const struct scenario *s = trial->scenario;
	const bool benign = s->category == CATEGORY_BENIGN;
	bool any = false;

	for (size_t i = 0; i < trial->findings.step_count; i++) {
		const struct step_finding *f = &trial->findings.steps[i];
		const bool told = f->got == STEP_DECOYED || f->got == STEP_DENIED ||
				  f->got == STEP_KILLED || f->alarm;
		const bool was_seen = f->got == STEP_NOTED || f->got == STEP_ASKED;

		if (benign)
			add(&to->benign_steps, told);
		else if (s->steps[i].expect.verdict != STEP_ALLOWED)
			add(&to->attack_steps, told || was_seen);
		any |= told || (!benign && was_seen);
	}
	add(benign ? &to->benign : &to->attacks, any);
}

static struct rate rate_of_tally(struct tally tally)
{
	return rate_of(tally.hits, tally.of);
}

void summary_make(const struct trial *trials, size_t count, struct family_summary ret[CATEGORIES])
{
	struct family_tally tallies[CATEGORIES] = {0};

	for (size_t i = 0; i < count; i++) {
		const struct trial *trial = &trials[i];

		if (trial->outcome != TRIAL_AS_EXPECTED && trial->outcome != TRIAL_MISMATCH)
			continue;
		tally_trial(trial, &tallies[trial->scenario->looks_like]);
		tally_trial(trial, &tallies[CATEGORY_BENIGN]);
	}
	for (unsigned c = 0; c < CATEGORIES; c++)
		ret[c] = (struct family_summary){
			.attacks = rate_of_tally(tallies[c].attacks),
			.attack_steps = rate_of_tally(tallies[c].attack_steps),
			.benign = rate_of_tally(tallies[c].benign),
			.benign_steps = rate_of_tally(tallies[c].benign_steps),
		};
}
