/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/cel_fixture.h"

/*
 * The language itself: text to tokens, tree, types, code and value. Each row is an expression over
 * an action and what it must give: true, false, or an error at run time.
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

/* Lists of globs that are long enough to be found by keys. */
static void test_globs_in_the_general_evaluator(void **state)
{
	static const struct value_row rows[] = {
		{"action.name + 'x' == 'tarx' && "
		 "glob(action.path, ['/a/*', '/b/**', '/usr/bin/t?r'])",
		 CEL_TRUE},
		{"action.name + 'x' == 'tarx' && glob(action.path, ['/a/*', '/b/**', '**/tar/*'])",
		 CEL_FALSE},
		{"action.name + 'x' == 'tarx' && !glob(action.cwd, ['/a/*', '/b/**', '/usr/**']) &&"
		 " glob(action.path, ['/a/*', '/b/**', '/usr/**']) &&"
		 " glob(action.cwd, ['~/**', '/c', '/d'])",
		 CEL_TRUE},
		{"['a', 'b'].map(x, '/' + x).exists(p, glob(p, ['/b', '/c', '/d']))", CEL_TRUE},
	};

	(void)state;
	check_values(rows, COUNT(rows), &exec_action);
}

/* Rules that are asked of one action share its keys, and the memory of the texts that they make. */
static void test_a_made_text_has_no_keys_of_another(void **state)
{
	static _Alignas(16) char scratch[CEL_MAX_MEMORY];
	struct cel_memo memo = {0};
	const struct cel_env env = {.action = &exec_action, .scratch = scratch, .memo = &memo};
	static const struct value_row rows[] = {
		{"glob('/' + 'a', ['/b', '/c', '/d'])", CEL_FALSE},
		{"glob('/' + 'b', ['/b', '/c', '/d'])", CEL_TRUE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cel_error err = {0};
		struct cel_program program = {0};
		struct cel_tree tree = {0};

		assert_int_equal(
			compile_text(str_of(rows[i].text), &exec_action, &tree, &program, &err), 0);
		assert_int_equal(cel_eval(&program, &env), rows[i].expected);
		cel_tree_done(&tree);
		cel_program_done(&program);
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operators),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_lists_and_loops),
		cmocka_unit_test(test_what_needs_the_general_evaluator),
		cmocka_unit_test(test_globs_in_the_general_evaluator),
		cmocka_unit_test(test_a_made_text_has_no_keys_of_another),
		cmocka_unit_test(test_errors_are_absorbed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
