/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/decoy/git_push.h"
#include "monitor/net/decoy/http.h"
#include "monitor/net/decoy/script.h"

/* What a stream comes to, as text: "METHOD target|body|.", "!reason" if it is broken. */
static void read_stream(const char *stream, size_t len, size_t piece, struct buf *out)
{
	struct http_reader reader = {0};
	_cleanup_buf_ struct buf in = BUF_INIT(0);
	enum http_part part = HTTP_MORE;
	size_t taken;

	for (size_t at = 0; at < len && part != HTTP_BROKEN; at += piece) {
		buf_put(&in, stream + at, len - at < piece ? len - at : piece);
		do {
			part = http_reader_feed(&reader, in.data, in.len, &taken);
			if (part == HTTP_HEAD)
				buf_printf(out, "%s %s|", reader.request.method,
					   reader.request.target);
			if (part == HTTP_BODY)
				buf_put(out, in.data, taken);
			if (part == HTTP_END)
				buf_puts(out, "|.");
			if (part == HTTP_BROKEN)
				buf_printf(out, "!%s", reader.broken);
			buf_consume(&in, taken);
		} while (part != HTTP_MORE && part != HTTP_BROKEN);
	}
	http_reader_done(&reader);
}

static void expect_stream(const char *stream, const char *expected)
{
	const size_t len = strlen(stream);

	for (size_t piece = 1; piece <= len; piece++) {
		_cleanup_buf_ struct buf out = BUF_INIT(0);

		read_stream(stream, len, piece, &out);
		if (strcmp(out.data ? out.data : "", expected) != 0)
			fail_msg("in pieces of %zu: %s, not %s", piece, out.data, expected);
	}
}

