/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What must hold of every run of monitor/net/first_bytes.h: how the bytes are divided changes
 * nothing. Ends the process where it does not hold, so that tests and fuzzers share it.
 */

#include <string.h>

#include "common/buf.h"
#include "monitor/net/first_bytes.h"
#include "tests/support/fuzz.h"

static inline bool is_piece(enum first_outcome outcome)
{
	return outcome == FIRST_BODY || outcome == FIRST_FRAMING || outcome == FIRST_OPAQUE;
}

/*
 * All that was told of some bytes: pieces, what was seen at each head, how it ended.
 * @step: the most that is fed at once; 0: all. @ends: the program shuts down its side.
 */
static inline void first_transcript_make(const uint8_t *bytes, size_t len, size_t step, bool ends,
					 struct buf *ret)
{
	static const char letters[] = "mhbfox";
	struct first_bytes *fb = first_bytes_new();
	enum first_outcome outcome = FIRST_MORE;
	size_t held = 0;
	size_t taken;

	for (size_t at = 0; at < len && outcome != FIRST_BROKEN; at += taken) {
		const size_t some = step && step < len - at ? step : len - at;

		outcome = first_bytes_feed(fb, bytes + at, some, &taken);
		fuzz_expect(taken <= some);
		fuzz_expect(taken || outcome == FIRST_BROKEN);
		fuzz_expect(taken == some || (outcome != FIRST_MORE && outcome != FIRST_OPAQUE));
		/* Neighbours of a kind are one piece; it, and a head, is what was held, and this.
		 */
		held += taken;
		for (size_t i = 0; i < held && is_piece(outcome); i++)
			buf_putc(ret, letters[outcome]);
		if (outcome != FIRST_MORE)
			held = 0;
		if (outcome == FIRST_HEAD || outcome == FIRST_BROKEN) {
			buf_printf(ret, "[%zu", outcome == FIRST_HEAD ? at + taken : 0);
			buf_put(ret, first_bytes_seen(fb), sizeof(struct first_seen));
		}
	}
	if (ends)
		outcome = first_bytes_end(fb);
	buf_printf(ret, "%c", letters[outcome]);
	fuzz_expect((outcome == FIRST_BROKEN) == (first_bytes_seen(fb)->broken != NULL));
	(void)first_bytes_free(fb);
}

static inline void first_transcript_expect_same(const uint8_t *bytes, size_t len)
{
	static const size_t steps[] = {1, 7, 100};

	for (unsigned ends = 0; ends < 2; ends++) {
		_cleanup_buf_ struct buf whole = BUF_INIT(0);

		first_transcript_make(bytes, len, 0, ends, &whole);
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
			_cleanup_buf_ struct buf split = BUF_INIT(0);

			first_transcript_make(bytes, len, steps[i], ends, &split);
			fuzz_expect(split.len == whole.len &&
				    memcmp(split.data, whole.data, whole.len) == 0);
		}
	}
}
