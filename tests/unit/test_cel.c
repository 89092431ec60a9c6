/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/cel_fixture.h"

/*
 * The language itself: text to tokens, tree, types, code and value. Each row is an expression over
 * the action below and what it must give: true, false, an error at run time, or a refusal at load
 * with the place (byte offset) and the words of its reason.
 */

struct value_row {
	const char *text;
	enum cel_result expected;
};

static void check_values(const struct value_row *rows, size_t count, const struct action *action)
{
	for (size_t i = 0; i < count; i++) {
		struct cel_error err = {0};
		enum cel_result result = CEL_FAILED;

		if (evaluate(str_of(rows[i].text), action, &result, &err) < 0)
			fail_msg("%s: refused at %zu: %s", rows[i].text, err.at, err.why.text);
		if (result != rows[i].expected)
			fail_msg("%s: %d, not %d", rows[i].text, (int)result,
				 (int)rows[i].expected);
	}
}

static void test_operators(void **state)
{
	static const struct value_row rows[] = {
		/* && binds closer than ||, relations closer than both, ! closest, ?: loosest */
		{"true || false && false", CEL_TRUE},
		{"(true || false) && false", CEL_FALSE},
		{"false && true || true", CEL_TRUE},
		{"!false && false", CEL_FALSE},
		{"!(false && false)", CEL_TRUE},
		{"!!true", CEL_TRUE},
		{"1 < 2 == true", CEL_TRUE},
		{"1 == 1 && 2 != 3", CEL_TRUE},
		{"true || false ? false : true", CEL_FALSE},
		{"true ? false : true ? true : true", CEL_FALSE},
		{"false ? false : false ? false : true", CEL_TRUE},
		{"(true ? 1 : 2) == 1", CEL_TRUE},
		{"(false ? 'a' : 'b') == 'b'", CEL_TRUE},
		{"- 3 < -2 && --3 == 3", CEL_TRUE},
		{"-action.port == -443", CEL_TRUE},
		{"0x1F == 31 && 0xff >= 255", CEL_TRUE},
		{"9223372036854775807 > -9223372036854775807", CEL_TRUE},
		{"action.port <= 443 && action.port >= 443", CEL_TRUE},
		{"action.port < 443 || action.port > 443", CEL_FALSE},
		{"action.loopback == false", CEL_TRUE},
		{"true > false && false <= false", CEL_TRUE},
		{"'a' < 'b' && 'a' < 'aa' && 'B' < 'a' && '' < 'a'", CEL_TRUE},
		{"'ä' > 'z'", CEL_TRUE}, /* by bytes, which is by code point */
		{"443 in [80, 443] && !(1 in [2]) && !(1 in [])", CEL_TRUE},
		{"-1 in [1, -1]", CEL_TRUE},
		{"'a' in ['b', 'a',]", CEL_TRUE},
		{"action.host in lists.hosts", CEL_FALSE},
		{"'10.0.0.1' in lists.hosts && !('' in lists.none)", CEL_TRUE},
		{"call.tool == 'bash' && call.id == ''", CEL_TRUE},
		{"true // a comment\n && // another\n true", CEL_TRUE},
	};

	(void)state;
	check_values(rows, COUNT(rows), &connect_action);
}

static void test_strings(void **state)
{
	static const struct value_row rows[] = {
		{"'\\x41\\u00e9\\U0001F600\\101' == \"Aé😀A\"", CEL_TRUE},
		{"'\\n\\t\\\\\\'\\\"\\`\\?' == \"\\x0a\\x09\\x5c'\\x22\\x60?\"", CEL_TRUE},
		{"'\\a\\b\\f\\r\\v'.size() == 5", CEL_TRUE},
		{"r'\\n' == '\\\\n' && R\"a'b\" == 'a\\'b'", CEL_TRUE},
		{"'''it's\n\"two\" lines''' == 'it\\'s\\n\"two\" lines'", CEL_TRUE},
		{"\"\"\"a\"b\"\"\" == 'a\"b' && '' == \"\"", CEL_TRUE},
		{"size('Größe😀') == 6 && 'Größe'.size() == 5", CEL_TRUE},
		{"'Größe'.startsWith('Grö') && 'Größe'.endsWith('ße')", CEL_TRUE},
		{"'abc'.contains('') && 'abc'.contains('bc') && !'abc'.contains('cb')", CEL_TRUE},
		{"'abc'.startsWith('abcd') || 'abc'.endsWith('xabc')", CEL_FALSE},
		{"'AbÄ'.lowerAscii() == 'abÄ'", CEL_TRUE},
		{"'ABC'.lowerAscii() == 'ABC'", CEL_FALSE},
		{"'abc' == 'ABC'.lowerAscii() && 'ABC'.lowerAscii() < 'b'", CEL_TRUE},
		{"'XabcX'.lowerAscii().contains('xa') && 'ABC'.lowerAscii().endsWith('bc')",
		 CEL_TRUE},
		{"'abc'.startsWith('AB'.lowerAscii())", CEL_TRUE},
		{"'SECRET'.lowerAscii() in ['x', 'secret']", CEL_TRUE},
		{"glob('/ETC/x'.lowerAscii(), '/etc/*')", CEL_TRUE},
		{"glob('/HOME/Agent/x'.lowerAscii(), '~/*')", CEL_TRUE},
		{"hostMatches(action.host, 'api.EXAMPLE.org')", CEL_TRUE},
		{"hostMatches(action.host, lists.hosts) && !hostMatches('a', lists.none)",
		 CEL_TRUE},
		{"inCIDR(action.address, ['192.0.2.0/24', '10.0.0.0/8'])", CEL_TRUE},
		{"inCIDR('', '::/0')", CEL_FALSE},
		{"inCIDR('x', '::/0') || true", CEL_TRUE},
		{"inCIDR('x', '::/0')", CEL_FAILED},
		{"command('cd /x && ssh y') == 'cd' && command('') == ''", CEL_TRUE},
	};

	(void)state;
	check_values(rows, COUNT(rows), &connect_action);
}

