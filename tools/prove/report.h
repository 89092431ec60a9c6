/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the runner shows of its results: one table in which a line is a group of rows (what stands
 * before the dot of their ids), every row, or JSON.
 */

#include "tools/prove/judge.h"

/* Held with its control, or skipped. */
bool result_is_good(const struct result *result);
/* Groups of which nothing was tried: they must not look like success. */
unsigned report_idle_groups(const struct results *results);

/* The row that is judged now, on a terminal's last line; NULL wipes it. */
void report_progress(size_t done, const char *id);
/* Every row: its heading with @result NULL. */
void report_row(const struct result *result);
/* A line a group, then each row that did not hold and the reasons of what was skipped. */
void report_groups(const struct results *results);
void report_sum(const struct results *results);
void report_json(const struct results *results);
/* What there is to try. */
void report_names_json(const struct results *results);
