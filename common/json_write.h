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
 * takes whatever this writer makes. With `indent` set the output is laid out for people.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

struct json_writer {
	struct buf *out; /* borrowed */
	unsigned depth;
	bool comma;  /* the next item needs one before it */
	bool indent; /* one item a line */
};

void json_begin_object(struct json_writer *w, const char *key);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w, const char *key);
void json_end_array(struct json_writer *w);
void json_put_string(struct json_writer *w, const char *key, const char *value); /* NULL: null */
void json_put_bytes(struct json_writer *w, const char *key, const char *value, size_t len);
void json_put_i64(struct json_writer *w, const char *key, int64_t value);
void json_put_u64(struct json_writer *w, const char *key, uint64_t value);
void json_put_bool(struct json_writer *w, const char *key, bool value);
void json_put_null(struct json_writer *w, const char *key);
/* `raw` must be one valid JSON value. */
void json_put_raw(struct json_writer *w, const char *key, const char *raw, size_t len);
