/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * JSON, written straight into a buffer; no tree, no allocation of its own.
 *
 *	struct json_writer w = {.out = &buf};
 *	json_begin_object(&w, NULL);
 *	json_put_string(&w, "name", "x");
 *	json_end_object(&w);
 *
 * The key is NULL at the top level and inside arrays. Bytes that are not UTF-8 (paths, argv) are
 * written as U+FFFD followed by their two hex digits, so that no two inputs look alike by accident
 * and the output is always valid JSON. NUL is written so too: json_check() refuses \u0000, and
 * takes whatever this writer makes. With `exact` set no two inputs look alike on purpose either: a
 * U+FFFD that two such digits follow is itself written byte by byte. With `indent` set the output
 * is laid out for people.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/buf.h"

struct json_writer {
	struct buf *out; /* borrowed */
	unsigned depth;
	bool comma;  /* the next item needs one before it */
	bool indent; /* one item a line */
	bool exact;  /* each text can be told from every other */
};

/* What stands before a value: the comma, the line break, the key. */
void json_put_key(struct json_writer *w, const char *key, size_t len);
/* A value behind that. */
void json_open(struct json_writer *w, char open);
void json_close(struct json_writer *w, char close);
void json_text(struct json_writer *w, const char *text, size_t len);
void json_digits(struct json_writer *w, uint64_t value, bool minus);
void json_word(struct json_writer *w, const char *word, size_t len);

/* Inline, all of them: the length of a literal key is then a constant. */
static inline void json_key_of(struct json_writer *w, const char *key)
{
	json_put_key(w, key, key ? strlen(key) : 0);
}

static inline void json_begin_object(struct json_writer *w, const char *key)
{
	json_key_of(w, key);
	json_open(w, '{');
}

static inline void json_end_object(struct json_writer *w)
{
	json_close(w, '}');
}

static inline void json_begin_array(struct json_writer *w, const char *key)
{
	json_key_of(w, key);
	json_open(w, '[');
}

static inline void json_end_array(struct json_writer *w)
{
	json_close(w, ']');
}

static inline void json_put_bytes(struct json_writer *w, const char *key, const char *value,
				  size_t len)
{
	json_key_of(w, key);
	json_text(w, value, len);
}

/* `raw` must be one valid JSON value. */
static inline void json_put_raw(struct json_writer *w, const char *key, const char *raw, size_t len)
{
	json_key_of(w, key);
	json_word(w, raw, len);
}

static inline void json_put_null(struct json_writer *w, const char *key)
{
	json_put_raw(w, key, "null", 4);
}

/* NULL: null */
static inline void json_put_string(struct json_writer *w, const char *key, const char *value)
{
	if (value)
		json_put_bytes(w, key, value, strlen(value));
	else
		json_put_null(w, key);
}

static inline void json_put_i64(struct json_writer *w, const char *key, int64_t value)
{
	json_key_of(w, key);
	json_digits(w, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

static inline void json_put_u64(struct json_writer *w, const char *key, uint64_t value)
{
	json_key_of(w, key);
	json_digits(w, value, false);
}

static inline void json_put_bool(struct json_writer *w, const char *key, bool value)
{
	json_key_of(w, key);
	json_word(w, value ? "true" : "false", value ? 4 : 5);
}