static void test_streams(void **state)
{
	(void)state;
	expect_stream("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /||.");
	expect_stream("GET /a HTTP/1.1\nHost: a\n\nGET /b HTTP/1.0\n\n", "GET /a||.GET /b||.");
	expect_stream("POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\n\r\n",
		      "POST /a|hello|.GET /b||.");
	expect_stream("PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
		      "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
		      "PUT /a|hello!|.GET /b||.");
	expect_stream("\r\n\r\nGET / HTTP/1.1\r\n\r\n", "GET /||.");
	expect_stream("GET /\r\n\r\n", "!no request line of HTTP/1");
	expect_stream("PRI * HTTP/2.0\r\n\r\n", "!no request line of HTTP/1");
	expect_stream("PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		      "!Content-Length is no number");
	expect_stream("PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
		      "!Content-Length is no number");
	expect_stream("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		      "PUT /|!the size of a chunk is no number");
	expect_stream("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
		      "PUT /|!the size of a chunk is no number");
	expect_stream("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
		      "PUT /|a!a chunk is longer than it says");
}

static void test_endless_head(void **state)
{
	_cleanup_buf_ struct buf stream = BUF_INIT(0);
	_cleanup_buf_ struct buf out = BUF_INIT(0);

	(void)state;
	buf_puts(&stream, "GET / HTTP/1.1\r\n");
	while (stream.len < (size_t)2 * MAX_HTTP_HEAD_BYTES)
		buf_puts(&stream, "X: y\r\n");
	read_stream(stream.data, stream.len, 1000, &out);
	assert_string_equal(out.data, "!the head is too long");
}

static void test_request(void **state)
{
	static const char head[] = "POST http://a.example/b/c?x=1&uploads&y=2#z HTTP/1.1\r\n"
				   "Host: A.Example:8080\r\nexpect: 100-continue\r\n"
				   "x-Empty:\r\n X: \r\n\r\n";
	struct http_reader reader = {0};
	size_t taken;

	(void)state;
	assert_int_equal(http_reader_feed(&reader, head, sizeof(head) - 1, &taken), HTTP_HEAD);
	assert_int_equal(taken, sizeof(head) - 1);
	assert_string_equal(reader.request.host, "a.example");
	assert_true(reader.request.wants_continue && reader.request.keep_alive);
	assert_string_equal(http_field(&reader.request, "X-EMPTY"), "");
	assert_null(http_field(&reader.request, "absent"));
	assert_true(str_eq(http_path(&reader.request), STR("/b/c")));
	assert_true(str_eq(http_parameter(&reader.request, "x"), STR("1")));
	assert_true(str_eq(http_parameter(&reader.request, "y"), STR("2")));
	assert_non_null(http_parameter(&reader.request, "uploads").at);
	assert_null(http_parameter(&reader.request, "upload").at);
	assert_memory_equal(reader.request.head.at, "Host: A.Example:8080\r\n", 22);
	http_reader_done(&reader);
}

static void test_begins(void **state)
{
	(void)state;
	assert_int_equal(http_begins("GET /", 5), 1);
	assert_int_equal(http_begins("M-SEARCH *", 10), 1);
	assert_int_equal(http_begins("GE", 2), -1);
	assert_int_equal(http_begins("get /", 5), 0);
	assert_int_equal(http_begins(" GET", 4), 0);
	assert_int_equal(http_begins("SSH-2.0-x", 9), 0);
	assert_int_equal(http_begins("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ", 33), 0);
}

/* ---- git ---- */

#define OLD "0000000000000000000000000000000000000000"
#define NEW "1111111111111111111111111111111111111111"

static void test_push(void **state)
{
	static const char body[] = "0075" OLD " " NEW " refs/heads/main\0 report-status\n"
				   "0063" NEW " " OLD " refs/heads/x\n"
				   "0000PACK\0\0\0\2\0\0\1\7rest";
	struct git_push push;

	(void)state;
	assert_null(git_push_parse(body, sizeof(body) - 1, &push));
	assert_int_equal(push.count, 2);
	assert_string_equal(push.updates[0].ref, "refs/heads/main");
	assert_string_equal(push.updates[0].new_oid, NEW);
	assert_false(push.updates[0].deletes);
	assert_string_equal(push.updates[1].ref, "refs/heads/x");
	assert_true(push.updates[1].deletes);
	assert_int_equal(push.objects, 0x107);
	assert_null(git_push_parse("0000", 4, &push));
	assert_int_equal(push.count, 0);
}

static void test_broken_push(void **state)
{
	static const char *const bodies[] = {
		"",
		"000",
		"0001",
		"0004",
		"00zz",
		"ffff" OLD,
		"0063" NEW " " OLD " refs/heads/x\n",
		"0063" NEW "x" OLD " refs/heads/x\n0000",
		"0063" NEW " " OLD " refs/heads x\n0000",
		"0057" NEW " " OLD " \n0000",
	};
	struct git_push push;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (!git_push_parse(bodies[i], strlen(bodies[i]), &push))
			fail_msg("taken: %s", bodies[i]);
	}
}

/* ---- scripts ---- */

static int decode(const char *text, struct decoy_script *ret, struct error *err)
{
	_cleanup_(json_freep) struct json *doc = NULL;

	assert_int_equal(json_parse("text", text, strlen(text), &doc, err), 0);
	return script_decode(doc, "$.decoys", ret, err);
}

static void test_script(void **state)
{
	const struct script_entry *entry;
	struct decoy_script script;
	struct error err = {0};

	(void)state;
	assert_int_equal(decode("[{\"host\":\"A.example\",\"path\":\"/x\",\"method\":\"PUT\","
				"\"status\":201,\"headers\":{\"X-A\":\"b\"},\"body\":\"hi\"},"
				"{\"host\":\"*.example\",\"port\":8443,\"canary\":\"12345678\"}]",
				&script, &err),
			 0);
	entry = script_find(&script, "a.example", 443, "PUT", STR("/xyz"));
	assert_non_null(entry);
	assert_int_equal(entry->status, 201);
	assert_string_equal(entry->body, "hi");
	assert_string_equal(entry->fields[0].name, "X-A");
	assert_null(script_find(&script, "a.example", 443, "GET", STR("/xyz")));
	assert_null(script_find(&script, "a.example", 443, "PUT", STR("/")));
	assert_ptr_equal(script_find(&script, "b.example", 8443, "GET", STR("/")),
			 &script.entries[1]);
	assert_null(script_find(&script, "b.example", 443, "GET", STR("/")));
	assert_null(script_find(&script, "example", 8443, "GET", STR("/")));
	assert_null(script_find(&script, "bexample", 8443, "GET", STR("/")));
	assert_null(script_find(NULL, "a.example", 443, "PUT", STR("/xyz")));
	script_done(&script);
}

static void test_script_errors(void **state)
{
	static const struct {
		const char *text, *error;
	} wrong[] = {
		{"{}", "$.decoys: expected array, found object"},
		{"[{}]", "$.decoys[0]: member \"host\" (string) is missing"},
		{"[{\"host\":\"\"}]", "$.decoys[0].host: must be a name, *.NAME, or an address"},
		{"[{\"host\":\"a b\"}]", "$.decoys[0].host: must be a name, *.NAME, or an address"},
		{"[{\"host\":\"a\",\"path\":\"x\"}]", "$.decoys[0].path: must begin with /"},
		{"[{\"host\":\"a\",\"status\":100}]",
		 "$.decoys[0].status: must be a whole number from 200 to 599"},
		{"[{\"host\":\"a\"},{\"host\":\"a\",\"port\":0}]",
		 "$.decoys[1].port: must be a whole number from 1 to 65535"},
		{"[{\"host\":\"a\",\"canary\":\"short\"}]",
		 "$.decoys[0].canary: must have 8 to 256 bytes"},
		{"[{\"host\":\"a\",\"headers\":{\"A:\":\"b\"}}]",
		 "$.decoys[0].headers: must be names of letters, digits, - and _, with strings of "
		 "one line"},
		{"[{\"host\":\"a\",\"headers\":{\"A\":\"b\\r\\nC: d\"}}]",
		 "$.decoys[0].headers: must be names of letters, digits, - and _, with strings of "
		 "one line"},
		{"[{\"host\":\"a\",\"headers\":{\"content-length\":\"1\"}}]",
		 "$.decoys[0].headers: how long the answer is follows from its body"},
	};
	struct decoy_script script;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct error err = {0};

		assert_int_equal(decode(wrong[i].text, &script, &err), -EINVAL);
		assert_string_equal(err.text, wrong[i].error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams), cmocka_unit_test(test_endless_head),
		cmocka_unit_test(test_request), cmocka_unit_test(test_begins),
		cmocka_unit_test(test_push),	cmocka_unit_test(test_broken_push),
		cmocka_unit_test(test_script),	cmocka_unit_test(test_script_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
