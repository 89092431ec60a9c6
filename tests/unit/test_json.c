/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json.h"

static struct json *parsed(const char *text)
{
	struct json *doc = NULL;
	struct error err = {0};

	if (json_parse("doc", text, strlen(text), &doc, &err) < 0)
		fail_msg("%s", err.text);
	return doc;
}

static void test_tree(void **state)
{
	_cleanup_(json_freep) struct json *doc = parsed(
		"{\"s\":\"a\\nb\",\"n\":1.5,\"t\":true,\"z\":null,\"a\":[1,2],\"S\":1,\"o\":{}}");

	(void)state;
	assert_int_equal(json_type(doc), JSON_OBJECT);
	assert_int_equal(json_length(doc), 7);
	assert_string_equal(json_get_string(doc, "s"), "a\nb");
	assert_true(json_number(json_get(doc, "n")) == 1.5);
	assert_true(json_bool(json_get(doc, "t")));
	assert_int_equal(json_type(json_get(doc, "z")), JSON_NULL);
	assert_int_equal(json_type(json_get(doc, "S")), JSON_NUMBER); /* case counts */
	assert_null(json_get(doc, "N"));
	assert_null(json_get(json_get(doc, "a"), "0"));
	assert_null(json_get_string(doc, "n"));
	assert_true(json_number(json_next(json_first(json_get(doc, "a")))) == 2);
	assert_null(json_next(json_next(json_first(json_get(doc, "a")))));
	assert_null(json_first(json_get(doc, "o")));
	assert_null(json_first(json_get(doc, "s")));
	assert_string_equal(json_key(json_first(doc)), "s");
	assert_string_equal(json_key(json_first(json_get(doc, "a"))), ""); /* an item has none */
}

static void test_print(void **state)
{
	_cleanup_(json_freep) struct json *doc = parsed(" { \"a\" : [ 1, \"\\u00e9\" , { } ] } ");
	_cleanup_free_ char *text = json_print(doc);

	(void)state;
	assert_string_equal(text, "{\"a\":[1,\"\xc3\xa9\",{}]}");
}

static void test_i64(void **state)
{
	_cleanup_(json_freep) struct json *doc =
		parsed("[9007199254740991,-9007199254740991,9007199254740992,9007199254740993,1.5,"
		       "1e3,\"1\",70000]");
	const struct json *n = json_first(doc);
	int64_t value = 7;

	(void)state;
	assert_int_equal(json_i64(n, 0, INT64_MAX, &value), 0);
	assert_true(value == 9007199254740991);
	n = json_next(n);
	assert_int_equal(json_i64(n, INT64_MIN, 0, &value), 0);
	assert_true(value == -9007199254740991);
	n = json_next(n);
	assert_int_equal(json_i64(n, 0, INT64_MAX, &value), -EINVAL); /* 2^53 or its successor? */
	n = json_next(n);
	assert_int_equal(json_i64(n, 0, INT64_MAX, &value), -EINVAL);
	n = json_next(n);
	assert_int_equal(json_i64(n, 0, INT64_MAX, &value), -EINVAL);
	n = json_next(n);
	assert_int_equal(json_i64(n, 0, INT64_MAX, &value), 0);
	assert_int_equal(value, 1000);
	n = json_next(n);
	assert_int_equal(json_i64(n, 0, INT64_MAX, &value), -EINVAL);
	n = json_next(n);
	assert_int_equal(json_i64(n, 0, 65535, &value), -ERANGE);
	assert_int_equal(value, 1000);
}

static void test_parse_error(void **state)
{
	struct json *doc = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(json_parse("p.json", "{\n  x}", 6, &doc, &err), -EINVAL);
	assert_string_equal(err.text, "p.json:2:3: expected a key in double quotes");
	assert_null(doc);
}

