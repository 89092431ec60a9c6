/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "tools/cordon/mcp/mcp_framing.h"

#define MAX_LINE 16u

/* Every line as it came, "!" for one that was too long, each followed by '|'. */
static void on_line(void *ctx, const char *line, size_t len)
{
	struct buf *seen = ctx;

	if (line)
		buf_put(seen, line, len);
	else
		buf_putc(seen, '!');
	buf_putc(seen, '|');
}

/* Feeds the text in pieces of every size; the lines must be the same each time. */
static void expect_lines(const char *text, const char *expected)
{
	const size_t len = strlen(text);

	for (size_t piece = 1; piece <= len + 1; piece++) {
		_cleanup_buf_ struct buf seen = BUF_INIT(0);
		struct mcp_framing framing;

		mcp_framing_init(&framing, MAX_LINE);
		for (size_t at = 0; at < len; at += piece)
			mcp_framing_feed(&framing, text + at, len - at < piece ? len - at : piece,
					 on_line, &seen);
		mcp_framing_end(&framing, on_line, &seen);
		mcp_framing_done(&framing);
		assert_string_equal(seen.data ? seen.data : "", expected);
	}
}

static void test_lines(void **state)
{
	(void)state;
	expect_lines("", "");
	expect_lines("one\n", "one|");
	expect_lines("one\ntwo\nthree\n", "one|two|three|");
	expect_lines("one\ntwo", "one|two|");
}

static void test_blank_lines_are_no_messages(void **state)
{
	(void)state;
	expect_lines("\n\n \t\r\none\n\n", "one|");
	expect_lines("one\r\n", "one\r|");
}

static void test_a_long_line_is_skipped_once(void **state)
{
	(void)state;
	expect_lines("0123456789abcdef\n", "0123456789abcdef|");
	expect_lines("0123456789abcdefX\n", "!|");
	expect_lines("a\n0123456789abcdef0123456789abcdef0123456789\nb\n", "a|!|b|");
	expect_lines("0123456789abcdef0123456789abcdef", "!|");
}

static void test_a_long_line_takes_no_memory(void **state)
{
	_cleanup_buf_ struct buf seen = BUF_INIT(0);
	struct mcp_framing framing;
	char chunk[4096];

	(void)state;
	memset(chunk, 'x', sizeof(chunk));
	mcp_framing_init(&framing, 1u << 20);
	for (size_t fed = 0; fed < (size_t)100 << 20; fed += sizeof(chunk)) {
		mcp_framing_feed(&framing, chunk, sizeof(chunk), on_line, &seen);
		assert_true(framing.line.cap <= 2u << 20);
	}
	assert_int_equal(framing.line.cap, 0);
	mcp_framing_feed(&framing, "\nok\n", 4, on_line, &seen);
	assert_string_equal(seen.data, "!|ok|");
	mcp_framing_done(&framing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_blank_lines_are_no_messages),
		cmocka_unit_test(test_a_long_line_is_skipped_once),
		cmocka_unit_test(test_a_long_line_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
