/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "monitor/net/first_bytes.h"
#include "tests/support/first_bytes.h"

#define FED(_fb, _text) feed((_fb), (_text), sizeof(_text) - 1)

/* Everything at once. Return: the last outcome. */
static enum first_outcome feed(struct first_bytes *fb, const char *bytes, size_t len)
{
	enum first_outcome outcome = FIRST_MORE;
	size_t taken;

	for (size_t at = 0; at < len && outcome != FIRST_BROKEN; at += taken)
		outcome = first_bytes_feed(fb, bytes + at, len - at, &taken);
	return outcome;
}

static void expect(const char *bytes, size_t len, enum first_outcome outcome, const char *protocol)
{
	_cleanup_(first_bytes_freep) struct first_bytes *fb = first_bytes_new();

	assert_int_equal(feed(fb, bytes, len), outcome);
	assert_string_equal(first_bytes_seen(fb)->protocol, protocol);
	assert_int_equal(first_bytes_seen(fb)->broken != NULL, outcome == FIRST_BROKEN);
	first_transcript_expect_same((const uint8_t *)bytes, len);
}

#define EXPECT(_text, _outcome, _protocol) \
	expect((_text), sizeof(_text) - 1, (_outcome), (_protocol))

static void test_protocols(void **state)
{
	(void)state;
	EXPECT("GET / HTTP/1.1\r\nHost: a\r\n\r\n", FIRST_HEAD, "http");
	EXPECT("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", FIRST_HEAD, "ssh");
	EXPECT("SSH-1.99-x\n", FIRST_HEAD, "ssh");
	EXPECT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FIRST_HEAD, "http2");
	EXPECT("EHLO me\r\n", FIRST_HEAD, "other");
	EXPECT("{", FIRST_HEAD, "other");
	EXPECT("\0", FIRST_HEAD, "other");
	EXPECT("\x10\x0c\0\4MQTT", FIRST_OPAQUE, "other");
	EXPECT("\0\0\0\x08\x04\xd2\x16\x2f", FIRST_OPAQUE, "other"); /* PostgreSQL asks for TLS */
	EXPECT("003fgit-upload-pack /x\0host=a\0", FIRST_OPAQUE, "other");
	EXPECT("*1\r\n$4\r\nPING\r\n", FIRST_OPAQUE, "other");
	EXPECT("\x16\x10\0\0\1\0", FIRST_HEAD, "other");
	EXPECT("\x16\x10\0\x80", FIRST_MORE, "other");
	EXPECT("\x16\x10\0\x80\0", FIRST_HEAD, "other");
	EXPECT("\x16\0\0\0\0\7", FIRST_HEAD, "other");
	EXPECT("\x16\0\0\0\x01\0", FIRST_HEAD, "other"); /* 22 bytes, little endian */
	EXPECT("\x15\0\0\0\xd4\x07", FIRST_OPAQUE, "other");
	EXPECT("\x14\0\0\0", FIRST_OPAQUE, "other");
	EXPECT("\x17\3\0\0", FIRST_OPAQUE, "other");
	/* What may still become something is waited for. */
	EXPECT("G", FIRST_MORE, "other");
	EXPECT("EHLO me", FIRST_MORE, "other");
	EXPECT("GET / HTTP/1.1\r\nHost: a\r\n", FIRST_MORE, "http");
	EXPECT("\x16\3\1", FIRST_MORE, "tls");
	EXPECT("PRI * HTTP/2.0\r\n\r\nSM", FIRST_MORE, "http");
}

