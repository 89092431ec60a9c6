/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "monitor/net/http_head.h"

static void expect_refused(const char *head, const char *why)
{
	struct http_head ret;
	const char *got = http_head_parse(head, strlen(head), &ret);

	if (!got || strcmp(got, why) != 0)
		fail_msg("%s: %s instead of %s", head, got ? got : "accepted", why);
}

static struct http_head parse(const char *head)
{
	struct http_head ret;
	const char *why = http_head_parse(head, strlen(head), &ret);

	if (why)
		fail_msg("%s: %s", head, why);
	return ret;
}

#define END "\r\n\r\n"

static void test_request_line(void **state)
{
	static const char malformed[] = "the request line is malformed";
	struct http_head head = parse("GET /a?b=c HTTP/1.1\r\nHost: h" END);

	(void)state;
	assert_string_equal(head.method, "GET");
	assert_string_equal(head.path, "/a?b=c");
	assert_string_equal(head.host, "h");
	assert_int_equal(head.port, -1);
	assert_int_equal(head.body_bytes, 0);
	assert_false(head.is_connect);
	head = parse("M-SEARCH /x/\xc3\xa4 HTTP/1.0" END);
	assert_string_equal(head.method, "M-SEARCH");
	assert_string_equal(head.path, "/x/%C3%A4");
	assert_string_equal(head.host, "");
	expect_refused("GET / HTTP/1.1\nHost: h" END, "the request line does not end with CR LF");
	expect_refused("GET / HTTP/1.1\rHost: h" END, "the request line does not end with CR LF");
	expect_refused("GET  / HTTP/1.1\r\nHost: h" END, malformed);
	expect_refused("GET /  HTTP/1.1\r\nHost: h" END, malformed);
	expect_refused("GET\t/ HTTP/1.1\r\nHost: h" END, malformed);
	expect_refused("GET / HTTP/1.1 \r\nHost: h" END, malformed);
	expect_refused("GET / HTTP/1.2\r\nHost: h" END, malformed);
	expect_refused("GET / HTTP/2.0\r\nHost: h" END, malformed);
	expect_refused("GET / http/1.1\r\nHost: h" END, malformed);
	expect_refused("GET /\r\nHost: h" END, malformed);
	expect_refused("GET / a HTTP/1.1\r\nHost: h" END, malformed);
	expect_refused(" GET / HTTP/1.1\r\nHost: h" END, malformed);
	expect_refused("G(T / HTTP/1.1\r\nHost: h" END, malformed);
	expect_refused("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\nHost: h" END,
		       "the method of the request is too long");
	/* Some servers raise it before they look. */
	expect_refused("delete / HTTP/1.1\r\nHost: h" END,
		       "the method of the request is not in capitals");
	expect_refused("", "the request line does not end with CR LF");
}

static void test_target(void **state)
{
	static const char form[] = "the target of the request is of no form that is known";
	struct http_head head =
		parse("GET http://H.example:81/x HTTP/1.1\r\nHost: h.Example:81" END);

	(void)state;
	assert_string_equal(head.host, "H.example");
	assert_int_equal(head.port, 81);
	assert_string_equal(head.path, "/x");
	head = parse("GET HTTP://h?q HTTP/1.1\r\nHost: h" END);
	assert_string_equal(head.host, "h");
	assert_string_equal(head.path, "?q");
	head = parse("CONNECT h:443 HTTP/1.1\r\nHost: h:443" END);
	assert_true(head.is_connect);
	assert_string_equal(head.host, "h");
	assert_int_equal(head.port, 443);
	assert_string_equal(head.path, "");
	head = parse("CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443" END);
	assert_string_equal(head.host, "2001:db8::1");
	expect_refused("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nContent-Length: 1" END,
		       "CONNECT has a body");
	expect_refused("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nTransfer-Encoding: chunked" END,
		       "CONNECT has a body");
	(void)parse("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nContent-Length: 0" END);
	assert_string_equal(parse("OPTIONS * HTTP/1.1\r\nHost: h" END).path, "*");
	expect_refused("GET * HTTP/1.1\r\nHost: h" END, form);
	expect_refused("GET https://h/ HTTP/1.1\r\nHost: h" END, form);
	expect_refused("GET ftp://h/ HTTP/1.1\r\nHost: h" END, form);
	expect_refused("GET http:// HTTP/1.1\r\nHost: h" END, form);
	expect_refused("GET h HTTP/1.1\r\nHost: h" END, form);
	expect_refused("GET http://h@other/ HTTP/1.1\r\nHost: h" END,
		       "the host of the request is none");
	expect_refused("GET http:///x HTTP/1.1\r\nHost: h" END, "the host of the request is none");
	expect_refused("GET http://other/ HTTP/1.1\r\nHost: h" END,
		       "Host is not the host of the target");
	expect_refused("GET http://h/ HTTP/1.1\r\nHost: h:81" END,
		       "Host is not the host of the target");
	expect_refused("GET http://h/ HTTP/1.1" END, "Host is missing");
	expect_refused("CONNECT h HTTP/1.1\r\nHost: h" END, "the target of CONNECT has no port");
	expect_refused("CONNECT other:443 HTTP/1.1\r\nHost: h:443" END,
		       "Host is not the host of the target");
	expect_refused("CONNECT / HTTP/1.1\r\nHost: h" END, "the host of the request is none");
	expect_refused("CONNECT http://h:443/ HTTP/1.1\r\nHost: h" END,
		       "the host of the request is none");
}

