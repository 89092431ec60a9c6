/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cel_open_fixture.h"

#include <stdlib.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/cel/cel_regex_class.h"

/* Each function: what it gives, and which values it does not take. */

static void test_texts(void **state)
{
	static const struct open_row rows[] = {
		{"size('Größe😀') + size(b'ä') + 'ab'.size() + [1].size() + {1: 2}.size()", "12"},
		{"'äbc'.startsWith('ä') && 'abc'.endsWith('bc') && 'abc'.contains('b')", "true"},
		{"'abc'.startsWith('bc') || 'abc'.endsWith('ab') || 'abc'.contains('cb')", "false"},
		{"'a'.startsWith('') && ''.endsWith('') && ''.contains('')", "true"},
		{"'a'.startsWith('ab') || 'a'.contains('ab')", "false"},
		{"'aÄB'.lowerAscii()", "'aÄb'"},
		{"glob('/etc/x', '/etc/*') && hostMatches('a.b', ['c', '*.b'])", "true"},
		{"inCIDR('10.1.2.3', ['::1', '10.0.0.0/8']) && !inCIDR('', '::/0')", "true"},
		{"command(['env', 'A=1', 'ssh', 'h']) + command('sudo -u x ls')", "'sshls'"},
	};
	static const struct open_error_row errors[] = {
		{"size(1)", 0, "no such overload"},
		{"'a'.startsWith(b'a')", 4, "no such overload"},
		{"b'a'.contains('a')", 5, "no such overload"},
		{"(1).lowerAscii()", 4, "no such overload"},
		{"glob('/a', '[')", 0, "[ ] { } are no wildcards"},
		{"inCIDR('x', '::/0')", 0, "not a numeric address"},
		{"inCIDR('::', '::/999')", 0, "the prefix"},
		{"hostMatches('a', [1])", 0, "no such overload"},
		{"command([1])", 0, "no such overload"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

static void test_conversions(void **state)
{
	static const struct open_row rows[] = {
		{"[int(7u), int(-7.9), int('-7'), int('+7'), int(timestamp('1970-01-02T00:00:00Z'))]",
		 "[7, -7, -7, 7, 86400]"},
		{"[uint(7), uint(7.9), uint('18446744073709551615'), uint(0u)]",
		 "[7u, 7u, 18446744073709551615u, 0u]"},
		{"[double(7), double(7u), double('-1.5e3'), double('inf'), double('NaN')]",
		 "[7.0, 7.0, -1500.0, 1.0 / 0.0, 0.0 / 0.0]"},
		{"[string(-7), string(7u), string(0.1), string(1e100), string(true), string('a')]",
		 "['-7', '7', '0.1', '1e+100', 'true', 'a']"},
		{"[100.0, 1234567.0, 123456789.25, 1e14, 5e-324, 1e-5].map(d, string(d))",
		 "['100', '1234567', '123456789.25', '100000000000000', '5e-324', '1e-05']"},
		{"[string(b'\\xc3\\xa4'), string(duration('90m')), string(1.0 / 0.0)]",
		 "['ä', '5400s', 'Infinity']"},
		{"string(timestamp('2024-02-29T12:00:00.120+01:30'))", "'2024-02-29T10:30:00.12Z'"},
		{"bytes('ä') + bytes(b'\\x00')", "b'\\xc3\\xa4\\x00'"},
		{"[bool('1'), bool('True'), bool('f'), bool('FALSE'), bool(true)]",
		 "[true, true, false, false, true]"},
		{"dyn(1) == 1u", "true"},
		{"[type(1), type(1u), type(1.0), type(''), type(b''), type(null), type(true)]",
		 "[int, uint, double, string, bytes, null_type, bool]"},
		{"[type([]), type({}), type(int), type(duration('1s')), type(timestamp(0))]",
		 "[list, map, type, google.protobuf.Duration, google.protobuf.Timestamp]"},
		{"type(type(1)) == type && type(1) != uint", "true"},
	};
	static const struct open_error_row errors[] = {
		{"int(9223372036854775808u)", 0, "range"},
		{"int(9223372036854775807.0)", 0, "range"},
		{"int(-9223372036854775808.0)", 0, "range"},
		{"int(0.0 / 0.0)", 0, "range"},
		{"int('9223372036854775808')", 0, "range"},
		{"int('1.0')", 0, "the text cannot be converted"},
		{"int('')", 0, "the text cannot be converted"},
		{"int('-')", 0, "the text cannot be converted"},
		{"int(' 1')", 0, "the text cannot be converted"},
		{"int(null)", 0, "no such overload"},
		{"int(true)", 0, "no such overload"},
		{"uint(-1)", 0, "range"},
		{"uint(-0.5)", 0, "range"},
		{"uint(1e20)", 0, "range"},
		{"uint('-1')", 0, "the text cannot be converted"},
		{"double('0x10')", 0, "the text cannot be converted"},
		{"double(' 1')", 0, "the text cannot be converted"},
		{"double('1e')", 0, "the text cannot be converted"},
		{"string(b'\\xff')", 0, "invalid UTF-8"},
		{"string([])", 0, "no such overload"},
		{"bytes(1)", 0, "no such overload"},
		{"bool('yes')", 0, "the text cannot be converted"},
		{"bool(1)", 0, "no such overload"},
		{"duration(1)", 0, "no such overload"},
		{"timestamp(1u)", 0, "no such overload"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

static void test_times(void **state)
{
	static const struct open_row rows[] = {
		{"duration('1h2m3.5s') == duration('3723500ms')", "true"},
		{"[string(duration('-1.5ms')), string(duration('1us')), string(duration('0'))]",
		 "['-0.0015s', '0.000001s', '0s']"},
		{"string(duration('-9223372036854775808ns'))", "'-9223372036.854775808s'"},
		{"timestamp(0) + duration('1.5s') == timestamp('1970-01-01T00:00:01.5Z')", "true"},
		{"duration('-1ns') + timestamp(0)", "timestamp('1969-12-31T23:59:59.999999999Z')"},
		{"timestamp(0) - duration('1ns') < timestamp(0)", "true"},
		{"timestamp('2024-03-01T00:00:00Z') - timestamp('2024-02-28T00:00:00Z')",
		 "duration('48h')"},
		{"duration('1s') - duration('2s') < duration('0s')", "true"},
		{"string(timestamp('0001-01-01T00:00:00Z'))", "'0001-01-01T00:00:00Z'"},
		{"string(timestamp('9999-12-31T23:59:59.999999999Z'))",
		 "'9999-12-31T23:59:59.999999999Z'"},
		{"timestamp('2024-02-29T23:59:59Z').getDayOfYear()", "59"},
		{"timestamp('1969-12-31T23:59:58Z').getSeconds()", "58"},
		{"[timestamp('2024-02-29T13:14:15.678Z')].map(t, [t.getFullYear(), t.getMonth(), "
		 "t.getDate(), t.getDayOfMonth(), t.getDayOfWeek(), t.getHours(), t.getMinutes(), "
		 "t.getSeconds(), t.getMilliseconds()])",
		 "[[2024, 1, 29, 28, 4, 13, 14, 15, 678]]"},
		{"[timestamp(0)].map(t, [t.getHours('+05:30'), t.getMinutes('05:30'), "
		 "t.getDate('-00:01'), t.getDayOfWeek('-00:01'), t.getHours('UTC')])",
		 "[[5, 30, 31, 3, 0]]"},
		{"timestamp(0).getHours('Test/East') + timestamp(-1).getHours('Test/East')", "2"},
		{"[duration('-3723.5s')].map(d, [d.getHours(), d.getMinutes(), d.getSeconds(), "
		 "d.getMilliseconds()])",
		 "[[-1, -62, -3723, -500]]"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
}

static void test_wrong_times(void **state)
{
	static const struct open_error_row errors[] = {
		{"duration('')", 0, "not a duration"},
		{"duration('1')", 0, "not a duration"},
		{"duration('1x')", 0, "not a duration"},
		{"duration('h')", 0, "not a duration"},
		{"duration('--1s')", 0, "not a duration"},
		{"duration('9223372037s')", 0, "not a duration"},
		{"duration('9223372036s') + duration('1s')", 24, "overflow"},
		{"timestamp('2023-02-29T00:00:00Z')", 0, "not a timestamp"},
		{"timestamp('2024-13-01T00:00:00Z')", 0, "not a timestamp"},
		{"timestamp('2024-01-01T24:00:00Z')", 0, "not a timestamp"},
		{"timestamp('2024-01-01T00:00:00')", 0, "not a timestamp"},
		{"timestamp('2024-01-01T00:00:00.Z')", 0, "not a timestamp"},
		{"timestamp('2024-01-01 00:00:00Z')", 0, "not a timestamp"},
		{"timestamp('2024-01-01T00:00:00Zx')", 0, "not a timestamp"},
		{"timestamp('0000-12-31T23:59:59Z')", 0, "range"},
		{"timestamp('9999-12-31T23:59:59Z') + duration('1s')", 34, "range"},
		{"timestamp(253402300800)", 0, "range"},
		{"timestamp(-9223372036854775808)", 0, "range"},
		{"timestamp('9999-12-31T00:00:00Z') - timestamp('0001-01-01T00:00:00Z')", 34,
		 "overflow"},
		{"timestamp(0) + timestamp(0)", 13, "no such overload"},
		{"duration('1s') * duration('1s')", 15, "no such overload"},
		{"timestamp(0).getHours('No/Where')", 13, "unknown time zone"},
		{"timestamp(0).getHours('+1:00')", 13, "unknown time zone"},
		{"timestamp(0).getHours(1)", 13, "no such overload"},
		{"duration('1s').getFullYear()", 15, "no such overload"},
		{"duration('1s').getHours('UTC')", 15, "no such overload"},
	};

	(void)state;
	open_check_errors(errors, COUNT(errors));
}

static const struct {
	const char *pattern, *yes, *no;
} regexes[] = {
	{"abc", "xabcx", "abx"},
	{"^abc$", "abc", "abcd"},
	{"a|bc|", "", NULL},
	{"^(a|bc)$", "bc", "ab"},
	{"^a*$", "aaa", "ab"},
	{"^a+b?$", "aab", "b"},
	{"^a{2}$", "aa", "aaa"},
	{"^a{2,}$", "aaa", "a"},
	{"^a{1,3}$", "aaa", "aaaa"},
	{"^a{0,2}b$", "b", "aaab"},
	{"^(ab){2}$", "abab", "ab"},
	{"^a{,2}$", "a{,2}", "a"},
	{"^x{0}y$", "y", "xy"},
	{"^a*?$", "aa", "b"},
	{"^(a*)*$", "aaa", "b"},
	{"^(|a)+$", "aa", "b"},
	{"^[a-c]+$", "abc", "d"},
	{"^[^a-c]$", "d", "a"},
	{"^[]a]$", "]", "b"},
	{"^[a-]$", "-", "b"},
	{"^[\\]\\-a]$", "-", "b"},
	{"^\\d\\D\\w\\W\\s\\S$", "1a_- x", "aaaaaa"},
	{"^[\\d\\s]+$", "1 2", "a"},
	{"^[^\\D]$", "1", "a"},
	{"^[[:alpha:][:digit:]]+$", "a1", "-"},
	{"^[[:^alpha:]]$", "1", "a"},
	{"^.$", "ä", "\n"},
	{"(?s)^.$", "\n", "ab"},
	{"^ä+$", "ää", "a"},
	{"^[ä-ü]$", "ö", "a"},
	{"(?i)^aBc$", "AbC", "abd"},
	{"(?i)^[a-c]$", "B", "d"},
	{"^(?i:a)b$", "Ab", "AB"},
	{"^(?i)a(?-i)b$", "Ab", "aB"},
	{"(?i)^größe$", "GRÖßE", "GRÖSSE"}, /* one character for one */
	{"(?i)^ÄÖÜ$", "äÖü", "aou"},
	{"^ä$", "ä", "Ä"},
	{"(?i)^ß$", "ẞ", "ss"},
	{"(?i)^σσ$", "Σς", "ΣΤ"},
	{"(?i)^k$", "\xe2\x84\xaa" /* KELVIN SIGN */, "κ"},
	{"(?i)^\\x{212a}s$", "Kſ", "ks "},
	{"(?i)^[а-я]+$", "ПРИВЕТ", "PRIVET"},
	{"(?i)^[^я]$", "а", "Я"},
	{"(?i)^i$", "I", "\xc4\xb0" /* I WITH DOT ABOVE: of Turkish only */},
	{"(?i)^𐐀$", "𐐨", "𐐩"},
	{"(?i)^ǆ$", "ǅ", "ǉ"},
	{"(?i)^ա$", "Ա", "Բ"},
	{"(?i)^[@-`]$", "x", "{"}, /* the letters between them */
	{"(?m)^b$", "a\nb\nc", "ab"},
	{"^b$", "b", "a\nb"},
	{"\\Aab\\z", "ab", "xab"},
	{"\\bab\\b", "x ab y", "xaby"},
	{"\\Bab", "xab", "ab"},
	{"^\\x41\\x{e4}\\n$", "Aä\n", "A"},
	{"^\\.\\*\\\\$", ".*\\", "a*\\"},
	{"^\\1018[\\60-\\062]\\0?$", "A82", "A83"},
	{"^(?:a)(?P<n>b)(?<m>c)$", "abc", "ab"},
	/* what a text begins with decides alone only where nothing else may stand there */
	{"^a", "ab", ""},
	{"^a", "a", "ba"},
	{"^[^a]", "b", "a"},
	{"^ä", "äx", "\xc3"},
	{"^a?b", "b", "ac"},
	{"^?b", "ab", "a"},
	{"^a{0}b", "b", "ab"},
	{"^(?:a*){2}b", "aab", "c"},
	{"^a{2}{x$", "aa{x", "aa"},
	{"^a+?b$", "aab", "b"},
	{"^a|b", "xb", "xa"},
	{"^(?:a|b)", "b", "c"},
	{"(?:^a|b)c", "xbc", "xac"},
	{"^\\Qa.*b\\E$", "a.*b", "axxb"},
	{"^\\Qa(|\\E+$", "a(||", "a(a("},
	{"^(\\Qa)\\E)?b", "a)b", "ab"},
	{"^a\\Q\\Eb\\Q\\c", "ab\\c", "abc"},
};

static void test_regular_expressions(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(regexes); i++) {
		const char *reason = NULL;
		_cleanup_free_ struct regex *regex = regex_new(str_of(regexes[i].pattern), &reason);
		_cleanup_free_ void *scratch = NULL;

		if (!regex) {
			fail_msg("%s: %s", regexes[i].pattern, reason);
			continue;
		}
		scratch = xcalloc(1, regex_scratch(regex));
		if (!regex_match(regex, str_of(regexes[i].yes), scratch))
			fail_msg("%s does not match %s", regexes[i].pattern, regexes[i].yes);
		if (regexes[i].no && regex_match(regex, str_of(regexes[i].no), scratch))
			fail_msg("%s matches %s", regexes[i].pattern, regexes[i].no);
	}
}

static bool is_match(const char *pattern, struct str text)
{
	_cleanup_free_ char *whole = xasprintf("\\A(?:%s)\\z", pattern);
	const char *reason = NULL;
	_cleanup_free_ struct regex *regex = regex_new(str_of(whole), &reason);
	_cleanup_free_ void *scratch = NULL;

	assert_non_null(regex);
	scratch = xcalloc(1, regex_scratch(regex));
	return regex_match(regex, text, scratch);
}

/* Of every part of the text: what lies in one that matches, and nothing else, lies in a span. */
static void check_spans(const char *pattern, const char *text, size_t room)
{
	const size_t len = strlen(text);
	const char *reason = NULL;
	_cleanup_free_ struct regex *regex = regex_new(str_of(pattern), &reason);
	_cleanup_free_ void *scratch = NULL;
	struct regex_span spans[32];
	bool expected[64] = {false};
	bool found[64] = {false};
	size_t count;

	assert_non_null(regex);
	for (size_t from = 0; from < len; from++) {
		for (size_t to = from + 1; to <= len; to++) {
			if (is_match(pattern, (struct str){text + from, to - from}))
				memset(expected + from, true, to - from);
		}
	}
	scratch = xcalloc(1, regex_span_scratch(regex));
	count = regex_spans(regex, str_of(text), scratch, spans, room);
	if (count > room)
		return; /* there are more than it had room for, which it says */
	for (size_t i = 0; i < count; i++) {
		assert_true(spans[i].start < spans[i].end);
		assert_true(!i || spans[i].start >= spans[i - 1].end);
		memset(found + spans[i].start, true, spans[i].end - spans[i].start);
	}
	for (size_t i = 0; i < len; i++) {
		if (found[i] != expected[i])
			fail_msg("%s in %s: byte %zu is %sin a span", pattern, text, i,
				 found[i] ? "" : "not ");
	}
}

static void test_spans_of_regular_expressions(void **state)
{
	static const char *const patterns[] = {
		"ab",	 "a+",	    "a.*b",	 "(a|ab)(c|bcd)", "a{2,3}",
		"b*",	 "a[^b]*b", "abc|bcd|c", "(?s)a.*?b",	  "x|aab|ba+b",
		"(ab)+", "a?b?c?",  "[a-c]{3}"};
	unsigned seed = 1;

	(void)state;
	for (size_t p = 0; p < COUNT(patterns); p++) {
		for (unsigned n = 0; n < 60; n++) {
			char text[16] = "";
			const size_t len = 1 + n % 14;

			for (size_t i = 0; i < len; i++) {
				seed = seed * 1103515245 + 12345;
				text[i] = "aabbccd\n"[(seed >> 16) % 8];
			}
			check_spans(patterns[p], text, 32);
			check_spans(patterns[p], text, 1);
		}
	}
}

/* Where there is no room for all, it is said that there are more. */
static void test_more_spans_than_room(void **state)
{
	const char *reason = NULL;
	_cleanup_free_ struct regex *regex = regex_new(STR("a"), &reason);
	_cleanup_free_ void *scratch = xcalloc(1, regex_span_scratch(regex));
	struct regex_span spans[2];

	(void)state;
	assert_int_equal(regex_spans(regex, STR("a.a"), scratch, spans, 2), 2);
	assert_int_equal(regex_spans(regex, STR("a.a.a"), scratch, spans, 2), 3);
	assert_int_equal(regex_spans(regex, STR("a.a.a.a.a"), scratch, spans, 2), 5);
}

/* Whatever character one begins with, one comes back to it, and soon: matching goes around. */
static void test_characters_of_one_folding(void **state)
{
	unsigned folded = 0;

	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		uint32_t other = fold_next(c);
		unsigned steps = 1;

		folded += other != c;
		for (; other != c && steps <= 4; steps++)
			other = fold_next(other);
		if (other != c || steps > 4)
			fail_msg("U+%04X does not come back", c);
	}
	assert_int_equal(folded, 2878); /* in Unicode 14.0, forms that are folded to among them */
}

static void test_wrong_regular_expressions(void **state)
{
	static const char *const wrong[] = {
		"(",
		")",
		"a)",
		"[",
		"[a",
		"[b-a]",
		"*a",
		"+",
		"a|*",
		"a{2,1}",
		"a{1001}",
		"\\",
		"\\p{L}",
		"\\E",
		"\\Qa\\E\\E",
		"\\Q\\E*",
		"(\\Qa)",
		"\\8",
		"\\1",
		"[\\1]",
		"(?z)",
		"(?P<",
		"[\\8]",
		"\\x{110000}",
		"\\C",
		"(?=a)",
		"((((((((((((((((((((((((((a",
		"(a{1000}){1000}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		const char *reason = NULL;
		_cleanup_free_ struct regex *regex = regex_new(str_of(wrong[i]), &reason);

		if (regex || !reason)
			fail_msg("%s: is a pattern", wrong[i]);
	}
}

/* What takes a backtracking engine until the end of time. */
static void test_hostile_patterns_take_no_time(void **state)
{
	static const char *const patterns[] = {"(a*)*b", "(a|aa)+$", "(a|a?)+b", "(.*a){20}$",
					       "a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?aaaaaaaaaaaaaaaab"};
	_cleanup_buf_ struct buf text = BUF_INIT(0);

	(void)state;
	for (unsigned i = 0; i < 20000; i++)
		buf_putc(&text, 'a');
	buf_putc(&text, 'c');
	for (size_t i = 0; i < COUNT(patterns); i++) {
		const char *reason = NULL;
		_cleanup_free_ struct regex *regex = regex_new(str_of(patterns[i]), &reason);
		_cleanup_free_ void *scratch = NULL;

		assert_non_null(regex);
		scratch = xcalloc(1, regex_scratch(regex));
		assert_false(regex_match(regex, (struct str){text.data, text.len}, scratch));
	}
}

static void test_matches(void **state)
{
	static const struct open_row rows[] = {
		{"'x1y'.matches('[0-9]') && matches('ä', '^.$')", "true"},
		{"['^a', 'b$'].map(p, 'ab'.matches(p))", "[true, true]"},
		{"'a'.matches('(') || true", "true"},
	};
	static const struct open_error_row errors[] = {
		{"'a'.matches('(')", 4, "a group has no end"},
		{"'a'.matches(1)", 4, "no such overload"},
		{"(1).matches('a')", 4, "no such overload"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_conversions),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_wrong_times),
		cmocka_unit_test(test_regular_expressions),
		cmocka_unit_test(test_spans_of_regular_expressions),
		cmocka_unit_test(test_more_spans_than_room),
		cmocka_unit_test(test_characters_of_one_folding),
		cmocka_unit_test(test_wrong_regular_expressions),
		cmocka_unit_test(test_hostile_patterns_take_no_time),
		cmocka_unit_test(test_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
