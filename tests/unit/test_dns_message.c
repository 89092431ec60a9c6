/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "monitor/net/dns_message.h"

#define HEAD	  "\x12\x34\x01\0\0\1\0\0\0\0\0\0"
#define HEAD_OPT  "\x12\x34\x01\0\0\1\0\0\0\0\0\1"
#define A_EXAMPLE "\1a\7eXaMpLe\0"
#define AS_A	  "\0\1\0\1"
#define AS_AAAA	  "\0\x1c\0\1"
#define AS_PTR	  "\0\x0c\0\1"
#define OPT	  "\0\0\x29\x10\0\0\0\0\0\0\0"
#define BYTES(_s) (const uint8_t *)(_s), sizeof(_s) - 1

static struct dns_query query;
static uint8_t reply[DNS_REPLY_BYTES];

static void expect_code(const uint8_t *bytes, size_t len, int code)
{
	assert_int_equal(dns_query_parse(bytes, len, &query), code);
}

/* What the server sends for it. Return: bytes of `reply`. */
static size_t answer(struct names *names, const uint8_t *bytes, size_t len)
{
	struct dns_reply r = {.ede = DNS_EDE_NONE};
	const int code = dns_query_parse(bytes, len, &query);

	assert_int_not_equal(code, DNS_DROP);
	if (code == DNS_NOERROR)
		(void)dns_answer(names, &query, &r);
	else
		r.rcode = (unsigned)code;
	return dns_reply_write(&query, &r, reply);
}

static void expect_reply(size_t len, const uint8_t *bytes, size_t expected)
{
	assert_int_equal(len, expected);
	assert_memory_equal(reply, bytes, expected);
}

static void test_parse(void **state)
{
	(void)state;
	expect_code(BYTES(HEAD A_EXAMPLE AS_AAAA), DNS_NOERROR);
	assert_string_equal(query.name, "a.example");
	assert_true(query.is_host);
	assert_int_equal(query.id, 0x1234);
	assert_int_equal(query.type, DNS_TYPE_AAAA);
	assert_int_equal(query.class, DNS_CLASS_IN);
	assert_false(query.has_edns);
	assert_int_equal(query.label_max, 7);
	/* e twice of seven: 2/7*log2(7/2) + 5/7*log2(7) */
	assert_int_equal(query.entropy, 2522);
	expect_code(BYTES(HEAD_OPT A_EXAMPLE AS_A OPT), DNS_NOERROR);
	assert_true(query.has_edns);
	/* With a client's cookie. */
	expect_code(BYTES(HEAD_OPT A_EXAMPLE AS_A
			  "\0\0\x29\x04\xd0\0\0\x80\0\0\x0c\0\x0a\0\x08\1\2\3\4\5\6\7\x08"),
		    DNS_NOERROR);
	assert_int_equal(query.edns_flags, 0x8000);
}

static void test_odd_names(void **state)
{
	(void)state;
	expect_code(BYTES(HEAD "\0" AS_A), DNS_NOERROR);
	assert_string_equal(query.name, ".");
	assert_false(query.is_host);
	expect_code(BYTES(HEAD "\4a\0.b\3com\0" AS_A), DNS_NOERROR);
	assert_string_equal(query.name, "a\\000\\046b.com");
	assert_false(query.is_host);
	expect_code(BYTES(HEAD "\3\xff \\\0" AS_A), DNS_NOERROR);
	assert_string_equal(query.name, "\\255\\032\\092");
	expect_code(BYTES(HEAD "\1"
			       "1\1"
			       "1\1"
			       "1\1"
			       "1\0" AS_A),
		    DNS_NOERROR);
	assert_string_equal(query.name, "1.1.1.1");
	assert_false(query.is_host);
}