/* A server may take it for a request, or for something else than it looks. */
static void test_almost(void **state)
{
	(void)state;
	EXPECT("GET /\r\n", FIRST_BROKEN, "http");
	EXPECT("GET\t/\r\n", FIRST_BROKEN, "http");
	EXPECT("OPTIONS rtsp://a RTSP/1.0\r\n", FIRST_BROKEN, "http");
	EXPECT("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", FIRST_BROKEN, "http");
	EXPECT(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", FIRST_BROKEN, "http");
	EXPECT("get / http/1.1\r\nHost: a\r\n\r\n", FIRST_BROKEN, "http");
	EXPECT("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", FIRST_BROKEN, "http");
	EXPECT("GET / HTTP/1.1\nHost: a\n\n", FIRST_BROKEN, "http");
	EXPECT("GET / HTTP/3.0\r\nHost: a\r\n\r\n", FIRST_BROKEN, "http");
	EXPECT("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", FIRST_BROKEN, "http");
	EXPECT("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", FIRST_BROKEN, "http");
	EXPECT("\r\n\r\n\0\r\nQUIT\n", FIRST_BROKEN, "other"); /* PROXY protocol, version 2 */
	EXPECT("PROXY TCP4 1.2.3.4 5.6.7.8 9 80\r\nGET", FIRST_BROKEN, "http");
	EXPECT("SSH-2.0-x / HTTP/1.1\r\nHost: b\r\n\r\n", FIRST_BROKEN, "ssh");
	EXPECT("SSH-3.0-x\r\n", FIRST_BROKEN, "ssh");
	EXPECT("SSH-2.0-\r\n", FIRST_BROKEN, "ssh");
	EXPECT("PRI * HTTP/2.0\r\nHost: a\r\n", FIRST_BROKEN, "http");
	/* Before a ClientHello, which some servers would read. */
	EXPECT("\x14\3\3\0\0\x16", FIRST_BROKEN, "tls");
	EXPECT("\x14\3\1\0\1\1", FIRST_BROKEN, "tls");
	EXPECT("\x15\3\1\0\2\1", FIRST_BROKEN, "tls");
	EXPECT("\x15\0\0\0\2\1", FIRST_BROKEN, "tls");
	EXPECT("\x17\3\3\0\1x", FIRST_BROKEN, "tls");
	EXPECT("\x16\2\0\0\x80\1", FIRST_BROKEN, "tls");
	EXPECT("\x16\x7f\0\0\1\1", FIRST_BROKEN, "tls");
	EXPECT("\x16\2\0\0\0\x16", FIRST_BROKEN, "tls");
	EXPECT("\x16\2\0\0\0\x15", FIRST_BROKEN, "tls");
	EXPECT("\x80\x2e\1\3\1", FIRST_BROKEN, "tls");
	EXPECT("\x80\x2e\1\0\2", FIRST_BROKEN, "tls");
	EXPECT("\x80\x2e\1\0\3", FIRST_HEAD, "other");
}

/* What some servers take for white space between the words of a request, or before them. */
static void test_white_space(void **state)
{
	static const char spaces[] = "\t\v\f\r\x1c\x1d\x1e\x1f\x85\xa0 ";
	/* "_" stands for the space. */
	static const char *const forms[] = {"GET_/ HTTP/1.1\r\nHost: b\r\n\r\n", "GET_/x\r\n",
					    "_GET / HTTP/1.1\r\nHost: b\r\n\r\n", "_GET /x\r\n",
					    "_\nGET / HTTP/1.1\r\n"};

	(void)state;
	for (const char *c = spaces; *c; c++) {
		for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
			char line[64];

			/* It is right, or an empty line before half a request. */
			if ((*c == ' ' && form == 0) || (*c == '\r' && form == 4))
				continue;
			(void)snprintf(line, sizeof(line), "%s", forms[form]);
			*strchr(line, '_') = *c;
			expect(line, strlen(line), FIRST_BROKEN, "http");
		}
	}
}

