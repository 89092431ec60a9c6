/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Big-endian numbers and vectors from bytes that may end anywhere. After something did not fit,
 * `ended` is set and everything that is read is 0 or empty, so a series of reads is checked once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader {
	const uint8_t *at; /* borrowed */
	size_t left;
	bool ended;
};

static inline struct reader reader_take(struct reader *from, size_t len)
{
	struct reader ret = {from->at, len, false};

	if (from->ended || len > from->left) {
		from->ended = true;
		from->left = 0;
		return (struct reader){from->at, 0, true};
	}
	from->at += len;
	from->left -= len;
	return ret;
}

/* A number of @bytes bytes, at most 4. */
static inline uint32_t reader_number(struct reader *from, unsigned bytes)
{
	const struct reader part = reader_take(from, bytes);
	uint32_t ret = 0;

	for (size_t i = 0; i < part.left; i++)
		ret = ret << 8 | part.at[i];
	return ret;
}

/* A vector: its length in @bytes bytes, then that many. */
static inline struct reader reader_vector(struct reader *from, unsigned bytes)
{
	const uint32_t len = reader_number(from, bytes);

	return reader_take(from, len);
}
