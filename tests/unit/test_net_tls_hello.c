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

/* ---- what follows ---- */

static void put_record(struct buf *to, unsigned type, const char *bytes, size_t len)
{
	hello_number(to, type, 1);
	hello_number(to, 0x0303, 2);
	hello_vector(to, bytes, len, 2);
}

static void put_hello(struct buf *to, const char *name, bool early, size_t most)
{
	_cleanup_buf_ struct buf extensions = BUF_INIT(0);
	_cleanup_buf_ struct buf body = BUF_INIT(0);

	hello_sni(&extensions, name);
	if (early)
		hello_extension(&extensions, 42, "", 0);
	hello_body(&body, &extensions);
	hello_records(to, &body, 1, most);
}

/* All of it at once, and in pieces. Return: the second name that is asked about, "" if none is. */
static const char *second(const struct buf *sent, enum first_outcome *ret_last)
{
	static char name[MAX_HOST_BYTES + 1];
	_cleanup_(first_bytes_freep) struct first_bytes *fb = first_bytes_new();
	unsigned heads = 0;
	size_t taken;

	name[0] = '\0';
	*ret_last = FIRST_MORE;
	for (size_t at = 0; at < sent->len && *ret_last != FIRST_BROKEN; at += taken) {
		*ret_last = first_bytes_feed(fb, sent->data + at, sent->len - at, &taken);
		if (*ret_last == FIRST_HEAD && ++heads == 2)
			(void)snprintf(name, sizeof(name), "%s", first_bytes_seen(fb)->tls.sni);
	}
	assert_in_range(heads, 1, 2);
	first_transcript_expect_same((const uint8_t *)sent->data, sent->len);
	return name;
}

/* A server that wants other keys is sent a second ClientHello, and may go by the name in that. */
static void test_second_hello(void **state)
{
	static const char noise[32] = "\1\0\0\x1c\3\7";
	const size_t sizes[] = {1 << 14, 64, 31, 5, 1};
	enum first_outcome last;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (unsigned between = 0; between < 8; between++) {
			_cleanup_buf_ struct buf sent = BUF_INIT(0);

			put_hello(&sent, "h.example", between & 2, 1 << 14);
			if (between & 1)
				put_record(&sent, 20, "\1", 1);
			for (unsigned early = 0; early < 3 && between & 2; early++)
				put_record(&sent, 23, noise, sizeof(noise));
			if (between & 4)
				put_record(&sent, 21, "\1\x5a", 2);
			put_hello(&sent, "b.example", false, sizes[i]);
			assert_string_equal(second(&sent, &last), "b.example");
			assert_int_equal(last, FIRST_HEAD);
			put_hello(&sent, "c.example", false, 1 << 14); /* no server takes a third */
			assert_string_equal(second(&sent, &last), "b.example");
			assert_int_equal(last, FIRST_OPAQUE);
		}
	}
}

/* What else follows is passed on as it comes, and not looked at once it is encrypted. */
static void test_no_second_hello(void **state)
{
	static const struct {
		const char *what;
		unsigned types[4];
		const char *first; /* bytes of the last record */
		size_t len;
		enum first_outcome last;
	} rows[] = {
		{"TLS 1.3", {20, 23}, "\1\0\0\x20\3\3", 64, FIRST_OPAQUE},
		{"TLS 1.2", {22}, "\x10\0\0\x20\3\3", 37, FIRST_OPAQUE},
		{"a session of TLS 1.2 again", {20, 22}, "\0\0\0\0\0\0", 40, FIRST_OPAQUE},
		{"one that begins like a hello", {20, 22}, "\1\xc3\0\x40", 40, FIRST_OPAQUE},
		{"the same, and too short", {20, 22}, "\1\0\0\x26\3\3", 40, FIRST_OPAQUE},
		{"an alert", {21}, "\2\x30", 2, FIRST_FRAMING},
		{"no record", {'x'}, "abc", 3, FIRST_OPAQUE},
		{"an empty one", {22}, "", 0, FIRST_BROKEN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_buf_ struct buf sent = BUF_INIT(0);
		char bytes[64] = "";
		enum first_outcome last;

		memcpy(bytes, rows[i].first, rows[i].len < 6 ? rows[i].len : 6);
		put_hello(&sent, "h.example", false, 1 << 14);
		for (unsigned at = 0; rows[i].types[at]; at++) {
			const bool is_last = !rows[i].types[at + 1];

			put_record(&sent, rows[i].types[at], is_last ? bytes : "\1",
				   is_last ? rows[i].len : 1);
		}
		assert_string_equal(second(&sent, &last), "");
		if (last != rows[i].last)
			fail_msg("%s: %d", rows[i].what, last);
	}
}

/* What a server takes for one, whatever version it says, and however long it is. */
static void test_odd_second_hello(void **state)
{
	static const char *const starts[] = {"\1\0\0\x40\4\4", "\1\0\x7f\xff\xff\xff",
					     "\1\1\0\0\3\3", "\1\2\x01\x40\3\3"};
	static const size_t sizes[] = {32, 38, 39, 64, 1 << 14};

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			static char bytes[1 << 14];
			_cleanup_buf_ struct buf sent = BUF_INIT(0);
			enum first_outcome last;

			memcpy(bytes, starts[i], 6);
			put_hello(&sent, "h.example", false, 1 << 14);
			put_record(&sent, 20, "\1", 1);
			for (unsigned part = 0; part < 3; part++)
				put_record(&sent, 22, bytes, sizes[j]);
			(void)second(&sent, &last);
			/* It is held, or wrong: not passed on unread. */
			if (last != FIRST_MORE && last != FIRST_BROKEN)
				fail_msg("%zu of %zu bytes: %d", i, sizes[j], last);
		}
	}
	for (unsigned session = 32; session <= 33; session++) {
		char bytes[64] = "\1\0\0\x50\3\3";
		_cleanup_buf_ struct buf sent = BUF_INIT(0);
		enum first_outcome last;

		bytes[38] = (char)session;
		put_hello(&sent, "h.example", false, 1 << 14);
		put_record(&sent, 20, "\1", 1);
		put_record(&sent, 22, bytes, sizeof(bytes));
		(void)second(&sent, &last);
		assert_int_equal(last, session == 32 ? FIRST_MORE : FIRST_OPAQUE);
	}
}

/* A server skips some early data, and no more; nor are there that many bytes of it to be read. */
static void test_much_early_data(void **state)
{
	static const char data[1 << 14] = "";
	_cleanup_buf_ struct buf sent = BUF_INIT(0);
	enum first_outcome last;

	(void)state;
	put_hello(&sent, "h.example", true, 1 << 14);
	for (unsigned i = 0; i < 64; i++)
		put_record(&sent, 23, data, sizeof(data));
	assert_string_equal(second(&sent, &last), "");
	assert_int_equal(last, FIRST_FRAMING);
	put_record(&sent, 23, data, 1);
	assert_string_equal(second(&sent, &last), "");
	assert_int_equal(last, FIRST_OPAQUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_odd_names),
		cmocka_unit_test(test_odd_protocols),
		cmocka_unit_test(test_many_protocols),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_odd_records),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_second_hello),
		cmocka_unit_test(test_no_second_hello),
		cmocka_unit_test(test_odd_second_hello),
		cmocka_unit_test(test_much_early_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
