/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/plain.h"
#include "common/utf8.h"

static void assert_shown(const char *text, size_t max_bytes, const char *expected)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);

	buf_put_plain(&out, text, max_bytes);
	buf_putc(&out, '\0');
	assert_string_equal(out.data, expected);
}

static void test_what_is_shown(void **state)
{
	static const char *const rows[][2] = {
		{"plain text ~", "plain text ~"},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"\n\t\r\x1b\x7f", "\\n\\t\\x0d\\x1b\\x7f"},
		{"\xff\xc3", "\\xff\\xc3"},
		{"\xc2\x9b", "\\xc2\\x9b"}, /* a one-byte ESC [ */
		/* right to left */
		{"\xe2\x80\xae", "\\xe2\\x80\\xae"},   /* NOLINT(misc-misleading-bidirectional) */
		{"\xd8\x9c", "\\xd8\\x9c"},	       /* Arabic letter mark */
		{"a\xe2\x80\x8b", "a\\xe2\\x80\\x8b"}, /* no width */
		{"\xc2\xad\xef\xbb\xbf", "\\xc2\\xad\\xef\\xbb\\xbf"},
		{"\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81"}, /* a tag: "A" for who reads bytes */
		{"\xef\xb8\x8f", "\\xef\\xb8\\x8f"},	      /* another look of what is before */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_shown(rows[i][0], strlen(rows[i][0]), rows[i][1]);
}

static void test_it_is_cut_between_characters(void **state)
{
	(void)state;
	assert_shown("ab\xe2\x82\xac", 5, "ab\xe2\x82\xac");
	assert_shown("ab\xe2\x82\xac", 4, "ab\xe2\x80\xa6");
}

static void test_each_character_is_decoded_as_it_was_encoded(void **state)
{
	(void)state;
	for (uint32_t c = 1; c < 0x110000; c += c < 0x900 ? 1 : 101) {
		char text[4];
		unsigned n;

		if (c >= 0xd800 && c < 0xe000)
			continue;
		n = utf8_encode(c, text);
		assert_int_equal(utf8_length(text, n), n);
		assert_int_equal(utf8_decode(text, n), c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_shown),
		cmocka_unit_test(test_it_is_cut_between_characters),
		cmocka_unit_test(test_each_character_is_decoded_as_it_was_encoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
