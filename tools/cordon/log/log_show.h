/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Events of a record as lines for people.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/json.h"

/* Which events to show; NULL or 0: all. Borrowed from the command line. */
struct log_filter {
	const char *call;
	const char *kind; /* a pattern: "net.*" */
	const char *verdict;
	unsigned severity; /* as log_severity_of(), and above */
	uint32_t exec_id;
};

struct log_printer {
	FILE *out;
	bool colour;
	/* From session.start: what UTC was when the monotonic clock stood at start_ns. */
	int64_t start_utc_s;
	int64_t start_utc_ns;
	uint64_t start_ns;
	bool has_utc;
};

bool log_filter_matches(const struct log_filter *filter, const struct json *event);

/*
 * log_print_event - one line; where a rule spoke one more with it and its reason, and one for each
 * rule that matched beside it.
 * @line: the event's text, for the numbers that a double cannot hold.
 */
void log_print_event(struct log_printer *printer, const struct json *event, const char *line,
		     size_t len);

/* Nanoseconds since 1970 of a CLOCK_MONOTONIC time; without a known start that time itself. */
int64_t log_utc_ns(const struct log_printer *printer, uint64_t ts);

/* A number of the event that a double cannot hold. */
bool log_raw_u64(const char *line, size_t len, const char *key, uint64_t *ret);

/* Takes the time from session.start, where that event itself is not shown. */
void log_learn_start(struct log_printer *printer, const struct json *event, const char *line,
		     size_t len);
