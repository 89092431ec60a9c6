/* SPDX-License-Identifier: Apache-2.0 */

/* Durations and timestamps from and to text. */

#include "monitor/policy/cel/cel_time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
	const int64_t day = time_floor(v->integer, 86400);
	const struct civil c = time_civil_of(day);
	const int second = (int)(v->integer - day * 86400);
	char fraction[16];

	print_fraction((uint64_t)v->nanos, fraction);
	(void)snprintf(ret, CEL_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", (int)c.year, c.month,
		       c.day, second / 3600, second / 60 % 60, second % 60, fraction);
}

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

bool time_read_offset(struct str *s, int32_t *ret)
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
	*ret_days = time_days_of(c);
	back = time_civil_of(*ret_days); /* a day that the month has not comes back as another */
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
	    (!text.len || !strchr("+-", *text.at) || !time_read_offset(&text, &offset)))
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
