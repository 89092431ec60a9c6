/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cel_open_fixture.h"

#include <stdio.h>

/* Functions of the extension libraries, and optional values: what each gives, and refuses. */

static void test_math(void **state)
{
	static const struct open_row rows[] = {
		{"[math.greatest(7), math.greatest(1, 9, 4), math.greatest(2u, 3u)]", "[7, 9, 3u]"},
		{"[math.greatest(1, 2.5, 2u), math.greatest([-1, -2]), math.greatest(2, 2.0)]",
		 "[2.5, -1, 2]"},
		{"[math.least(3, 1, 2), math.least(0.5, 1), math.least([4u, 3.0, 5])]",
		 "[1, 0.5, 3.0]"},
		{"math.least(9, 8, 7, 6, 5, 4, 3, 2, 1, 10, 11, 12, 13, 14, 15, 0)", "0"},
		{"[math.ceil(1.1), math.ceil(-1.1), math.floor(1.9), math.floor(-1.9)]",
		 "[2.0, -1.0, 1.0, -2.0]"},
		{"[math.round(2.5), math.round(-2.5), math.round(2.4), math.trunc(-2.9)]",
		 "[3.0, -3.0, 2.0, -2.0]"},
		{"[math.sqrt(16), math.sqrt(2.25), math.sqrt(9u)]", "[4.0, 1.5, 3.0]"},
		{"math.isNaN(math.sqrt(-1.0)) && math.isNaN(math.round(0.0 / 0.0))", "true"},
		{"[math.isInf(-1.0 / 0.0), math.isInf(1.0), math.isFinite(1.0)]",
		 "[true, false, true]"},
		{"[math.isFinite(1.0 / 0.0), math.isFinite(0.0 / 0.0), math.isNaN(1.0)]",
		 "[false, false, false]"},
		{"[math.abs(-7), math.abs(7), math.abs(7u), math.abs(-0.5)]", "[7, 7, 7u, 0.5]"},
		{"[math.sign(-7), math.sign(0), math.sign(9u), math.sign(-0.1), math.sign(0.0)]",
		 "[-1, 0, 1u, -1.0, 0.0]"},
		{"[math.bitAnd(12, 10), math.bitOr(12, 10), math.bitXor(12, 10)]", "[8, 14, 6]"},
		{"[math.bitAnd(12u, 10u), math.bitOr(12u, 10u), math.bitXor(12u, 10u)]",
		 "[8u, 14u, 6u]"},
		{"[math.bitNot(5), math.bitNot(-6)]", "[-6, 5]"},
		{"math.bitNot(5u)", "18446744073709551610u"},
		{"[math.bitShiftLeft(3, 4), math.bitShiftLeft(1, 63), math.bitShiftLeft(1, 64)]",
		 "[48, -9223372036854775808, 0]"},
		{"[math.bitShiftRight(-1, 60), math.bitShiftRight(48, 4)]", "[15, 3]"},
		{"[math.bitShiftLeft(3u, 4), math.bitShiftRight(48u, 99)]", "[48u, 0u]"},
		{"[-5, 5].map(math, math + 1)", "[-4, 6]"}, /* a name like any other */
	};
	static const struct open_error_row errors[] = {
		{"math.greatest()", 5, "unknown function"},
		{"math.greatest('a')", 5, "no such overload"},
		{"math.greatest([1, 'a'])", 5, "no such overload"},
		{"math.least([])", 5, "the list is empty"},
		{"math.ceil(1)", 5, "no such overload"},
		{"math.isNaN(1)", 5, "no such overload"},
		{"math.sqrt('4')", 5, "no such overload"},
		{"math.abs(-9223372036854775808)", 5, "overflow"},
		{"math.abs(1, 2)", 5, "unknown function"},
		{"math.bitAnd(1, 1u)", 5, "no such overload"},
		{"math.bitShiftLeft(1, -1)", 5, "negative offset"},
		{"math.bitShiftRight(1, 1u)", 5, "no such overload"},
		{"math.nosuch(1)", 5, "unknown function"},
		{"[1].map(math, math.abs(math))", 19, "unknown function"},
		{"math.least(9, 8, 7, 6, 5, 4, 3, 2, 1, 10, 11, 12, 13, 14, 15, 0, 1)", 5,
		 "more arguments"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

static void test_places_in_a_text(void **state)
{
	static const struct open_row rows[] = {
		{"['Größe'.charAt(2), 'Größe'.charAt(5), 'a😀b'.charAt(1)]", "['ö', '', '😀']"},
		{"['Größe'.indexOf('ß'), 'Größe'.indexOf('x'), 'aXbX'.indexOf('X', 2)]",
		 "[3, -1, 3]"},
		{"['ab'.indexOf(''), 'ab'.indexOf('', 2), ''.indexOf('a')]", "[0, 2, -1]"},
		{"['äbäb'.lastIndexOf('äb'), 'äbäb'.lastIndexOf('äb', 1), 'ab'.lastIndexOf('')]",
		 "[2, 0, 2]"},
		{"['ab'.lastIndexOf('', 1), 'ab'.lastIndexOf('abc'), 'aa'.lastIndexOf('a', 2)]",
		 "[1, -1, 1]"},
		{"['Größe'.substring(2), 'Größe'.substring(1, 4), 'Größe'.substring(5)]",
		 "['öße', 'röß', '']"},
		{"'äbC'.upperAscii() + 'x'.reverse() + 'aß😀'.reverse()", "'äBCx😀ßa'"},
		{"[' \\t\\r\\n a b \\u2003\\u00a0'.trim(), '\\u200bx'.trim(), ' \\u3000 '.trim()]",
		 "['a b', '\\u200bx', '']"},
	};
	static const struct open_error_row errors[] = {
		{"'abc'.charAt(4)", 6, "index out of range"},
		{"'abc'.charAt(-1)", 6, "index out of range"},
		{"'abc'.indexOf('a', 4)", 6, "index out of range"},
		{"'abc'.lastIndexOf('a', -1)", 6, "index out of range"},
		{"'abc'.substring(4)", 6, "index out of range"},
		{"'abc'.substring(0, 4)", 6, "index out of range"},
		{"'abc'.substring(2, 1)", 6, "invalid substring range"},
		{"'abc'.charAt('0')", 6, "no such overload"},
		{"b'abc'.upperAscii()", 7, "no such overload"},
		{"'abc'.trim('a')", 6, "unknown function"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

static void test_texts_of_texts(void **state)
{
	static const struct open_row rows[] = {
		{"[['a', 'b'].join(), ['a', 'b', 'c'].join(', '), [].join('x')]",
		 "['ab', 'a, b, c', '']"},
		{"['aXbX'.replace('X', '--'), 'aXbX'.replace('X', '', 1), 'a'.replace('b', 'c')]",
		 "['a--b--', 'abX', 'a']"},
		{"['aXX'.replace('X', 'XX'), 'aX'.replace('X', 'y', 0), 'aa'.replace('a', 'b', -1)]",
		 "['aXXXX', 'aX', 'bb']"},
		{"['äb'.replace('', '-'), 'äb'.replace('', '-', 2), ''.replace('', '-')]",
		 "['-ä-b-', '-ä-b', '-']"},
		{"'a,b,,c'.split(',')", "['a', 'b', '', 'c']"},
		{"[','.split(','), ''.split(','), 'ab'.split('ab')]", "[['', ''], [''], ['', '']]"},
		{"['a,b,c'.split(',', 2), 'a,b'.split(',', 1), 'a,b'.split(',', 9)]",
		 "[['a', 'b,c'], ['a,b'], ['a', 'b']]"},
		{"['a,b'.split(',', 0), ''.split(''), 'äb'.split(''), 'abc'.split('', 2)]",
		 "[[], [], ['ä', 'b'], ['a', 'bc']]"},
		{"strings.quote('a\"\\\\\\n\\x00ä')", "'\"a\\\\\"\\\\\\\\\\\\n\\x00ä\"'"},
		{"[base64.encode(b''), base64.encode(b'a'), base64.encode(b'ab'), "
		 "base64.encode(b'\\xff\\xfe\\xfd')]",
		 "['', 'YQ==', 'YWI=', '//79']"},
		{"[base64.decode('YQ=='), base64.decode('YQ'), base64.decode('//79'), "
		 "base64.decode('')]",
		 "[b'a', b'a', b'\\xff\\xfe\\xfd', b'']"},
	};
	static const struct open_error_row errors[] = {
		{"['a', 1].join()", 9, "no such overload"},
		{"'a'.split(1)", 4, "no such overload"},
		{"'a'.replace('a', 1)", 4, "no such overload"},
		{"base64.decode('Y')", 7, "the text is no base64"},
		{"base64.decode('YR==')", 7, "the text is no base64"},
		{"base64.decode('YQ=')", 7, "the text is no base64"},
		{"base64.decode('Y_==')", 7, "the text is no base64"},
		{"base64.decode('YQ===')", 7, "the text is no base64"},
		{"base64.encode('a')", 7, "no such overload"},
		{"'aaaaaaaaaaaaaaaa'.replace('', 'aaaaaaaaaaaaaaaa').replace('', "
		 "'aaaaaaaaaaaaaaaa').replace('', 'aaaaaaaaaaaaaaaa').replace('', "
		 "'aaaaaaaaaaaaaaaa')",
		 115, "more memory than"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

static void test_format(void **state)
{
	static const struct open_row rows[] = {
		{"'a %% %s b'.format(['x']) + ''.format([])", "'a % x b'"},
		{"'%s %s %s %s %s'.format([null, true, -1, 2u, 0.5])", "'null true -1 2 0.5'"},
		{"'%s %s %s'.format([b'\\xc3\\xa4', duration('90m'), timestamp(0)])",
		 "'ä 5400s 1970-01-01T00:00:00Z'"},
		{"'%s %s'.format([[1, ['a']], type(1)])", "'[1, [a]] int'"},
		{"'%s'.format([{'b': 1, 'a': {true: [], 2: 3u}, 1: 'x', 1.0 == 1: 'y'}])",
		 "'{1: x, a: {2: 3, true: []}, b: 1, true: y}'"},
		{"'%d %d %d'.format([-9223372036854775808, 7u, 0.0 / 0.0])",
		 "'-9223372036854775808 7 NaN'"},
		{"'%f %.0f %.2f %f'.format([0.1, 2.5, -1.005, -1.0 / 0.0])",
		 "'0.100000 2 -1.00 -Infinity'"},
		{"'%e %.2e'.format([12345.678, 0.0])", "'1.234568e+04 0.00e+00'"},
		{"'%b %b %b %b'.format([-5, 5u, true, 0])", "'-101 101 1 0'"},
		{"'%o %x %X %x'.format([8, 255, 255u, -255])", "'10 ff FF -ff'"},
		{"'%x %X'.format(['Az', b'\\xff\\x00'])", "'417a FF00'"},
		{"'%x'.format([-9223372036854775808])", "'-8000000000000000'"},
		{"'%.100f'.format([1e308]).size()", "410"},
	};
	static const struct open_error_row errors[] = {
		{"'%s'.format([])", 5, "index out of range"},
		{"'%'.format([1])", 4, "unrecognized formatting clause"},
		{"'%q'.format([1])", 5, "unrecognized formatting clause"},
		{"'%E'.format([1.0])", 5, "unrecognized formatting clause"},
		{"'%.101f'.format([1.0])", 9, "the precision"},
		{"'%.f'.format([1.0])", 6, "the precision"},
		{"'%d'.format([1.5])", 5, "%d takes integers"},
		{"'%d'.format(['1'])", 5, "%d takes integers"},
		{"'%f'.format([1])", 5, "%f and %e take doubles"},
		{"'%e'.format([null])", 5, "%f and %e take doubles"},
		{"'%b'.format(['a'])", 5, "%b takes"},
		{"'%o'.format([true])", 5, "%o takes"},
		{"'%x'.format([1.5])", 5, "%x takes"},
		{"'%s'.format([b'\\xff'])", 5, "%s does not take"},
		{"'%s'.format([[optional.none()]])", 5, "%s does not take"},
		{"'%s'.format('a')", 5, "no such overload"},
		/* A small value that is a large tree. */
		{"cel.bind(a, [1, 1, 1, 1, 1, 1, 1, 1], cel.bind(b, [a, a, a, a, a, a, a, a], "
		 "cel.bind(c, [b, b, b, b, b, b, b, b], cel.bind(d, [c, c, c, c, c, c, c, c], "
		 "cel.bind(e, [d, d, d, d, d, d, d, d], cel.bind(f, [e, e, e, e, e, e, e, e], "
		 "cel.bind(g, [f, f, f, f, f, f, f, f], '%s'.format([[g, g, g, g]]))))))))",
		 4, "more steps than"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

#define NEST(_inner) \
	"cel.bind(x, 1, cel.bind(y, x, cel.bind(x, y, cel.bind(y, x, cel.bind(z, y, " _inner ")))))"

static void test_bind(void **state)
{
	static const struct open_row rows[] = {
		{"cel.bind(x, 'a' + 'b', x + x)", "'abab'"},
		{"cel.bind(x, 1, cel.bind(x, x + 1, x * 10) + x)", "21"},
		{"[1, 2].map(x, cel.bind(y, x * x, y + x))", "[2, 6]"},
		{NEST(NEST(NEST("x + y"))), "2"},
		{"[[[[1]]]].map(a, a.map(b, b.map(c, c.map(d, cel.bind(e, d + 1, e + d)))))",
		 "[[[[3]]]]"},
		{"cel.bind(x, 1 / 0, true)", "true"}, /* what is not used is no error */
		{"cel.bind(x, [1, 2], x.exists(y, y in x)) && cel.bind(i, 8, i == 8) && i == 70",
		 "true"},
	};
	static const struct open_error_row errors[] = {
		{"cel.bind(x, 1 / 0, x + 1)", 14, "division by zero"},
		{"cel.bind(x, 1)", 4, "bind takes a name, a value and a result"},
		{"cel.bind('x', 1, 1)", 9, "a name for the value goes here"},
		{"cel.bind(x, x, 1) + x", 20, "undeclared name"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

#define EIGHT "1,1,1,1,1,1,1,1,"

static void test_block(void **state)
{
	static const struct open_row rows[] = {
		{"cel.block([1], cel.index(0) + 1)", "2"},
		{"cel.block([2, cel.index(0) * 3, cel.index(1) + cel.index(0)], [cel.index(2)])",
		 "[8]"},
		{"[1, 2].map(x, cel.block([x * x], cel.index(0) + x))", "[2, 6]"},
		{"cel.block([1, cel.block([5], cel.index(0) + 1)], [cel.index(0), cel.index(1)])",
		 "[1, 6]"},
		{"[1, 2].map(cel.iterVar(0, 0), [3].map(cel.iterVar(1, 0), "
		 "cel.iterVar(0, 0) * cel.iterVar(1, 0)))",
		 "[[3], [6]]"},
		{"cel.bind(cel.accuVar(0, 1), 4, cel.accuVar(0, 1))", "4"},
		{"cel.block([1 / 0], true || cel.index(0))", "true"},
		{"cel.block([" EIGHT EIGHT EIGHT "1,1,1,1,1,1,1,3], cel.index(31))", "3"},
	};
	static const struct open_error_row errors[] = {
		{"cel.index(0)", 4, "undeclared name"},
		{"cel.block([cel.index(1), 2], cel.index(0))", 15, "undeclared name"},
		{"cel.block([1 / 0], cel.index(0))", 13, "division by zero"},
		{"cel.block([], 1)", 4, "block takes a list of values and a result"},
		{"cel.block(1, 2)", 4, "block takes a list of values and a result"},
		{"cel.block([1], 2, 3)", 4, "block takes a list of values and a result"},
		{"cel.block([?optional.none()], 2)", 21, "a value of a block is not optional"},
		{"cel.index('a')", 4, "index takes a number"},
		{"cel.index(0, 0)", 4, "index takes a number"},
		{"[1].map(cel.iterVar(0), 1)", 12, "iterVar takes two numbers"},
		{"cel.block([" EIGHT EIGHT EIGHT EIGHT "1], 1)", 75, "more than 32 names"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

static void test_optionals(void **state)
{
	static const struct open_row rows[] = {
		{"[optional.of(1).hasValue(), optional.none().hasValue()]", "[true, false]"},
		{"[optional.of('a').value(), optional.none().orValue('b')]", "['a', 'b']"},
		{"optional.of(1).orValue(1 / 0) + optional.of(2).or(optional.of(1 / 0)).value()",
		 "3"},
		{"optional.none().or(optional.none()).or(optional.of(3)).value()", "3"},
		{"[0, 0u, 0.0, '', b'', null, false, duration('0s'), timestamp(0)]"
		 ".exists(x, optional.ofNonZeroValue(x).hasValue())",
		 "false"},
		{"optional.ofNonZeroValue([]).hasValue() || optional.ofNonZeroValue({}).hasValue()",
		 "false"},
		{"optional.ofNonZeroValue(-1).hasValue() && optional.ofNonZeroValue(int).hasValue()",
		 "true"},
		{"[{'a': 1}.?a.value(), {'a': 1}.?b.orValue(2), {'a-b': 1}.?`a-b`.value()]",
		 "[1, 2, 1]"},
		{"[m.?k.orValue(0), m[?'k'].value(), m[?'x'].orValue(9)]", "[5, 5, 9]"},
		{"[[7][?0].value(), [7][?1].orValue(8), [7][?-1].orValue(9), [][?0].orValue(1)]",
		 "[7, 8, 9, 1]"},
		{"{'a': {'b': 1}}.?a.b.value() + {'a': {'b': [2]}}.?a.b[0].value()", "3"},
		{"{'a': {}}.?a.b.hasValue() || {}.?a.b.c[3].hasValue()", "false"},
		{"has({'a': {'b': 1}}.?a.b) && !has({}.?a.b) && !has({'a': {}}.?a.b)", "true"},
		{"[?optional.of(1), ?optional.none(), 2, ?[3][?0]]", "[1, 2, 3]"},
		{"{?'a': optional.of(1), ?'b': optional.none(), 'c': 2}", "{'a': 1, 'c': 2}"},
		{"google.protobuf.Int64Value{?value: optional.of(7)}", "7"},
		{"google.protobuf.Int64Value{?value: optional.none()}", "0"},
		{"[optional.of(2).optMap(x, x * 2).value(), optional.none().optMap(x, x).orValue(1)]",
		 "[4, 1]"},
		{"optional.of([5]).optFlatMap(x, x[?0]).value()", "5"},
		{"optional.of([]).optFlatMap(x, x[?0]).hasValue()", "false"},
		{"optional.of(1) == optional.of(1.0) && optional.none() == optional.none()",
		 "true"},
		{"optional.of(1) == optional.none() || optional.of(1) == optional.of(2)", "false"},
		{"optional.of(1) == 1 || optional.none() == null", "false"},
		{"[type(optional.none()), type(optional.of(1))]", "[optional_type, optional_type]"},
		{"true ? optional.none() : 1", "optional.none()"},
		{"true?.5:1", "0.5"}, /* no selection */
	};
	(void)state;
	open_check(rows, COUNT(rows));
}

static void test_errors_of_optionals(void **state)
{
	static const struct open_error_row errors[] = {
		{"optional.none().value()", 16, "optional.none() dereference"},
		{"optional.of(1 / 0)", 14, "division by zero"},
		{"optional.none().orValue(1 / 0)", 26, "division by zero"},
		{"optional.none().or(2)", 16, "no such overload"},
		{"(1).value()", 4, "no such overload"},
		{"{'a': 1}.?a.b", 12, "no such overload"},
		{"(1).?a", 5, "no such overload"},
		{"(1)[?0]", 3, "no such overload"},
		{"[1][?'a']", 3, "the index of a list is a whole number"},
		{"[?1]", 0, "no such overload"},
		{"{?'a': 1}", 0, "no such overload"},
		{"google.protobuf.Int64Value{?value: 1}", 16, "no such overload"},
		{"optional.of(1).optFlatMap(x, x)", 15, "no such overload"},
		{"(1).optMap(x, x)", 4, "no such overload"},
		{"has({'a': 1}.?a)", 0, "has() takes a selection"},
		{"optional.of(1).optMap(1, 1)", 22, "a name for the item goes here"},
		{"{}.?f()", 5, "\"(\" stands where"},
		{"size(?1)", 5, "\"?\" stands where a value"},
		{"optional.of(1) < optional.of(2)", 15, "no such overload"},
	};

	(void)state;
	open_check_errors(errors, COUNT(errors));
}

static const char *type_of(const char *text)
{
	static struct cel_tree tree;
	static struct cel_error err;
	static char type[sizeof(err.why.text)];
	const struct cel_scope scope = {
		.open = true, .variables = open_variables, .variable_count = COUNT(open_variables)};
	struct cel_reads reads;
	bool good;

	good = cel_parse(str_of(text), &tree, &err) == 0 &&
	       cel_resolve(&tree, &scope, &reads, &err) == 0 && cel_check_open(&tree, &err) == 0;
	(void)snprintf(type, sizeof(type), "%s",
		       good ? cel_type_text(&tree, tree.root->type) : err.why.text);
	cel_tree_done(&tree);
	return type;
}

static void test_types(void **state)
{
	static const struct {
		const char *text;
		const char *type;
	} rows[] = {
		{"math.greatest(1, 2)", "int"},
		{"math.greatest(1, 2.0)", "dyn"},
		{"math.greatest([1u])", "uint"},
		{"math.greatest(dyn(1))", "dyn"},
		{"math.bitAnd(dyn(1), 2u)", "uint"},
		{"math.sign(dyn(1))", "dyn"},
		{"math.ceil(dyn(1))", "double"},
		{"'a'.split('')", "list(string)"},
		{"'%s'.format([1, 'a'])", "string"},
		{"[].join()", "string"},
		{"base64.decode('')", "bytes"},
		{"optional.none()", "optional_type(dyn)"},
		{"optional.of([1])", "optional_type(list(int))"},
		{"optional.of(1).or(optional.none()).value()", "int"},
		{"optional.none().orValue('a')", "string"},
		{"{'a': 1}.?a", "optional_type(int)"},
		{"{'a': {'b': 1u}}.?a.b", "optional_type(uint)"},
		{"[1.5][?0]", "optional_type(double)"},
		{"optional.of([1])[0]", "optional_type(int)"},
		{"dyn([])[?0]", "optional_type(dyn)"},
		{"[?optional.of(1), ?[2][?0]]", "list(int)"},
		{"{?'a': optional.of(1)}", "map(string, int)"},
		{"[optional.none(), optional.of(1)]", "list(optional_type(int))"},
		{"true ? optional.of(1) : null", "optional_type(int)"},
		{"optional.of(1).optMap(x, string(x))", "optional_type(string)"},
		{"optional.of([1]).optFlatMap(x, x[?0])", "optional_type(int)"},
		{"cel.bind(x, [1], x[0])", "int"},
		{"cel.block([1, [cel.index(0)]], cel.index(1))", "list(int)"},
		{"{dyn(cidr('::/0')).masked().prefixLength(): ip('::')}", "map(int, net.IP)"},
		{"isIP(cidr('::/0'))",
		 "found no matching overload for 'isIP' applied to '(net.CIDR)'"},
		{"type(optional.of(1))", "type(optional_type(int))"},
		{"math.ceil(1)", "found no matching overload for 'math.ceil' applied to '(int)'"},
		{"math.greatest('a')",
		 "found no matching overload for 'math.greatest' applied to '(string)'"},
		{"[1].join()", "found no matching overload for 'join' applied to 'list(int).()'"},
		{"optional.of(1).orValue('a')",
		 "found no matching overload for 'orValue' applied to "
		 "'optional_type(int).(string)'"},
		{"[?1]", "expected type 'optional_type' but found 'int'"},
		{"{?'a': 1}", "expected type 'optional_type' but found 'int'"},
		{"[1].optMap(x, x)", "expected type 'optional_type' but found 'list(int)'"},
		{"optional.of(1).optFlatMap(x, x)",
		 "expected type 'optional_type' but found 'int'"},
		{"optional.of(1).?a", "type 'int' does not support field selection"},
		{"math.nosuch(1)", "undeclared reference to 'math'"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *type = type_of(rows[i].text);

		if (strcmp(type, rows[i].type) != 0)
			fail_msg("%s: %s", rows[i].text, type);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_math),	       cmocka_unit_test(test_places_in_a_text),
		cmocka_unit_test(test_texts_of_texts), cmocka_unit_test(test_format),
		cmocka_unit_test(test_bind),	       cmocka_unit_test(test_block),
		cmocka_unit_test(test_optionals),      cmocka_unit_test(test_errors_of_optionals),
		cmocka_unit_test(test_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