static void test_malformed(void **state)
{
	static const char whole[] = HEAD_OPT A_EXAMPLE AS_A OPT;
	uint8_t copy[sizeof(whole)];

	(void)state;
	/* Cut anywhere. */
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		memcpy(copy, whole, len);
		expect_code(copy, len, len < DNS_HEADER_BYTES ? DNS_DROP : DNS_FORMERR);
	}
	expect_code(BYTES(HEAD_OPT A_EXAMPLE AS_A OPT "x"), DNS_FORMERR);
	/* Compression, to itself and to what is before it; the reserved kinds of label. */
	expect_code(BYTES(HEAD "\xc0\x0c" AS_A), DNS_FORMERR);
	expect_code(BYTES(HEAD "\1a\xc0\x0c" AS_A), DNS_FORMERR);
	expect_code(BYTES(HEAD "\xc0\0" AS_A), DNS_FORMERR);
	expect_code(BYTES(HEAD "\x41\1\0" AS_A), DNS_FORMERR);
	expect_code(BYTES(HEAD "\x81\1\0" AS_A), DNS_FORMERR);
	/* Counts: no question, two, two announced, answers and authority in a question. */
	expect_code(BYTES("\x12\x34\1\0\0\0\0\0\0\0\0\0"), DNS_FORMERR);
	expect_code(BYTES("\x12\x34\1\0\0\2\0\0\0\0\0\0" A_EXAMPLE AS_A A_EXAMPLE AS_AAAA),
		    DNS_FORMERR);
	expect_code(BYTES("\x12\x34\1\0\xff\xff\0\0\0\0\0\0" A_EXAMPLE AS_A), DNS_FORMERR);
	expect_code(BYTES("\x12\x34\1\0\0\1\0\1\0\0\0\0" A_EXAMPLE AS_A), DNS_FORMERR);
	expect_code(BYTES("\x12\x34\1\0\0\1\0\0\0\1\0\0" A_EXAMPLE AS_A), DNS_FORMERR);
	expect_code(BYTES("\x12\x34\1\0\0\1\0\0\0\0\xff\xff" A_EXAMPLE AS_A), DNS_FORMERR);
	/* EDNS twice, and with a name. */
	expect_code(BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\2" A_EXAMPLE AS_A OPT OPT), DNS_FORMERR);
	expect_code(BYTES(HEAD_OPT A_EXAMPLE AS_A "\1a" OPT), DNS_FORMERR);
	expect_code(BYTES(HEAD_OPT A_EXAMPLE AS_A "\0\0\x29\x10\0\0\1\0\0\0\0"), DNS_BADVERS);
	/* Itself an answer: two servers would keep each other busy. */
	expect_code(BYTES("\x12\x34\x81\x80\0\1\0\0\0\0\0\0" A_EXAMPLE AS_A), DNS_DROP);
	/* An update. */
	expect_code(BYTES("\x12\x34\x28\0\0\1\0\0\0\0\0\0" A_EXAMPLE AS_A), DNS_NOTIMP);
}

/* A name of @labels labels of 63 bytes and one of @last. */
static size_t long_query(uint8_t *to, unsigned labels, unsigned last)
{
	static const uint8_t head[DNS_HEADER_BYTES] = {0x12, 0x34, 1, 0, 0, 1};
	uint8_t *at = to + DNS_HEADER_BYTES;

	memcpy(to, head, sizeof(head));
	for (unsigned i = 0; i <= labels; i++) {
		const unsigned len = i < labels ? 63 : last;

		*at++ = (uint8_t)len;
		memset(at, 'x', len);
		at += len;
	}
	*at++ = 0;
	memcpy(at, AS_A, 4);
	return (size_t)(at + 4 - to);
}

static void test_long_names(void **state)
{
	uint8_t bytes[512];
	struct names *names = names_new();

	(void)state;
	expect_code(bytes, long_query(bytes, 3, 61), DNS_NOERROR);
	assert_int_equal(strlen(query.name), MAX_NAME_BYTES);
	assert_true(query.is_host);
	assert_int_equal(query.label_max, 63);
	assert_int_equal(query.entropy, 0);
	expect_code(bytes, long_query(bytes, 3, 62), DNS_FORMERR);
	expect_code(bytes, long_query(bytes, 3, 63), DNS_FORMERR);
	expect_code(bytes, long_query(bytes, 5, 63), DNS_FORMERR);
	/* And the longest has room for its answer. */
	assert_int_equal(answer(names, bytes, long_query(bytes, 3, 61)),
			 long_query(bytes, 3, 61) + 16);
	names_free(names);
}