/* A path has one writing, whatever a server takes for the same. */
static void test_path(void **state)
{
	static const char *const paths[][2] = {
		{"/a/b?c", "/a/b?c"},
		{"/%61%2D%2d/~%7e", "/a--/~~"},
		{"//a///b/", "/a/b/"},
		{"/a%2fb%2F/c", "/a/b/c"},
		{"/a%5cb", "/a\\b"},
		{"/%c3%A4%0a%00%20%25%3f%23", "/%C3%A4%0A%00%20%25%3F%23"},
		{"/%252e%252e/%zz/%", "/%252e%252e/%zz/%"},
		{"/.a/..a/a../.../a.b;c", "/.a/..a/a../.../a.b;c"},
		{"/a?b//../%2e%61", "/a?b//../%2e%61"},
		{"http://h//%61/", "/a/"},
		{"/./a/././%2e/b/.", "/a/b/"},
		{"/apt/./InRelease?./a", "/apt/InRelease?./a"},
		{"/\xc3\xa4", "/%C3%A4"},
	};
	static const char *const dots[] = {
		"/..",	       "/a/../b", "/./../a", "/a/..",  "/%2e%2E/a",   "/.%2e",
		"/a%2f..%2fb", "/a/..?b", "/..;/a",  "/..\\a", "/a%5c..%5cb", "http://h/a/..",
	};
	static char head[MAX_HTTP_HEAD];
	struct http_head ret;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		(void)snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: h" END, paths[i][0]);
		ret = parse(head);
		assert_string_equal(ret.path, paths[i][1]);
	}
	for (size_t i = 0; i < sizeof(dots) / sizeof(dots[0]); i++) {
		(void)snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: h" END, dots[i]);
		expect_refused(head, "the path of the request has a segment of dots");
	}
	expect_refused("GET /a#/../b HTTP/1.1\r\nHost: h" END,
		       "the target of the request has a fragment");
	/* What is not shown is looked at, too. */
	(void)snprintf(head, sizeof(head), "GET /%04000d/../b HTTP/1.1\r\nHost: h" END, 0);
	expect_refused(head, "the path of the request has a segment of dots");
	(void)snprintf(head, sizeof(head), "GET /%04000d HTTP/1.1\r\nHost: h" END, 0);
	ret = parse(head);
	assert_int_equal(strlen(ret.path), MAX_HTTP_PATH);
}

static void test_host(void **state)
{
	static const char *const hosts[][2] = {
		{"h", "h"},
		{"h.example.", "h.example"},
		{"a_b.example", "a_b.example"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"192.0.2.1", "192.0.2.1"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"[::ffff:192.0.2.1]", "::ffff:192.0.2.1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		char head[256];

		(void)snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nhOST:\t %s \t" END,
			       hosts[i][0]);
		assert_string_equal(parse(head).host, hosts[i][1]);
		assert_int_equal(parse(head).port, -1);
		(void)snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost:%s:8080" END,
			       hosts[i][0]);
		assert_string_equal(parse(head).host, hosts[i][1]);
		assert_int_equal(parse(head).port, 8080);
	}
}

static void test_malformed_host(void **state)
{
	static const char *const malformed[] = {
		"",
		"a b",
		"a,b",
		"a/b",
		"b\xc3\xbcro",
		"a%2eb",
		"u@a",
		"a..b",
		".",
		"-a",
		"a:",
		"a:0",
		"a:65536",
		"a:080000",
		"a:+80",
		"a:80:80",
		"[2001:db8::1",
		"[a]",
		"[1.2.3.4]",
		"[::1]x",
		"[::1]:",
		"::1",
		"1.2.3",
		"0x7f.1",
		"127.1",
		"2130706433",
		"a\\b",
		"a\"b",
		"[fe80::1%25eth0]",
		"0177.0.0.1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		char head[256];

		(void)snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: %s" END, malformed[i]);
		expect_refused(head, "the host of the request is none");
	}
	expect_refused("GET / HTTP/1.1" END, "Host is missing");
	expect_refused("GET / HTTP/1.1\r\nHost: h\r\nHost: h" END, "Host is given twice");
	expect_refused("GET / HTTP/1.1\r\nHost: h\r\nX: y\r\nhost: other" END,
		       "Host is given twice");
}

