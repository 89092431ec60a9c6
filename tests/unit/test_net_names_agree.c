/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "monitor/net/first_bytes.h"
#include "tests/support/hello.h"

static struct first_target target_of(const char *host, uint16_t port)
{
	struct first_target target = {.endpoint = {.port = port}};

	if (!endpoint_parse(host, &target.endpoint))
		target.name = host;
	return target;
}

/* NULL if what is said agrees with the target. */
static const char *disagreement(const char *bytes, size_t len, const struct first_target *target)
{
	_cleanup_(first_bytes_freep) struct first_bytes *fb = first_bytes_new();
	const char *why;
	size_t taken;

	assert_int_equal(first_bytes_feed(fb, bytes, len, &taken), FIRST_HEAD);
	const bool agree = names_agree(first_bytes_seen(fb), target, &why);

	assert_int_equal(agree, !why);
	return why;
}

static const char *request(const char *host, const struct first_target *target)
{
	char head[512];

	(void)snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host);
	return disagreement(head, strlen(head), target);
}

static const char *handshake(const char *sni, const struct first_target *target)
{
	_cleanup_buf_ struct buf extensions = BUF_INIT(0);
	_cleanup_buf_ struct buf body = BUF_INIT(0);
	_cleanup_buf_ struct buf records = BUF_INIT(0);

	if (sni)
		hello_sni(&extensions, sni);
	hello_body(&body, &extensions);
	hello_records(&records, &body, 1, 1 << 14);
	return disagreement(records.data, records.len, target);
}

static void test_name(void **state)
{
	static const char host[] = "the request's Host is not the host that was connected to";
	static const char port[] = "the request names another port than the one connected to";
	static const char sni[] = "the TLS server name is not the host that was connected to";
	const struct first_target target = target_of("good.example", 80);

	(void)state;
	assert_null(request("good.example", &target));
	assert_null(request("GOOD.Example.", &target));
	assert_null(request("good.example:80", &target));
	assert_string_equal(request("good.example:8080", &target), port);
	assert_string_equal(request("other.example", &target), host);
	assert_string_equal(request("good.example.other.example", &target), host);
	assert_string_equal(request("a.good.example", &target), host);
	assert_string_equal(request("good.exampl", &target), host);
	assert_string_equal(request("93.184.216.34", &target), host);
	assert_null(handshake("good.example", &target));
	assert_null(handshake("Good.EXAMPLE.", &target));
	assert_null(handshake(NULL, &target));
	assert_string_equal(handshake("other.example", &target), sni);
	assert_string_equal(handshake("good.example..", &target), sni);
	assert_string_equal(handshake("good.example ", &target), sni);
	assert_string_equal(handshake("93.184.216.34", &target), sni);
	assert_string_equal(handshake("*.example", &target), sni);
}

static void test_address(void **state)
{
	static const char host[] = "the request's Host is not the host that was connected to";
	const struct first_target v4 = target_of("93.184.216.34", 80);
	const struct first_target v6 = target_of("2600::1", 80);

	(void)state;
	assert_null(request("93.184.216.34", &v4));
	assert_null(request("93.184.216.34:80", &v4));
	assert_null(request("[::ffff:93.184.216.34]", &v4));
	assert_null(request("[2600:0:0::0001]:80", &v6));
	assert_string_equal(request("93.184.216.35", &v4), host);
	assert_string_equal(request("good.example", &v4), host);
	assert_string_equal(request("[2600::2]", &v6), host);
	assert_string_equal(request("[::93.184.216.34]", &v4), host);
	assert_null(handshake(NULL, &v4));
	assert_null(handshake("93.184.216.34", &v4));
	assert_non_null(handshake("good.example", &v4));
	assert_non_null(handshake("0x5db8d822", &v4));
}

static void test_connect(void **state)
{
#define CONNECT(_to)	    "CONNECT " _to " HTTP/1.1\r\nHost: " _to "\r\n\r\n"
#define DISAGREEMENT(_text) disagreement((_text), sizeof(_text) - 1, &target)
	const struct first_target target = target_of("good.example", 443);

	(void)state;
	assert_null(DISAGREEMENT(CONNECT("good.example:443")));
	assert_string_equal(DISAGREEMENT(CONNECT("other.example:443")),
			    "CONNECT asks for another host than the one connected to");
	assert_string_equal(DISAGREEMENT(CONNECT("good.example:22")),
			    "the request names another port than the one connected to");
	assert_null(DISAGREEMENT(
		"GET http://good.example:443/ HTTP/1.1\r\nHost: good.example\r\n\r\n"));
	assert_non_null(
		DISAGREEMENT("GET http://other.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n"));
	/* These say no name. */
	assert_null(DISAGREEMENT("GET / HTTP/1.0\r\n\r\n"));
	assert_null(DISAGREEMENT("SSH-2.0-x\r\n"));
	assert_null(DISAGREEMENT("EHLO other.example\r\n"));
	assert_null(DISAGREEMENT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
}

static void test_broken(void **state)
{
	_cleanup_(first_bytes_freep) struct first_bytes *fb = first_bytes_new();
	const struct first_target target = target_of("good.example", 80);
	const char *why;
	size_t taken;

	(void)state;
	assert_int_equal(first_bytes_feed(fb, "GET /\r\n", 7, &taken), FIRST_BROKEN);
	assert_false(names_agree(first_bytes_seen(fb), &target, &why));
	assert_string_equal(why, "the request line is malformed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
