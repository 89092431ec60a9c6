/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The byte gate before the JSON parser.
 *
 * Theory of operation: one pass over the bytes with a fixed stack of MAX_JSON_DEPTH open containers
 * and no recursion. Keys of all open objects stand in one array, each object's behind those of the
 * object around it; when an object closes its keys are sorted by length and bytes, equal neighbours
 * are an error, and they are dropped. Sorting costs n log n comparisons whatever the input is,
 * where a hash table could be made to collide. Keys are compared as a reader sees them, after
 * escapes.
 *
 * Stricter than RFC 8259 on purpose: no \u0000 and no lone surrogates (readers disagree on them),
 * no number over MAX_NUMBER bytes (cJSON cuts it silently) and none that overflows a double, no
 * more than MAX_JSON_NODES values (a tree costs far more memory than its text).
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/hex.h"
#include "common/json.h"
#include "common/json_scan.h"
#include "common/limits.h"
#include "common/utf8.h"

#define MAX_NUMBER 60u /* cJSON 1.7.15 looks at no more than 63 bytes */
#define FEW_KEYS   8u

struct gate_key {
	uint64_t hash;	 /* of its bytes; only to tell most keys apart without looking at them */
	uint32_t offset; /* of the opening quote in the text */
	uint32_t at;	 /* of the first byte, in the text or in the arena */
	uint32_t len : 31;
	uint32_t in_arena : 1; /* it had escapes */
};

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
	struct gate_key *keys; /* owned */
	size_t key_count;
	size_t key_cap;
	struct buf arena;   /* keys with escapes, unescaped */
	const char *reason; /* of the first error, at byte error_at */
	size_t error_at;
	int code;
};

static void gate_done(struct gate *g)
{
	free(g->keys);
	buf_done(&g->arena);
}

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
	int32_t value = 0;

	if (left < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		const int digit = hex_value(at[i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
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

static const char *key_bytes(const struct gate *g, const struct gate_key *key)
{
	return (key->in_arena ? g->arena.data : g->text) + key->at;
}

static int compare_keys(const void *a, const void *b, void *gate)
{
	const struct gate_key *x = a;
	const struct gate_key *y = b;
	int order;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	order = memcmp(key_bytes(gate, x), key_bytes(gate, y), x->len);
	if (order)
		return order;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static bool same_key(const struct gate *g, const struct gate_key *a, const struct gate_key *b)
{
	return a->hash == b->hash && a->len == b->len &&
	       memcmp(key_bytes(g, a), key_bytes(g, b), a->len) == 0;
}

/* Drops the keys of the object that closes; the first repeated one is an error. */
static int close_object(struct gate *g, size_t first)
{
	struct gate_key *keys = g->keys + first;
	const size_t count = g->key_count - first;
	size_t repeated = SIZE_MAX;

	if (count > FEW_KEYS) {
		qsort_r(keys, count, sizeof(*keys), compare_keys, g);
		for (size_t i = 1; i < count; i++) {
			if (same_key(g, &keys[i - 1], &keys[i]) && keys[i].offset < repeated)
				repeated = keys[i].offset;
		}
	} else {
		for (size_t i = 1; i < count && repeated == SIZE_MAX; i++) {
			for (size_t j = 0; j < i; j++) {
				if (same_key(g, &keys[j], &keys[i]))
					repeated = keys[i].offset;
			}
		}
	}
	if (repeated != SIZE_MAX)
		return refuse(g, repeated, "the key is there twice");
	g->key_count = first;
	return 0;
}

static uint64_t hash_key(const char *at, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* The string from `start` to here as a key of the innermost object. */
static void add_key(struct gate *g, size_t start, bool escaped)
{
	struct gate_key key = {.offset = (uint32_t)start, .at = (uint32_t)start + 1};
	size_t len = g->at - start - 2;

	if (escaped) {
		const size_t used = g->arena.len;

		json_unescape(g->text + key.at, len, &g->arena);
		key.at = (uint32_t)used;
		len = g->arena.len - used;
		key.in_arena = 1;
	}
	key.len = len & 0x7fffffff; /* the text is at most MAX_JSON_BYTES long */
	key.hash = hash_key(key_bytes(g, &key), len);
	if (g->key_count == g->key_cap) {
		g->key_cap = g->key_cap ? g->key_cap * 2 : 32;
		g->keys = xrealloc_array(g->keys, g->key_cap, sizeof(*g->keys));
	}
	g->keys[g->key_count++] = key;
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
	add_key(g, start, escaped);
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
		(struct gate_level){.is_object = is_object, .first_key = g->key_count};
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
	if (level.is_object && close_object(g, level.first_key) < 0)
		return g->code;
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
	_cleanup_(gate_done) struct gate g = {.text = text, .len = len, .arena = BUF_INIT(0)};
	unsigned line;
	unsigned column;

	if (len > MAX_JSON_BYTES)
		return error_set(err, E2BIG, "1:1: %zu bytes are more than the %u allowed", len,
				 MAX_JSON_BYTES);
	if (check_document(&g) == 0)
		return 0;
	json_position(text, len, g.error_at, &line, &column);
	return error_set(err, g.code, "%u:%u: %s", line, column, g.reason);
}
