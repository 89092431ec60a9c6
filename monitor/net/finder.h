/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Finds any of some byte strings in a stream, by Wu and Manber's method ("A fast algorithm for
 * multi-pattern searching", 1994): the last two bytes of a window tell how far it can be moved on,
 * so most of the bytes are never looked at. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FINDER_MAX_PATTERN 512u
#define FINDER_TABLE	   8192u

struct finder_pattern {
	uint8_t *bytes; /* owned */
	uint16_t len;	/* 2..FINDER_MAX_PATTERN */
	uint8_t id;	/* 0..63 */
	uint16_t next;	/* with the same end of its window; plus 1, 0 is none */
};

struct finder {
	struct finder_pattern *patterns; /* owned */
	size_t count;
	size_t window; /* the shortest one's length */
	size_t longest;
	uint8_t shift[FINDER_TABLE];
	uint16_t first[FINDER_TABLE]; /* pattern plus 1 */
};

/* One that is there already under that id is left out. Copies @bytes. Before finder_build(). */
void finder_add(struct finder *finder, const uint8_t *bytes, size_t len, unsigned id);
void finder_build(struct finder *finder);
void finder_done(struct finder *finder);

/* Return: a bit for the id of each pattern that lies in @bytes. */
uint64_t finder_search(const struct finder *finder, const uint8_t *bytes, size_t len);

/* What a stream has to remember: the bytes at its end that a pattern may have begun in. */
struct finder_stream {
	uint8_t tail[FINDER_MAX_PATTERN];
	size_t len;
};

/* @packed: leaves white space out, as encoders put it in to make lines. */
uint64_t finder_feed(const struct finder *finder, struct finder_stream *stream,
		     const uint8_t *bytes, size_t len, bool packed);
