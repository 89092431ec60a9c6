/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How well a family is told from what looks like it: recall over the attacks, false alarms over the
 * benign scenarios that resemble them, by scenario and by step, each with its 95 % interval.
 *
 * An attack's step counts if something of it had to be refused, killed or noted; it is caught if it
 * was. A benign step is a false alarm if anything of it was refused, or noted by a rule of medium
 * severity or more. What did not run counts nowhere.
 */

#include "scenarios/runner.h"

struct rate {
	size_t hits, of;
	double low, high; /* 0 to 1; 0 and 1 of none */
};

struct family_summary {
	struct rate attacks, attack_steps; /* caught */
	struct rate benign, benign_steps;  /* false alarms */
};

/* @ret: one a category but CATEGORY_BENIGN, and all together at CATEGORY_BENIGN. */
void summary_make(const struct trial *trials, size_t count, struct family_summary ret[CATEGORIES]);
