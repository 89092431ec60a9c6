/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"

static const char hex[] = "0123456789abcdef";

/* One string, quoted. NUL is treated like a byte that is not UTF-8: readers of ours refuse it. */
static void put_quoted(struct buf *out, const char *text, size_t len)
{
	size_t from = 0;
	size_t at = 0;

	buf_putc(out, '"');
	while (at < len) {
		const unsigned char c = (unsigned char)text[at];
		const unsigned n = c >= 0x80 ? utf8_length(text + at, len - at) : 1;

		if (n && c >= 0x20 && c != '"' && c != '\\') {
			at += n;
			continue;
		}
		buf_put(out, text + from, at - from);
		if (!n || !c) {
			char odd[] = "\xef\xbf\xbd..";

			odd[3] = hex[c >> 4];
			odd[4] = hex[c & 15];
			buf_put(out, odd, 5);
		} else if (c == '"' || c == '\\') {
			const char escape[2] = {'\\', text[at]};

			buf_put(out, escape, 2);
		} else if (c == '\n' || c == '\t' || c == '\r') {
			buf_put(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r", 2);
		} else {
			char escape[] = "\\u00..";

			escape[4] = hex[c >> 4];
			escape[5] = hex[c & 15];
			buf_put(out, escape, 6);
		}
		from = ++at;
	}
	buf_put(out, text + from, len - from);
	buf_putc(out, '"');
}

static void put_newline(const struct json_writer *w)
{
	buf_putc(w->out, '\n');
	for (unsigned i = 0; i < w->depth; i++)
		buf_put(w->out, "  ", 2);
}

/* What stands before any item: the comma, the line break, the key. */
static void put_lead(struct json_writer *w, const char *key)
{
	if (w->comma)
		buf_putc(w->out, ',');
	if (w->indent && w->depth)
		put_newline(w);
	if (key) {
		put_quoted(w->out, key, strlen(key));
		buf_put(w->out, ": ", w->indent ? 2 : 1);
	}
	w->comma = true;
}

static void begin(struct json_writer *w, const char *key, char open)
{
	put_lead(w, key);
	buf_putc(w->out, open);
	w->depth++;
	w->comma = false;
}

static void end(struct json_writer *w, char close)
{
	w->depth--;
	if (w->indent && w->comma)
		put_newline(w);
	buf_putc(w->out, close);
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
	buf_put(w->out, digits + at, sizeof(digits) - at);
}

void json_put_i64(struct json_writer *w, const char *key, int64_t value)
{
	put_digits(w, key, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

void json_put_u64(struct json_writer *w, const char *key, uint64_t value)
{
	put_digits(w, key, value, false);
}

void json_put_double(struct json_writer *w, const char *key, double value)
{
	char text[40];
	char *comma;
	int n = -1;

	if (!isfinite(value)) { /* JSON has no word for it */
		json_put_null(w, key);
		return;
	}
	for (int precision = 15; precision <= 17; precision++) {
		n = snprintf(text, sizeof(text), "%.*g", precision, value);
		if (strtod(text, NULL) == value) /* NOLINT(cert-err34-c): our own digits */
			break;
	}
	comma = strchr(text, ','); /* a locale's decimal point */
	if (comma)
		*comma = '.';
	put_lead(w, key);
	buf_put(w->out, text, n > 0 ? (size_t)n : 0);
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
	buf_put(w->out, raw, len);
}
