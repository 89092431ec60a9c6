/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Durations (64 bits of nanoseconds) and timestamps (years 1 to 9999, RFC 3339). Days are counted
 * in the proleptic Gregorian calendar; nothing here asks the libc, so nothing depends on its zone.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "monitor/policy/cel/cel_value.h"

#define SECOND	     INT64_C(1000000000)
#define FIRST_SECOND (-INT64_C(62135596800)) /* 0001-01-01T00:00:00Z */
#define LAST_SECOND  INT64_C(253402300799)   /* 9999-12-31T23:59:59Z */

struct civil {
	int64_t year;
	int month; /* 1-12 */
	int day;   /* 1-31 */
};

/* Days since 1970-01-01; years begin in March here, so that a leap day is a year's last. */
static int64_t days_of(struct civil c)
{
	const int64_t year = c.year - (c.month <= 2);
	const int64_t era = (year >= 0 ? year : year - 399) / 400;
	const int64_t of_era = year - era * 400;
	const int64_t of_year = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static struct civil civil_of(int64_t days)
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

static int64_t floor_divide(int64_t a, int64_t b)
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

	if (__builtin_add_overflow(seconds, floor_divide(nanos, SECOND), &whole) ||
	    whole < FIRST_SECOND || whole > LAST_SECOND)
		return cel_of_error("range: a timestamp is of the years 1 to 9999");
	return (struct cel_value){
		.kind = CEL_TIMESTAMP,
		.integer = whole,
		.nanos = (int32_t)(nanos - floor_divide(nanos, SECOND) * SECOND),
	};
}

/* "." and the digits of a fraction of a second, without zeros at its end; nothing for none. */
static void print_fraction(uint64_t nanos, char ret[16])
{
	size_t n;

	(void)snprintf(ret, 16, ".%09" PRIu64, nanos);
	for (n = strlen(ret); ret[n - 1] == '0'; n--)
		;
	ret[n == 1 ? 0 : n] = '\0';
}

void cel_print_duration(int64_t nanos, char ret[CEL_TEXT_MAX])
{
	const uint64_t size = nanos < 0 ? 0 - (uint64_t)nanos : (uint64_t)nanos;
	char fraction[16];

	print_fraction(size % SECOND, fraction);
	(void)snprintf(ret, CEL_TEXT_MAX, "%s%" PRIu64 "%ss", nanos < 0 ? "-" : "",
		       size / (uint64_t)SECOND, fraction);
}

void cel_print_timestamp(const struct cel_value *v, char ret[CEL_TEXT_MAX])
{
	const int64_t day = floor_divide(v->integer, 86400);
	const struct civil c = civil_of(day);
	const int second = (int)(v->integer - day * 86400);
	char fraction[16];

	print_fraction((uint64_t)v->nanos, fraction);
	(void)snprintf(ret, CEL_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", (int)c.year, c.month,
		       c.day, second / 3600, second / 60 % 60, second % 60, fraction);
}

/* ---- reading ---- */

/* `digits` digits; false if there are not so many. */
static bool read_number(struct str *s, unsigned digits, int *ret)
{
	if (s->len < digits)
		return false;
	*ret = 0;
	for (unsigned i = 0; i < digits; i++) {
		if (s->at[i] < '0' || s->at[i] > '9')
			return false;
		*ret = *ret * 10 + (s->at[i] - '0');
	}
	s->at += digits;
	s->len -= digits;
	return true;
}

static bool read_char(struct str *s, char c)
{
	if (!s->len || *s->at != c)
		return false;
	s->at++;
	s->len--;
	return true;
}

/* "hh:mm" behind an optional sign, as seconds. */
static bool read_offset(struct str *s, int32_t *ret)
{
	const bool west = read_char(s, '-');
	int hours;
	int minutes;

	if (!west)
		(void)read_char(s, '+');
	if (!read_number(s, 2, &hours) || !read_char(s, ':') || !read_number(s, 2, &minutes) ||
	    hours > 23 || minutes > 59)
		return false;
	*ret = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return true;
}

static bool read_date(struct str *s, int64_t *ret_days)
{
	struct civil c;
	struct civil back;
	int year;

	if (!read_number(s, 4, &year) || !read_char(s, '-') || !read_number(s, 2, &c.month) ||
	    !read_char(s, '-') || !read_number(s, 2, &c.day) || c.month < 1 || c.month > 12)
		return false;
	c.year = year;
	*ret_days = days_of(c);
	back = civil_of(*ret_days); /* a day that the month has not comes back as another */
	return back.month == c.month && back.day == c.day;
}

