/* SPDX-License-Identifier: Apache-2.0 */

/* Classes of characters: [a-z], \d, [[:alpha:]]; and escapes of single characters. */

#include <string.h>

#include "common/hex.h"
#include "common/utf8.h"
#include "monitor/policy/cel/cel_regex_class.h"

struct named_class {
	const char *name;
	struct regex_range ranges[4];
	unsigned count;
};

static const struct named_class letters[] = {
	{"d", {{'0', '9'}}, 1},
	{"w", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}, 4},
	{"s", {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}}, 3},
};

static const struct named_class posix[] = {
	{"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}, 3},
	{"alpha", {{'A', 'Z'}, {'a', 'z'}}, 2},
	{"ascii", {{0, 0x7f}}, 1},
	{"blank", {{'\t', '\t'}, {' ', ' '}}, 2},
	{"cntrl", {{0, 0x1f}, {0x7f, 0x7f}}, 2},
	{"digit", {{'0', '9'}}, 1},
	{"graph", {{'!', '~'}}, 1},
	{"lower", {{'a', 'z'}}, 1},
	{"print", {{' ', '~'}}, 1},
	{"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}, 4},
	{"space", {{'\t', '\r'}, {' ', ' '}}, 2},
	{"upper", {{'A', 'Z'}}, 1},
	{"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}, 4},
	{"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}, 3},
};

unsigned utf8_decode_at(struct str text, size_t at, uint32_t *ret)
{
	const unsigned n = utf8_length(text.at + at, text.len - at);

	*ret = n ? utf8_decode(text.at + at, n) : 0xfffd;
	return n ? n : 1;
}

void class_add(struct class_set *set, uint32_t low, uint32_t high)
{
	if (set->count == REGEX_MAX_RANGES) {
		set->full = true;
		return;
	}
	set->ranges[set->count++] = (struct regex_range){low, high};
}

/* The ranges are in order and apart, so what lies between them is the opposite. */
static void add_named(struct class_set *set, const struct named_class *named, bool negated)
{
	uint32_t next = 0;

	for (unsigned i = 0; i < named->count; i++) {
		const struct regex_range range = named->ranges[i];

		if (!negated)
			class_add(set, range.low, range.high);
		else if (range.low > next)
			class_add(set, next, range.low - 1);
		next = range.high + 1;
	}
	if (negated)
		class_add(set, next, REGEX_LAST);
}

bool class_escape(struct class_set *set, struct str pattern, size_t *at)
{
	const char c = *at < pattern.len ? pattern.at[*at] : '\0';

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		if ((c | 32) != letters[i].name[0])
			continue;
		add_named(set, &letters[i], !(c & 32));
		(*at)++;
		return true;
	}
	return false;
}

/*
 * One digit of base 8 is at *at, and up to two follow. As in RE2 the first is 0 unless another
 * follows, for what looks like a reference to a group is none.
 */
static bool octal_character(struct str pattern, size_t *at, uint32_t *ret)
{
	const size_t start = *at;

	*ret = 0;
	for (; *at < pattern.len && *at < start + 3 && pattern.at[*at] >= '0' &&
	       pattern.at[*at] <= '7';
	     (*at)++)
		*ret = *ret * 8 + (uint32_t)(pattern.at[*at] - '0');
	return pattern.at[start] == '0' || *at > start + 1;
}

/* Behind \x: two digits, or any number of them in braces. */
static bool hex_character(struct str pattern, size_t *at, uint32_t *ret)
{
	const bool braces = *at < pattern.len && pattern.at[*at] == '{';
	unsigned digits = 0;

	*at += braces;
	*ret = 0;
	for (; *at < pattern.len && hex_value(pattern.at[*at]) >= 0 && digits < (braces ? 8 : 2);
	     digits++)
		*ret = *ret << 4 | (uint32_t)hex_value(pattern.at[(*at)++]);
	if (braces)
		return digits && *ret <= REGEX_LAST && *at < pattern.len &&
		       pattern.at[(*at)++] == '}';
	return digits == 2;
}

bool class_character(struct str pattern, size_t *at, uint32_t *ret)
{
	static const char from[] = "afnrtv";
	static const char to[] = "\a\f\n\r\t\v";
	const char c = *at < pattern.len ? pattern.at[*at] : '\0';
	const char *simple = c ? strchr(from, c) : NULL;

	if (!c || ((unsigned char)c >= 0x80))
		return false;
	if (c >= '0' && c <= '7')
		return octal_character(pattern, at, ret);
	(*at)++;
	if (c == 'x')
		return hex_character(pattern, at, ret);
	*ret = simple ? (uint32_t)to[simple - from] : (uint32_t)c;
	return simple || !((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'));
}

/* "[:name:]" or "[:^name:]" at *at. False: something else, which may be text. */
static bool posix_class(struct class_set *set, struct str pattern, size_t *at)
{
	size_t p = *at + 2;
	bool negated;

	if (pattern.len - *at < 4 || pattern.at[*at] != '[' || pattern.at[*at + 1] != ':')
		return false;
	negated = pattern.at[p] == '^';
	p += negated;
	for (size_t i = 0; i < sizeof(posix) / sizeof(posix[0]); i++) {
		const size_t n = strlen(posix[i].name);

		if (pattern.len - p < n + 2 || memcmp(pattern.at + p, posix[i].name, n) != 0 ||
		    pattern.at[p + n] != ':' || pattern.at[p + n + 1] != ']')
			continue;
		add_named(set, &posix[i], negated);
		*at = p + n + 2;
		return true;
	}
	return false;
}

static bool one_character(struct str pattern, size_t *at, uint32_t *ret)
{
	if (*at >= pattern.len)
		return false;
	if (pattern.at[*at] == '\\') {
		(*at)++;
		return class_character(pattern, at, ret);
	}
	*at += utf8_decode_at(pattern, *at, ret);
	return true;
}

bool class_parse(struct class_set *set, struct str pattern, size_t *at, bool *ret_negated,
		 const char **ret_reason)
{
	size_t p = *at;
	size_t start;

	*ret_negated = p < pattern.len && pattern.at[p] == '^';
	p += *ret_negated;
	start = p;
	*ret_reason = "a class [...] has no end, or an escape in it is not known";
	while (p < pattern.len && (pattern.at[p] != ']' || p == start)) {
		uint32_t low;
		uint32_t high;

		if (posix_class(set, pattern, &p))
			continue;
		if (pattern.at[p] == '\\') {
			size_t behind = p + 1;

			if (class_escape(set, pattern, &behind)) {
				p = behind;
				continue;
			}
		}
		if (!one_character(pattern, &p, &low))
			return false;
		high = low;
		if (p + 1 < pattern.len && pattern.at[p] == '-' && pattern.at[p + 1] != ']') {
			p++;
			if (!one_character(pattern, &p, &high) || high < low)
				return false;
		}
		class_add(set, low, high);
	}
	if (p >= pattern.len)
		return false;
	*at = p + 1;
	*ret_reason = NULL;
	return true;
}
