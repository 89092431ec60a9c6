/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/finder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define PIECE 4096u /* bytes that are searched together */

static unsigned hash_pair(const uint8_t *at)
{
	return ((unsigned)at[0] << 5 ^ at[1] * 37u) & (FINDER_TABLE - 1);
}

void finder_add(struct finder *finder, const uint8_t *bytes, size_t len, unsigned id)
{
	assert(len >= 2 && len <= FINDER_MAX_PATTERN && id < 64 && finder->count < UINT16_MAX);
	for (size_t i = 0; i < finder->count; i++) {
		const struct finder_pattern *have = &finder->patterns[i];

		if (have->id == id && have->len == len && memcmp(have->bytes, bytes, len) == 0)
			return;
	}
	struct finder_pattern pattern = {
		.bytes = xcalloc(len, 1), .len = (uint16_t)len, .id = (uint8_t)id};

	memcpy(pattern.bytes, bytes, len);
	finder->patterns =
		xrealloc_array(finder->patterns, finder->count + 1, sizeof(*finder->patterns));
	finder->patterns[finder->count++] = pattern;
}

void finder_build(struct finder *finder)
{
	finder->window = FINDER_MAX_PATTERN;
	for (size_t i = 0; i < finder->count; i++) {
		const size_t len = finder->patterns[i].len;

		finder->window = len < finder->window ? len : finder->window;
		finder->longest = len > finder->longest ? len : finder->longest;
	}
	const size_t most = finder->window - 1 < UINT8_MAX ? finder->window - 1 : UINT8_MAX;

	memset(finder->shift, (int)most, sizeof(finder->shift));
	for (size_t i = 0; i < finder->count; i++) {
		struct finder_pattern *pattern = &finder->patterns[i];

		for (size_t end = 1; end < finder->window; end++) {
			uint8_t *shift = &finder->shift[hash_pair(pattern->bytes + end - 1)];
			const size_t to_end = finder->window - 1 - end;

			if (to_end < *shift)
				*shift = (uint8_t)to_end;
		}
		uint16_t *first = &finder->first[hash_pair(pattern->bytes + finder->window - 2)];

		pattern->next = *first;
		*first = (uint16_t)(i + 1);
	}
}

void finder_done(struct finder *finder)
{
	for (size_t i = 0; i < finder->count; i++)
		free(finder->patterns[i].bytes);
	free(finder->patterns);
	*finder = (struct finder){0};
}

static uint64_t compare(const struct finder *finder, unsigned hash, const uint8_t *at, size_t left)
{
	uint64_t found = 0;

	for (unsigned i = finder->first[hash]; i; i = finder->patterns[i - 1].next) {
		const struct finder_pattern *pattern = &finder->patterns[i - 1];

		if (pattern->len <= left && memcmp(at, pattern->bytes, pattern->len) == 0)
			found |= UINT64_C(1) << pattern->id;
	}
	return found;
}

uint64_t finder_search(const struct finder *finder, const uint8_t *bytes, size_t len)
{
	const size_t window = finder->window;
	uint64_t found = 0;

	if (!finder->count)
		return 0;
	for (size_t end = window; end <= len;) {
		const unsigned hash = hash_pair(bytes + end - 2);
		const unsigned shift = finder->shift[hash];

		if (!shift)
			found |= compare(finder, hash, bytes + end - window, len - end + window);
		end += shift ? shift : 1;
	}
	return found;
}

/* Whether one of the eight bytes is a space or less. */
static bool has_space(uint64_t eight)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	return (eight - ones * 0x21) & ~eight & ones * 0x80;
}

static size_t pack(uint8_t *to, const uint8_t *from, size_t len)
{
	static const uint8_t is_space[256] = {[' '] = 1, ['\n'] = 1, ['\r'] = 1, ['\t'] = 1};
	size_t packed = 0;
	uint64_t eight;

	for (size_t i = 0; i < len;) {
		if (len - i >= sizeof(eight)) {
			memcpy(&eight, from + i, sizeof(eight));
			if (!has_space(eight)) {
				memcpy(to + packed, &eight, sizeof(eight));
				packed += sizeof(eight);
				i += sizeof(eight);
				continue;
			}
		}
		const size_t end = len - i < sizeof(eight) ? len : i + sizeof(eight);

		for (; i < end; i++) {
			to[packed] = from[i];
			packed += !is_space[from[i]];
		}
	}
	return packed;
}

uint64_t finder_feed(const struct finder *finder, struct finder_stream *stream,
		     const uint8_t *bytes, size_t len, bool packed)
{
	uint8_t piece[FINDER_MAX_PATTERN + PIECE];
	uint64_t found = 0;

	if (!finder->count)
		return 0;
	for (size_t at = 0; at < len; at += PIECE) {
		const size_t more = len - at < PIECE ? len - at : PIECE;
		size_t have = stream->len;

		memcpy(piece, stream->tail, have);
		if (packed) {
			have += pack(piece + have, bytes + at, more);
		} else {
			memcpy(piece + have, bytes + at, more);
			have += more;
		}
		found |= finder_search(finder, piece, have);
		stream->len = have < finder->longest - 1 ? have : finder->longest - 1;
		memcpy(stream->tail, piece + have - stream->len, stream->len);
	}
	return found;
}
