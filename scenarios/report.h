/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a person sees of a run: progress while it works, a table at its end; and the same as one
 * JSON document for programs.
 */

#include <stdbool.h>
#include <stdio.h>

#include "common/buf.h"
#include "scenarios/runner.h"

struct progress {
	FILE *to;      /* NULL: none */
	bool in_place; /* a terminal: one line that changes; else a line a scenario */
	size_t total;
	size_t done;
};

/* ctx is a struct progress. */
extern const struct runner_ops progress_ops;

struct totals {
	size_t as_expected, mismatches, skipped, failed, not_run;
};

const char *outcome_name(enum trial_outcome outcome);

struct totals totals_of(const struct trial *trials, size_t count);

/* One line for each step that had to be refused, one for a scenario without; what is not as it was
 * expected is told below in full, and behind it recall and false alarms of each family. */
void report_table(const struct trial *trials, size_t count, bool colour, struct buf *out);
void report_junit(const struct trial *trials, size_t count, struct buf *out);
/* The schema is told by cordon-scenario(1). */
void report_json(const struct trial *trials, size_t count, struct buf *out);
