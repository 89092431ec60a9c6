/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "common/json_write.h"

static void test_values(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out};

	(void)state;
	json_begin_object(&w, NULL);
	json_put_string(&w, "s", "a\"\\\n\t\r\x01/\x7f");
	json_put_string(&w, "none", NULL);
	json_put_i64(&w, "min", INT64_MIN);
	json_put_u64(&w, "max", UINT64_MAX);
	json_put_i64(&w, "zero", 0);
	json_begin_array(&w, "list");
	json_put_bool(&w, NULL, true);
	json_put_bool(&w, NULL, false);
	json_begin_object(&w, NULL);
	json_end_object(&w);
	json_begin_array(&w, NULL);
	json_end_array(&w);
	json_end_array(&w);
	json_put_raw(&w, "raw", "{\"x\":1}", 7);
	json_put_null(&w, "q\"");
	json_end_object(&w);
	assert_string_equal(out.data,
			    "{\"s\":\"a\\\"\\\\\\n\\t\\r\\u0001/\x7f\",\"none\":null,"
			    "\"min\":-9223372036854775808,\"max\":18446744073709551615,\"zero\":0,"
			    "\"list\":[true,false,{},[]],\"raw\":{\"x\":1},"
			    "\"q\\\"\":null}");
	assert_int_equal(json_check(out.data, out.len, NULL), 0);
	assert_int_equal(w.depth, 0);
}

/* Whatever the bytes are, what comes out passes the gate; well-formed text stays as it was. */
static void test_bytes(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *out;
	} rows[] = {
		{"\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\""},
		{"a\xff"
		 "b",
		 3,
		 "\"a\xef\xbf\xbd"
		 "ffb\""},
		{"\xc3", 1,
		 "\"\xef\xbf\xbd"
		 "c3\""},
		{"\xed\xa0\x80", 3,
		 "\"\xef\xbf\xbd"
		 "ed\xef\xbf\xbd"
		 "a0\xef\xbf\xbd"
		 "80\""},
		{"\0x", 2,
		 "\"\xef\xbf\xbd"
		 "00x\""},
		{"", 0, "\"\""},
		/* what steers a terminal, turns text around, or is not to be seen */
		/* NOLINTNEXTLINE(misc-misleading-bidirectional): in a test of what becomes of it */
		{"\xc2\x9b\xe2\x80\xae", 5, "\"\\u009b\\u202e\""},
		{"\xf3\xa0\x81\x81.", 5, "\"\\udb40\\udc41.\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT(0);
		struct json_writer w = {.out = &out};

		json_put_bytes(&w, NULL, rows[i].in, rows[i].len);
		assert_string_equal(out.data, rows[i].out);
		assert_int_equal(json_check(out.data, out.len, NULL), 0);
	}
}

/* U+FFFD and two digits: as text, and as what stands for a byte. Only who asks for it pays. */
static void test_exact(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} rows[] = {
		{"\xff", "\"\xef\xbf\xbd"
			 "ff\""},
		{"\xef\xbf\xbd"
		 "ff",
		 "\"\xef\xbf\xbd"
		 "ef\xef\xbf\xbd"
		 "bf\xef\xbf\xbd"
		 "bdff\""},
		{"\xef\xbf\xbd"
		 "fg",
		 "\"\xef\xbf\xbd"
		 "fg\""},
		{"\xef\xbf\xbd"
		 "f",
		 "\"\xef\xbf\xbd"
		 "f\""},
		{"\xef\xbf\xbd\xff", "\"\xef\xbf\xbd\xef\xbf\xbd"
				     "ff\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT(0);
		_cleanup_buf_ struct buf plain = BUF_INIT(0);
		struct json_writer w = {.out = &out, .exact = true};
		struct json_writer not = {.out = &plain};

		json_put_string(&w, NULL, rows[i].in);
		assert_string_equal(out.data, rows[i].out);
		json_put_string(&not, NULL, rows[i].in);
		assert_int_equal(strcmp(plain.data, out.data) != 0, i == 1);
	}
}

