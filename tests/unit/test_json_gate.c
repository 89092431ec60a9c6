/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/json.h"
#include "common/limits.h"
#include "tests/support/json_oracle.h"

/* NULL error: accepted. `alone`: we are stricter than the oracle on purpose. */
struct gate_case {
	const char *text;
	const char *error;
	bool alone;
};

static const struct gate_case cases[] = {
	{"{}", NULL, false},
	{" [ 1 , -0 , 0.5 , 1e3 , 1E-3 , 2.5e+10 , true , false , null , \"x\" ] ", NULL, false},
	{"\"\"", NULL, false},
	{"0", NULL, false},
	{"{\"a\":{\"a\":[{\"a\":1}]},\"b\":2}", NULL, false},
	{"{\"a\":1,\"A\":2,\"\":3}", NULL, false},
	{"[9223372036854775807,-9223372036854775808,9007199254740993]", NULL, false},
	{"[1e308,1.7976931348623157e308,1e-400]", NULL, false},
	{"[\"\\u0041\\ud83d\\ude00\\n\\/\\\"\"]", NULL, false},
	{"[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"]", NULL, false},

	{"", "1:1: the document ends too early", false},
	{" \n ", "2:2: the document ends too early", false},
	{"{", "1:2: the document ends too early", false},
	{"[1,", "1:4: the document ends too early", false},
	{"[1 2]", "1:4: expected ',' or ']'", false},
	{"[1,]", "1:4: expected a value", false},
	{"[,1]", "1:2: expected a value", false},
	{"{\"a\":1,}", "1:8: expected a key in double quotes", false},
	{"{a:1}", "1:2: expected a key in double quotes", false},
	{"{'a':1}", "1:2: expected a key in double quotes", false},
	{"{\"a\" 1}", "1:6: expected ':'", false},
	{"{\"a\":1 \"b\":2}", "1:8: expected ',' or '}'", false},
	{"[1}", "1:3: expected ',' or ']'", false},
	{"{\"a\":1]", "1:7: expected ',' or '}'", false},
	{"]", "1:1: expected a value", false},
	{"{} {}", "1:4: something follows the document", false},
	{"1 x", "1:3: something follows the document", false},
	{"[1] // c", "1:5: something follows the document", false},
	{"/* c */ 1", "1:1: expected a value", false},
	{"\xef\xbb\xbf{}", "1:1: a byte order mark is not allowed", false},
	{"tru", "1:1: expected a value", false},
	{"nul", "1:1: expected a value", false},
	{"True", "1:1: expected a value", false},
	{"NaN", "1:1: expected a value", false},
	{"Infinity", "1:1: expected a value", false},
	{"\v1", "1:1: expected a value", false},

	{"[007]", "1:2: a number does not start with 0", false},
	{"[00]", "1:2: a number does not start with 0", false},
	{"[-01]", "1:2: a number does not start with 0", false},
	{"[1.]", "1:4: a digit is missing after the point", false},
	{"[.5]", "1:2: expected a value", false},
	{"[+1]", "1:2: expected a value", false},
	{"[-]", "1:3: a digit is missing", false},
	{"[1e]", "1:4: a digit is missing in the exponent", false},
	{"[1e+]", "1:5: a digit is missing in the exponent", false},
	{"[0x10]", "1:3: expected ',' or ']'", false},
	{"[1e999]", "1:2: the number is too large", false},
	{"[-1e309]", "1:2: the number is too large", false},
	{"[1234567890123456789012345678901234567890123456789012345678901]",
	 "1:2: the number has too many digits", true},

	{"[\"a\nb\"]", "1:4: control character in a string", false},
	{"[\"a\tb\"]", "1:4: control character in a string", false},
	{"[\"\\x41\"]", "1:3: unknown escape", false},
	{"[\"\\u12g4\"]", "1:3: \\u needs four hex digits", false},
	{"[\"\\u12\"]", "1:3: \\u needs four hex digits", false},
	{"[\"a\\u0000b\"]", "1:4: \\u0000 is not allowed", false},
	{"[\"\\ud800\"]", "1:3: lone surrogate", false},
	{"[\"\\udc00\"]", "1:3: lone surrogate", false},
	{"[\"\\ud800\\u0041\"]", "1:3: lone surrogate", false},
	{"[\"\\ud800\\ud800\"]", "1:3: lone surrogate", false},
	{"[\"\\ud800x\"]", "1:3: lone surrogate", false},
	{"[\"abc", "1:6: the string does not end", false},
	{"[\"abc\\", "1:7: the document ends too early", false},

	{"[\"\x80\"]", "1:3: not UTF-8", false},
	{"[\"\xc0\xaf\"]", "1:3: not UTF-8", false},	     /* overlong '/' */
	{"[\"\xe0\x80\xaf\"]", "1:3: not UTF-8", false},     /* overlong */
	{"[\"\xf0\x80\x80\xaf\"]", "1:3: not UTF-8", false}, /* overlong */
	{"[\"\xed\xa0\x80\"]", "1:3: not UTF-8", false},     /* a surrogate, encoded */
	{"[\"\xf4\x90\x80\x80\"]", "1:3: not UTF-8", false}, /* above U+10FFFF */
	{"[\"\xff\"]", "1:3: not UTF-8", false},
	{"[\"\xc3\"]", "1:3: not UTF-8", false},
	{"[\"\xc3\xa9\xc3\xa9\xff\"]", "1:5: not UTF-8", false}, /* columns are characters */

	{"{\"a\":1,\"a\":2}", "1:8: the key is there twice", false},
	{"{\"a\":1,\n \"\\u0061\":2}", "2:2: the key is there twice", false},
	{"{\"x\":{\"k\":1,\"l\":2,\"k\":3}}", "1:19: the key is there twice", false},
	{"{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"c\":9,\"a\":0}",
	 "1:50: the key is there twice", false},
	{"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", "1:19: the key is there twice", false},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct gate_case *c = &cases[i];
		const size_t len = strlen(c->text);
		struct error err = {0};
		const int r = json_check(c->text, len, &err);

		if (c->error) {
			assert_int_equal(r, -EINVAL);
			assert_string_equal(err.text, c->error);
		} else if (r != 0) {
			fail_msg("%s: %s", c->text, err.text);
		}
		if (!c->alone && json_oracle_accepts(c->text, len) != (c->error == NULL))
			fail_msg("the oracle disagrees on %s", c->text);
	}
}