static void test_file(void **state)
{
	_cleanup_(json_freep) struct json *doc = NULL;
	char path[] = "/tmp/cordon-json-XXXXXX";
	const int fd = mkstemp(path);
	struct error err = {0};

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "[1]\n", 4), 4);
	assert_int_equal(json_parse_file(path, &doc, &err), 0);
	assert_int_equal(json_length(doc), 1);
	assert_int_equal(ftruncate(fd, (off_t)(16u << 20) + 1), 0);
	json_freep(&doc);
	doc = NULL;
	assert_int_equal(json_parse_file(path, &doc, &err), -E2BIG);
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(json_parse_file(path, &doc, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(json_parse_file("/tmp", &doc, &err), -EISDIR);
	assert_null(doc);
}

struct rule {
	const struct json *id;
	const struct json *size;
	const struct json *tags;
};

static const struct json_field rule_fields[] = {
	{"id", JSON_STRING, true, offsetof(struct rule, id)},
	{"size", JSON_NUMBER, false, offsetof(struct rule, size)},
	{"tags", JSON_ARRAY, false, offsetof(struct rule, tags)},
};

static void check_decode(const char *text, const char *error)
{
	_cleanup_(json_freep) struct json *doc = parsed(text);
	struct rule rule = {.tags = doc};
	struct error err = {0};
	const int r = json_decode(doc, "$.rules[3]", rule_fields, 3, &rule, &err);

	if (error) {
		assert_int_equal(r, -EINVAL);
		assert_string_equal(err.text, error);
		assert_ptr_equal(rule.tags, doc); /* untouched */
	} else {
		assert_int_equal(r, 0);
		assert_string_equal(json_string(rule.id), "x");
		assert_null(rule.tags);
	}
}

static void test_decode(void **state)
{
	(void)state;
	check_decode("{\"id\":\"x\",\"size\":1}", NULL);
	check_decode("{\"id\":\"x\"}", NULL);
	check_decode("{\"size\":1}", "$.rules[3]: member \"id\" (string) is missing");
	check_decode("{\"id\":1}", "$.rules[3].id: expected string, found number");
	check_decode("{\"id\":\"x\",\"tags\":null}", "$.rules[3].tags: expected array, found null");
	check_decode("{\"id\":\"x\",\"Size\":1}",
		     "$.rules[3]: unknown member \"Size\"; known are: id, size, tags");
	check_decode("{\"id\":\"x\",\"\\u001b[31m\":1}",
		     "$.rules[3]: unknown member \"\\u001b[31m\"; known are: id, size, tags");
	check_decode("[]", "$.rules[3]: expected object, found array");
}

static void test_member_raw(void **state)
{
	static const char text[] =
		" {\"x\":{\"id\":1,\"}\":\"]\\\"\"},\"s\":\"a\\\"b,\", \"\\u0069d\" : 9223372036854775807 ,\"l\":[1,[2]]}";
	const size_t len = sizeof(text) - 1;
	const char *at = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(json_check(text, len, NULL), 0);
	assert_int_equal(json_member_raw(text, len, "id", &at, &n), 0);
	assert_int_equal(n, 19);
	assert_memory_equal(at, "9223372036854775807", 19);
	assert_int_equal(json_member_raw(text, len, "s", &at, &n), 0);
	assert_int_equal(n, 7);
	assert_memory_equal(at, "\"a\\\"b,\"", 7);
	assert_int_equal(json_member_raw(text, len, "l", &at, &n), 0);
	assert_memory_equal(at, "[1,[2]]", 7);
	assert_int_equal(n, 7);
	assert_int_equal(json_member_raw(text, len, "}", &at, &n), -ENOENT); /* not of the top */
	assert_int_equal(json_member_raw("[1]", 3, "id", &at, &n), -EINVAL);
}

static void test_locate(void **state)
{
	static const char text[] =
		"{\n \"rules\": [ {\"when\":\"a\"},\n  {\"when\":\"x\\ty\\u00e9z\",\"a.b\":[[],[7]]}]}";
	const size_t len = sizeof(text) - 1;
	unsigned line;
	unsigned column;
	size_t at = 0;

	(void)state;
	assert_int_equal(json_check(text, len, NULL), 0);
	assert_int_equal(json_locate(text, len, "$", &at), 0);
	assert_int_equal(at, 0);
	assert_int_equal(json_locate(text, len, "$.rules[0].when", &at), 0);
	assert_memory_equal(text + at, "\"a\"", 3);
	assert_int_equal(json_locate(text, len, "$.rules[1].when", &at), 0);
	assert_memory_equal(text + at, "\"x\\ty", 5);
	json_position(text, len, at, &line, &column);
	assert_int_equal(line, 3);
	assert_int_equal(column, 11);
	/* x \t y then the two bytes of U+00E9, then z, then the end */
	assert_int_equal(json_string_offset(text, len, at, 0), at + 1);
	assert_int_equal(json_string_offset(text, len, at, 2), at + 4);
	assert_int_equal(json_string_offset(text, len, at, 3), at + 5);
	assert_int_equal(json_string_offset(text, len, at, 4), at + 5);
	assert_int_equal(json_string_offset(text, len, at, 5), at + 11);
	assert_int_equal(json_string_offset(text, len, at, 99), at + 12);
	assert_int_equal(json_locate(text, len, "$.rules[1][\"a.b\"][1][0]", &at), 0);
	assert_int_equal(text[at], '7');
	assert_int_equal(json_locate(text, len, "$.rules[2]", &at), -ENOENT);
	assert_int_equal(json_locate(text, len, "$.rules.when", &at), -ENOENT);
	assert_int_equal(json_locate(text, len, "$.nothing", &at), -ENOENT);
	assert_int_equal(json_locate(text, len, "$.rules[1][\"a.b\"][0][0]", &at), -ENOENT);
	assert_int_equal(json_locate(text, len, "rules", &at), -EINVAL);
	assert_int_equal(json_locate(text, len, "$rules", &at), -EINVAL);
	assert_int_equal(json_locate(text, len, "$.rules[x]", &at), -EINVAL);
	assert_int_equal(json_locate(text, len, "$.rules[1", &at), -EINVAL);
	assert_int_equal(json_locate(text, len, "$.", &at), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),	   cmocka_unit_test(test_print),
		cmocka_unit_test(test_i64),	   cmocka_unit_test(test_parse_error),
		cmocka_unit_test(test_file),	   cmocka_unit_test(test_decode),
		cmocka_unit_test(test_member_raw), cmocka_unit_test(test_locate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
