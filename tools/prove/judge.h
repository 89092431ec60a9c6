/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From rows to results: runs a row's attempt where it must fail and where it must succeed, and says
 * what both prove.
 */

#include "tools/prove/place.h"

enum verdict {
	HELD,
	FAILED,
	SKIPPED,
	INTERRUPTED /* before it could tell */
};

struct result {
	char id[48];
	const char *classes;
	const char *wall;
	enum verdict verdict;
	bool control_ok;
	char note[256]; /* who answered; why it failed or was skipped */
};

struct results {
	struct result *rows; /* owned */
	size_t count;
};

struct result *results_add(struct results *r, const char *id, const char *classes,
			   const char *wall);
void results_done(struct results *r);

/* Adds the results of a row or of a group of them; with @p NULL only their names and classes. */
void judge_row(const struct places *p, const struct row *row, struct results *results);

/* All rows made from the deny list: one session and two controls for all of them. */
void judge_denied(const struct places *p, struct results *results);

/* Every call on a file that a rule protects: one session with the rule and one without. */
void judge_files(const struct places *p, struct results *results);

/* Every number there is, asked about, and none called: known, unknown, and of the x32 table. */
void judge_numbers(const struct places *p, struct results *results);

/* Two calls of one session: what one may do to the other, and to the init above both. */
void judge_calls(const struct places *p, struct results *results);

/* Two sessions beside each other: what one may do to the other and to their supervisor. */
void judge_sessions(const struct places *p, struct results *results);
