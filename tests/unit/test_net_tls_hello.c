/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "monitor/net/first_bytes.h"
#include "monitor/net/tls_hello.h"
#include "tests/support/first_bytes.h"
#include "tests/support/hello.h"

static const char *parse(const struct buf *extensions, struct tls_hello *ret)
{
	_cleanup_buf_ struct buf body = BUF_INIT(0);
	const char *whole;

	hello_body(&body, extensions);
	whole = tls_hello_parse((const uint8_t *)body.data, body.len, ret);
	/* Cut off anywhere it is malformed, whatever it said before. */
	for (size_t len = 0; len < body.len && !whole; len++) {
		struct tls_hello part;
		const bool none = len == body.len - extensions->len - 2;

		assert_int_equal(tls_hello_parse((const uint8_t *)body.data, len, &part) == NULL,
				 none);
	}
	return whole;
}

static void test_names(void **state)
{
	_cleanup_buf_ struct buf extensions = BUF_INIT(0);
	struct tls_hello hello;

	(void)state;
	assert_null(parse(&extensions, &hello));
	assert_string_equal(hello.sni, "");
	hello_extension(&extensions, 0x1a1a, "", 0); /* GREASE */
	hello_extension(&extensions, 43, "\4\x3a\x3a\3\4", 5);
	hello_sni(&extensions, "h.example");
	hello_extension(&extensions, 16, "\0\x0f\2\x6a\x6a\2h2\x08http/1.1", 17);
	assert_null(parse(&extensions, &hello));
	assert_string_equal(hello.sni, "h.example");
	assert_int_equal(hello.alpn_count, 2);
	assert_string_equal(hello.alpn, "h2");
	assert_string_equal(hello.alpn + 3, "http/1.1");
	assert_false(hello.ech);
	hello_extension(&extensions, 0xfe0d, "\0\0\1", 3);
	assert_null(parse(&extensions, &hello));
	assert_true(hello.ech);
	hello_sni(&extensions, "h.example");
	assert_string_equal(parse(&extensions, &hello), "the ClientHello has two server names");
}

static void expect_sni(const struct buf *list, const char *trailing, const char *why)
{
	_cleanup_buf_ struct buf extensions = BUF_INIT(0);
	_cleanup_buf_ struct buf body = BUF_INIT(0);
	struct tls_hello hello;

	hello_vector(&body, list->data, list->len, 2);
	buf_puts(&body, trailing);
	hello_extension(&extensions, 0, body.data, body.len);
	assert_string_equal(parse(&extensions, &hello), why);
}

static void test_odd_names(void **state)
{
	static const char malformed[] = "the server name of the ClientHello is malformed";
	static const char no_host[] = "the server name of the ClientHello is no host name";
	char long_name[MAX_HOST_BYTES + 2];
	struct buf list = BUF_INIT(0);

	(void)state;
	expect_sni(&list, "", malformed);
	hello_name(&list, 1, "h");
	expect_sni(&list, "", "the server name of the ClientHello is of a type that is not known");
	buf_clear(&list);
	hello_name(&list, 0, "h");
	hello_name(&list, 0, "other");
	expect_sni(&list, "", "the ClientHello names several servers");
	buf_clear(&list);
	hello_name(&list, 0, "");
	expect_sni(&list, "", no_host);
	buf_clear(&list);
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	hello_name(&list, 0, long_name);
	expect_sni(&list, "", no_host);
	buf_clear(&list);
	hello_number(&list, 0, 1);
	hello_vector(&list, "h\0other", 7, 2);
	expect_sni(&list, "", no_host);
	buf_clear(&list);
	hello_name(&list, 0, "h");
	expect_sni(&list, "x", malformed);
	list.data[2] = 9; /* longer than it is */
	expect_sni(&list, "", malformed);
	buf_done(&list);
}

static void test_odd_protocols(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} lists[] = {{"", 0}, {"\0\0", 2}, {"\0\1\0", 3}, {"\0\2\2h", 4}, {"\0\3\2h2x", 6}};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		_cleanup_buf_ struct buf extensions = BUF_INIT(0);
		struct tls_hello hello;

		hello_extension(&extensions, 16, lists[i].bytes, lists[i].len);
		assert_string_equal(parse(&extensions, &hello), "the ClientHello is malformed");
	}
}

/* @count protocols of @len bytes. Return: why the hello is refused. */
static const char *offer(unsigned count, size_t len, struct tls_hello *ret)
{
	_cleanup_buf_ struct buf extensions = BUF_INIT(0);
	_cleanup_buf_ struct buf list = BUF_INIT(0);
	_cleanup_buf_ struct buf body = BUF_INIT(0);
	static const char odd[] = {'a', '\n', 'b', '\xff'};
	char name[255];

	memset(name, 'x', sizeof(name));
	memcpy(name, odd, sizeof(odd));
	for (unsigned i = 0; i < count; i++) {
		hello_vector(&list, "\x1a\x1a", 2, 1); /* GREASE is not shown */
		hello_vector(&list, name, len, 1);
	}
	hello_vector(&body, list.data, list.len, 2);
	hello_extension(&extensions, 16, body.data, body.len);
	return parse(&extensions, ret);
}

/* What a server could choose, rules have seen. */
static void test_many_protocols(void **state)
{
	static const char too_many[] = "the ClientHello offers more protocols than rules are shown";
	struct tls_hello hello;

	(void)state;
	assert_null(offer(MAX_ALPN, 4, &hello));
	assert_int_equal(hello.alpn_count, MAX_ALPN);
	assert_string_equal(hello.alpn + (size_t)(MAX_ALPN - 1) * 5, "a?b?");
	assert_string_equal(offer(MAX_ALPN + 1, 4, &hello), too_many);
	assert_null(offer(1, 255, &hello));
	assert_int_equal(strlen(hello.alpn), 255);
	assert_null(offer(2, MAX_ALPN_BYTES / 2 - 1, &hello));
	assert_string_equal(offer(2, MAX_ALPN_BYTES / 2, &hello), too_many);
}

