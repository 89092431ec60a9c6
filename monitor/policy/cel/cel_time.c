/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Durations (64 bits of nanoseconds) and timestamps (years 1 to 9999, RFC 3339). Days are counted
 * in the proleptic Gregorian calendar; nothing here asks the libc, so nothing depends on its zone.
 */

#include "monitor/policy/cel/cel_time.h"

#define FIRST_SECOND (-INT64_C(62135596800)) /* 0001-01-01T00:00:00Z */
#define LAST_SECOND  INT64_C(253402300799)   /* 9999-12-31T23:59:59Z */

/* Days since 1970-01-01; years begin in March here, so that a leap day is a year's last. */
int64_t time_days_of(struct civil c)
{
	const int64_t year = c.year - (c.month <= 2);
	const int64_t era = (year >= 0 ? year : year - 399) / 400;
	const int64_t of_era = year - era * 400;
	const int64_t of_year = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct civil time_civil_of(int64_t days)
{
	const int64_t shifted = days + 719468;
	const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	const int64_t of_era = shifted - era * 146097;
	const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	const int64_t month = (5 * of_year + 2) / 153;
	struct civil c;

	c.day = (int)(of_year - (153 * month + 2) / 5 + 1);
	c.month = (int)(month < 10 ? month + 3 : month - 9);
	c.year = year + era * 400 + (c.month <= 2);
	return c;
}

int64_t time_floor(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

struct cel_value cel_of_duration(int64_t nanos)
{
	return (struct cel_value){.kind = CEL_DURATION, .integer = nanos};
}

struct cel_value cel_of_timestamp(int64_t seconds, int64_t nanos)
{
	int64_t whole;

	if (__builtin_add_overflow(seconds, time_floor(nanos, SECOND), &whole) ||
	    whole < FIRST_SECOND || whole > LAST_SECOND)
		return cel_of_error("range: a timestamp is of the years 1 to 9999");
	return (struct cel_value){
		.kind = CEL_TIMESTAMP,
		.integer = whole,
		.nanos = (int32_t)(nanos - time_floor(nanos, SECOND) * SECOND),
	};
}

/* ---- parts ---- */

static struct cel_value part_of_duration(enum cel_function part, int64_t nanos)
{
	switch ((int)part) {
	case FN_HOURS:
		return cel_of_int(nanos / (3600 * SECOND));
	case FN_MINUTES:
		return cel_of_int(nanos / (60 * SECOND));
	case FN_SECONDS:
		return cel_of_int(nanos / SECOND);
	case FN_MILLISECONDS:
		return cel_of_int(nanos % SECOND / 1000000);
	default:
		return cel_no_overload();
	}
}

static int64_t part_of_day(enum cel_function part, int64_t day)
{
	const struct civil c = time_civil_of(day);

	switch ((int)part) {
	case FN_FULL_YEAR:
		return c.year;
	case FN_MONTH:
		return c.month - 1;
	case FN_DATE:
		return c.day;
	case FN_DAY_OF_MONTH:
		return c.day - 1;
	case FN_DAY_OF_WEEK: /* 1970-01-01 was a Thursday */
		return (day % 7 + 11) % 7;
	default:
		return day - time_days_of((struct civil){c.year, 1, 1});
	}
}

struct cel_value cel_time_part(enum cel_function part, const struct cel_value *v,
			       const struct cel_value *zone, cel_zone_fn find_zone)
{
	const struct str asked = zone ? zone->text : STR("UTC");
	struct str name = asked;
	int32_t offset = 0;
	int64_t local;
	int64_t day;

	if (v->kind == CEL_DURATION && !zone)
		return part_of_duration(part, v->integer);
	if (v->kind != CEL_TIMESTAMP || (zone && zone->kind != CEL_STRING))
		return cel_no_overload();
	if (!str_eq(asked, STR("UTC")) && !(time_read_offset(&name, &offset) && !name.len)) {
		if (!find_zone || find_zone(asked, v->integer, &offset) < 0)
			return cel_of_error("unknown time zone: write UTC, +01:00, or (where zones "
					    "are installed) a name such as Europe/Berlin");
	}
	local = v->integer + offset;
	day = time_floor(local, 86400);
	local -= day * 86400;
	switch ((int)part) {
	case FN_HOURS:
		return cel_of_int(local / 3600);
	case FN_MINUTES:
		return cel_of_int(local / 60 % 60);
	case FN_SECONDS:
		return cel_of_int(local % 60);
	case FN_MILLISECONDS:
		return cel_of_int(v->nanos / 1000000);
	default:
		return cel_of_int(part_of_day(part, day));
	}
}