static void test_fields(void **state)
{
	static const char malformed[] = "a header field is malformed";
	static const char nul[] = "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b" END;
	struct http_head head;

	(void)state;
	(void)parse("GET / HTTP/1.1\r\nHost: h\r\nX:\r\nY: \xff\t:" END);
	expect_refused("GET / HTTP/1.1\r\nHost: h\r\n folded" END, "a header field is folded");
	expect_refused("GET / HTTP/1.1\r\n Host: other\r\nHost: h" END, "a header field is folded");
	expect_refused("GET / HTTP/1.1\r\nHost: h\r\n\tfolded" END, "a header field is folded");
	expect_refused("GET / HTTP/1.1\r\nHost : h" END, malformed);
	expect_refused("GET / HTTP/1.1\r\nHost: h\r\n: x" END, malformed);
	expect_refused("GET / HTTP/1.1\r\nHost: h\r\nno colon" END, malformed);
	expect_refused("GET / HTTP/1.1\r\nHost: h\r\nX\xff: y" END, malformed);
	expect_refused("GET / HTTP/1.1\r\nHost: h\r\nX: a\x01"
		       "b" END,
		       "a header field has control characters");
	expect_refused("GET / HTTP/1.1\r\nHost: h\nX: y" END,
		       "a header field does not end with CR LF");
	expect_refused("GET / HTTP/1.1\r\nHost: h\rX: y" END,
		       "a header field does not end with CR LF");
	expect_refused("GET / HTTP/1.1\r\nHost: h\r\n", "a header field does not end with CR LF");
	expect_refused("GET / HTTP/1.1\r\nHost: h" END "x", "there is something behind the head");
	assert_string_equal(http_head_parse(nul, sizeof(nul) - 1, &head),
			    "a header field has control characters");
	assert_true(parse("GET / HTTP/1.1\r\nHost: h\r\nUPGRADE: websocket" END).upgrade);
}

static void test_body(void **state)
{
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"
	static const char no_length[] = "Content-Length is no length";

	(void)state;
	assert_int_equal(parse(POST "Content-Length: 007" END).body_bytes, 7);
	assert_int_equal(parse(POST "content-length:999999999999999" END).body_bytes,
			 999999999999999);
	assert_int_equal(parse(POST "Transfer-Encoding: Chunked" END).body_bytes, HTTP_CHUNKED);
	expect_refused(POST "Content-Length: " END, no_length);
	expect_refused(POST "Content-Length: +1" END, no_length);
	expect_refused(POST "Content-Length: 1 1" END, no_length);
	expect_refused(POST "Content-Length: 1, 1" END, no_length);
	expect_refused(POST "Content-Length: 0x1" END, no_length);
	expect_refused(POST "Content-Length: 9999999999999999" END, no_length);
	expect_refused(POST "Content-Length: 1\r\nContent-Length: 1" END,
		       "Content-Length is given twice");
	expect_refused(POST "Content-Length: 1\r\nTransfer-Encoding: chunked" END,
		       "both Content-Length and Transfer-Encoding are given");
	expect_refused(POST "Transfer-Encoding: chunked\r\nContent-Length: 1" END,
		       "both Content-Length and Transfer-Encoding are given");
	expect_refused(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x" END,
		       "Transfer-Encoding is given twice");
	expect_refused(POST "Transfer-Encoding: gzip, chunked" END,
		       "Transfer-Encoding is not chunked alone");
	expect_refused(POST "Transfer-Encoding: xchunked" END,
		       "Transfer-Encoding is not chunked alone");
	expect_refused(POST "Transfer-Encoding: \vchunked" END,
		       "a header field has control characters");
	expect_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked" END,
		       "Transfer-Encoding is given in HTTP/1.0");
	assert_int_equal(parse(POST "Content-Encoding: GZIP" END).coding, HTTP_GZIP);
	assert_int_equal(parse(POST "Content-Encoding: deflate" END).coding, HTTP_DEFLATE);
	assert_int_equal(parse(POST "Content-Encoding: identity" END).coding, HTTP_PLAIN);
	assert_int_equal(parse(POST "Content-Encoding: br" END).coding, HTTP_UNREADABLE);
	assert_int_equal(parse(POST "Content-Encoding: gzip\r\nContent-Encoding: gzip" END).coding,
			 HTTP_UNREADABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_line),   cmocka_unit_test(test_target),
		cmocka_unit_test(test_path),	       cmocka_unit_test(test_host),
		cmocka_unit_test(test_malformed_host), cmocka_unit_test(test_fields),
		cmocka_unit_test(test_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
