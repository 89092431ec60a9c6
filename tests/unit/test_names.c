/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "monitor/net/names.h"

static void expect_canonical(const char *text, const char *expected)
{
	char name[MAX_NAME_BYTES + 1] = "untouched";
	const bool is_name = names_canonical(text, strlen(text), name);

	if (is_name != (expected != NULL))
		fail_msg("\"%s\" is %s", text, is_name ? "taken" : "refused");
	assert_string_equal(name, expected ? expected : "untouched");
}

static void test_canonical(void **state)
{
	(void)state;
	expect_canonical("example.com", "example.com");
	expect_canonical("WWW.Example.COM.", "www.example.com");
	expect_canonical("localhost", "localhost");
	expect_canonical("_ldap._tcp.dc-1.example", "_ldap._tcp.dc-1.example");
	expect_canonical("r3---sn-4g5e.googlevideo.com", "r3---sn-4g5e.googlevideo.com");
	expect_canonical("xn--bcher-kva.example", "xn--bcher-kva.example");
	expect_canonical("1.2.3.4.example", "1.2.3.4.example");
	expect_canonical("0xabc.example", "0xabc.example");
	expect_canonical("face", "face");
}

static void test_refused(void **state)
{
	static const char *const refused[] = {
		"",
		".",
		"..",
		"a..b",
		".a",
		"a..",
		"-a.b",
		"a-.b",
		"a b",
		"a\tb",
		"b\303\274cher.de",
		"a/b",
		"a@b",
		"a:80",
		"*.a",
		"a\\.b",
		"a\x7f",
		/* numeric, in every spelling that a resolver or a URL takes */
		"127.0.0.1",
		"127.1",
		"2130706433",
		"0x7f000001",
		"0x7f.1",
		"0177.0.0.1",
		"127.0.0.1.",
		"0X7F.0.0.1",
		"0x",
		"1.2.3.0x",
		"example.1",
		"a.0xff",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		expect_canonical(refused[i], NULL);
	char name[MAX_NAME_BYTES + 1];

	assert_false(names_canonical("good.example\0.evil", 18, name));
	assert_false(names_canonical("a\0", 2, name));
}

static void test_lengths(void **state)
{
	char text[300], name[MAX_NAME_BYTES + 1];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_true(names_canonical(text, MAX_LABEL_BYTES, name));
	assert_false(names_canonical(text, MAX_LABEL_BYTES + 1, name));
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? '.' : 'a';
	assert_true(names_canonical(text, MAX_NAME_BYTES, name));
	assert_int_equal(strlen(name), MAX_NAME_BYTES);
	assert_true(names_canonical(text, MAX_NAME_BYTES + 1, name)); /* with the final dot */
	assert_false(names_canonical(text, MAX_NAME_BYTES + 2, name));
}

static void expect_address(struct names *names, const char *name, int family, const char *expected)
{
	uint8_t address[16];
	char text[INET6_ADDRSTRLEN];

	assert_int_equal(names_mint(names, name, family, address), 0);
	(void)inet_ntop(AF_INET6, address, text, sizeof(text));
	assert_string_equal(text, expected);
	assert_string_equal(names_find(names, address), name);
	assert_true(names_is_pool(address));
}

static void test_mint(void **state)
{
	struct names *names = names_new();

	(void)state;
	expect_address(names, "a.example", AF_INET, "::ffff:198.18.1.0");
	expect_address(names, "b.example", AF_INET6, "fd5c:6f72:646f:6e00::101");
	/* A name keeps what it has, and both families are one entry. */
	expect_address(names, "a.example", AF_INET6, "fd5c:6f72:646f:6e00::100");
	expect_address(names, "b.example", AF_INET, "::ffff:198.18.1.1");
	expect_address(names, "a.example", AF_INET, "::ffff:198.18.1.0");
	assert_int_equal(names_count(names), 2);
	assert_null(names_free(names));
	assert_null(names_free(NULL));
}

static const char *find(const struct names *names, const char *text)
{
	uint8_t address[16];

	assert_int_equal(inet_pton(AF_INET6, text, address), 1);
	return names_find(names, address);
}

static bool is_pool(const char *text)
{
	uint8_t address[16];

	assert_int_equal(inet_pton(AF_INET6, text, address), 1);
	return names_is_pool(address);
}

static void test_find(void **state)
{
	struct names *names = names_new();
	uint8_t address[16];

	(void)state;
	assert_null(find(names, "::ffff:198.18.1.0"));
	assert_int_equal(names_mint(names, "a.example", AF_INET, address), 0);
	assert_non_null(find(names, "::ffff:198.18.1.0"));
	assert_non_null(find(names, "fd5c:6f72:646f:6e00::100"));
	assert_null(find(names, "::ffff:198.18.1.1"));
	assert_null(find(names, "::ffff:198.18.0.1"));
	assert_null(find(names, "::ffff:198.17.255.255"));
	assert_null(find(names, "::198.18.1.0"));
	assert_null(find(names, "fd5c:6f72:646f:6e00::0"));
	assert_null(find(names, "fd5c:6f72:646f:6e00::1:0:100"));
	assert_null(find(names, "fd5c:6f72:646f:6e01::100"));
	assert_null(find(names, "::100"));
	names_free(names);
	assert_true(is_pool("::ffff:198.18.0.0") && is_pool("::ffff:198.19.255.255"));
	assert_false(is_pool("::ffff:198.17.255.255") || is_pool("::ffff:198.20.0.0"));
	assert_false(is_pool("::198.18.0.1") || is_pool("fd5c:6f72:646f:6dff::1"));
}

/* No name gets another's address, until there is none left; who has one keeps it. */
static void test_full(void **state)
{
	struct names *names = names_new();
	uint8_t address[16];
	char name[32];

	(void)state;
	for (unsigned i = 0; i < MAX_NET_NAMES; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		assert_int_equal(names_mint(names, name, AF_INET, address), 0);
	}
	assert_int_equal(names_mint(names, "more.example", AF_INET, address), -ENOSPC);
	assert_int_equal(names_count(names), MAX_NET_NAMES);
	for (unsigned i = 0; i < MAX_NET_NAMES; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		assert_int_equal(names_mint(names, name, i % 2 ? AF_INET : AF_INET6, address), 0);
		assert_string_equal(names_find(names, address), name);
	}
	names_free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lengths),	  cmocka_unit_test(test_mint),
		cmocka_unit_test(test_find),	  cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
