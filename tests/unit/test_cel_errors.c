/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/cel_fixture.h"

/* Expressions that are refused at load, with the place (byte offset) and the words of the reason.
 */

struct error_row {
	const char *text;
	size_t at;
	const char *why;
};

static const struct error_row syntax_errors[] = {
	{"", 0, "the expression ends where a value should be"},
	{"true &&", 7, "the expression ends where a value should be"},
	{"true true", 5, "\"true\" stands where an operator or the end should be"},
	{"(true", 5, "the expression ends where \")\" should be"},
	{"[1, 2", 5, "the expression ends where \"]\" should be"},
	{"size('a',) == 1", 9, "\")\" stands where an argument should be"},
	{"action.", 7, "the expression ends where a name should be"},
	{"action.1", 7, "\"1\" stands where a name should be"},
	{"{'true': 1}.true == 1", 12, "\"true\" stands where a name should be"},
	{"{'null': 1}.null == 1", 12, "\"null\" stands where a name should be"},
	{"'a'.false()", 4, "\"false\" stands where a name should be"},
	{".true", 1, "\"true\" stands where a name should be"},
	{"true ? 1", 8, "the expression ends where \":\" should be"},
	{"'abc", 0, "the string has no end"},
	{"'a\nb' == ''", 0, "the string has no end"},
	{"'''a''", 0, "the string has no end"},
	{"true && 'a\\q' == ''", 10, "no valid escape; for a backslash write \\\\"},
	{"'\\x4' == ''", 1, "no valid escape; for a backslash write \\\\"},
	{"b'\\u00e4' == b''", 2, "no valid escape; for a backslash write \\\\"},
	{"b'\\U000000e4' == b''", 2, "no valid escape; for a backslash write \\\\"},
	{"'\\ud83d' == ''", 1, "no valid escape; for a backslash write \\\\"},
	{"'\\ude00\\ud83d' == ''", 1, "no valid escape; for a backslash write \\\\"},
	{"'\\ud83d\\u0041' == ''", 1, "no valid escape; for a backslash write \\\\"},
	{"'\\ud83d\\' == ''", 1, "no valid escape; for a backslash write \\\\"},
	{"'\\U00110000' == ''", 1, "no valid escape; for a backslash write \\\\"},
	{"9223372036854775808 == 1", 0, "the number does not fit in 64 bits"},
	{"0x10000000000000000 == 1", 0, "the number does not fit in 64 bits"},
	{"-9223372036854775809 == 1", 1, "the number does not fit in 64 bits"},
	{"18446744073709551616u == 1u", 0, "the number does not fit in 64 bits"},
	{"1.0 < 2e308", 6, "the number does not fit in a double"},
	{"0XFF == 0", 0, "not a number: write 12, 0xff, 12u, 1.5 or 1e3"},
	{"rb'a' == b'a'", 2, "\"'a'\" stands where an operator or the end should be"},
	{"0x == 0", 0, "not a number: write 12, 0xff, 12u, 1.5 or 1e3"},
	{"1.5u == 1", 0, "not a number: write 12, 0xff, 12u, 1.5 or 1e3"},
	{"12a == 1", 0, "not a number: write 12, 0xff, 12u, 1.5 or 1e3"},
	{"'a' == '\\400'", 8, "no valid escape; for a backslash write \\\\"},
	{"a.`b", 2, "a name in backticks has letters, digits, and any of _ - . / and space"},
	{"{1: 2, 3} == {}", 8, "\"}\" stands where \":\" should be"},
	{"{1: 2", 5, "the expression ends where \"}\" should be"},
	{"Msg{a: 1}.a == 1", 0, "messages are not for rules"},
	{"a.Msg{a: 1}.a == 1", 2, "messages are not for rules"},
	{"google.protobuf.BoolValue{value: true}", 16, "messages are not for rules"},
	{"action.Msg{a}", 12, "\"}\" stands where \":\" should be"},
	{"Msg{1: 2}", 4, "\"1\" stands where a field's name should be"},
	{"f(1){a: 2}", 4, "\"{\" stands where an operator or the end should be"},
	{"has(action) && true", 0, "has() takes a selection: has(value.name)"},
	{"[1].map(x, y, z, 1) == [1]", 4, "map takes a name and a result"},
	{"[1].exists(a, a, true)", 14, "the two names are the same"},
	{"action.port = 1", 12, "for equality write =="},
	{"true & false", 5, "write &&"},
	{"true | false", 5, "write ||"},
	{"true @ 1", 5, "unexpected character"},
	{"for == 1", 0, "\"for\" cannot be used here"},
};