static void test_lists_and_loops(void **state)
{
	static const struct value_row rows[] = {
		{"action.argv.size() == 4 && size(session.labels) == 2", CEL_TRUE},
		{"action.argv[0] == 'tar' && action.argv[3] == 'Größe'", CEL_TRUE},
		{"action.argv[4] == ''", CEL_FAILED},
		{"action.argv[-1] == ''", CEL_FAILED},
		{"['a', 'b'][1] == 'b' && [7][0] == 7", CEL_TRUE},
		{"'-cf' in action.argv && !('x' in action.argv)", CEL_TRUE},
		{"action.argv.exists(a, a.startsWith('-c'))", CEL_TRUE},
		{"action.argv.all(a, a.size() > 2)", CEL_TRUE},
		{"action.argv.all(a, a != 'tar')", CEL_FALSE},
		{"[1, 2].exists(n, n > 1) && [1, 2].all(n, n > 0)", CEL_TRUE},
		{"lists.none.exists(x, true) || !lists.none.all(x, false)", CEL_FALSE},
		{"session.labels.exists(l, l == 'weights')", CEL_TRUE},
		{"'canary' in session.labels || session.labels[1] == 'secret'", CEL_FALSE},
		{"session.labels[0] == 'secret' && session.labels[1] == 'weights'", CEL_TRUE},
		{"process.labels == ['weights'] && size(process.labels) == 1", CEL_TRUE},
		{"'secret' in process.labels", CEL_FALSE},
		{"process.labels.exists(l, l == 'weights') && has(process.labels)", CEL_TRUE},
		{"process.labels.all(l, l in session.labels)", CEL_TRUE},
		{"['x', 'y'].exists(l, action.argv.exists(a, a == l))", CEL_FALSE},
		{"[1, 2].exists(a, [2, 3].exists(b, a == b))", CEL_TRUE},
		{"[1, 2].all(a, [1, 2].exists(a, a == 2))", CEL_TRUE}, /* the inner a */
		{"(true ? action.argv : session.labels).exists(x, x == 'tar')", CEL_TRUE},
		{"command(action.argv) == 'tar' && command(action.name) == 'tar'", CEL_TRUE},
		{"action.argv.exists(a, a.matches('^-[a-z]f$'))", CEL_TRUE},
		{"matches(action.path, '^/usr/(local/)?bin/[^/]+$')", CEL_TRUE},
		{"action.argv.exists(a, a.matches('^f|(?m)^l|f$'))", CEL_TRUE},
		{"action.path.matches('^usr') || action.name.matches('^t.$')", CEL_FALSE},
		{"action.path.matches('bin') && action.path.matches('')", CEL_TRUE},
		{"action.argv[0].matches('^ta') && !action.argv[1].matches('^[^-]')", CEL_TRUE},
		{"action.argv[4].matches('^a') || true", CEL_TRUE},
		{"action.argv[4].matches('^a')", CEL_FAILED},
		{"call.id == 'c1' && action.call_tool == 'bash'", CEL_TRUE},
	};

	(void)state;
	check_values(rows, COUNT(rows), &exec_action);
}

/* What the code does not cover is evaluated by walking the tree, with the same checks and limits.
 */
