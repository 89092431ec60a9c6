/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cel_open_fixture.h"

#include "common/buf.h"

/* Literals, operators, macros, and what becomes of errors, as cel-spec langdef.md has them. */

static void test_literals(void **state)
{
	static const struct open_row rows[] = {
		{"0x10", "16"},
		{"-0x8000000000000000", "-9223372036854775807 - 1"},
		{"0xFFu", "255u"},
		{"18446744073709551615U", "9223372036854775807u * 2u + 1u"},
		{".5e1", "5.0"},
		{"1e3", "1000.0"},
		{"2.5E-1", "0.25"},
		{"'\\x41\\u00e4\\U0001F600\\101\\0007'", "'Aä😀A\\x007'"},
		{"'\\ud83d\\uDE00'", "'😀'"},
		{"b'\\xff\\377ä'", "b'\\377\\xff\\xc3\\xa4'"},
		{"br'\\n'", "b'\\\\n'"},
		{"BR\"\\n\"", "b'\\\\n'"},
		{"'''a'b\nc'''", "'a\\'b\\nc'"},
		{"[1, 'a', null,]", "[1, 'a', null]"},
		{"{'a': 1, 2: [3], 4u: {}, true: null,}[2]", "[3]"},
		{"size([[], {}])", "2"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
}

static void test_arithmetic(void **state)
{
	static const struct open_row rows[] = {
		{"7 + 3 * 2 - 8 / 4", "11"},
		{"(7 + 3) * 2", "20"},
		{"10 - 3 - 2", "5"},
		{"-7 / 2", "-3"},
		{"-7 % 3", "-1"},
		{"7 % -3", "1"},
		{"7u / 2u", "3u"},
		{"7u % 4u", "3u"},
		{"7.0 / 2.0", "3.5"},
		{"-(2.5)", "-2.5"},
		{"-0.0", "0.0 * -1.0"},
		{"1.0 / 0.0", "double('Infinity')"},
		{"0.0 / 0.0", "double('NaN')"},
		{"1e308 * 10.0", "double('inf')"},
		{"-i", "-70"},
		{"- -3", "3"},
		{"!!true", "true"},
		{"'a' + 'ä' + ''", "'aä'"},
		{"b'a' + b'\\xff'", "b'a\\xff'"},
		{"[1] + ['a'] + []", "[1, 'a']"},
		{"l + [3]", "[1, 2.5, 3]"},
		{"9223372036854775806 + 1", "9223372036854775807"},
		{"-9223372036854775807 - 1", "-9223372036854775808"},
	};
	static const struct open_error_row errors[] = {
		{"9223372036854775807 + 1", 20, "overflow"},
		{"-9223372036854775808 - 1", 21, "overflow"},
		{"4611686018427387904 * 2", 20, "overflow"},
		{"-9223372036854775808 / -1", 21, "overflow"},
		{"-9223372036854775808 % -1", 21, "overflow"},
		{"-(-9223372036854775808)", 0, "overflow"},
		{"18446744073709551615u + 1u", 22, "overflow"},
		{"1u - 2u", 3, "overflow"},
		{"9223372036854775808u * 2u", 21, "overflow"},
		{"1 / 0", 2, "division by zero"},
		{"1 % 0", 2, "division by zero"},
		{"1u / 0u", 3, "division by zero"},
		{"1u % 0u", 3, "division by zero"},
		{"1 + 1u", 2, "no such overload"},
		{"1 + 1.0", 2, "no such overload"},
		{"1.0 % 1.0", 4, "no such overload"},
		{"'a' + 1", 4, "no such overload"},
		{"'a' * 'b'", 4, "no such overload"},
		{"'a' + b'a'", 4, "no such overload"},
		{"[1] - [1]", 4, "no such overload"},
		{"-u", 0, "no such overload"},
		{"-'a'", 0, "no such overload"},
		{"!1", 0, "no such overload"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

static void test_comparison(void **state)
{
	static const struct open_row rows[] = {
		{"1 == 1u && 1u == 1.0 && 1.0 == 1", "true"},
		{"-1 == 18446744073709551615u", "false"},
		{"-1 < 0u && 18446744073709551615u > 1 && -1 < 0.5", "true"},
		{"1 < 1.5 && 2u > 1.5 && 1 <= 1.0 && 1 >= 1u", "true"},
		{"9007199254740993 == 9007199254740992", "false"},
		{"0.0 == -0.0", "true"},
		{"[0.0 / 0.0 == 0.0 / 0.0, 0.0 / 0.0 != 1.0, 0.0 / 0.0 < 1.0, 1.0 >= 0.0 / 0.0]",
		 "[false, true, false, false]"},
		{"1 == '1' || null == false || b'a' == 'a' || [] == {}", "false"},
		{"1 != '1' && null == null && type(1) != type(1u)", "true"},
		{"[1, [2.0]] == [1u, [2]]", "true"},
		{"[1, 2] == [2, 1] || [1] == [1, 1]", "false"},
		{"{'a': 1, 2: 'b'} == {2u: 'b', 'a': 1.0}", "true"},
		{"{'a': 1} == {'a': 2} || {'a': 1} == {'b': 1} || {} == {'a': 1}", "false"},
		{"'Z' < 'a' && 'a' < 'aa' && 'z' < 'ä' && b'\\x01' < b'\\x01\\x00'", "true"},
		{"false < true && !(true < true) && true >= false", "true"},
		{"2 in [1, 2.0] && 2 in {2u: 1} && !('2' in [2]) && !(1 in {})", "true"},
		{"[1] in [[1], 2]", "true"},
	};
	static const struct open_error_row errors[] = {
		{"1 < '1'", 2, "no such overload"},
		{"null < null", 5, "no such overload"},
		{"[1] < [2]", 4, "no such overload"},
		{"1 in 1", 2, "no such overload"},
		{"type(1) < type(2)", 8, "no such overload"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

static void test_selection(void **state)
{
	static const struct open_row rows[] = {
		{"m.k + m['k']", "10"},
		{"m.`k`", "5"},
		{"{'a b': 1}.`a b`", "1"},
		{"{'null': 1}.`null` + {'in': 1}.`in` + {'for': 1}.for", "3"},
		{"has(m.k) && !has(m.x) && !has({}.a) && has({'/': null}.`/`)", "true"},
		{"[7, 8][1] + [7, 8][1u] + [7, 8][0.0]", "23"},
		{"{1: 'a', 2u: 'b'}[1.0] + {1: 'a', 2u: 'b'}[2]", "'ab'"},
		{"{true: 1}[true]", "1"},
		/* the longest declared name; the container's first; not where a loop names it */
		{"a.b.c", "9"},
		{"a.b.k", "5"},
		{"[i, u, .i, .u]", "[70, 70u, 7, 7u]"},
		{"[1, 2].map(i, i + 1)", "[2, 3]"},
		{"[{'i': 3}].map(pkg, pkg.i)", "[3]"},
		{"[1].map(i, .i)", "[7]"},
	};
	static const struct open_error_row errors[] = {
		{"m.x", 2, "no such key"},
		{"m['x']", 1, "no such key"},
		{"m[0.5]", 1, "no such key"},
		{"[1][1]", 3, "the index is outside the list"},
		{"[1][-1]", 3, "the index is outside the list"},
		{"[1][0.5]", 3, "the index of a list is a whole number"},
		{"[1]['0']", 3, "the index of a list is a whole number"},
		{"[1][9223372036854775808u]", 3, "the index of a list is a whole number"},
		{"'a'[0]", 3, "no such overload"},
		{"l.k", 2, "no such overload"},
		{"has(l.k)", 6, "no such overload"},
		{"{1.0: 1}", 0, "unsupported key type"},
		{"{null: 1}", 0, "unsupported key type"},
		{"{'a': 1, 'a': 2}", 0, "a key is there twice"},
		{"{1: 1, 1u: 2}", 0, "a key is there twice"},
		{"nosuch", 0, "undeclared name"},
		{"nosuch.a.b", 0, "undeclared name"},
		{"nosuch(1)", 0, "unknown function"},
		{"'a'.size(1)", 4, "unknown function"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

static void test_errors_are_absorbed(void **state)
{
	static const struct open_row rows[] = {
		{"false && 1 / 0 > 0 || true", "true"},
		{"1 / 0 > 0 || true", "true"},
		{"1 / 0 > 0 && false", "false"},
		{"nosuch || true", "true"},
		{"nosuch(1) && false", "false"},
		{"'a' && false", "false"},
		{"true || 1", "true"},
		{"true ? 1 : 1 / 0", "1"},
		{"false ? nosuch : 'a'", "'a'"},
		{"[0, 1].exists(x, 1 / x == 1)", "true"},
		{"[0, 2].all(x, 1 / x == 1)", "false"},
	};
	static const struct open_error_row errors[] = {
		{"1 / 0 > 0 || false", 2, "division by zero"},
		{"true && 1 / 0 > 0", 10, "division by zero"},
		{"1 && true", 2, "no such overload"},
		{"false || 1", 6, "no such overload"},
		{"1 ? 2 : 3", 2, "no such overload"},
		{"1 / 0 > 0 ? 2 : 3", 2, "division by zero"},
		{"[1, 1 / 0]", 6, "division by zero"},
		{"{'a': 1 / 0}", 8, "division by zero"},
		{"size('a' + 1)", 9, "no such overload"},
		{"[0, 2].exists(x, 1 / x == 1)", 19, "division by zero"},
		{"[0, 1].all(x, 1 / x == 1)", 16, "division by zero"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

static void test_macros(void **state)
{
	static const struct open_row rows[] = {
		{"[].all(x, false) && ![].exists(x, true) && ![].exists_one(x, true)", "true"},
		{"[1, 2].all(x, x > 0) && [1, 2].exists(x, x > 1)", "true"},
		{"[1, 2, 2].exists_one(x, x == 2)", "false"},
		{"[1, 2, 2].exists_one(x, x == 1)", "true"},
		{"[1, 2, 3].filter(x, x != 2)", "[1, 3]"},
		{"[1, 2, 3].map(x, x * x)", "[1, 4, 9]"},
		{"[1, 2, 3].map(x, x > 1, 'n' + string(x))", "['n2', 'n3']"},
		{"{'a': 1, 'b': 2}.filter(k, k == 'b')", "['b']"},
		{"{'a': 1, 'b': 2}.map(k, k + k)", "['aa', 'bb']"},
		{"{'a': 1}.all(k, k == 'a') && {1: 2}.exists(k, k == 1)", "true"},
		{"[[1, 2], [3]].map(x, x.map(y, y + x[0]))", "[[2, 3], [6]]"},
		{"[1, 2].map(x, [x].map(x, x * 10))", "[[10], [20]]"},
		{"['a', 'b'].transformList(n, v, string(n) + v)", "['0a', '1b']"},
		{"['a', 'b'].transformList(n, v, n == 1, v)", "['b']"},
		{"{'a': 1, 'b': 2}.transformMap(k, v, k == 'b', v * 2)", "{'b': 4}"},
		{"['a'].transformMap(n, v, v)", "{0: 'a'}"},
		{"{'a': 1}.all(k, v, k == 'a' && v == 1)", "true"},
		{"[5, 6].exists(n, v, n == 1 && v == 6)", "true"},
		{"[5, 6].existsOne(n, v, n < 2)", "false"},
		{"[5, 6].exists_one(n, v, n == 1 && v == 6)", "true"},
		{"[7].existsOne(x, x == 7)", "true"},
	};
	static const struct open_error_row errors[] = {
		{"(1).all(x, true)", 4, "no such overload"},
		{"[1].filter(x, 1)", 4, "no such overload"},
		{"[1].exists_one(x, x / 0 == 1)", 20, "division by zero"},
		{"[0, 1].map(x, 1 / x)", 16, "division by zero"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

/* Values share their items, so small texts make large values: time and memory end it. */
static void test_runs_are_bounded(void **state)
{
	static const struct open_error_row errors[] = {
		{"[0, 0, 0, 0, 0, 0, 0, 0, 0, 0].map(a, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1].map(b, "
		 "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1].map(c, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1].map(d, "
		 "[a, b, c, d]))))",
		 152, "more memory"},
	};
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	static struct open_run run;
	struct cel_value v;

	(void)state;
	open_check_errors(errors, COUNT(errors));
	/* 2^30 items to look at, in 30 lists of two */
	buf_puts(&text, "[[0]");
	for (unsigned i = 0; i < 30; i++)
		buf_puts(&text, ".map(x, [x, x])");
	buf_puts(&text, "].all(x, x == x)");
	v = open_eval(&run, text.data);
	assert_int_equal(v.kind, CEL_ERROR);
	assert_non_null(strstr(v.error.reason, "more steps"));
	cel_tree_done(&run.tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_literals),
		cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_comparison),
		cmocka_unit_test(test_selection),
		cmocka_unit_test(test_errors_are_absorbed),
		cmocka_unit_test(test_macros),
		cmocka_unit_test(test_runs_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
