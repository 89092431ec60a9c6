/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The byte gate before the JSON parser.
 *
 * Theory of operation: one pass over the bytes with a fixed stack of MAX_JSON_DEPTH open containers
 * and no recursion. The keys of open objects are held (json_keys.h) until their object closes.
 *
 * Stricter than RFC 8259 on purpose: no \u0000 and no lone surrogates (readers disagree on them),
 * no number over MAX_NUMBER bytes (cJSON cuts it silently) and none that overflows a double, no
 * more than MAX_JSON_NODES values (a tree costs far more memory than its text).
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/json.h"
#include "common/json_keys.h"
#include "common/json_scan.h"
#include "common/limits.h"
#include "common/utf8.h"

#define MAX_NUMBER 60u /* cJSON 1.7.15 looks at no more than 63 bytes */

struct gate_level {
	bool is_object;
	size_t first_key;
};

struct gate {
	const char *text;
	size_t len;
	size_t at;
	size_t nodes;
	struct gate_level levels[MAX_JSON_DEPTH];
	unsigned depth;
	struct json_keys keys;
	const char *reason; /* of the first error, at byte error_at */
	size_t error_at;
	int code;
};

static int refuse(struct gate *g, size_t at, const char *reason)
{
	g->reason = reason;
	g->error_at = at;
	g->code = -EINVAL;
	return g->code;
}

static int refuse_here(struct gate *g, const char *reason)
{
	return refuse(g, g->at, g->at < g->len ? reason : "the document ends too early");
}

static void skip_space(struct gate *g)
{
	while (g->at < g->len) {
		const char c = g->text[g->at];

		if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
			return;
		g->at++;
	}
}

/* Four hex digits at `at`; -1 if they are not there. */
static int32_t hex4(const char *at, size_t left)
{
	return left < 4 ? -1 : hex_value4(at);
}

/* At the backslash. Moves behind the escape. */
static int check_escape(struct gate *g)
{
	const size_t start = g->at;
	const size_t left = g->len - g->at;
	int32_t unit;

	if (left < 2)
		return refuse(g, g->len, "the document ends too early");
	if (g->text[start + 1] != 'u') {
		if (!g->text[start + 1] || !strchr("\"\\/bfnrt", g->text[start + 1]))
			return refuse(g, start, "unknown escape");
		g->at += 2;
		return 0;
	}
	unit = hex4(g->text + start + 2, left - 2);
	if (unit < 0)
		return refuse(g, start, "\\u needs four hex digits");
	if (unit == 0)
		return refuse(g, start, "\\u0000 is not allowed");
	g->at += 6;
	if (unit < 0xd800 || unit > 0xdfff)
		return 0;
	if (unit <= 0xdbff && left >= 12 && g->text[start + 6] == '\\' &&
	    g->text[start + 7] == 'u') {
		const int32_t low = hex4(g->text + start + 8, left - 8);

		if (low >= 0xdc00 && low <= 0xdfff) {
			g->at += 6;
			return 0;
		}
	}
	return refuse(g, start, "lone surrogate");
}

/* At the opening quote. Moves behind the closing one. */
static int check_string(struct gate *g, bool *ret_escaped)
{
	*ret_escaped = false;
	g->at++;
	while (g->at < g->len) {
		const unsigned char c = (unsigned char)g->text[g->at];

		if (c == '"') {
			g->at++;
			return 0;
		}
		if (c == '\\') {
			*ret_escaped = true;
			if (check_escape(g) < 0)
				return g->code;
		} else if (c < 0x20) {
			return refuse(g, g->at, "control character in a string");
		} else if (c < 0x80) {
			g->at++;
		} else {
			const unsigned n = utf8_length(g->text + g->at, g->len - g->at);

			if (!n)
				return refuse(g, g->at, "not UTF-8");
			g->at += n;
		}
	}
	return refuse(g, g->len, "the string does not end");
}

static size_t skip_digits(struct gate *g)
{
	const size_t start = g->at;

	while (g->at < g->len && g->text[g->at] >= '0' && g->text[g->at] <= '9')
		g->at++;
	return g->at - start;
}

static bool at_char(const struct gate *g, char a, char b)
{
	return g->at < g->len && (g->text[g->at] == a || g->text[g->at] == b);
}

static int check_number(struct gate *g)
{
	const size_t start = g->at;
	char digits[MAX_NUMBER + 1];
	size_t whole;
	bool zero;

	if (at_char(g, '-', '-'))
		g->at++;
	zero = at_char(g, '0', '0');
	whole = skip_digits(g);
	if (!whole)
		return refuse_here(g, "a digit is missing");
	if (zero && whole > 1)
		return refuse(g, start, "a number does not start with 0");
	if (at_char(g, '.', '.')) {
		g->at++;
		if (!skip_digits(g))
			return refuse_here(g, "a digit is missing after the point");
	}
	if (at_char(g, 'e', 'E')) {
		g->at++;
		if (at_char(g, '+', '-'))
			g->at++;
		if (!skip_digits(g))
			return refuse_here(g, "a digit is missing in the exponent");
	}
	if (g->at - start > MAX_NUMBER)
		return refuse(g, start, "the number has too many digits");
	(void)memcpy(digits, g->text + start, g->at - start);
	digits[g->at - start] = '\0';
	if (isinf(strtod(digits, NULL)))
		return refuse(g, start, "the number is too large");
	return 0;
}