static const struct error_row type_errors[] = {
	{"action.port", 7, "type mismatch: a rule's \"when\" expects bool, found int"},
	{"action.port == '443'", 12, "type mismatch: int compared with string"},
	{"action.loopback == 0", 16, "type mismatch: bool compared with int"},
	{"['a'] < ['a']", 6, "type mismatch: list of string compared with list of string"},
	{"['a'] == [1]", 6, "type mismatch: list of string compared with list of int"},
	{"action.port == 443u", 12, "type mismatch: int compared with uint"},
	{"null == 1", 5, "type mismatch: null compared with int"},
	{"1 + 1u == 2", 2, "type mismatch: int + uint"},
	{"1.5 % 1.0 == 0.5", 4, "type mismatch: double % double"},
	{"'a' - 'a' == ''", 4, "type mismatch: string - string"},
	{"math.abs(-1) == 1", 0, "unknown name \"math\""},
	{"action.path.split('/') == []", 12, "split() is not for rules"},
	{"(1).value() == 1", 4, "value() is not for rules"},
	{"[1][?0] == 1", 3, "optional values are not for rules"},
	{"[?1] == [1]", 2, "optional values are not for rules"},
	{"{?1: 1} == {1: 1}", 2, "optional values are not for rules"},
	{"cel.bind(x, 1, x == 1)", 4, "cel.bind() or cel.block() is not for rules"},
	{"[1].optMap(x, x) == 1", 4, "optMap() is not for rules"},
	{"dyn(1) == 1", 0, "dyn() is not for rules: their types are known when they are loaded"},
	{"true && 1", 8, "type mismatch: && expects bool, found int"},
	{"'a' || true", 0, "type mismatch: || expects bool, found string"},
	{"!action.host", 8, "type mismatch: ! expects bool, found string"},
	{"-'a' == 'a'", 1, "type mismatch: - expects int, found string"},
	{"1 ? true : false", 0,
	 "type mismatch: the condition before \"?\" expects bool, found int"},
	{"(true ? 1 : 'a') == 1", 12, "type mismatch: the two sides of \":\" are int and string"},
	{"1 in 2", 5, "type mismatch: in expects a list on its right, found int"},
	{"1 in ['a']", 2, "type mismatch: int in list of string"},
	{"['a'] in ['a']", 6, "type mismatch: list of string in list of string"},
	{"[1, 'a'][0] == 1", 4, "the items of a list are of one type"},
	{"{1: 2, 'a': 3} == {}", 7, "the keys of a map are of one type, and so are its values"},
	{"{1.5: 2} == {}", 1,
	 "type mismatch: a key expects bool, int, uint or string, found double"},
	{"{'a': 1}[1] == 1", 9, "type mismatch: the key expects string, found int"},
	{"{'a': 1}.b.c == 1", 11,
	 "only action, session, process, call, lists and maps by string have members"},
	{"[].map(x, x) == []", 0, "a loop over an empty list"},
	{"[][0] == 1", 2, "what this holds is not known: the list or map is written empty"},
	{"timestamp(0).getHours(1) == 1", 22, "type mismatch: getHours expects string, found int"},
	{"duration('1s').getHours('UTC') == 1", 24, "a duration has no time zone"},
	{"duration('1s').getDate() == 1", 0,
	 "type mismatch: getDate expects timestamp, found duration"},
	{"[].exists(x, true)", 0, "a loop over an empty list"},
	{"action.host[0] == 'a'", 7, "type mismatch: [ ] expects a list, found string"},
	{"['a']['b'] == 'a'", 6, "type mismatch: the index expects int, found string"},
	{"action.nosuch == 1", 7, "unknown field action.nosuch"},
	{"action.argv.size() == 1", 7,
	 "action.argv is not there for net.connect, which the rule is \"on\""},
	{"nosuch == 1", 0, "unknown name \"nosuch\""},
	{"nosuch.a == 1", 0, "unknown name \"nosuch\""},
	{"session.nosuch == 1", 8, "session has the member labels"},
	{"process.nosuch == 1", 8, "process has the member labels"},
	{"call.nosuch == 'a'", 5, "call has the members id, tool and declared"},
	{"'a' in lists.nosuch", 13, "no file defines the list \"nosuch\""},
	{"action.host.a == 1", 12,
	 "only action, session, process, call, lists and maps by string have members"},
	{"nosuch(1)", 0, "unknown function \"nosuch\""},
	{"'a'.matches('(')", 12, "a group has no end"},
	{"'a'.matches('a**')", 12, "a repetition is repeated: put it in a group"},
	{"'a'.matches('a{2}?+')", 12, "a repetition is repeated: put it in a group"},
	{"'a'.matches(action.host)", 19, "the pattern of matches() is a literal"},
	{"has(action.nosuch)", 11, "unknown field action.nosuch"},
	{"has(session.nosuch)", 12, "session has the member labels"},
	{"startsWith('a', 'b')", 0, "startsWith is written after its value: value.name(...)"},
	{"'a'.glob('b')", 4, "glob is written as a function: name(value, ...)"},
	{"'a'.startsWith()", 4, "startsWith takes 1 argument, found 0"},
	{"glob('/a')", 0, "glob takes 2 arguments, found 1"},
	{"'a'.startsWith(1)", 15, "type mismatch: startsWith expects string, found int"},
	{"size(1) == 1", 5,
	 "type mismatch: size expects string or bytes or list or map, found int"},
	{"command(session.labels) == 'a'", 16,
	 "command() takes action.argv or a string as it is; lowerAscii() goes behind it"},
	{"command('A'.lowerAscii()) == 'a'", 12,
	 "command() takes action.argv or a string as it is; lowerAscii() goes behind it"},
	{"glob(action.host, action.host)", 25,
	 "the pattern is a literal, a list of literals, or lists.NAME"},
	{"glob(action.host, [1])", 18,
	 "the pattern is a literal, a list of literals, or lists.NAME"},
	{"glob(action.path, 'etc/*')", 18,
	 "\"etc/*\": paths are absolute: start the pattern with /, ~/ or **/"},
	{"glob(action.path, '/a/../b')", 18,
	 "\"/a/../b\": paths are resolved: . and .. match nothing"},
	{"inCIDR(action.address, '10.0.0.0/33')", 23,
	 "\"10.0.0.0/33\": the prefix is longer than the address"},
	{"hostMatches(action.host, 'http://a')", 25,
	 "\"http://a\": not a host name (no scheme, port or path here)"},
	{"['a'].exists(1, true)", 13, "a name for the item goes here"},
	{"['a'].exists(action, true)", 13,
	 "\"action\" has a meaning of its own: give the item another name"},
	{"['a'].exists(x)", 6, "exists takes a name and a condition"},
	{"['a'].all(x, x)", 13, "type mismatch: the condition expects bool, found string"},
	{"action.host.all(x, true)", 7,
	 "type mismatch: a macro over items expects a list, found string"},
	{"['a'].exists(x, true) && x == 'a'", 25, "unknown name \"x\""},
	{"['a'].exists(a, ['a'].exists(b, ['a'].exists(c, ['a'].exists(d, ['a'].exists(e, "
	 "true)))))",
	 70, "more than 4 loops inside one another"},
};

static void check_errors(const struct error_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct cel_error err = {0};
		enum cel_result result;

		if (evaluate(str_of(rows[i].text), &connect_action, &result, &err) == 0)
			fail_msg("%s: not refused", rows[i].text);
		if (err.at != rows[i].at || strcmp(err.why.text, rows[i].why) != 0)
			fail_msg("%s: at %zu: %s", rows[i].text, err.at, err.why.text);
	}
}

static void test_errors_of_syntax(void **state)
{
	(void)state;
	check_errors(syntax_errors, COUNT(syntax_errors));
}

static void test_errors_of_type(void **state)
{
	(void)state;
	check_errors(type_errors, COUNT(type_errors));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors_of_syntax),
		cmocka_unit_test(test_errors_of_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