/* ---- records ---- */

static void expect_records(const struct buf *records, enum first_outcome outcome, const char *why)
{
	_cleanup_(first_bytes_freep) struct first_bytes *fb = first_bytes_new();
	size_t taken;

	assert_int_equal(first_bytes_feed(fb, records->data, records->len, &taken), outcome);
	if (why)
		assert_string_equal(first_bytes_seen(fb)->broken, why);
	else
		assert_null(first_bytes_seen(fb)->broken);
	if (outcome == FIRST_HEAD)
		assert_string_equal(first_bytes_seen(fb)->tls.sni, "h.example");
	first_transcript_expect_same((const uint8_t *)records->data, records->len);
}

static void test_records(void **state)
{
	_cleanup_buf_ struct buf extensions = BUF_INIT(0);
	_cleanup_buf_ struct buf body = BUF_INIT(0);
	_cleanup_buf_ struct buf records = BUF_INIT(0);
	const size_t sizes[] = {1 << 14, 64, 5, 4, 3, 1};

	(void)state;
	hello_sni(&extensions, "h.example");
	hello_body(&body, &extensions);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		buf_clear(&records);
		hello_records(&records, &body, 1, sizes[i]);
		expect_records(&records, FIRST_HEAD, NULL);
		records.len--;
		expect_records(&records, FIRST_MORE, NULL);
	}
	/* What the head is, is known to the byte. */
	records.len++;
	buf_puts(&records, "more");
	_cleanup_(first_bytes_freep) struct first_bytes *fb = first_bytes_new();
	size_t taken;

	assert_int_equal(first_bytes_feed(fb, records.data, records.len, &taken), FIRST_HEAD);
	assert_int_equal(taken, records.len - 4);
	assert_int_equal(first_bytes_feed(fb, "more", 4, &taken), FIRST_OPAQUE);
}

static void test_odd_records(void **state)
{
	static const char length[] = "the TLS record has a length that is not allowed";
	_cleanup_buf_ struct buf extensions = BUF_INIT(0);
	_cleanup_buf_ struct buf body = BUF_INIT(0);
	_cleanup_buf_ struct buf records = BUF_INIT(0);
	_cleanup_buf_ struct buf odd = BUF_INIT(0);

	(void)state;
	hello_sni(&extensions, "h.example");
	hello_body(&body, &extensions);
	hello_records(&records, &body, 2, 1 << 14);
	expect_records(&records, FIRST_BROKEN, "the first TLS message is no ClientHello");
	buf_clear(&records);
	hello_records(&records, &body, 1, 50);

	buf_put(&odd, records.data, records.len);
	odd.data[55] = 21; /* an alert between the parts */
	expect_records(&odd, FIRST_BROKEN, "the ClientHello is interrupted by another TLS record");
	odd.data[55] = 22;
	odd.data[56] = 2;
	expect_records(&odd, FIRST_BROKEN, "the TLS record has a version that does not exist");
	odd.data[56] = 3;
	odd.data[58] = 0x41;
	expect_records(&odd, FIRST_BROKEN, length);
	odd.data[58] = 0;
	odd.data[59] = 0;
	expect_records(&odd, FIRST_BROKEN, length);
	/* A second message in the same record, and a length beyond all bounds. */
	buf_clear(&odd);
	hello_number(&odd, 0x160303, 3);
	hello_number(&odd, body.len + 5, 2);
	hello_number(&odd, 1, 1);
	hello_vector(&odd, body.data, body.len, 3);
	buf_putc(&odd, 1);
	expect_records(&odd, FIRST_BROKEN, "there is another TLS message behind the ClientHello");
	buf_clear(&odd);
	hello_number(&odd, 0x1603030004, 5);
	hello_number(&odd, 0x01ffffff, 4);
	expect_records(&odd, FIRST_BROKEN, "the ClientHello is too long");
}

/* The longest that is taken, and one byte behind it. */
static void test_long(void **state)
{
	static const char filling[MAX_TLS_HELLO];
	_cleanup_buf_ struct buf extensions = BUF_INIT(0);
	_cleanup_buf_ struct buf around = BUF_INIT(0);
	_cleanup_buf_ struct buf body = BUF_INIT(0);
	_cleanup_buf_ struct buf records = BUF_INIT(0);
	_cleanup_(first_bytes_freep) struct first_bytes *fb = first_bytes_new();
	size_t taken;

	(void)state;
	hello_body(&around, &extensions);
	hello_extension(&extensions, 21, filling, sizeof(filling) - around.len - 4);
	hello_body(&body, &extensions);
	assert_int_equal(body.len, MAX_TLS_HELLO);
	hello_records(&records, &body, 1, 1 << 14);
	assert_int_equal(first_bytes_feed(fb, records.data, records.len, &taken), FIRST_HEAD);
	assert_int_equal(taken, records.len);
	/* The last record holds 4 bytes: let it be 5. */
	records.data[records.len - 5] = 5;
	buf_putc(&records, 1);
	expect_records(&records, FIRST_BROKEN,
		       "there is another TLS message behind the ClientHello");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	      cmocka_unit_test(test_odd_names),
		cmocka_unit_test(test_odd_protocols), cmocka_unit_test(test_many_protocols),
		cmocka_unit_test(test_records),	      cmocka_unit_test(test_odd_records),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
