/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "common/ipv4.h"
#include "monitor/gate/address.h"

static int decode(const char *bytes, size_t len, enum action_kind kind, struct address *ret)
{
	uint8_t copy[MAX_ADDRESS_BYTES + 1] = {0};

	memcpy(copy, bytes, len);
	return address_decode(copy, len, kind, ret);
}

static void expect_inet(const char *bytes, size_t len, const char *family, const char *text,
			bool loopback)
{
	struct address a;

	assert_int_equal(decode(bytes, len, ACTION_CONNECT, &a), 0);
	assert_string_equal(a.family, family);
	assert_string_equal(a.text, text);
	assert_int_equal(a.port, 443);
	assert_int_equal(a.loopback, loopback);
	assert_int_equal(a.path_len, 0);
}

#define V4(_a)	  "\x02\0\x01\xbb" _a "\0\0\0\0\0\0\0\0"
#define V6(_a)	  "\x0a\0\x01\xbb\0\0\0\0" _a "\0\0\0\0"
#define BYTES(_s) (_s), sizeof(_s) - 1

static void test_inet(void **state)
{
	(void)state;
	expect_inet(BYTES(V4("\x5d\xb8\xd8\x22")), "inet", "93.184.216.34", false);
	expect_inet(BYTES(V4("\x7f\xff\0\1")), "inet", "127.255.0.1", true);
	expect_inet(BYTES(V4("\0\0\0\0")), "inet", "0.0.0.0", true);
	expect_inet(BYTES(V6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1")), "inet6", "::1", true);
	expect_inet(BYTES(V6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")), "inet6", "::", true);
	expect_inet(BYTES(V6("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1")), "inet6", "2001:db8::1",
		    false);
	/* One address has one spelling. */
	expect_inet(BYTES(V6("\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1")), "inet", "10.0.0.1", false);
	expect_inet(BYTES(V6("\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1")), "inet", "127.0.0.1", true);
	expect_inet(BYTES(V6("\0\0\0\0\0\0\0\0\0\0\xff\xff\0\0\0\0")), "inet", "0.0.0.0", true);
	/* Without the scope, as RFC 2133 had it. */
	expect_inet(V6("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"), 24, "inet6", "2001:db8::1",
		    false);
}

/* As inet_ntop(3) has it. */
static void test_text(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256 * 4; i++) {
		uint8_t v4[4] = {1, 20, 255, 0};
		char expected[INET_ADDRSTRLEN];
		char text[IPV4_TEXT];

		v4[i / 256] = (uint8_t)i;
		assert_ptr_equal(inet_ntop(AF_INET, v4, expected, sizeof(expected)), expected);
		assert_int_equal(ipv4_text(v4, text), strlen(expected));
		assert_string_equal(text, expected);
	}
}

static void test_bounds(void **state)
{
	struct address a;
	const char long_one[MAX_ADDRESS_BYTES + 1] = {AF_UNIX};

	(void)state;
	assert_int_equal(decode("", 0, ACTION_CONNECT, &a), -EINVAL);
	assert_int_equal(decode("\2", 1, ACTION_CONNECT, &a), -EINVAL);
	assert_int_equal(decode(V4("\1\1\1\1"), 15, ACTION_CONNECT, &a), -EINVAL);
	assert_int_equal(decode(V6("0123456789abcdef"), 23, ACTION_CONNECT, &a), -EINVAL);
	assert_int_equal(decode(long_one, 111, ACTION_CONNECT, &a), -EINVAL);
	assert_int_equal(decode(long_one, MAX_ADDRESS_BYTES + 1, ACTION_CONNECT, &a), -EINVAL);
	assert_int_equal(decode("\x10\0", 2, ACTION_SEND, &a), -EINVAL);
}

static void test_any_is_local_only_as_destination(void **state)
{
	struct address a;

	(void)state;
	assert_int_equal(decode(BYTES(V4("\0\0\0\0")), ACTION_BIND, &a), 0);
	assert_false(a.loopback);
	assert_int_equal(decode(BYTES(V4("\0\0\0\0")), ACTION_SEND, &a), 0);
	assert_true(a.loopback);
}

static void test_unix(void **state)
{
	struct address a;
	char full[110];

	(void)state;
	assert_int_equal(decode("\1\0/x\0junk", 9, ACTION_CONNECT, &a), 0);
	assert_true(a.is_path);
	assert_string_equal(a.path, "/x");
	assert_int_equal(decode("\1\0\0a\0b", 6, ACTION_CONNECT, &a), 0);
	assert_false(a.is_path);
	assert_int_equal(a.path_len, 4);
	assert_memory_equal(a.path, "@a\0b", 4);
	assert_int_equal(decode("\1\0", 2, ACTION_CONNECT, &a), -EINVAL);
	assert_int_equal(decode("\1\0", 2, ACTION_BIND, &a), 0);
	assert_int_equal(a.path_len, 0);
	/* The name may fill its field without a NUL. */
	memset(full, 'n', sizeof(full));
	full[0] = AF_UNIX;
	full[1] = '\0';
	assert_int_equal(decode(full, sizeof(full), ACTION_CONNECT, &a), 0);
	assert_int_equal(a.path_len, 108);
	assert_int_equal(strlen(a.path), 108);
}

static void test_other_families(void **state)
{
	struct address a;

	(void)state;
	assert_int_equal(decode("\x10\0\0\0\x2a\0\0\0\0\0\0\0", 12, ACTION_SEND, &a), 0);
	assert_string_equal(a.family, "netlink");
	assert_int_equal(a.port, 42);
	assert_int_equal(decode("\x28\0\0\0", 4, ACTION_CONNECT, &a), 0);
	assert_string_equal(a.family, "other");
	assert_false(a.loopback);
	assert_int_equal(decode("\0\0\0\0", 4, ACTION_CONNECT, &a), ADDRESS_NONE);
	/* Where the kernel reads an address behind an unspecified family, so do we. */
	assert_int_equal(
		decode(BYTES("\0\0\x01\xbb\x01\x02\x03\x04\0\0\0\0\0\0\0\0"), ACTION_SEND, &a), 0);
	assert_string_equal(a.family, "inet");
	assert_string_equal(a.text, "1.2.3.4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inet),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_any_is_local_only_as_destination),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_other_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
