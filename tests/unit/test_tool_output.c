/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "tools/toolkit/tool_output.h"

#define HALF ((size_t)MAX_OUTPUT_BYTES / 2)

static char pattern(size_t at)
{
	return (char)('a' + (at * 7 + at / 251) % 26);
}

/* Puts `total` bytes of the pattern in pieces of `piece`. */
static void put_pattern(struct tool_output *output, size_t total, size_t piece)
{
	_cleanup_buf_ struct buf bytes = BUF_INIT(0);

	for (size_t at = 0; at < total; at++)
		buf_putc(&bytes, pattern(at));
	for (size_t at = 0; at < total; at += piece)
		tool_output_put(output, bytes.data + at, total - at < piece ? total - at : piece);
}

static void expect_pattern(const char *bytes, size_t from, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != pattern(from + i))
			fail_msg("byte %zu is not byte %zu of what was put", i, from + i);
	}
}

static void check(size_t total, size_t piece)
{
	_cleanup_buf_ struct buf got = BUF_INIT(0);
	struct tool_output output;

	tool_output_init(&output);
	put_pattern(&output, total, piece);
	tool_output_get(&output, &got);
	assert_int_equal(output.total, total);
	if (total <= 2 * HALF) {
		assert_int_equal(tool_output_dropped(&output), 0);
		assert_int_equal(got.len, total);
		if (total)
			expect_pattern(got.data, 0, total);
	} else {
		char note[100];

		assert_int_equal(tool_output_dropped(&output), total - 2 * HALF);
		(void)snprintf(note, sizeof(note), "\n[output cut here: %zu bytes left out]\n",
			       total - 2 * HALF);
		assert_int_equal(got.len, 2 * HALF + strlen(note));
		expect_pattern(got.data, 0, HALF);
		assert_memory_equal(got.data + HALF, note, strlen(note));
		expect_pattern(got.data + HALF + strlen(note), total - HALF, HALF);
	}
	tool_output_done(&output);
}

static void test_sizes_around_the_ceiling(void **state)
{
	static const size_t totals[] = {0,
					1,
					HALF - 1,
					HALF,
					HALF + 1,
					2 * HALF - 1,
					2 * HALF,
					2 * HALF + 1,
					3 * HALF - 1,
					3 * HALF,
					3 * HALF + 1,
					5 * HALF + 77};
	static const size_t pieces[] = {4093, 65536, HALF, 10 * HALF};

	(void)state;
	for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
		for (size_t j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++)
			check(totals[i], pieces[j]);
	}
}

static void test_text_becomes_utf8(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *out;
		size_t replaced;
	} cases[] = {
		{"", 0, "", 0},
		{"plain", 5, "plain", 0},
		{"gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f", 0},
		{"a\xffz", 3, "a\xef\xbf\xbdz", 1},
		{"\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd", 2}, /* overlong */
		{"a\0z", 3, "a\xef\xbf\xbdz", 1},
		{"cut \xe2\x82", 6, "cut \xef\xbf\xbd\xef\xbf\xbd", 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT(0);

		assert_int_equal(text_put_utf8(&out, cases[i].in, cases[i].len), cases[i].replaced);
		assert_string_equal(out.data ? out.data : "", cases[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_around_the_ceiling),
		cmocka_unit_test(test_text_becomes_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
