/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/record_fixture.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/limits.h"
#include "monitor/evidence/mask.h"

/* "tok-" and what is no space or quote behind it becomes [redacted:t]. */
static size_t redact(void *ctx, const unsigned char *key, struct str text, size_t most,
		     struct buf *out)
{
	const char *at = text.at;
	const char *end = text.at + text.len;
	size_t marks = 0;
	const char *hit;

	*(size_t *)ctx += text.len;
	assert_non_null(key);
	while ((hit = memmem(at, (size_t)(end - at), "tok-", 4))) {
		if ((size_t)(hit - text.at) >= most)
			break;
		buf_put(out, at, (size_t)(hit - at));
		buf_puts(out, "[redacted:t]");
		for (at = hit; at < end && *at != ' ' && *at != '"'; at++) {
		}
		marks++;
	}
	if (marks && at < text.at + most && most < text.len)
		buf_put(out, at, (size_t)(text.at + most - at));
	else if (marks && most >= text.len)
		buf_put(out, at, (size_t)(end - at));
	return marks;
}

static size_t looked_at;
static const unsigned char key[RECORD_MASK_KEY_BYTES];
static const struct masker masker = {redact, &looked_at, key};

static void becomes(const char *line, const char *expected, size_t marks)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);

	assert_int_equal(mask_line(&masker, line, strlen(line), &out), marks);
	if (marks)
		assert_string_equal(out.data, expected);
}

static void test_values(void **state)
{
	(void)state;
	becomes("{\"seq\":0,\"kind\":\"exec\",\"fields\":{\"argv\":[\"a\",\"b\"]}", NULL, 0);
	becomes("{\"call\":\"tok-1\",\"fields\":{\"argv\":[\"x tok-2\",\"y\",\"tok-3\"],\"n\":1,"
		"\"path\":\"/a\\\"\\\\tok-4 \\u0007\\n\\u00e9z\"},\"because\":\"tok-5\"",
		"{\"call\":\"[redacted:t]\",\"fields\":{\"argv\":[\"x [redacted:t]\",\"y\","
		"\"[redacted:t]\"],\"n\":1,\"path\":\"/a\\\"\\\\[redacted:t] \\u0007\\n\xc3\xa9z\"},"
		"\"because\":\"[redacted:t]\"",
		5);
	/* As the record has a byte that is no UTF-8, it stays. */
	becomes("{\"fields\":{\"path\":\"\xef\xbf\xbd"
		"ff tok-1\"}",
		"{\"fields\":{\"path\":\"\xef\xbf\xbd"
		"ff [redacted:t]\"}",
		1);
	/* Escapes are what they stand for. */
	becomes("{\"a\":\"t\\u006fk-1\"", "{\"a\":\"[redacted:t]\"", 1);
}

/* What readers go by is no text of the agent's, and a pattern that matches it breaks nothing. */
static void test_kept(void **state)
{
	(void)state;
	becomes("{\"session\":\"tok-1\",\"kind\":\"tok-2\",\"fields\":{\"labels\":[\"tok-3\",\"tok-4\"],"
		"\"policy\":\"tok-5\"},\"verdict\":\"tok-6\",\"rule\":\"tok-7\",\"matched\":"
		"{\"session.labels\":[\"tok-8\"]}",
		NULL, 0);
	becomes("{\"fields\":{\"labels\":[\"tok-3\"],\"path\":\"tok-4\"}",
		"{\"fields\":{\"labels\":[\"tok-3\"],\"path\":\"[redacted:t]\"}", 1);
	/* Not where the agent writes such a key. */
	becomes("{\"fields\":{\"args\":\"{\\\"rule\\\":\\\"tok-7\\\",\\\"kind\\\":[\\\"tok-8\\\"]}\"}",
		"{\"fields\":{\"args\":\"{\\\"rule\\\":\\\"[redacted:t]\\\",\\\"kind\\\":"
		"[\\\"[redacted:t]\\\"]}\"}",
		2);
}

