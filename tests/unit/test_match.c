/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <arpa/inet.h>

#include <stdbool.h>
#include <string.h>

#include "monitor/policy/cidr.h"
#include "monitor/policy/match.h"

struct match_row {
	const char *pattern, *text;
	bool matches;
};

static const struct match_row globs[] = {
	/* '*' and '?' stay inside a component; a pattern is the whole path */
	{"/etc/*", "/etc/passwd", true},
	{"/etc/*", "/etc/ssl/certs", false},
	{"/etc/*", "/etc", false},
	{"/etc/*", "/etcx/passwd", false},
	{"/etc/pass*", "/etc/passwd", true},
	{"/etc/*wd", "/etc/passwd", true},
	{"/etc/*ss*d", "/etc/passwd", true},
	{"/etc/*ss*x", "/etc/passwd", false},
	{"/etc/passw?", "/etc/passwd", true},
	{"/etc/passwd?", "/etc/passwd", false},
	{"/t/Gr??e", "/t/Größe", true}, /* '?' is a character, not a byte */
	{"/t/?", "/t/😀", true},
	{"/etc/passwd", "/etc/passwd", true},
	{"/etc/passwd", "/etc/passwd2", false},
	{"/etc/passwd", "/x/etc/passwd", false},
	{"/etc/passwd", "etc/passwd", false},
	{"/", "/", true},
	{"/", "/a", false},
	/* "**": any number of components, also none; anchored at both ends */
	{"**/.env", "/.env", true},
	{"**/.env", "/a/b/.env", true},
	{"**/.env", "/a/b/x.env", false},
	{"**/.env", "/a/.env/b", false},
	{"/a/**", "/a", true},
	{"/a/**", "/a/b/c", true},
	{"/a/**", "/ab/c", false},
	{"/a/**/z", "/a/z", true},
	{"/a/**/z", "/a/b/c/z", true},
	{"/a/**/z", "/a/b/zz", false},
	{"**/b/**/d", "/a/b/x/b/c/d", true},
	{"**/b/*/d", "/b/b/c/d", true}, /* the second b is the one */
	{"**/b/*/d", "/b/x/c/d", false},
	{"**", "/", true},
	{"**", "/any/thing", true},
	{"**/id_*", "/h/.ssh/id_rsa", true},
	/* "~" is the session's home as a component */
	{"~/.ssh/*", "/home/agent/.ssh/id", true},
	{"~/.ssh/*", "/home/agents/.ssh/id", false},
	{"~/.ssh/*", "/home/other/.ssh/id", false},
	{"~", "/home/agent", true},
	{"~", "/home/agent/x", false},
	{"~/**", "/home/agent", true},
	{"~/**", "/home/agent/a/b", true},
	{"~/*", "/home/agent", false},
	/* a backslash takes the next character as it is */
	{"/a\\*b", "/a*b", true},
	{"/a\\*b", "/axb", false},
	{"/a\\?", "/ab", false},
	{"/\\[x\\]", "/[x]", true},
	{"/a\\**", "/a*xyz", true},
	{"", "/", false},
	{"/*", "", false},
};

static void test_globs_are_anchored_at_components(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(globs); i++) {
		if (glob_match(str_of(globs[i].pattern), str_of(globs[i].text), false) !=
		    globs[i].matches)
			fail_msg("%s on %s", globs[i].pattern, globs[i].text);
	}
	assert_true(glob_match(STR("/ETC/*"), STR("/etc/X"), true));
	assert_false(glob_match(STR("/ETC/*"), STR("/etc/X"), false));
}

static const struct match_row hosts[] = {
	{"example.org", "example.org", true},
	{"example.org", "EXAMPLE.Org", true},
	{"Example.ORG", "example.org", true},
	{"example.org", "example.org.", true},
	{"example.org.", "example.org", true},
	{"example.org", "example.org..", false},
	{"example.org", "xexample.org", false},
	{"example.org", "a.example.org", false},
	{"example.org", "example.org.evil.net", false},
	{"*.example.org", "a.example.org", true},
	{"*.example.org", "a.b.example.org", false},
	{"*.example.org", "example.org", false},
	{"*.example.org", ".example.org", true},
	{"**.example.org", "a.b.example.org", true},
	{"**.example.org", "a.example.org", true},
	{"**.example.org", "example.org", false},
	{"**.example.org", "a.xexample.org", false},
	{"api-*.example.org", "api-1.example.org", true},
	{"api-*.example.org", "api-1.x.example.org", false},
	{"*", "localhost", true},
	{"*", "a.b", false},
	{"xn--bcher-kva.example", "xn--BCHER-kva.example", true},
	{"xn--bcher-kva.example", "bücher.example", false},
	/* a number is an address: no wildcard takes it, its spelling does not matter */
	{"*.0.0.1", "10.0.0.1", false},
	{"**.1", "10.0.0.1", false},
	{"10.0.0.1", "10.0.0.1", true},
	{"10.0.0.1", "::ffff:10.0.0.1", true},
	{"::ffff:a00:1", "10.0.0.1", true},
	{"2001:DB8::1", "2001:db8:0:0::1", true},
	{"10.0.0.1", "10.0.0.1.", true},
	{"10.0.0.1", "10.0.0.12", false},
	{"10.0.0.1", "x10.0.0.1", false},
	{"example.org", "", false},
};

