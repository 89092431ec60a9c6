/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "monitor/net/endpoint.h"
#include "monitor/net/upstream_address.h"

static const struct upstream_rules no_rules;

static const char *refusal(const char *text, const struct upstream_rules *rules)
{
	struct endpoint to;

	assert_true(endpoint_parse(text, &to));
	return upstream_address_refusal(to.address, rules);
}

static void expect_refused(const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!refusal(texts[i], &no_rules))
			fail_msg("%s may be dialled", texts[i]);
	}
}

/* First and last address of each range of the IANA IPv4 special-purpose address registry that is
 * not reachable globally, and of what else is no unicast address of the Internet. */
static void test_v4_ranges(void **state)
{
	static const char *const refused[] = {
		"0.0.0.0",	   "0.0.0.1",	      "0.255.255.255",	 "10.0.0.0",
		"10.255.255.255",  "100.64.0.0",      "100.127.255.255", "127.0.0.0",
		"127.0.0.1",	   "127.255.255.255", "169.254.0.0",	 "169.254.255.255",
		"172.16.0.0",	   "172.31.255.255",  "192.0.0.0",	 "192.0.0.7",
		"192.0.0.8",	   "192.0.0.170",     "192.0.0.171",	 "192.0.0.255",
		"192.0.2.0",	   "192.0.2.255",     "192.88.99.0",	 "192.88.99.2",
		"192.88.99.255",   "192.168.0.0",     "192.168.255.255", "198.18.0.0",
		"198.18.1.0",	   "198.19.255.255",  "198.51.100.0",	 "198.51.100.255",
		"203.0.113.0",	   "203.0.113.255",   "224.0.0.0",	 "224.0.0.1",
		"239.255.255.255", "240.0.0.0",	      "255.255.255.254", "255.255.255.255",
	};
	/* The neighbours of those ranges, and what the registry calls globally reachable. */
	static const char *const dialled[] = {
		"1.0.0.0",	 "9.255.255.255",   "11.0.0.0",	       "100.63.255.255",
		"100.128.0.0",	 "126.255.255.255", "128.0.0.0",       "169.253.255.255",
		"169.255.0.0",	 "172.15.255.255",  "172.32.0.0",      "191.255.255.255",
		"192.0.1.0",	 "192.0.3.0",	    "192.31.196.1",    "192.52.193.1",
		"192.88.98.255", "192.88.100.0",    "192.167.255.255", "192.169.0.0",
		"192.175.48.1",	 "198.17.255.255",  "198.20.0.0",      "198.51.99.255",
		"198.51.101.0",	 "203.0.112.255",   "203.0.114.0",     "223.255.255.255",
		"93.184.216.34",
	};

	(void)state;
	expect_refused(refused, COUNT(refused));
	for (size_t i = 0; i < COUNT(dialled); i++) {
		const char *why = refusal(dialled[i], &no_rules);

		if (why)
			fail_msg("%s is not dialled: %s", dialled[i], why);
	}
}

/* The same for IPv6: what is not within 2000::/3 is not reachable, and not all within it. */
static void test_v6_ranges(void **state)
{
	static const char *const refused[] = {
		"::",
		"::1",
		"::2",
		"64:ff9b:1::",
		"64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
		"100::",
		"100::ffff:ffff:ffff:ffff",
		"100:0:0:1::1",
		"2001::",
		"2001:1::1",
		"2001:2::1",
		"2001:3::1",
		"2001:4:112::1",
		"2001:10::1",
		"2001:20::1",
		"2001:30::1",
		"2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
		"2001:db8::",
		"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
		"2002::1",
		"3fff::",
		"3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
		"1fff:ffff::1",
		"4000::1",
		"5f00::1",
		"8000::1",
		"fc00::",
		"fd5c:6f72:646f:6e00::1",
		"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"fe80::1",
		"febf::1",
		"fec0::1",
		"feff::1",
		"ff02::1",
		"ff0e::1",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	};
	static const char *const dialled[] = {
		"2000::1",
		"2001:200::1",
		"2001:db7:ffff::1",
		"2001:db9::1",
		"2003::1",
		"2600::1",
		"2620:4f:8000::1",
		"2a00:1450:4001::200e",
		"3ffe::1",
		"3fff:1000::1",
		"2606:2800:220:1:248:1893:25c8:1946",
	};

	(void)state;
	expect_refused(refused, COUNT(refused));
	for (size_t i = 0; i < COUNT(dialled); i++)
		assert_null(refusal(dialled[i], &no_rules));
}

static void test_metadata(void **state)
{
	static const char *const services[] = {
		"169.254.169.254",	  "169.254.170.2",    "169.254.170.23",
		"100.100.100.200",	  "168.63.129.16",    "192.0.0.192",
		"fd00:ec2::254",	  "fd00:ec2::23",     "fd20:ce::254",
		"::ffff:169.254.169.254", "::ffff:a9fe:a9fe",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(services); i++)
		assert_string_equal(refusal(services[i], &no_rules),
				    "a metadata service of a cloud");
}