static bool read_time(struct str *s, int64_t *ret_seconds, int64_t *ret_nanos)
{
	int hour;
	int minute;
	int second;

	if (!read_number(s, 2, &hour) || !read_char(s, ':') || !read_number(s, 2, &minute) ||
	    !read_char(s, ':') || !read_number(s, 2, &second) || hour > 23 || minute > 59 ||
	    second > 59)
		return false;
	*ret_seconds = hour * 3600 + minute * 60 + second;
	*ret_nanos = 0;
	if (!read_char(s, '.'))
		return true;
	for (int64_t unit = SECOND / 10; s->len && *s->at >= '0' && *s->at <= '9'; unit /= 10) {
		*ret_nanos += (*s->at - '0') * unit;
		if (!unit)
			return false;
		s->at++;
		s->len--;
	}
	return s->at[-1] != '.';
}

struct cel_value cel_read_timestamp(struct str text)
{
	static const char wrong[] = "not a timestamp: write 2009-02-13T23:31:30Z or ...+01:00";
	int64_t days;
	int64_t seconds;
	int64_t nanos;
	int32_t offset = 0;

	if (!read_date(&text, &days) || !(read_char(&text, 'T') || read_char(&text, 't')) ||
	    !read_time(&text, &seconds, &nanos))
		return cel_of_error(wrong);
	if (!read_char(&text, 'Z') && !read_char(&text, 'z') &&
	    (!text.len || !strchr("+-", *text.at) || !read_offset(&text, &offset)))
		return cel_of_error(wrong);
	return text.len ? cel_of_error(wrong)
			: cel_of_timestamp(days * 86400 + seconds - offset, nanos);
}

/* The unit that stands at the start of the text; 0 if none does. */
static int64_t read_unit(struct str *s)
{
	static const struct {
		struct str name;
		int64_t nanos;
	} units[] = {
		{STR("ns"), 1},		 {STR("us"), 1000},	    {STR("µs"), 1000},
		{STR("μs"), 1000},	 {STR("ms"), 1000000},	    {STR("s"), SECOND},
		{STR("m"), 60 * SECOND}, {STR("h"), 3600 * SECOND},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		const struct str name = units[i].name;

		if (s->len < name.len || memcmp(s->at, name.at, name.len) != 0)
			continue;
		s->at += name.len;
		s->len -= name.len;
		return units[i].nanos;
	}
	return 0;
}

/* Digits as a number; those that do not count any more are skipped. */
static size_t read_digits(struct str *s, uint64_t limit, uint64_t *ret, uint64_t *ret_scale)
{
	size_t n = 0;

	*ret = 0;
	*ret_scale = 1;
	for (; s->len && *s->at >= '0' && *s->at <= '9'; s->at++, s->len--, n++) {
		if (*ret_scale >= limit)
			continue;
		*ret = *ret * 10 + (uint64_t)(*s->at - '0');
		*ret_scale *= 10;
	}
	return n;
}

/* One "1.5h"; what stands before the dot has at most 19 digits, as 2^63 has. */
static bool read_span(struct str *s, bool negative, int64_t *total)
{
	const uint64_t limit = UINT64_C(10000000000000000000);
	uint64_t fraction = 0;
	uint64_t scale = 1;
	uint64_t whole;
	uint64_t unused;
	size_t digits = read_digits(s, limit, &whole, &unused);
	__int128 nanos;
	int64_t unit;

	if (digits > 19)
		return false;
	if (read_char(s, '.'))
		digits += read_digits(s, limit, &fraction, &scale);
	unit = read_unit(s);
	if (!unit || !digits)
		return false;
	nanos = (__int128)whole * unit + (__int128)fraction * unit / (__int128)scale;
	nanos = *total + (negative ? -nanos : nanos);
	if (nanos < INT64_MIN || nanos > INT64_MAX)
		return false;
	*total = (int64_t)nanos;
	return true;
}

struct cel_value cel_read_duration(struct str text)
{
	const bool negative = read_char(&text, '-');
	int64_t total = 0;

	if (!negative)
		(void)read_char(&text, '+');
	if (str_eq(text, STR("0")))
		return cel_of_duration(0);
	if (!text.len)
		return cel_of_error("not a duration: write 1h30m, 1.5s, 10ms");
	while (text.len) {
		if (!read_span(&text, negative, &total))
			return cel_of_error("not a duration (write 1h30m, 1.5s, 10ms), or range: "
					    "it is longer than 292 years");
	}
	return cel_of_duration(total);
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
	const struct civil c = civil_of(day);

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
		return day - days_of((struct civil){c.year, 1, 1});
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
	if (!str_eq(asked, STR("UTC")) && !(read_offset(&name, &offset) && !name.len)) {
		if (!find_zone || find_zone(asked, v->integer, &offset) < 0)
			return cel_of_error("unknown time zone: write UTC, +01:00, or (where zones "
					    "are installed) a name such as Europe/Berlin");
	}
	local = v->integer + offset;
	day = floor_divide(local, 86400);
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
