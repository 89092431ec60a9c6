/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_write.h"

#include <stdio.h>
#include <string.h>

#include "common/utf8.h"

static const char hex[] = "0123456789abcdef";

/* buf_put() without the call while there is room: a record line is some thirty pieces. */
static inline void put(struct buf *out, const char *bytes, size_t len)
{
	if (out->cap - out->len <= len || (out->max && out->max - out->len < len)) {
		buf_put(out, bytes, len);
		return;
	}
	(void)memcpy(out->data + out->len, bytes, len);
	out->len += len;
	out->data[out->len] = '\0';
}

#define EACH_BYTE(_b)	 (UINT64_C(0x0101010101010101) * (_b))
#define HAS_ZERO(_w)	 (((_w)-EACH_BYTE(1)) & ~(_w)&EACH_BYTE(0x80))
#define HAS_BELOW_20(_w) (((_w)-EACH_BYTE(0x20)) & ~(_w)&EACH_BYTE(0x80))

/* Bytes from the start that stand in a string as they are; eight at a time. */
static size_t plain_length(const char *text, size_t len)
{
	size_t at = 0;

	for (; at + 8 <= len; at += 8) {
		uint64_t w;

		(void)memcpy(&w, text + at, sizeof(w));
		if ((w & EACH_BYTE(0x80)) | HAS_BELOW_20(w) | HAS_ZERO(w ^ EACH_BYTE('"')) |
		    HAS_ZERO(w ^ EACH_BYTE('\\')))
			break;
	}
	while (at < len && (unsigned char)text[at] >= 0x20 && (unsigned char)text[at] < 0x80 &&
	       text[at] != '"' && text[at] != '\\')
		at++;
	return at;
}

/* One character that does not stand for itself. NUL is treated like a byte that is not UTF-8:
 * readers of ours refuse it. */
static void put_escaped(struct buf *out, unsigned char c)
{
	if (!c || c >= 0x80) {
		char odd[] = "\xef\xbf\xbd..";

		odd[3] = hex[c >> 4];
		odd[4] = hex[c & 15];
		put(out, odd, 5);
	} else if (c == '"') {
		put(out, "\\\"", 2);
	} else if (c == '\\') {
		put(out, "\\\\", 2);
	} else if (c == '\n' || c == '\t' || c == '\r') {
		put(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r", 2);
	} else {
		char escape[] = "\\u00..";

		escape[4] = hex[c >> 4];
		escape[5] = hex[c & 15];
		put(out, escape, 6);
	}
}

static void put_quoted(struct buf *out, const char *text, size_t len)
{
	size_t at = 0;

	put(out, "\"", 1);
	for (;;) {
		const size_t plain = plain_length(text + at, len - at);
		unsigned n;

		put(out, text + at, plain);
		at += plain;
		if (at == len)
			break;
		n = (unsigned char)text[at] >= 0x80 ? utf8_length(text + at, len - at) : 0;
		if (n)
			put(out, text + at, n);
		else
			put_escaped(out, (unsigned char)text[at]);
		at += n ? n : 1;
	}
	put(out, "\"", 1);
}

static void put_newline(const struct json_writer *w)
{
	put(w->out, "\n", 1);
	for (unsigned i = 0; i < w->depth; i++)
		put(w->out, "  ", 2);
}

/* What stands before any item: the comma, the line break, the key. */
static void put_lead(struct json_writer *w, const char *key)
{
	if (w->comma)
		put(w->out, ",", 1);
	if (w->indent && w->depth)
		put_newline(w);
	if (key) {
		put_quoted(w->out, key, strlen(key));
		put(w->out, ": ", w->indent ? 2 : 1);
	}
	w->comma = true;
}

static void begin(struct json_writer *w, const char *key, char open)
{
	put_lead(w, key);
	put(w->out, &open, 1);
	w->depth++;
	w->comma = false;
}

static void end(struct json_writer *w, char close)
{
	w->depth--;
	if (w->indent && w->comma)
		put_newline(w);
	put(w->out, &close, 1);
	w->comma = true;
}

void json_begin_object(struct json_writer *w, const char *key)
{
	begin(w, key, '{');
}

void json_end_object(struct json_writer *w)
{
	end(w, '}');
}

void json_begin_array(struct json_writer *w, const char *key)
{
	begin(w, key, '[');
}

void json_end_array(struct json_writer *w)
{
	end(w, ']');
}

void json_put_string(struct json_writer *w, const char *key, const char *value)
{
	if (value)
		json_put_bytes(w, key, value, strlen(value));
	else
		json_put_null(w, key);
}

void json_put_bytes(struct json_writer *w, const char *key, const char *value, size_t len)
{
	put_lead(w, key);
	put_quoted(w->out, value, len);
}

/* By hand: printf would be the largest part of the cost of an event. */
static void put_digits(struct json_writer *w, const char *key, uint64_t value, bool minus)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	if (minus)
		digits[--at] = '-';
	put_lead(w, key);
	put(w->out, digits + at, sizeof(digits) - at);
}

void json_put_i64(struct json_writer *w, const char *key, int64_t value)
{
	put_digits(w, key, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

void json_put_u64(struct json_writer *w, const char *key, uint64_t value)
{
	put_digits(w, key, value, false);
}

void json_put_bool(struct json_writer *w, const char *key, bool value)
{
	put_lead(w, key);
	buf_puts(w->out, value ? "true" : "false");
}

void json_put_null(struct json_writer *w, const char *key)
{
	put_lead(w, key);
	buf_puts(w->out, "null");
}

void json_put_raw(struct json_writer *w, const char *key, const char *raw, size_t len)
{
	put_lead(w, key);
	put(w->out, raw, len);
}
