/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_scan.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/hex.h"
#include "common/json.h"
#include "common/utf8.h"

void json_position(const char *text, size_t len, size_t offset, unsigned *ret_line,
		   unsigned *ret_column)
{
	unsigned line = 1;
	unsigned column = 1;

	for (size_t i = 0; i < len && i < offset; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	*ret_line = line;
	*ret_column = column;
}

/*
 * One character of a string's inside as it is read. Return: bytes it takes in the text (at least
 * 1); its bytes are at `out`, *ret_len of them.
 */
static size_t one_character(const char *at, size_t left, char out[4], unsigned *ret_len)
{
	static const char names[] = "bfnrt";
	static const char values[] = "\b\f\n\r\t";
	const char *name;
	uint32_t c;

	*ret_len = 1;
	if (at[0] != '\\' || left < 2) {
		out[0] = at[0];
		return 1;
	}
	if (at[1] != 'u' || left < 6) {
		name = memchr(names, at[1], sizeof(names) - 1);
		if (name)
			out[0] = values[name - names];
		else
			out[0] = at[1];
		return 2;
	}
	c = (uint32_t)hex_value4(at + 2);
	if (c >= 0xd800 && c <= 0xdbff && left >= 12) {
		c = 0x10000 + ((c & 0x3ff) << 10) + ((uint32_t)hex_value4(at + 8) & 0x3ff);
		*ret_len = utf8_encode(c, out);
		return 12;
	}
	*ret_len = utf8_encode(c, out);
	return 6;
}

void json_unescape(const char *at, size_t len, struct buf *out)
{
	size_t i = 0;

	while (i < len) {
		char bytes[4];
		unsigned n;

		i += one_character(at + i, len - i, bytes, &n);
		buf_put(out, bytes, n);
	}
}

size_t json_string_offset(const char *text, size_t len, size_t value, size_t index)
{
	size_t at = value + 1;

	while (at < len && text[at] != '"') {
		char bytes[4];
		unsigned n;
		const size_t step = one_character(text + at, len - at, bytes, &n);

		if (index < n)
			break;
		index -= n;
		at += step;
	}
	return at < len ? at : len;
}

static size_t skip_space(const char *text, size_t len, size_t at)
{
	while (at < len &&
	       (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t'))
		at++;
	return at;
}

/* From a quote to behind the closing one. */
static size_t skip_string(const char *text, size_t len, size_t at)
{
	for (at++; at < len && text[at] != '"'; at++) {
		if (text[at] == '\\')
			at++;
	}
	return at < len ? at + 1 : len;
}

/* From the first byte of a value to behind its last. */
static size_t skip_value(const char *text, size_t len, size_t at)
{
	size_t depth = 0;

	while (at < len) {
		const char c = text[at];

		if (c == '"') {
			at = skip_string(text, len, at);
			if (!depth)
				return at;
			continue;
		}
		if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			if (!depth)
				return at;
			if (!--depth)
				return at + 1;
		} else if (!depth &&
			   (c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t')) {
			return at;
		}
		at++;
	}
	return len;
}

static bool key_is(const char *at, size_t len, const char *key, size_t key_len)
{
	size_t i = 0;
	size_t k = 0;

	while (i < len) {
		char bytes[4];
		unsigned n;

		i += one_character(at + i, len - i, bytes, &n);
		if (key_len - k < n || memcmp(key + k, bytes, n) != 0)
			return false;
		k += n;
	}
	return k == key_len;
}

/* From an object's brace to the first byte of a member's value. */
static int find_member(const char *text, size_t len, size_t *at, const char *key, size_t key_len)
{
	size_t i = skip_space(text, len, *at);

	if (i >= len || text[i] != '{')
		return -EINVAL;
	i = skip_space(text, len, i + 1);
	while (i < len && text[i] == '"') {
		const size_t start = i + 1;
		size_t end;

		end = i = skip_string(text, len, i);
		i = skip_space(text, len, i);
		if (i >= len || text[i] != ':')
			return -ENOENT;
		i = skip_space(text, len, i + 1);
		if (end > start && key_is(text + start, end - 1 - start, key, key_len)) {
			*at = i;
			return 0;
		}
		i = skip_space(text, len, skip_value(text, len, i));
		if (i < len && text[i] == ',')
			i = skip_space(text, len, i + 1);
	}
	return -ENOENT;
}

static int find_item(const char *text, size_t len, size_t *at, unsigned long index)
{
	size_t i = skip_space(text, len, *at);

	if (i >= len || text[i] != '[')
		return -ENOENT;
	i = skip_space(text, len, i + 1);
	while (i < len && text[i] != ']') {
		const size_t value = i;

		if (!index--) {
			*at = value;
			return 0;
		}
		i = skip_space(text, len, skip_value(text, len, i));
		if (i < len && text[i] == ',')
			i = skip_space(text, len, i + 1);
		if (i == value)
			break;
	}
	return -ENOENT;
}

/* One bracket step of a path: [3] or ["key"]. Moves *path behind it. */
static int step_bracket(const char *text, size_t len, size_t *at, const char **path)
{
	_cleanup_buf_ struct buf key = BUF_INIT(0);
	const char *inside = *path + 1;
	const size_t left = strlen(inside);
	unsigned long index;
	char *end;
	int r;

	if (*inside == '"') {
		const size_t n = skip_string(inside, left, 0);

		if (n < 2 || inside[n - 1] != '"' || inside[n] != ']')
			return -EINVAL;
		json_unescape(inside + 1, n - 2, &key);
		*path = inside + n + 1;
		r = find_member(text, len, at, key.data ? key.data : "", key.len);
		return r < 0 ? -ENOENT : 0;
	}
	if (*inside < '0' || *inside > '9')
		return -EINVAL;
	index = strtoul(inside, &end, 10);
	if (*end != ']')
		return -EINVAL;
	*path = end + 1;
	return find_item(text, len, at, index);
}

int json_locate(const char *text, size_t len, const char *path, size_t *ret_offset)
{
	size_t at = skip_space(text, len, 0);
	int r = 0;

	if (*path++ != '$')
		return -EINVAL;
	while (*path && r == 0) {
		if (*path == '.') {
			const size_t n = strcspn(path + 1, ".[");

			r = n ? find_member(text, len, &at, path + 1, n) : -EINVAL;
			if (r < 0)
				return n ? -ENOENT : -EINVAL;
			path += 1 + n;
		} else if (*path == '[') {
			r = step_bracket(text, len, &at, &path);
		} else {
			r = -EINVAL;
		}
	}
	if (r < 0)
		return r;
	if (at >= len)
		return -ENOENT;
	*ret_offset = at;
	return 0;
}

int json_member_raw(const char *text, size_t len, const char *key, const char **ret_at,
		    size_t *ret_len)
{
	size_t at = 0;
	const int r = find_member(text, len, &at, key, strlen(key));

	if (r < 0)
		return r;
	*ret_at = text + at;
	*ret_len = skip_value(text, len, at) - at;
	return 0;
}
