/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of times share: cel_time.c has the calendar, cel_time_text.c reads and prints. */

#include "monitor/policy/cel/cel_value.h"

#define SECOND INT64_C(1000000000) /* in nanoseconds */

struct civil {
	int64_t year;
	int month; /* 1-12 */
	int day;   /* 1-31 */
};

/* Days since 1970-01-01. */
int64_t time_days_of(struct civil c);
struct civil time_civil_of(int64_t days);
/* Towards minus infinity. */
int64_t time_floor(int64_t a, int64_t b);
/* "hh:mm" behind an optional sign, as seconds; taken from the text. */
bool time_read_offset(struct str *s, int32_t *ret);
