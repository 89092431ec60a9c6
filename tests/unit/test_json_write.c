/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

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
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_indent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
