/* SPDX-License-Identifier: Apache-2.0 */

/* The extension library "strings": what makes texts of others, and lists of texts; and "encoders".
 */

#include <string.h>

#include "common/utf8.h"
#include "monitor/policy/cel/cel_extension.h"

static struct cel_value join(struct cel_run *run, const struct cel_value *list, struct str between)
{
	struct cel_text out = cel_text_begin(&run->arena);

	if (!cel_spend(&run->steps, cel_count(list)))
		return cel_too_costly();
	for (size_t i = 0; i < cel_count(list); i++) {
		const struct cel_value item = cel_item(list, i);

		if (item.kind != CEL_STRING)
			return cel_no_overload();
		if (i)
			cel_text_put(&out, between);
		cel_text_put(&out, item.text);
	}
	return cel_text_end(&out, CEL_STRING);
}

/* Where the next `what` begins at or behind a byte; an empty one is between all characters, and at
 * both ends. SIZE_MAX: nowhere. */
static size_t next_of(struct str s, struct str what, size_t at)
{
	const char *found;

	if (at > s.len)
		return SIZE_MAX;
	if (!what.len)
		return at;
	found = memmem(s.at + at, s.len - at, what.at, what.len);
	return found ? (size_t)(found - s.at) : SIZE_MAX;
}

/* A negative number: all. */
static struct cel_value replace(struct cel_run *run, struct str s, const struct cel_value *args,
				int64_t most)
{
	const struct str what = args[1].text;
	struct cel_text out = cel_text_begin(&run->arena);
	size_t at = 0;

	for (size_t found; most && (found = next_of(s, what, at)) != SIZE_MAX; most -= most > 0) {
		size_t n = what.len;

		if (!cel_spend(&run->steps, 1))
			return cel_too_costly();
		cel_text_put(&out, (struct str){s.at + at, found - at});
		cel_text_put(&out, args[2].text);
		if (!n) { /* behind the last character there is one more place */
			n = found < s.len ? utf8_length(s.at + found, s.len - found) : 0;
			cel_text_put(&out, (struct str){s.at + found, n});
			n += !n;
		}
		at = found + n;
	}
	if (at < s.len)
		cel_text_put(&out, (struct str){s.at + at, s.len - at});
	return cel_text_end(&out, CEL_STRING);
}

/* Where the piece that begins at a byte ends; an empty separator makes a piece of each character.
 */
static size_t piece_end(struct str s, struct str separator, size_t at)
{
	size_t found;

	if (separator.len) {
		found = next_of(s, separator, at);
		return found == SIZE_MAX ? s.len : found;
	}
	return at < s.len ? at + utf8_length(s.at + at, s.len - at) : at;
}

/* The pieces, or with `items` NULL only their number. */
static size_t pieces(struct str s, struct str separator, uint64_t most, struct str *items)
{
	size_t count = 0;
	size_t at = 0;

	if (!most || (!s.len && !separator.len))
		return 0;
	for (;;) {
		const size_t end = count + 1 < most ? piece_end(s, separator, at) : s.len;

		if (items)
			items[count] = (struct str){s.at + at, end - at};
		count++;
		if (end == s.len)
			return count;
		at = end + separator.len;
	}
}

static struct cel_value split(struct cel_run *run, struct str s, struct str separator, int64_t most)
{
	const uint64_t limit = most < 0 ? UINT64_MAX : (uint64_t)most;
	const size_t count = pieces(s, separator, limit, NULL);
	struct str *items = cel_take(&run->arena, count * sizeof(*items));

	if (!cel_spend(&run->steps, count))
		return cel_too_costly();
	if (!items)
		return cel_no_memory();
	(void)pieces(s, separator, limit, items);
	return (struct cel_value){.kind = CEL_LIST, .view = VIEW_STRINGS, .list = {items, count}};
}

/* As a literal of the language in double quotes. */
static struct cel_value quote(struct cel_run *run, struct str s)
{
	static const char escaped[] = "\a\b\f\n\r\t\v\\\"";
	static const char letters[] = "abfnrtv\\\"";
	struct cel_text out = cel_text_begin(&run->arena);

	cel_text_put(&out, STR("\""));
	for (size_t i = 0; i < s.len; i++) {
		const char *at = s.at[i] ? strchr(escaped, s.at[i]) : NULL;

		if (at)
			cel_text_put(&out, STR("\\"));
		cel_text_put(&out, (struct str){at ? &letters[at - escaped] : &s.at[i], 1});
	}
	cel_text_put(&out, STR("\""));
	return cel_text_end(&out, CEL_STRING);
}

struct cel_value cel_run_build(struct cel_run *run, enum cel_extra which,
			       const struct cel_value *args, unsigned count)
{
	switch ((int)which) {
	case TEXT_JOIN:
		return join(run, &args[0], count > 1 ? args[1].text : STR(""));
	case TEXT_REPLACE:
		return replace(run, args[0].text, args, count > 3 ? args[3].integer : -1);
	case TEXT_SPLIT:
		return split(run, args[0].text, args[1].text, count > 2 ? args[2].integer : -1);
	default:
		return quote(run, args[0].text);
	}
}

/* ---- base64 ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static struct cel_value encode(struct cel_run *run, struct str s)
{
	struct cel_text out = cel_text_begin(&run->arena);

	for (size_t at = 0; at < s.len; at += 3) {
		const size_t n = s.len - at < 3 ? s.len - at : 3;
		char four[4] = {'=', '=', '=', '='};
		uint32_t bits = 0;

		for (size_t i = 0; i < 3; i++)
			bits = bits << 8 | (i < n ? (unsigned char)s.at[at + i] : 0);
		for (size_t i = 0; i <= n; i++)
			four[i] = digits[bits >> (18 - 6 * i) & 63];
		cel_text_put(&out, (struct str){four, 4});
	}
	return cel_text_end(&out, CEL_STRING);
}

/* The padding may be left out; bits that are over must be 0. */
static struct cel_value decode(struct cel_run *run, struct str s)
{
	struct cel_text out = cel_text_begin(&run->arena);
	const size_t padded = s.len;
	uint32_t bits = 0;
	unsigned have = 0;

	while (s.len && padded % 4 == 0 && padded - s.len < 2 && s.at[s.len - 1] == '=')
		s.len--;
	for (size_t i = 0; i < s.len; i++) {
		const char *digit = s.at[i] ? strchr(digits, s.at[i]) : NULL;
		char byte;

		if (!digit)
			return cel_of_error("the text is no base64");
		bits = (bits << 6 | (uint32_t)(digit - digits)) & 0xffff;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		byte = (char)(bits >> have & 0xff);
		cel_text_put(&out, (struct str){&byte, 1});
	}
	if (have >= 6 || (bits & ((1u << have) - 1)))
		return cel_of_error("the text is no base64: it ends in the middle of a byte");
	return cel_text_end(&out, CEL_BYTES);
}

struct cel_value cel_run_base64(struct cel_run *run, enum cel_extra which,
				const struct cel_value *args, unsigned count)
{
	(void)count;
	return which == BASE64_ENCODE ? encode(run, args[0].text) : decode(run, args[0].text);
}