static void test_args(void **state)
{
	(void)state;
	/* Escaped by the agent within its own JSON, as a value and as a key. */
	becomes("{\"fields\":{\"args\":\"{\\\"a\\\":\\\"t\\\\u006fk-1 b\\\", \\\"t\\\\u006fk-2\\\": 1}\"}",
		"{\"fields\":{\"args\":\"{\\\"a\\\":\\\"[redacted:t] b\\\", \\\"[redacted:t]\\\": 1}\"}",
		2);
	/* No JSON after all: as a text. */
	becomes("{\"fields\":{\"args\":\"{\\\"tok-1\"}",
		"{\"fields\":{\"args\":\"{\\\"[redacted:t]\\\"\"}", 1);
	becomes("{\"fields\":{\"args\":\"\\\\", NULL, 0);
}

/* An event with a text of @len bytes and a token at @at, as JSON; its masked line. */
static size_t mask_long(size_t len, size_t at, struct buf *out)
{
	_cleanup_buf_ struct buf line = BUF_INIT(0);

	buf_puts(&line, "{\"fields\":{\"path\":\"");
	for (size_t i = 0; i < len; i++)
		buf_putc(&line, 'x');
	buf_puts(&line, "\",\"target\":\"tok-9\"},\"because\":\"tok-8\"");
	memcpy(line.data + strlen("{\"fields\":{\"path\":\"") + at, "tok-5 ", 6);
	looked_at = 0;
	return mask_line(&masker, line.data, line.len, out);
}

static void test_long(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);

	(void)state;
	/* All of what fits is looked at. */
	assert_int_equal(mask_long(60000, 59000, &out), 3);
	assert_null(strstr(out.data, "tok-"));
	assert_null(strstr(out.data, MASK_UNSEEN));
	/* Else the beginning is, and the rest is not shown; other members are as ever. */
	buf_clear(&out);
	assert_int_equal(mask_long((size_t)8 << 20, 9000, &out), 4);
	assert_true(looked_at < 2 * (size_t)MASK_LOOK_BYTES);
	assert_null(strstr(out.data, "tok-"));
	assert_non_null(strstr(out.data, "xxx[redacted:t] xxx"));
	assert_non_null(strstr(out.data, "x" MASK_UNSEEN "\""));
	assert_non_null(strstr(out.data, "\"because\":\"[redacted:t]\""));
	assert_true(out.len < MASK_LOOK_BYTES);
	/* Behind what is looked at. */
	buf_clear(&out);
	assert_int_equal(mask_long((size_t)8 << 20, 200000, &out), 3);
	assert_null(strstr(out.data, "tok-"));
}

static struct record_fixture fixture;

static void test_record(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct record_report report;
	struct record *record;
	char *large = malloc(300001);

	(void)state;
	fixture_setup(&fixture);
	record = fixture_open(&fixture, "s");
	record_set_redactor(record, redact, &looked_at);
	memset(large, 'y', 300000);
	large[300000] = '\0';
	memcpy(large + 100, "tok-3 ", 6);
	assert_int_equal(put_event(record, "session.start", "x"), 0);
	assert_int_equal(put_event(record, "exec", "a tok-1 b"), 0);
	assert_int_equal(put_event(record, "exec", large), 0);
	assert_int_equal(record_close(record, 0, "\"error\":\"tok-2\""), 0);
	free(large);
	load(fixture.path, &text);
	assert_null(strstr(text.data, "tok-"));
	assert_non_null(strstr(text.data, "{\"path\":\"a [redacted:t] b\"},\"verdict\":\"allow\","
					  "\"masked\":1,\"prev\":"));
	assert_non_null(strstr(text.data, "\"fields\":{\"oversize\":300011,"));
	assert_non_null(strstr(text.data, "yyy[redacted:t] yyy"));
	assert_non_null(strstr(text.data, "\"verdict\":\"allow\",\"masked\":2,\"prev\":"));
	assert_non_null(strstr(text.data, "\"error\":\"[redacted:t]\""));
	assert_int_equal(record_verify(fixture.path, fixture.key, &report, NULL), 0);
	assert_int_equal(report.state, RECORD_CLOSED);
	assert_int_equal(report.events, 4);
	fixture_remove(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_kept),
		cmocka_unit_test(test_args),   cmocka_unit_test(test_long),
		cmocka_unit_test(test_record),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
