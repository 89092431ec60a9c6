/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the benchmarks in C share: the clock, and a row of samples for run.py, one JSON object a
 * line. samples.py is the same for those in Python.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline double clock_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* ./run-bench --quick only shows that the benchmarks run. */
static inline bool is_quick(void)
{
	const char *quick = getenv("BENCH_QUICK");

	return quick && strcmp(quick, "1") == 0;
}

static inline void samples_put(const char *name, const double *values, size_t count)
{
	(void)printf(", \"%s\": [", name);
	for (size_t i = 0; i < count; i++)
		(void)printf("%s%.6g", i ? ", " : "", values[i]);
	(void)printf("]");
}

/* @peer, @against: NULL without one; else samples taken side by side with @cordon. */
static inline void samples_row(const char *what, const char *unit, const double *cordon,
			       const char *peer, const double *against, size_t count)
{
	(void)printf("{\"what\": \"%s\", \"unit\": \"%s\"", what, unit);
	samples_put("cordon", cordon, count);
	if (against) {
		(void)printf(", \"peer\": \"%s\"", peer);
		samples_put("against", against, count);
	}
	(void)printf("}\n");
	(void)fflush(stdout);
}
