/* SPDX-License-Identifier: Apache-2.0 */

/* The extension library "strings": what looks into one text. Places count characters from 0. */

#include <string.h>

#include "common/utf8.h"
#include "monitor/policy/cel/cel_extension.h"

struct cel_text cel_text_begin(struct cel_arena *arena)
{
	return (struct cel_text){.arena = arena, .start = cel_take(arena, 0)};
}

void cel_text_put(struct cel_text *text, struct str more)
{
	if (text->full || !text->start || more.len > text->arena->size - text->arena->used) {
		text->full = true;
		return;
	}
	if (more.len)
		memcpy(text->start + text->len, more.at, more.len);
	text->len += more.len;
	text->arena->used += more.len;
}

struct cel_value cel_text_end(const struct cel_text *text, enum cel_kind kind)
{
	if (text->full || !text->start)
		return cel_no_memory();
	return cel_of_text(kind, (struct str){text->start, text->len});
}

/* Where a character begins, and the text's end for the one behind the last; SIZE_MAX: beyond. */
static size_t byte_at(struct str s, int64_t place)
{
	size_t at = 0;

	for (; place > 0 && at < s.len; place--)
		at += utf8_length(s.at + at, s.len - at);
	return place ? SIZE_MAX : at;
}

static int64_t place_of(struct str s, size_t byte)
{
	int64_t place = 0;

	for (size_t i = 0; i < byte; i++)
		place += ((unsigned char)s.at[i] & 0xc0) != 0x80;
	return place;
}

static struct cel_value outside(void)
{
	return cel_of_error("index out of range: there is no such place in the text");
}

static struct cel_value part(struct str s, size_t from, size_t to)
{
	return cel_of_text(CEL_STRING, (struct str){s.at + from, to - from});
}

static struct cel_value char_at(struct str s, int64_t place)
{
	const size_t at = byte_at(s, place);

	if (at == SIZE_MAX)
		return outside();
	return part(s, at, at < s.len ? at + utf8_length(s.at + at, s.len - at) : at);
}

static struct cel_value index_of(struct str s, struct str what, int64_t from)
{
	const size_t at = byte_at(s, from);
	const char *found;

	if (at == SIZE_MAX)
		return outside();
	if (!what.len)
		return cel_of_int(from);
	found = memmem(s.at + at, s.len - at, what.at, what.len);
	return cel_of_int(found ? place_of(s, (size_t)(found - s.at)) : -1);
}

/* The last one that begins at or before a place. */
static struct cel_value last_index_of(struct cel_run *run, struct str s, struct str what,
				      size_t from)
{
	if (from == SIZE_MAX)
		return outside();
	if (what.len > s.len)
		return cel_of_int(-1);
	if (from > s.len - what.len)
		from = s.len - what.len;
	if (!cel_spend(&run->steps, (from + 1) * (1 + what.len / CEL_BYTES_A_STEP)))
		return cel_too_costly();
	for (size_t at = from + 1; at-- > 0;) {
		if (!what.len || memcmp(s.at + at, what.at, what.len) == 0)
			return cel_of_int(place_of(s, at));
	}
	return cel_of_int(-1);
}

static struct cel_value substring(struct str s, int64_t from, const struct cel_value *to)
{
	const size_t start = byte_at(s, from);
	const size_t end = to ? byte_at(s, to->integer) : s.len;

	if (start == SIZE_MAX || end == SIZE_MAX)
		return outside();
	if (start > end)
		return cel_of_error("invalid substring range: it ends before it starts");
	return part(s, start, end);
}

static struct cel_value upper(struct cel_run *run, struct str s)
{
	char *text = cel_take(&run->arena, s.len);

	if (!text)
		return cel_no_memory();
	for (size_t i = 0; i < s.len; i++)
		text[i] = (char)(s.at[i] >= 'a' && s.at[i] <= 'z' ? s.at[i] & ~32 : s.at[i]);
	return cel_of_text(CEL_STRING, (struct str){text, s.len});
}

static struct cel_value reverse(struct cel_run *run, struct str s)
{
	char *text = cel_take(&run->arena, s.len);

	if (!text)
		return cel_no_memory();
	for (size_t at = 0, n; at < s.len; at += n) {
		n = utf8_length(s.at + at, s.len - at);
		memcpy(text + s.len - at - n, s.at + at, n);
	}
	return cel_of_text(CEL_STRING, (struct str){text, s.len});
}

/* Unicode's property White_Space. Return: bytes of such a character, 0 if it is another. */
static size_t space_length(const char *at, size_t left)
{
	static const char *const spaces[] = {
		"\t",	    "\n",     "\v",	"\f",	  "\r",	    " ",      "\xc2\x85",
		"\xc2\xa0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004",
		"\u2005",   "\u2006", "\u2007", "\u2008", "\u2009", "\u200a", "\u2028",
		"\u2029",   "\u202f", "\u205f", "\u3000",
	};

	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		const size_t n = strlen(spaces[i]);

		if (n <= left && memcmp(at, spaces[i], n) == 0)
			return n;
	}
	return 0;
}

static struct cel_value trim(struct str s)
{
	size_t start = 0;
	size_t end;

	for (size_t n; (n = space_length(s.at + start, s.len - start));)
		start += n;
	end = start;
	for (size_t at = start, n; at < s.len; at += n) {
		const size_t space = space_length(s.at + at, s.len - at);

		n = space ? space : utf8_length(s.at + at, s.len - at);
		if (!space)
			end = at + n;
	}
	return part(s, start, end);
}

struct cel_value cel_run_text(struct cel_run *run, enum cel_extra which,
			      const struct cel_value *args, unsigned count)
{
	const struct str s = args[0].text;

	switch ((int)which) {
	case TEXT_CHAR_AT:
		return char_at(s, args[1].integer);
	case TEXT_INDEX_OF:
		return index_of(s, args[1].text, count > 2 ? args[2].integer : 0);
	case TEXT_LAST_INDEX_OF:
		return last_index_of(run, s, args[1].text,
				     count > 2 ? byte_at(s, args[2].integer) : s.len);
	case TEXT_SUBSTRING:
		return substring(s, args[1].integer, count > 2 ? &args[2] : NULL);
	case TEXT_UPPER:
		return upper(run, s);
	case TEXT_REVERSE:
		return reverse(run, s);
	default:
		return trim(s);
	}
}