static void test_every_byte(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			_cleanup_buf_ struct buf out = BUF_INIT(0);
			struct json_writer w = {.out = &out};
			const char in[3] = {(char)a, (char)b, 'z'};

			json_put_bytes(&w, NULL, in, sizeof(in));
			assert_int_equal(json_check(out.data, out.len, NULL), 0);
		}
	}
}

/* Texts are copied in words: each length and each place of what must be escaped is another way. */
static void test_every_length(void **state)
{
	static const char odd[] = {'"', '\\', '\x1f', '\n', '\x7f', ' '};
	static const char *const told[] = {"\\\"", "\\\\", "\\u001f", "\\n", "\x7f", " "};

	(void)state;
	for (size_t len = 0; len < 40; len++) {
		for (size_t i = 0; i < len * sizeof(odd); i++) {
			const size_t at = i / sizeof(odd);
			_cleanup_buf_ struct buf out = BUF_INIT(0);
			struct json_writer w = {.out = &out};
			char text[41];
			char expected[64];

			(void)memset(text, 'a', len);
			text[len] = '\0';
			text[at] = odd[i % sizeof(odd)];
			(void)snprintf(expected, sizeof(expected), "{\"k\":\"%.*s%s%s\"}", (int)at,
				       text, told[i % sizeof(odd)], text + at + 1);
			(void)buf_reserve(&out, i % 2 ? 0 : 200); /* with room, and without */
			json_begin_object(&w, NULL);
			json_put_string(&w, "k", text);
			json_end_object(&w);
			assert_string_equal(out.data, expected);
			buf_clear(&out);
			w = (struct json_writer){.out = &out};
			json_begin_object(&w, NULL);
			json_put_i64(&w, text, 1);
			json_end_object(&w);
			(void)snprintf(expected, sizeof(expected), "{\"%.*s%s%s\":1}", (int)at,
				       text, told[i % sizeof(odd)], text + at + 1);
			assert_string_equal(out.data, expected);
		}
	}
}

static void check_number(uint64_t value)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out};
	char expected[32];

	json_put_u64(&w, NULL, value);
	(void)snprintf(expected, sizeof(expected), "%" PRIu64, value);
	assert_string_equal(out.data, expected);
	buf_clear(&out);
	w.comma = false;
	json_put_i64(&w, NULL, (int64_t)value);
	(void)snprintf(expected, sizeof(expected), "%" PRId64, (int64_t)value);
	assert_string_equal(out.data, expected);
}

static void test_digits(void **state)
{
	(void)state;
	for (uint64_t value = 0; value < 2000; value++) {
		check_number(value);
		check_number(0 - value);
	}
	for (uint64_t power = 1; power < UINT64_MAX / 10; power *= 10) {
		check_number(power * 10 - 1);
		check_number(power * 10);
		check_number(power * 10 + 1);
	}
}

/* What does not fit is left out whole, and told; what fits to the byte is there. */
static void test_ceiling(void **state)
{
	static const char whole[] = "{\"key\":\"value\",\"n\":12345}";

	(void)state;
	for (size_t max = 1; max <= sizeof(whole); max++) {
		_cleanup_buf_ struct buf out = BUF_INIT(max);
		struct json_writer w = {.out = &out};

		json_begin_object(&w, NULL);
		json_put_string(&w, "key", "value");
		json_put_u64(&w, "n", 12345);
		json_end_object(&w);
		assert_true(out.len <= max);
		assert_int_equal(out.overflow, max < sizeof(whole) - 1);
		if (!out.overflow)
			assert_string_equal(out.data, whole);
	}
}

static void test_indent(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out, .indent = true};

	(void)state;
	json_begin_object(&w, NULL);
	json_put_i64(&w, "a", 1);
	json_begin_array(&w, "b");
	json_put_string(&w, NULL, "x");
	json_end_array(&w);
	json_begin_object(&w, "c");
	json_end_object(&w);
	json_end_object(&w);
	assert_string_equal(out.data,
			    "{\n  \"a\": 1,\n  \"b\": [\n    \"x\"\n  ],\n  \"c\": {}\n}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_exact),  cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_indent), cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_digits), cmocka_unit_test(test_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