static void test_hosts_are_matched_by_label(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hosts); i++) {
		if (host_match(str_of(hosts[i].pattern), str_of(hosts[i].text)) != hosts[i].matches)
			fail_msg("%s on %s", hosts[i].pattern, hosts[i].text);
	}
}

static const struct match_row networks[] = {
	{"10.0.0.0/8", "10.255.0.1", true},
	{"10.0.0.0/8", "11.0.0.1", false},
	{"10.0.0.0/9", "10.127.255.255", true},
	{"10.0.0.0/9", "10.128.0.0", false},
	{"10.0.0.1", "10.0.0.1", true},
	{"10.0.0.1/32", "10.0.0.2", false},
	{"10.0.0.0/8", "::ffff:10.1.2.3", true},
	{"::ffff:10.0.0.0/104", "10.1.2.3", true},
	{"0.0.0.0/0", "192.0.2.1", true},
	{"0.0.0.0/0", "2001:db8::1", false},
	{"::/0", "2001:db8::1", true},
	{"::/0", "192.0.2.1", true},
	{"fd00::/8", "fdff::1", true},
	{"fd00::/8", "fe00::1", false},
	{"fe80::/10", "fe80::1%eth0", true},
	{"2001:db8:0:8000::/49", "2001:db8:0:8001::", true},
	{"2001:db8:0:8000::/49", "2001:db8:0:7fff::", false},
	{"::1", "::1", true},
	{"127.0.0.0/8", "::1", false},
};

static void test_networks(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(networks); i++) {
		struct cidr net;
		uint8_t address[16];

		assert_null(cidr_parse(str_of(networks[i].pattern), &net));
		assert_true(address_parse(str_of(networks[i].text), address));
		if (cidr_has(&net, address) != networks[i].matches)
			fail_msg("%s has %s", networks[i].pattern, networks[i].text);
	}
}

static void test_what_is_no_address(void **state)
{
	static const char *const bad[] = {
		"",
		"a",
		"10.0.0",
		"10.0.0.256",
		"010.0.0.1",
		"0x7f.0.0.1",
		"2130706433",
		"10.0.0.1/8",
		":",
		"::g",
		"1::2::3",
		"[::1]",
		"%eth0",
		"10.0.0.1 ",
		" 10.0.0.1",
		"1:2:3:4:5:6:7:8:9",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
		"10.0.0.1.",
		".10.0.0.1",
		"10..0.1",
		"1234.0.0.1",
		"10.0.0.1.2",
	};
	static const struct str with_nul[] = {STR("10.0.0.1\0"), STR("::1\0x")};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		uint8_t address[16];

		if (address_parse(str_of(bad[i]), address))
			fail_msg("%s was read as an address", bad[i]);
	}
	for (size_t i = 0; i < COUNT(with_nul); i++) {
		uint8_t address[16];

		assert_false(address_parse(with_nul[i], address));
	}
}