static void test_what_needs_the_general_evaluator(void **state)
{
	static const struct value_row rows[] = {
		{"action.argv.filter(a, a.startsWith('-')).size() == 1", CEL_TRUE},
		{"action.argv.map(a, a + '!')[0] == 'tar!'", CEL_TRUE},
		{"action.argv.exists_one(a, a == 'tar')", CEL_TRUE},
		{"action.path == action.cwd + '/x' || 1 + 1 == 2", CEL_TRUE},
		{"size(action.argv) * 2 - 1 > 6 && 7 % 2 == 1", CEL_TRUE},
		{"action.argv[3].lowerAscii().matches('^gr')", CEL_TRUE},
		{"'abc'.matches('^b')", CEL_FALSE},
		{"{'tar': 1, 'zip': 2}[action.name] == 1", CEL_TRUE},
		{"{'zip': 2}[action.name] == 1", CEL_FAILED},
		{"action.name in {'tar': true}", CEL_TRUE},
		{"has({'a': 1}.a) && !has({'a': 1}.b)", CEL_TRUE},
		{"has(action.argv) && !has(action.port) && has(call.tool)", CEL_TRUE},
		{"[action.name, 'x'] == ['tar', 'x'] && action.argv == action.argv", CEL_TRUE},
		{"[[1], []].all(l, l.size() < 2)", CEL_TRUE},
		{"[action.argv, session.labels].exists(l, 'weights' in l)", CEL_TRUE},
		{"session.labels.map(l, l.size()) == [6, 7]", CEL_TRUE},
		{"process.labels.map(l, l.size()) == [7]", CEL_TRUE},
		{"session.labels.filter(l, l == 'weights')[0] == 'weights'", CEL_TRUE},
		{"lists.hosts.filter(h, h.startsWith('10.')) == ['10.0.0.1']", CEL_TRUE},
		{"size(action.argv) / (size(action.argv) - 4) == 1", CEL_FAILED},
		{"size(action.argv) / (size(action.argv) - 4) == 1 || true", CEL_TRUE},
		{"int('12') == 12 && string(12) == '12' && double(1) < 1.5", CEL_TRUE},
		{"duration('90s') > duration('1m') && timestamp(0).getFullYear() == 1970",
		 CEL_TRUE},
		{"b'a' < b'b' && 1u + 1u == 2u && type(1) == int && null == null", CEL_TRUE},
		{"command(action.argv) + 'x' == 'tarx' && glob(action.path + '', '/usr/**')",
		 CEL_TRUE},
	};

	(void)state;
	check_values(rows, COUNT(rows), &exec_action);
}

/* CEL: what decides alone takes an error on the other side away, on either side. */
static void test_errors_are_absorbed(void **state)
{
	static const struct value_row rows[] = {
		{"[1][5] == 1 || true", CEL_TRUE},
		{"true || [1][5] == 1", CEL_TRUE},
		{"[1][5] == 1 && false", CEL_FALSE},
		{"false && [1][5] == 1", CEL_FALSE},
		{"[1][5] == 1 || false", CEL_FAILED},
		{"[1][5] == 1 && true", CEL_FAILED},
		{"!([1][5] == 1)", CEL_FAILED},
		{"[1][5] == 1 ? true : true", CEL_FAILED},
		{"true ? true : [1][5] == 1", CEL_TRUE},
		{"false ? [1][5] == 1 : true", CEL_TRUE},
		{"(true ? [1][5] : 1) == 1 || true", CEL_TRUE},
		{"[1, 9].exists(n, [1, 2][n] == 2)", CEL_TRUE},
		{"[9, 1].exists(n, [1, 2][n] == 2)", CEL_TRUE},
		{"[9, 0].exists(n, [1, 2][n] == 2)", CEL_FAILED},
		{"[9, 0].all(n, [1, 2][n] == 2)", CEL_FALSE},
		{"[9, 1].all(n, [1, 2][n] == 2)", CEL_FAILED},
		{"-action.port == 1", CEL_FAILED}, /* the one integer without a negative */
		{"action.port < -9223372036854775807", CEL_TRUE},
		{"inCIDR(action.address, '::/0')", CEL_FAILED},
		{"'x'.startsWith(['y'][3])", CEL_FAILED},
		{"['y'][3] in ['y'] || 'a' == ['y'][3]", CEL_FAILED},
	};

	(void)state;
	check_values(rows, COUNT(rows), &odd_action);
}

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
	{"true ? 1", 8, "the expression ends where \":\" should be"},
	{"'abc", 0, "the string has no end"},
	{"'a\nb' == ''", 0, "the string has no end"},
	{"'''a''", 0, "the string has no end"},
	{"true && 'a\\q' == ''", 10, "no valid escape; for a backslash write \\\\"},
	{"'\\x4' == ''", 1, "no valid escape; for a backslash write \\\\"},
	{"b'\\u00e4' == b''", 2, "no valid escape; for a backslash write \\\\"},
	{"b'\\U000000e4' == b''", 2, "no valid escape; for a backslash write \\\\"},
	{"'\\ud83d' == ''", 1, "no valid escape; for a backslash write \\\\"},
	{"'\\U00110000' == ''", 1, "no valid escape; for a backslash write \\\\"},
	{"9223372036854775808 == 1", 0, "the number does not fit in 64 bits"},
	{"0x10000000000000000 == 1", 0, "the number does not fit in 64 bits"},
	{"-9223372036854775809 == 1", 1, "the number does not fit in 64 bits"},
	{"18446744073709551616u == 1u", 0, "the number does not fit in 64 bits"},
	{"1.0 < 2e308", 6, "the number does not fit in a double"},
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
	{"cel.bind(x, 1, x == 1)", 4, "cel.bind() is not for rules"},
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
		cmocka_unit_test(test_operators),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_lists_and_loops),
		cmocka_unit_test(test_what_needs_the_general_evaluator),
		cmocka_unit_test(test_errors_are_absorbed),
		cmocka_unit_test(test_errors_of_syntax),
		cmocka_unit_test(test_errors_of_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