/* Everything that inet_pton(3) takes for the same address is answered the same. */
static void test_spellings(void **state)
{
	static const char *const spellings[][2] = {
		{"::ffff:127.0.0.1", "127.0.0.1"},
		{"::FFFF:7f00:1", "127.0.0.1"},
		{"0:0:0:0:0:ffff:7f00:0001", "127.0.0.1"},
		{"0000:0000:0000:0000:0000:ffff:10.0.0.1", "10.0.0.1"},
		{"::ffff:93.184.216.34", "93.184.216.34"},
		{"::ffff:0.0.0.0", "0.0.0.0"},
		{"0:0:0:0:0:0:0:1", "::1"},
		{"::0:1", "::1"},
		{"::0.0.0.1", "::1"},
		{"FE80::1", "fe80:0:0::0001"},
	};
	/* v4 addresses carried by v6 ones. */
	static const char *const carriers[] = {
		"::127.0.0.1",	      "::10.0.0.1",	     "::93.184.216.34",
		"2002:7f00:1::1",     "2002:a00:1::",	     "2002:a9fe:a9fe::",
		"2001:0:7f00:1::1",   "2001:0:5db8:d822::1", "64:ff9b::127.0.0.1",
		"64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1",   "64:ff9b::0.0.0.0",
		"64:ff9b::224.0.0.1", "64:ff9b::198.18.1.0", "::ffff:0:127.0.0.1",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(spellings); i++) {
		struct endpoint one;
		struct endpoint other;

		assert_true(endpoint_parse(spellings[i][0], &one));
		assert_true(endpoint_parse(spellings[i][1], &other));
		assert_memory_equal(one.address, other.address, 16);
		assert_ptr_equal(refusal(spellings[i][0], &no_rules),
				 refusal(spellings[i][1], &no_rules));
	}
	expect_refused(carriers, COUNT(carriers));
	/* A network that has IPv6 alone reaches IPv4 so. */
	assert_null(refusal("64:ff9b::93.184.216.34", &no_rules));
}

static bool is_lifted(const char *network, const char *address)
{
	struct cidr allowed;
	struct upstream_rules rules = {.allowed = &allowed, .allowed_count = 1};
	struct cidr own[3];

	assert_null(cidr_parse(str_of(network), &allowed));
	assert_null(cidr_parse(STR("10.0.0.5"), &own[0]));
	assert_null(cidr_parse(STR("2600::5"), &own[1]));
	assert_null(cidr_parse(STR("11.9.0.0/16"), &own[2]));
	rules.own = own;
	rules.own_count = COUNT(own);
	return !refusal(address, &rules);
}

/* That carry 8.8.8.8 or a private address, 169.254.169.254, and 10.0.0.5, which is the host's. */
static const struct lifted_carrier {
	const char *harmless, *metadata, *own;
} lifted_carriers[] = {
	{"64:ff9b::8.8.8.8", "64:ff9b::a9fe:a9fe", "64:ff9b::a00:5"},
	{"::ffff:0:8.8.8.8", "::ffff:0:169.254.169.254", "::ffff:0:10.0.0.5"},
	{"2002:a01:203::1", "2002:a9fe:a9fe:7::9", "2002:a00:5::"},
	{"2001:0:808:808::f5fe:fdfc", "2001:0:808:808:8000:63bf:5601:5601",
	 "2001:0:808:808:0:1234:f5ff:fffa"},
	{"2001:0:a01:203::f7f7:f7f7", "2001:0:a9fe:a9fe::f7f7:f7f7", "2001:0:a00:5::f7f7:f7f7"},
	{"64:ff9b:1:808:8:800::", "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:a00:0:500::"},
	{"64:ff9b:1:ab08:8:808::", "64:ff9b:1:aba9:fe:a9fe::", "64:ff9b:1:ab0a:0:5::"},
	{"64:ff9b:1:abcd:8:808:800::", "64:ff9b:1:abcd:a9:fea9:fe00:0", "64:ff9b:1:abcd:a:0:500:0"},
	{"64:ff9b:1::8.8.8.8", "64:ff9b:1::169.254.169.254", "64:ff9b:1::10.0.0.5"},
	{"64:ff9b:1::10.1.2.3", "64:ff9b:1:ffff::a9fe:a9fe", "64:ff9b:1:ffff::a00:5"},
};