static void test_nul_byte(void **state)
{
	static const char inside[] = "[\"a\0b\"]";
	static const char after[] = "[1]\0";
	struct error err = {0};

	(void)state;
	assert_int_equal(json_check(inside, sizeof(inside) - 1, &err), -EINVAL);
	assert_string_equal(err.text, "1:4: control character in a string");
	assert_int_equal(json_check(after, sizeof(after) - 1, &err), -EINVAL);
	assert_string_equal(err.text, "1:4: something follows the document");
}

static void test_depth(void **state)
{
	char text[2 * (MAX_JSON_DEPTH + 1)];
	struct error err = {0};

	(void)state;
	memset(text, '[', MAX_JSON_DEPTH + 1);
	memset(text + MAX_JSON_DEPTH + 1, ']', MAX_JSON_DEPTH + 1);
	assert_int_equal(json_check(text, sizeof(text), &err), -EINVAL);
	assert_string_equal(err.text, "1:33: nested too deeply");
	assert_int_equal(json_check(text + 1, sizeof(text) - 2, &err), 0);
}

/* Every prefix of a valid document is refused, and nothing behind it is read. */
static void test_prefixes(void **state)
{
	static const char text[] =
		"{\"k\\u00e9\":[1.5e3,\"\xf0\x9f\x98\x80\\ud83d\\ude00\",{\"a\":true}]}";

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		char *copy = malloc(len ? len : 1); /* exact size: ASan sees a byte too far */

		memcpy(copy, text, len);
		assert_int_equal(json_check(copy, len, NULL), -EINVAL);
		assert_false(json_oracle_accepts(copy, len));
		free(copy);
	}
	assert_int_equal(json_check(text, sizeof(text) - 1, NULL), 0);
}

static void test_size(void **state)
{
	_cleanup_buf_ struct buf big = BUF_INIT(0);
	struct error err = {0};

	(void)state;
	buf_putc(&big, '"');
	while (big.len < MAX_JSON_BYTES - 1)
		buf_putc(&big, 'x');
	buf_putc(&big, '"');
	assert_int_equal(json_check(big.data, big.len, &err), 0);
	buf_putc(&big, ' ');
	assert_int_equal(json_check(big.data, big.len, &err), -E2BIG);
	assert_non_null(strstr(err.text, "more than the"));

	buf_clear(&big);
	buf_putc(&big, '[');
	for (unsigned i = 0; i < MAX_JSON_NODES; i++)
		buf_puts(&big, "1,");
	buf_puts(&big, "1]");
	assert_int_equal(json_check(big.data, big.len, &err), -E2BIG);
	assert_non_null(strstr(err.text, "too many values"));
}

/* Hundreds of thousands of keys, all different or one repeated: a second would be an attack. */
static void test_many_keys(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	const unsigned count = 500000;
	struct error err = {0};
	struct timespec start;
	struct timespec end;
	double seconds;

	(void)state;
	buf_putc(&text, '{');
	for (unsigned i = 0; i < count; i++)
		buf_printf(&text, "\"key-%08u\":0,", (i * 2654435761u) % 100000000u + i);
	text.data[text.len - 1] = '}';
	clock_gettime(CLOCK_MONOTONIC, &start);
	(void)json_check(text.data, text.len, &err);
	text.data[text.len - 1] = ',';
	buf_puts(&text, "\"again\":1,\"again\":2}");
	assert_int_equal(json_check(text.data, text.len, &err), -EINVAL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_non_null(strstr(err.text, "twice"));
	seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
	print_message("two checks of %u keys: %.3f s\n", count, seconds);
	assert_true(seconds < 20); /* a quadratic search takes hours */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases), cmocka_unit_test(test_nul_byte),
		cmocka_unit_test(test_depth), cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_size),  cmocka_unit_test(test_many_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
