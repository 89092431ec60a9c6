/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "monitor/session/request.h"
#include "tests/support/hello.h"

static const struct first_target target = {.name = "h.example", .endpoint = {.port = 8080}};
static const struct str names[] = {{"first", 5}, {"second", 6}};

static struct first_bytes *read_head(const char *bytes, size_t len)
{
	struct first_bytes *fb = first_bytes_new();
	size_t taken;

	assert_int_equal(first_bytes_feed(fb, bytes, len, &taken), FIRST_HEAD);
	return fb;
}

static void expect(struct str got, const char *text)
{
	if (!str_eq(got, str_of(text)))
		fail_msg("\"%.*s\" instead of \"%s\"", (int)got.len, got.at, text);
}

static void test_http(void **state)
{
	static const char head[] = "PUT /x?y HTTP/1.1\r\nHost: H.example:8080\r\n"
				   "Content-Length: 7\r\n\r\n";
	_cleanup_(first_bytes_freep) struct first_bytes *fb = read_head(head, sizeof(head) - 1);
	struct action action = {.pid = 7};
	struct request_lists lists;

	(void)state;
	request_action(first_bytes_seen(fb), &target, "198.18.1.0", &lists, &action);
	request_searched(&(struct scan_result){2, "too much"}, names, &lists, &action);
	assert_int_equal(action.kind, ACTION_REQUEST);
	assert_int_equal(action.pid, 7);
	expect(action.protocol, "http");
	expect(action.host, "h.example");
	expect(action.address, "198.18.1.0");
	assert_int_equal(action.port, 8080);
	expect(action.method, "PUT");
	expect(action.url_path, "/x?y");
	expect(action.http_host, "H.example");
	assert_int_equal(action.body_bytes, 7);
	assert_true(action.agrees);
	assert_int_equal(action.canaries.count, 1);
	expect(action.canaries.items[0], "second");
	expect(action.unsearched, "too much");
	assert_int_equal(action.sni.len, 0);
	assert_int_equal(action.alpn.count, 0);
}

static void test_tls(void **state)
{
	_cleanup_buf_ struct buf extensions = BUF_INIT(0);
	_cleanup_buf_ struct buf body = BUF_INIT(0);
	_cleanup_buf_ struct buf records = BUF_INIT(0);
	struct action action = {0};
	struct request_lists lists;

	(void)state;
	hello_sni(&extensions, "other.example");
	hello_extension(&extensions, 16, "\0\x0c\2h2\x08http/1.1", 14);
	hello_extension(&extensions, 0xfe0d, "", 0);
	hello_body(&body, &extensions);
	hello_records(&records, &body, 1, 1 << 14);
	_cleanup_(first_bytes_freep) struct first_bytes *fb = read_head(records.data, records.len);

	request_action(first_bytes_seen(fb), &target, "198.18.1.0", &lists, &action);
	expect(action.protocol, "tls");
	expect(action.sni, "other.example");
	assert_false(action.agrees);
	assert_true(action.ech);
	assert_int_equal(action.alpn.count, 2);
	expect(action.alpn.items[1], "http/1.1");
	assert_int_equal(action.canaries.count, 0);
	assert_int_equal(action.method.len, 0);
}

/* An address, of which there is no name. */
static void test_other(void **state)
{
	const struct first_target number = {.endpoint = {.port = 25}};
	_cleanup_(first_bytes_freep) struct first_bytes *fb = read_head("EHLO me\r\n", 9);
	struct action action = {0};
	struct request_lists lists;

	(void)state;
	request_action(first_bytes_seen(fb), &number, "93.184.216.34", &lists, &action);
	request_searched(&(struct scan_result){.found = 3}, names, &lists, &action);
	expect(action.protocol, "other");
	expect(action.host, "93.184.216.34");
	assert_true(action.agrees);
	assert_int_equal(action.canaries.count, 2);
	expect(action.canaries.items[0], "first");
	expect(action.unsearched, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