/* Line ends may stand before what has no name in it, and before nothing else. */
static void test_line_ends(void **state)
{
	(void)state;
	EXPECT("\n\5hello\x12\1x", FIRST_OPAQUE, "other"); /* protobuf: field 1, of 5 bytes */
	EXPECT("\n\x26GET of 38 bytes, as the length has it.\x12\1x", FIRST_OPAQUE, "other");
	EXPECT("\nGname of 71 bytes\x12\1x", FIRST_OPAQUE, "other");
	EXPECT("\n\x85\1\n\5hello", FIRST_OPAQUE, "other");
	EXPECT("\n\x16\xa\5hello", FIRST_OPAQUE, "other");
	EXPECT("\r\nroot\r\n", FIRST_HEAD, "other");
	EXPECT("\r\n", FIRST_MORE, "other");
	EXPECT("\r\nGET key\r\n", FIRST_HEAD, "other");
	EXPECT("\r\nGET key\r\nHost: b\r\n", FIRST_BROKEN, "http");
	EXPECT("\nGET /x\r\n", FIRST_BROKEN, "http");
	EXPECT("\n\r\n GET / HTTP/1.1\r\nHost: a\r\n\r\n", FIRST_BROKEN, "http");
	EXPECT("\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FIRST_BROKEN, "http2");
	EXPECT("\r\nSSH-2.0-x\r\n", FIRST_BROKEN, "ssh");
	EXPECT("\r\n\x16\3\1\0\1\2", FIRST_BROKEN, "tls");
	EXPECT("\r\n\x14\3\3\0\0\x16", FIRST_BROKEN, "tls");
}

static void test_many_line_ends(void **state)
{
	char ends[65];

	(void)state;
	memset(ends, '\n', sizeof(ends));
	expect(ends, sizeof(ends) - 1, FIRST_MORE, "other");
	expect(ends, sizeof(ends), FIRST_BROKEN, "other");
}

/* Words that are methods as well begin lines of other protocols. */
static void test_words(void **state)
{
	(void)state;
	EXPECT("GET key\r\n", FIRST_HEAD, "other"); /* Redis */
	EXPECT("GET user:1\nGET user:2\nQUIT\r\n", FIRST_BODY, "other");
	EXPECT("get /key\r\n", FIRST_HEAD, "other"); /* memcached */
	EXPECT("COPY t FROM STDIN\n", FIRST_HEAD, "other");
	EXPECT("OPTIONS sip:a SIP/2.0\r\n", FIRST_HEAD, "other");
	EXPECT("REPORT\0", FIRST_HEAD, "other");
	EXPECT("CONNECT\naccept-version:1.2\nhost:b\n\n\0", FIRST_OPAQUE, "other"); /* STOMP */
	EXPECT("GET key\r\nhostile:1\r\nghost:2\r\nhost\r\nhost 3\r\n", FIRST_BODY, "other");
	EXPECT("\x85\xa6method\xa3get", FIRST_OPAQUE, "other"); /* MessagePack */
	/* A request to some server: of another host, a tunnel, HTTP/0.9. */
	EXPECT("GET key\r\nHost: b\r\n\r\n", FIRST_BROKEN, "http");
	EXPECT("GET key\nX: y\rhOST:b\n\n", FIRST_BROKEN, "http");
	EXPECT("GET http://b/\r\n", FIRST_BROKEN, "http");
	EXPECT("GET *\r\n", FIRST_BROKEN, "http");
	EXPECT("GET \r\n", FIRST_BROKEN, "http");
	EXPECT("CONNECT b:443\r\n", FIRST_BROKEN, "http");
	EXPECT("FETCH it HTTP/1.1\r\nHost: b\r\n\r\n", FIRST_BROKEN, "http");
	/* Where requests are spoken, words are none. */
	EXPECT("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET key\r\n", FIRST_BROKEN, "http");
}

/* Each request on a connection names its own host. */
static void test_later_requests(void **state)
{
	static const char two[] = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz"
				  "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
	_cleanup_(first_bytes_freep) struct first_bytes *fb = first_bytes_new();
	const struct first_seen *seen = first_bytes_seen(fb);
	const size_t len = sizeof(two) - 1;
	size_t at = 0;
	size_t taken;

	(void)state;
	assert_int_equal(first_bytes_feed(fb, two, len, &taken), FIRST_HEAD);
	assert_string_equal(seen->http.host, "a");
	assert_string_equal(seen->http.path, "/1");
	assert_int_equal(seen->http.body_bytes, 3);
	at += taken;
	assert_memory_equal(two + at, "xyz", 3);
	assert_int_equal(first_bytes_feed(fb, two + at, len - at, &taken), FIRST_BODY);
	assert_int_equal(taken, 3);
	at += taken;
	assert_int_equal(first_bytes_feed(fb, two + at, len - at, &taken), FIRST_HEAD);
	assert_string_equal(seen->http.host, "b");
	assert_int_equal(at + taken, len);
	EXPECT("GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n", FIRST_BROKEN, "http");
	EXPECT("GET / HTTP/1.1\r\nHost: a\r\n\r\nEHLO b\r\n", FIRST_BROKEN, "http");
	EXPECT("GET / HTTP/1.1\r\nHost: a\r\n\r\n\x16\3\1", FIRST_BROKEN, "http");
	EXPECT("GET / HTTP/1.1\r\nHost: a\r\n\r\nSSH-2.0-x\r\n", FIRST_BROKEN, "ssh");
}

static void test_chunks(void **state)
{
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	_cleanup_(first_bytes_freep) struct first_bytes *fb = first_bytes_new();
	static const char body[] = CHUNKED "3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n";
	char content[32] = "";
	size_t len = 0;
	size_t taken;

	(void)state;
	for (size_t at = 0; at < sizeof(body) - 1; at += taken) {
		const enum first_outcome outcome =
			first_bytes_feed(fb, body + at, sizeof(body) - 1 - at, &taken);

		assert_int_not_equal(outcome, FIRST_BROKEN);
		if (outcome == FIRST_BODY) {
			memcpy(content + len, body + at, taken);
			len += taken;
		}
	}
	assert_string_equal(content, "abc0123456789");
	EXPECT(CHUNKED "0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", FIRST_HEAD, "http");
	EXPECT(CHUNKED "3\nabc", FIRST_BROKEN, "http");
	EXPECT(CHUNKED "3;x=y\r\nabc", FIRST_BROKEN, "http");
	EXPECT(CHUNKED " 3\r\nabc", FIRST_BROKEN, "http");
	EXPECT(CHUNKED "0x3\r\nabc", FIRST_BROKEN, "http");
	EXPECT(CHUNKED "-1\r\nabc", FIRST_BROKEN, "http");
	EXPECT(CHUNKED "\r\nabc", FIRST_BROKEN, "http");
	EXPECT(CHUNKED "0000000000003\r\n", FIRST_BROKEN, "http");
	EXPECT(CHUNKED "3\r\nabcd\r\n", FIRST_BROKEN, "http");
	EXPECT(CHUNKED "3\r\nabc\n", FIRST_BROKEN, "http");
	EXPECT(CHUNKED "0\r\nTrailer: x\r\n\r\n", FIRST_BROKEN, "http");
}

/* A server that reads no body takes it for the next request. */
static void test_body_that_is_a_request(void **state)
{
#define BODY "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n"
	(void)state;
	EXPECT(BODY "DELETE /x HTTP/1.1\r\n", FIRST_BROKEN, "http");
	EXPECT(BODY "\r\n\n FOO http://b/\thttp/1.1\r\n", FIRST_BROKEN, "http");
	EXPECT(BODY "get\rx\rhTTp/", FIRST_BROKEN, "http");
	EXPECT(BODY "GET /x\r\n", FIRST_BROKEN, "http");
	EXPECT(BODY "GET  x \n", FIRST_BROKEN, "http");
	EXPECT(CHUNKED "2\r\nPO\r\n20\r\nST / HTTP/1.1\r\n", FIRST_BROKEN, "http");
	EXPECT(BODY "GET /x HTTP", FIRST_BODY, "http");
	EXPECT(BODY "GET\nx HTTP/1.1", FIRST_BODY, "http");
	EXPECT(BODY "GET /x\0HTTP/1.1", FIRST_BODY, "http");
	EXPECT(BODY "POST /x\r\n", FIRST_BODY, "http");
	EXPECT(BODY "POST \r\nx HTTP/1.1", FIRST_BODY, "http");
	EXPECT(BODY "{\"a\": \"GET / HTTP/1.1\"}", FIRST_BODY, "http");
	EXPECT(BODY "it is of HTTP/1.1", FIRST_BODY, "http");
	EXPECT(BODY "a\nGET / HTTP/1.1", FIRST_BODY, "http");
	EXPECT(BODY "GETS /x\r\n", FIRST_BODY, "http");
	EXPECT(BODY "GE /x\r\n", FIRST_BODY, "http");
}

/* Another protocol may follow where it was asked for; if it is TLS or HTTP, it is read. */
static void test_upgrade(void **state)
{
#define UPGRADE "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
	(void)state;
	EXPECT(UPGRADE "\x81\x85\1\3\1\2hello", FIRST_OPAQUE, "other");
	EXPECT(UPGRADE "GET / HTTP/1.1\r\nHost: b\r\n\r\n", FIRST_HEAD, "http");
	EXPECT(UPGRADE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FIRST_HEAD, "http2");
	EXPECT(UPGRADE "\x16\3\1\0\1\2", FIRST_BROKEN, "tls");
	EXPECT("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n\x16\3\1\0\1\2", FIRST_BROKEN, "tls");
	EXPECT("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n{}", FIRST_OPAQUE, "other");
}

static void test_bounds(void **state)
{
	static char head[MAX_FIRST_BYTES] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
	_cleanup_(first_bytes_freep) struct first_bytes *fb = first_bytes_new();
	_cleanup_(first_bytes_freep) struct first_bytes *line = first_bytes_new();

	(void)state;
	memset(head + strlen(head), 'x', sizeof(head) - strlen(head));
	assert_int_equal(feed(fb, head, sizeof(head)), FIRST_BROKEN);
	assert_string_equal(first_bytes_seen(fb)->broken, "the head of the request is too long");
	memset(head, 'x', sizeof(head));
	assert_int_equal(feed(line, head, sizeof(head)), FIRST_OPAQUE);
}

static enum first_outcome end(const char *bytes, size_t len)
{
	_cleanup_(first_bytes_freep) struct first_bytes *fb = first_bytes_new();

	(void)feed(fb, bytes, len);
	return first_bytes_end(fb);
}

#define END(_text) end((_text), sizeof(_text) - 1)

static void test_end(void **state)
{
	(void)state;
	assert_int_equal(END(""), FIRST_OPAQUE);
	assert_int_equal(END("hello"), FIRST_HEAD);
	assert_int_equal(END("\x16"), FIRST_HEAD);
	assert_int_equal(END("\x80\x2e\1"), FIRST_HEAD);
	assert_int_equal(END("{}"), FIRST_OPAQUE);
	assert_int_equal(END("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), FIRST_OPAQUE);
	assert_int_equal(END("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nxyz"),
			 FIRST_OPAQUE);
	assert_int_equal(END(BODY "GET /x"), FIRST_BROKEN);
	assert_int_equal(END(BODY "GET /x "), FIRST_BROKEN);
	assert_int_equal(END(BODY "GET /x y"), FIRST_OPAQUE);
	assert_int_equal(END(BODY "GET "), FIRST_OPAQUE);
	assert_int_equal(END("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET x"),
			 FIRST_BROKEN);
	assert_int_equal(END("GET / HTTP/1.1\r\nHost: a\r\n"), FIRST_BROKEN);
	assert_int_equal(END("GET / HTTP/1.1"), FIRST_BROKEN);
	assert_int_equal(END("GET /"), FIRST_BROKEN);
	assert_int_equal(END("GET "), FIRST_BROKEN);
	assert_int_equal(END("GET key"), FIRST_HEAD);
	assert_int_equal(END("GET key\r\nho"), FIRST_OPAQUE);
	assert_int_equal(END("FOO / HTTP/1.1"), FIRST_BROKEN);
	assert_int_equal(END("SSH-2.0"), FIRST_BROKEN);
	assert_int_equal(END("\x16\3\1"), FIRST_BROKEN);
	assert_int_equal(END("\r"), FIRST_HEAD);
	assert_int_equal(END("\r\nGET /"), FIRST_BROKEN);
	assert_int_equal(END("GET / HTTP/1.1\r\nHost: a\r\n\r\nhello"), FIRST_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protocols),
		cmocka_unit_test(test_almost),
		cmocka_unit_test(test_white_space),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_many_line_ends),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_later_requests),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_body_that_is_a_request),
		cmocka_unit_test(test_upgrade),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