static void test_allowed(void **state)
{
	(void)state;
	assert_true(is_lifted("10.0.0.0/8", "10.1.2.3"));
	assert_true(is_lifted("10.0.0.0/8", "::ffff:10.1.2.3"));
	assert_true(is_lifted("127.0.0.0/8", "127.0.0.1"));
	assert_true(is_lifted("::1", "::1"));
	assert_true(is_lifted("192.168.7.0/24", "192.168.7.255"));
	assert_true(is_lifted("fd00::/8", "fd12::1"));
	assert_true(is_lifted("2001:db8::/32", "2001:db8::1"));
	/* That network and no other, in no other form. */
	assert_false(is_lifted("192.168.7.0/24", "192.168.8.0"));
	assert_false(is_lifted("10.0.0.0/8", "172.16.0.1"));
	assert_false(is_lifted("10.0.0.0/8", "::10.1.2.3"));
	assert_false(is_lifted("10.0.0.0/8", "2002:a01:203::1"));
	/* What hands out credentials, and the host itself, are named one by one. */
	assert_false(is_lifted("169.254.0.0/16", "169.254.169.254"));
	assert_true(is_lifted("169.254.0.0/16", "169.254.1.1"));
	assert_true(is_lifted("169.254.169.254/32", "169.254.169.254"));
	assert_false(is_lifted("10.0.0.0/8", "10.0.0.5"));
	assert_true(is_lifted("10.0.0.5", "10.0.0.5"));
	assert_false(is_lifted("192.168.0.0/16", "2600::5"));
	assert_false(is_lifted("192.168.0.0/16", "64:ff9b::10.0.0.5"));
	assert_true(is_lifted("192.168.0.0/16", "2600::6"));
	assert_false(is_lifted("11.0.0.0/8", "11.9.3.4"));
	assert_false(is_lifted("11.0.0.0/8", "64:ff9b::11.9.3.4"));
	assert_true(is_lifted("11.9.3.4", "11.9.3.4"));
	assert_true(is_lifted("192.168.0.0/16", "11.8.3.4"));
	assert_true(is_lifted("64:ff9b::/96", "64:ff9b::10.1.2.3"));
	assert_true(is_lifted("10.0.0.0/8", "64:ff9b::10.1.2.3"));
	assert_false(is_lifted("64:ff9b::/96", "64:ff9b::10.0.0.5"));
	assert_false(is_lifted("::/0", "64:ff9b::169.254.169.254"));
	assert_true(is_lifted("64:ff9b::a9fe:a9fe", "64:ff9b::169.254.169.254"));
	assert_true(is_lifted("169.254.169.254", "64:ff9b::169.254.169.254"));
	/* What carries a v4 address leads there: a network that holds it lifts no more than of
	 * that. */
	for (size_t i = 0; i < COUNT(lifted_carriers); i++) {
		const struct lifted_carrier *c = &lifted_carriers[i];

		if (!is_lifted("::/0", c->harmless))
			fail_msg("::/0 does not lift %s", c->harmless);
		if (is_lifted("::/0", c->metadata) || is_lifted("::/0", c->own))
			fail_msg("::/0 lifts %s or %s", c->metadata, c->own);
		if (!is_lifted(c->metadata, c->metadata))
			fail_msg("%s is not lifted by itself", c->metadata);
	}
	assert_false(is_lifted("2002::/16", "2002:a9fe:a9fe::1"));
	assert_false(is_lifted("169.254.169.254", "2002:a9fe:a9fe::1"));
	assert_false(is_lifted("::/0", "2002:e000:1::"));
	assert_false(is_lifted("::/0", "2001:0:808:808::39ed:fefe"));
	/* Some lead nowhere, whatever is said. */
	assert_false(is_lifted("64:ff9b::/96", "64:ff9b::0.0.0.0"));
	assert_false(is_lifted("64:ff9b::/96", "64:ff9b::198.18.1.0"));
	assert_false(is_lifted("0.0.0.0/0", "0.0.0.0"));
	assert_false(is_lifted("::/0", "::"));
	assert_false(is_lifted("::/0", "224.0.0.1"));
	assert_false(is_lifted("::/0", "255.255.255.255"));
	assert_false(is_lifted("::/0", "ff02::1"));
	assert_false(is_lifted("198.18.0.0/15", "198.18.1.0"));
	assert_false(is_lifted("fd00::/8", "fd5c:6f72:646f:6e00::1"));
}

static void test_own(void **state)
{
	struct cidr *own = NULL;
	size_t count = 0;
	struct error err = {0};

	(void)state;
	assert_int_equal(upstream_own_addresses(&own, &count, &err), 0);
	for (size_t i = 0; i < count; i++) {
		const struct upstream_rules rules = {.own = own, .own_count = count};
		const struct endpoint one = {.address = {0}};

		assert_memory_not_equal(own[i].address, one.address, 16);
		assert_string_equal(upstream_address_refusal(own[i].address, &rules),
				    "an address of this host");
	}
	free(own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4_ranges), cmocka_unit_test(test_v6_ranges),
		cmocka_unit_test(test_metadata),  cmocka_unit_test(test_spellings),
		cmocka_unit_test(test_allowed),	  cmocka_unit_test(test_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
