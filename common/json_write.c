/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_write.h"

#include <string.h>

#include "common/plain.h"
#include "common/utf8.h"

static const char hex[] = "0123456789abcdef";

#define EACH_BYTE(_b)	 (UINT64_C(0x0101010101010101) * (_b))
#define HAS_ZERO(_w)	 (((_w)-EACH_BYTE(1)) & ~(_w)&EACH_BYTE(0x80))
#define HAS_BELOW_20(_w) (((_w)-EACH_BYTE(0x20)) & ~(_w)&EACH_BYTE(0x80))

/*
 * A record line is some thirty pieces, most of them a few bytes long: what follows puts them there
 * without a call each, where there is room already.
 */

/* Where @len bytes and a NUL can be written; NULL: buf_put() has to see to it. */
static inline char *room(const struct buf *out, size_t len)
{
	if (out->cap - out->len <= len || (out->max && out->max - out->len < len))
		return NULL;
	return out->data + out->len;
}

static inline void wrote(struct buf *out, char *end)
{
	*end = '\0';
	out->len = (size_t)(end - out->data);
}

static inline void put(struct buf *out, const char *bytes, size_t len)
{
	char *at = room(out, len);

	if (!at) {
		buf_put(out, bytes, len);
		return;
	}
	(void)memcpy(at, bytes, len);
	wrote(out, at + len);
}

static inline bool word_is_plain(uint64_t w)
{
	return !((w & EACH_BYTE(0x80)) | HAS_BELOW_20(w) | HAS_ZERO(w ^ EACH_BYTE('"')) |
		 HAS_ZERO(w ^ EACH_BYTE('\\')));
}

static inline bool byte_is_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* Copies what stands in a string as it is. Return: whether that is all of it. */
static inline bool copy_plain(char *to, const char *text, size_t len)
{
	uint64_t w;
	size_t at = 0;

	for (; at + sizeof(w) <= len; at += sizeof(w)) {
		(void)memcpy(&w, text + at, sizeof(w));
		(void)memcpy(to + at, &w, sizeof(w));
		if (!word_is_plain(w))
			return false;
	}
	if (at && at < len) { /* the last eight, some of them again */
		(void)memcpy(&w, text + len - sizeof(w), sizeof(w));
		(void)memcpy(to + len - sizeof(w), &w, sizeof(w));
		return word_is_plain(w);
	}
	for (; at < len; at++) {
		to[at] = text[at];
		if (!byte_is_plain(text[at]))
			return false;
	}
	return true;
}

/* Bytes from the start that stand in a string as they are. */
static size_t plain_length(const char *text, size_t len)
{
	size_t at = 0;

	for (; at + 8 <= len; at += 8) {
		uint64_t w;

		(void)memcpy(&w, text + at, sizeof(w));
		if (!word_is_plain(w))
			break;
	}
	while (at < len && byte_is_plain(text[at]))
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

static void put_unit(struct buf *out, uint32_t unit)
{
	char escape[] = "\\u....";

	for (unsigned i = 0; i < 4; i++)
		escape[2 + i] = hex[unit >> (12 - 4 * i) & 15];
	put(out, escape, 6);
}

/*
 * A character that steers a terminal or hides what stands there: a record, an export and a rule
 * that was learned are shown to people as they are.
 */
static bool put_tricky(struct buf *out, uint32_t c)
{
	if (!plain_is_tricky(c))
		return false;
	if (c > 0xffff)
		put_unit(out, 0xd800 + ((c - 0x10000) >> 10));
	put_unit(out, c > 0xffff ? 0xdc00 + ((c - 0x10000) & 0x3ff) : c);
	return true;
}

static bool is_lower_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Would it be read as a byte that is not UTF-8? */
static bool looks_like_byte(const char *text, size_t len)
{
	return len >= 5 && memcmp(text, "\xef\xbf\xbd", 3) == 0 && is_lower_hex(text[3]) &&
	       is_lower_hex(text[4]);
}

static void put_escaping(struct buf *out, const char *text, size_t len, bool exact)
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
		if (exact && looks_like_byte(text + at, len - at))
			n = 0;
		if (n && !put_tricky(out, utf8_decode(text + at, n)))
			put(out, text + at, n);
		else if (!n)
			put_escaped(out, (unsigned char)text[at]);
		at += n ? n : 1;
	}
	put(out, "\"", 1);
}

static inline void put_quoted(struct buf *out, const char *text, size_t len, bool exact)
{
	char *at = room(out, len + 2);

	if (!at || !copy_plain(at + 1, text, len)) {
		put_escaping(out, text, len, exact);
		return;
	}
	at[0] = '"';
	at[len + 1] = '"';
	wrote(out, at + len + 2);
}

static void put_newline(const struct json_writer *w)
{
	put(w->out, "\n", 1);
	for (unsigned i = 0; i < w->depth; i++)
		put(w->out, "  ", 2);
}

/* In pieces: the line break, a key that has to be escaped, no room. */
static void put_key_slowly(struct json_writer *w, const char *key, size_t len)
{
	if (w->comma)
		put(w->out, ",", 1);
	if (w->indent && w->depth)
		put_newline(w);
	if (key) {
		put_quoted(w->out, key, len, w->exact);
		put(w->out, ": ", w->indent ? 2 : 1);
	}
	w->comma = true;
}

void json_put_key(struct json_writer *w, const char *key, size_t len)
{
	char *at = w->indent ? NULL : room(w->out, len + 4);

	if (!at) {
		put_key_slowly(w, key, len);
		return;
	}
	if (w->comma)
		*at++ = ',';
	if (key) {
		*at++ = '"';
		if (!copy_plain(at, key, len)) {
			put_key_slowly(w, key, len);
			return;
		}
		at += len;
		*at++ = '"';
		*at++ = ':';
	}
	wrote(w->out, at);
	w->comma = true;
}

void json_open(struct json_writer *w, char open)
{
	put(w->out, &open, 1);
	w->depth++;
	w->comma = false;
}

void json_close(struct json_writer *w, char close)
{
	w->depth--;
	if (w->indent && w->comma)
		put_newline(w);
	put(w->out, &close, 1);
	w->comma = true;
}

void json_text(struct json_writer *w, const char *text, size_t len)
{
	put_quoted(w->out, text, len, w->exact);
}

/* By hand: printf would be the largest part of the cost of an event. */
void json_digits(struct json_writer *w, uint64_t value, bool minus)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	char digits[24];
	size_t at = sizeof(digits);

	for (; value >= 10; value /= 100) {
		at -= 2;
		(void)memcpy(digits + at, pairs + 2 * (value % 100), 2);
	}
	if (value || at == sizeof(digits))
		digits[--at] = (char)('0' + value);
	if (minus)
		digits[--at] = '-';
	put(w->out, digits + at, sizeof(digits) - at);
}

void json_word(struct json_writer *w, const char *word, size_t len)
{
	put(w->out, word, len);
}
