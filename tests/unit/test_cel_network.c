/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cel_open_fixture.h"

/* Addresses and networks as values: what is one, what each tells, and how they print. */

static void test_network(void **state)
{
	static const struct open_row rows[] = {
		{"[ip('192.0.2.1'), ip('2001:DB8::0:1'), ip('::ffff:c000:201')].map(a, string(a))",
		 "['192.0.2.1', '2001:db8::1', '192.0.2.1']"},
		{"[string(ip('::102:304')), string(cidr('10.1.2.3/8')), string(cidr('::1/0'))]",
		 "['::102:304', '10.1.2.3/8', '::1/0']"},
		{"ip('1.2.3.4') == ip('1.2.3.4') && ip('1.2.3.4') != ip('1.2.3.5')", "true"},
		{"ip('1.2.3.4') == '1.2.3.4' || cidr('1.2.3.4/32') == ip('1.2.3.4')", "false"},
		{"cidr('10.0.0.1/8') == cidr('10.0.0.0/8') || cidr('::/8') == cidr('::/9')",
		 "false"},
		{"type(ip('::')) == net.IP && type(cidr('::/0')) == net.CIDR", "true"},
		{"['1.2.3.4', '1.2.3', '1.2.3.4/8', 'fe80::1%eth0'].map(t, isIP(t))",
		 "[true, false, false, false]"},
		{"['1.2.3.4/8', '::/129', '1.2.3.4', '::/'].map(t, isCIDR(t))",
		 "[true, false, false, false]"},
		{"['1.2.3.4', '::A', '0::a'].map(t, ip.isCanonical(t))", "[true, false, false]"},
		{"[ip('1.2.3.4').family(), ip('::').family(), cidr('::/0').ip().family()]",
		 "[4, 6, 6]"},
		{"[ip('0.0.0.0'), ip('::'), ip('::1')].map(a, a.isUnspecified())",
		 "[true, true, false]"},
		{"[ip('127.9.9.9'), ip('::1'), ip('::2')].map(a, a.isLoopback())",
		 "[true, true, false]"},
		{"[ip('10.0.0.1'), ip('224.0.0.1'), ip('169.254.1.1'), ip('255.255.255.255'), "
		 "ip('::1'), ip('2001:db8::')].map(a, a.isGlobalUnicast())",
		 "[true, false, false, false, false, true]"},
		{"[ip('224.0.0.9'), ip('224.0.1.9'), ip('ff02::9'), ip('ff05::9')]"
		 ".map(a, a.isLinkLocalMulticast())",
		 "[true, false, true, false]"},
		{"[ip('169.254.1.1'), ip('fe80::1'), ip('fec0::1')].map(a, a.isLinkLocalUnicast())",
		 "[true, true, false]"},
		{"['10.1.0.0/16', '10.0.0.0/7', '::/0'].map(t, cidr('10.0.0.0/8').containsCIDR(t))",
		 "[true, false, false]"},
		{"[cidr('::/0').containsIP('1.2.3.4'), cidr('::/0').containsIP(ip('fe80::'))]",
		 "[false, true]"},
		{"cidr('10.255.255.255/12').masked() == cidr('10.240.0.0/12')", "true"},
		{"[cidr('10.0.0.0/8').prefixLength(), cidr('fe80::/10').prefixLength()]",
		 "[8, 10]"},
		{"[ip('::ffff:102:304'), cidr('::ffff:102:304/120'), cidr('::fffe:0:0/95')]"
		 ".map(a, string(a))",
		 "[\"1.2.3.4\", \"1.2.3.4/24\", \"::fffe:0:0/95\"]"},
		{"[isCIDR('::ffff:102:304/95'), isCIDR('::ffff:102:304/96')]", "[false, true]"},
	};
	static const struct open_error_row errors[] = {
		{"ip('1.2.3')", 0, "IP address parse error"},
		{"ip('::ffff:1.2.3.4')", 0, "an IPv4-mapped IPv6 address is not allowed"},
		{"ip('fe80::1%eth0')", 0, "an address with a zone is not allowed"},
		{"cidr('::ffff:102:304/24')", 0, "a prefix that is shorter"},
		{"cidr('1.2.3.4')", 0, "network address parse error"},
		{"cidr('10.0.0.0/8').containsIP('10.0.0.0/8')", 19, "IP address parse error"},
		{"cidr('10.0.0.0/8').containsIP(cidr('10.0.0.0/8'))", 19, "no such overload"},
		{"ip('1.2.3.4') < ip('1.2.3.5')", 14, "no such overload"},
		{"{ip('1.2.3.4'): 1}", 0, "unsupported key type"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