/* What the C library takes, and nothing else. */
static void test_four_numbers(void **state)
{
	static const char alphabet[] = "0123456789..25";
	unsigned good = 0;
	uint32_t seed = 1;

	(void)state;
	for (unsigned n = 0; n < 300000; n++) {
		char text[20] = "1.2.3.4";
		uint8_t expected[4];
		uint8_t got[16];
		bool is_address;

		for (unsigned i = 0; i < 7; i++) {
			seed = seed * 1664525 + 1013904223;
			if (seed >> 31 || n % 2)
				text[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		is_address = inet_pton(AF_INET, text, expected) == 1;
		assert_int_equal(address_parse(str_of(text), got), is_address);
		if (is_address)
			assert_memory_equal(got + 12, expected, 4);
		good += is_address;
	}
	assert_true(good > 100);
}

struct check_row {
	const char *pattern, *why; /* NULL: good */
};

static const struct check_row checked_paths[] = {
	{"/a/*/b?", NULL},
	{"~/x", NULL},
	{"~", NULL},
	{"**/x", NULL},
	{"/a\\**", NULL},
	{"/a\\[b\\]", NULL},
	{"/", NULL},
	{"", "an empty pattern matches nothing"},
	{"a/b", "paths are absolute: start the pattern with /, ~/ or **/"},
	{"*/b", "paths are absolute: start the pattern with /, ~/ or **/"},
	{"~agent/x", "~ stands for the session's home only as a component of its own"},
	{"/a//b", "an empty component (// or a slash at the end) matches nothing"},
	{"/a/", "an empty component (// or a slash at the end) matches nothing"},
	{"/a/./b", "paths are resolved: . and .. match nothing"},
	{"/a/..", "paths are resolved: . and .. match nothing"},
	{"/a**", "** must be a component of its own"},
	{"/***", "** must be a component of its own"},
	{"/a\\", "a backslash at the end of a component"},
	{"/[ab]", "[ ] { } are no wildcards here: write \\ before the character, or "
		  "several patterns"},
	{"/{a,b}", "[ ] { } are no wildcards here: write \\ before the character, or "
		   "several patterns"},
};

static const struct check_row checked_names[] = {
	{"example.org", NULL},
	{"*.example.org", NULL},
	{"**.example.org", NULL},
	{"a_b.example.org.", NULL},
	{"192.0.2.1", NULL},
	{"::1", NULL},
	{"", "an empty host name matches nothing"},
	{"a..b", "an empty label in the host name"},
	{".a", "an empty label in the host name"},
	{"a..", "an empty label in the host name"},
	{"a.**.b", "** can only be the first label"},
	{"**", "** alone is every host: write the rule without hostMatches"},
	{"x**.a", "** must be a label of its own"},
	{"bücher.example", "host names are matched as they are on the wire: write the xn-- form"},
	{"a.example:80", "not a host name (no scheme, port or path here)"},
	{"a/b", "not a host name (no scheme, port or path here)"},
	{"[::1]", "not a host name (no scheme, port or path here)"},
};

static const struct check_row checked_nets[] = {
	{"10.0.0.0/8", NULL},
	{"10.0.0.1", NULL},
	{"::/0", NULL},
	{"", "not a numeric address"},
	{"a/8", "not a numeric address"},
	{"fe80::1%eth0/64", "not a numeric address"},
	{"10.0.0.0/", "the prefix length is a number after the slash"},
	{"10.0.0.0/+8", "the prefix length is a number after the slash"},
	{"10.0.0.0/0008", "the prefix length is a number after the slash"},
	{"10.0.0.0/33", "the prefix is longer than the address"},
	{"::/129", "the prefix is longer than the address"},
	{"10.0.0.1/8", "the address has bits set behind the prefix"},
	{"fd00::1/8", "the address has bits set behind the prefix"},
};

static void test_patterns_are_checked(void **state)
{
	const struct {
		const struct check_row *rows;
		size_t count;
	} tables[] = {{checked_paths, COUNT(checked_paths)},
		      {checked_names, COUNT(checked_names)},
		      {checked_nets, COUNT(checked_nets)}};

	(void)state;
	for (size_t t = 0; t < COUNT(tables); t++) {
		for (size_t i = 0; i < tables[t].count; i++) {
			const struct check_row *row = &tables[t].rows[i];
			const struct str text = str_of(row->pattern);
			struct cidr net;
			const char *why = t == 0   ? glob_check(text, true)
					  : t == 1 ? host_check(text)
						   : cidr_parse(text, &net);

			if ((why == NULL) != (row->why == NULL) ||
			    (why && strcmp(why, row->why) != 0))
				fail_msg("%s: %s", row->pattern, why ? why : "good");
		}
	}
}

/* A pattern that backtracks at every byte must end, and soon: the limit is the test's. */
static void test_many_stars_end(void **state)
{
	static char text[4096];
	static char pattern[1024];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[0] = '/';
	for (size_t i = 0; i + 3 < sizeof(pattern); i++)
		pattern[i] = i % 2 ? 'a' : '*';
	pattern[0] = '/';
	pattern[sizeof(pattern) - 3] = 'b';
	assert_false(glob_match(str_of(pattern), str_of(text), false));
	for (size_t i = 0; i + 2 < sizeof(text); i++)
		text[i] = i % 2 ? 'a' : '/';
	assert_false(glob_match(STR("**/a/**/a/**/a/**/a/**/a/**/b"), str_of(text), false));
	assert_true(glob_match(STR("**/a/**/a/**/a/**/a/**/a/**"), str_of(text), false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_globs_are_anchored_at_components),
		cmocka_unit_test(test_hosts_are_matched_by_label),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_what_is_no_address),
		cmocka_unit_test(test_four_numbers),
		cmocka_unit_test(test_patterns_are_checked),
		cmocka_unit_test(test_many_stars_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