static void test_addresses(void **state)
{
	struct names *names = names_new();

	(void)state;
	/* The case of the question is the asker's. */
	expect_reply(answer(names, BYTES(HEAD A_EXAMPLE AS_A)),
		     BYTES("\x12\x34\x81\x80\0\1\0\1\0\0\0\0" A_EXAMPLE AS_A "\xc0\x0c" AS_A
			   "\0\0\x01\x2c\0\4\xc6\x12\1\0"));
	expect_reply(answer(names, BYTES(HEAD_OPT A_EXAMPLE AS_AAAA OPT)),
		     BYTES("\x12\x34\x81\x80\0\1\0\1\0\0\0\1" A_EXAMPLE AS_AAAA "\xc0\x0c" AS_AAAA
			   "\0\0\x01\x2c\0\x10\xfd\x5c\x6f\x72\x64\x6f\x6e\0"
			   "\0\0\0\0\0\0\1\0"
			   "\0\0\x29\x04\xd0\0\0\0\0\0\0"));
	expect_reply(answer(names, BYTES(HEAD "\1X\tLocalHost\0" AS_A)),
		     BYTES("\x12\x34\x81\x80\0\1\0\1\0\0\0\0\1X\tLocalHost\0" AS_A "\xc0\x0c" AS_A
			   "\0\0\x01\x2c\0\4\x7f\0\0\1"));
	(void)answer(names, BYTES(HEAD "\tlocalhost\0" AS_AAAA));
	assert_memory_equal(reply + 12 + 11 + 4 + 12, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	assert_int_equal(names_count(names), 1);
	names_free(names);
}

static void expect_empty(struct names *names, const uint8_t *bytes, size_t len, unsigned rcode)
{
	assert_int_equal(answer(names, bytes, len), len);
	assert_int_equal(reply[3] & 0xf, rcode);
	assert_int_equal(reply[7], 0);
	/* The question, and nothing behind it. */
	assert_memory_equal(reply + DNS_HEADER_BYTES, bytes + DNS_HEADER_BYTES,
			    len - DNS_HEADER_BYTES);
}

static void test_empty(void **state)
{
	struct names *names = names_new();

	(void)state;
	expect_empty(names, BYTES(HEAD A_EXAMPLE "\0\x41\0\1"), DNS_NOERROR); /* HTTPS */
	expect_empty(names, BYTES(HEAD A_EXAMPLE "\0\x40\0\1"), DNS_NOERROR); /* SVCB */
	expect_empty(names, BYTES(HEAD A_EXAMPLE "\0\x10\0\1"), DNS_NOERROR); /* TXT */
	expect_empty(names, BYTES(HEAD A_EXAMPLE "\0\xff\0\1"), DNS_NOERROR); /* ANY */
	expect_empty(names, BYTES(HEAD A_EXAMPLE "\0\xfc\0\1"), DNS_NOTIMP);  /* AXFR */
	expect_empty(names, BYTES(HEAD A_EXAMPLE "\0\x29\0\1"), DNS_FORMERR); /* OPT */
	expect_empty(names, BYTES(HEAD "\7version\4bind\0\0\x10\0\3"), DNS_REFUSED);
	expect_empty(names, BYTES(HEAD "\3a b\0" AS_A), DNS_NXDOMAIN);
	expect_empty(names, BYTES(HEAD "\4a\0.b\0" AS_A), DNS_NXDOMAIN);
	expect_empty(names, BYTES(HEAD "\0" AS_A), DNS_NXDOMAIN);
	expect_empty(names, BYTES(HEAD "\7printer\5local\0" AS_A), DNS_NXDOMAIN);
	expect_empty(names, BYTES(HEAD "\1a\5onion\0" AS_A), DNS_NXDOMAIN);
	expect_empty(names, BYTES(HEAD "\7invalid\0" AS_A), DNS_NXDOMAIN);
	expect_empty(names, BYTES(HEAD "\10ipv4only\4arpa\0" AS_AAAA), DNS_NXDOMAIN);
	assert_int_equal(names_count(names), 0);
	(void)answer(names, BYTES(HEAD "\2db\7cluster\5local\0" AS_A));
	assert_int_equal(reply[7], 1);
	names_free(names);
}

/* Of the second half of fd5c:6f72:646f:6e00::100, from its fourth digit on. */
#define ZERO \
	"\1" \
	"0"
#define ZEROS_5 ZERO ZERO ZERO ZERO ZERO
#define V6_TAIL                       \
	ZEROS_5 ZEROS_5 ZEROS_5 "\1"  \
				"e\1" \
				"6\1" \
				"f\1" \
				"6\1" \
				"4\1" \
				"6\1" \
				"2\1" \
				"7\1" \
				"f\1" \
				"6\1" \
				"c\1" \
				"5\1" \
				"d\1" \
				"f\3ip6\4arpa\0"
#define REV_V4(_d, _c)       \
	"\1" _d "\1" _c "\2" \
	"18\3"               \
	"198\7in-addr\4arpa\0"

static void test_reverse(void **state)
{
	struct names *names = names_new();

	(void)state;
	expect_empty(names, BYTES(HEAD REV_V4("0", "1") AS_PTR), DNS_NXDOMAIN);
	(void)answer(names, BYTES(HEAD A_EXAMPLE AS_A));
	expect_reply(answer(names, BYTES(HEAD REV_V4("0", "1") AS_PTR)),
		     BYTES("\x12\x34\x81\x80\0\1\0\1\0\0\0\0" REV_V4("0", "1") AS_PTR
			   "\xc0\x0c" AS_PTR "\0\0\x01\x2c\0\x0b\1a\7example\0"));
	(void)answer(names, BYTES(HEAD "\1"
				       "0\1"
				       "0\1"
				       "1" V6_TAIL AS_PTR));
	assert_int_equal(reply[7], 1);
	expect_empty(names, BYTES(HEAD REV_V4("0", "1") AS_A), DNS_NOERROR);
	expect_empty(names, BYTES(HEAD REV_V4("1", "1") AS_PTR), DNS_NXDOMAIN);
	expect_empty(names,
		     BYTES(HEAD "\1"
				"1\1"
				"1" V6_TAIL AS_PTR),
		     DNS_NXDOMAIN);
	expect_empty(names,
		     BYTES(HEAD "\1"
				"8\1"
				"8\1"
				"8\1"
				"8\7in-addr\4arpa\0" AS_PTR),
		     DNS_NXDOMAIN);
	/* One address has one name. */
	expect_empty(names,
		     BYTES(HEAD "\2"
				"00\1"
				"1\2"
				"18\3"
				"198\7in-addr\4arpa\0" AS_PTR),
		     DNS_NXDOMAIN);
	expect_empty(names,
		     BYTES(HEAD "\3"
				"256\1"
				"1\2"
				"18\3"
				"198\7in-addr\4arpa\0" AS_PTR),
		     DNS_NXDOMAIN);
	(void)answer(names, BYTES(HEAD "\1"
				       "1\1"
				       "0\1"
				       "0\3"
				       "127\7in-addr\4arpa\0" AS_PTR));
	assert_int_equal(reply[7], 1);
	names_free(names);
}

/* What was refused is told to who can read it, and a text of any length fits. */
static void test_extended(void **state)
{
	char text[600];
	struct dns_reply r = {
		.rcode = DNS_NXDOMAIN, .ede = DNS_EDE_FILTERED, .ede_text = "by rule x"};

	(void)state;
	expect_code(BYTES(HEAD_OPT A_EXAMPLE AS_A OPT), DNS_NOERROR);
	expect_reply(dns_reply_write(&query, &r, reply),
		     BYTES("\x12\x34\x81\x83\0\1\0\0\0\0\0\1" A_EXAMPLE AS_A
			   "\0\0\x29\x04\xd0\0\0\0\0\0\x0f\0\x0f\0\x0b\0\x11"
			   "by rule x"));
	/* One that is too long ends with a whole character. */
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? '\xc3' : '\xbc';
	text[0] = 'x';
	text[sizeof(text) - 1] = '\0';
	r.ede_text = text;
	assert_int_equal(dns_reply_write(&query, &r, reply), DNS_REPLY_BYTES - 1);
	assert_int_equal(reply[DNS_REPLY_BYTES - 2], 0xbc);
	/* Who speaks no EDNS is told the code alone. */
	expect_code(BYTES(HEAD A_EXAMPLE AS_A), DNS_NOERROR);
	assert_int_equal(dns_reply_write(&query, &r, reply), 27);
	r.rcode = DNS_BADVERS;
	expect_code(BYTES(HEAD_OPT A_EXAMPLE AS_A "\0\0\x29\x10\0\0\1\0\0\0\0"), DNS_BADVERS);
	(void)dns_reply_write(&query, &r, reply);
	assert_int_equal(reply[3] & 0xf, 0);
	assert_int_equal(reply[27 + 5], 1);
}

static void test_full(void **state)
{
	struct names *names = names_new();
	struct dns_reply r;
	uint8_t address[16];
	char name[16];

	(void)state;
	for (unsigned i = 0; i < MAX_NET_NAMES; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(names_mint(names, name, AF_INET, address), 0);
	}
	expect_code(BYTES(HEAD A_EXAMPLE AS_A), DNS_NOERROR);
	assert_int_equal(dns_answer(names, &query, &r), -ENOSPC);
	assert_int_equal(r.rcode, DNS_SERVFAIL);
	assert_false(r.has_address);
	names_free(names);
}

static void test_type_names(void **state)
{
	char room[10];

	(void)state;
	assert_string_equal(dns_type_name(DNS_TYPE_A, room), "A");
	assert_string_equal(dns_type_name(65, room), "HTTPS");
	assert_string_equal(dns_type_name(65535, room), "TYPE65535");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	  cmocka_unit_test(test_odd_names),
		cmocka_unit_test(test_malformed), cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_empty),
		cmocka_unit_test(test_reverse),	  cmocka_unit_test(test_extended),
		cmocka_unit_test(test_full),	  cmocka_unit_test(test_type_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