static int check_word(struct gate *g, const char *word)
{
	const size_t n = strlen(word);

	if (g->len - g->at < n || memcmp(g->text + g->at, word, n) != 0)
		return refuse(g, g->at, "expected a value");
	g->at += n;
	return 0;
}

/* A key and its colon; leaves the place before the value. */
static int check_key(struct gate *g)
{
	size_t start;
	bool escaped;

	skip_space(g);
	if (!at_char(g, '"', '"'))
		return refuse_here(g, "expected a key in double quotes");
	start = g->at;
	if (check_string(g, &escaped) < 0)
		return g->code;
	json_keys_add(&g->keys, start + 1, g->at - start - 2, escaped);
	skip_space(g);
	if (!at_char(g, ':', ':'))
		return refuse_here(g, "expected ':'");
	g->at++;
	return 0;
}

/* After '{' or '['. Return: 1 if it was empty and is closed, 0 with the place before a value. */
static int open_container(struct gate *g)
{
	const bool is_object = g->text[g->at] == '{';

	if (g->depth == MAX_JSON_DEPTH)
		return refuse(g, g->at, "nested too deeply");
	g->at++;
	skip_space(g);
	if (at_char(g, is_object ? '}' : ']', is_object ? '}' : ']')) {
		g->at++;
		return 1;
	}
	g->levels[g->depth++] =
		(struct gate_level){.is_object = is_object, .first_key = g->keys.count};
	return is_object ? check_key(g) : 0;
}

/* One value, or the head of a container. Return: 1 if a value is complete, 0 inside a container. */
static int check_value(struct gate *g)
{
	bool escaped;
	int r;

	skip_space(g);
	if (g->at == g->len)
		return refuse_here(g, "");
	if (++g->nodes > MAX_JSON_NODES) {
		(void)refuse(g, g->at, "too many values");
		return g->code = -E2BIG;
	}
	switch (g->text[g->at]) {
	case '{':
	case '[':
		return open_container(g);
	case '"':
		r = check_string(g, &escaped);
		break;
	case 't':
		r = check_word(g, "true");
		break;
	case 'f':
		r = check_word(g, "false");
		break;
	case 'n':
		r = check_word(g, "null");
		break;
	case '-':
	case '0' ... '9':
		r = check_number(g);
		break;
	default:
		return refuse(g, g->at, "expected a value");
	}
	return r < 0 ? r : 1;
}

/* Behind a value inside a container. Return: 1 if it closed, 0 with the place before a value. */
static int check_after(struct gate *g)
{
	const struct gate_level level = g->levels[g->depth - 1];
	const char close = level.is_object ? '}' : ']';

	skip_space(g);
	if (at_char(g, ',', ',')) {
		g->at++;
		return level.is_object ? check_key(g) : 0;
	}
	if (!at_char(g, close, close))
		return refuse_here(g,
				   level.is_object ? "expected ',' or '}'" : "expected ',' or ']'");
	if (level.is_object) {
		const size_t repeated = json_keys_close(&g->keys, level.first_key);

		if (repeated != SIZE_MAX)
			return refuse(g, repeated, "the key is there twice");
	}
	g->at++;
	g->depth--;
	return 1;
}

static int check_document(struct gate *g)
{
	int complete;

	if (g->len >= 3 && memcmp(g->text, "\xef\xbb\xbf", 3) == 0)
		return refuse(g, 0, "a byte order mark is not allowed");
	do {
		complete = check_value(g);
		while (complete == 1 && g->depth)
			complete = check_after(g);
	} while (!complete);
	if (complete < 0)
		return complete;
	skip_space(g);
	if (g->at < g->len)
		return refuse(g, g->at, "something follows the document");
	return 0;
}

int json_check(const char *text, size_t len, struct error *err)
{
	struct gate g = {.text = text, .len = len};
	unsigned line;
	unsigned column;
	int r;

	if (len > MAX_JSON_BYTES)
		return error_set(err, E2BIG, "1:1: %zu bytes are more than the %u allowed", len,
				 MAX_JSON_BYTES);
	json_keys_init(&g.keys, text);
	r = check_document(&g);
	json_keys_done(&g.keys);
	if (r == 0)
		return 0;
	json_position(text, len, g.error_at, &line, &column);
	return error_set(err, g.code, "%u:%u: %s", line, column, g.reason);
}
