/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cel_open_fixture.h"

/* The messages that stand for values, and the types that an expression has before it is run. */

static void test_messages_are_their_values(void **state)
{
	static const struct open_row rows[] = {
		{"google.protobuf.BoolValue{value: 1 < 2}", "true"},
		{"google.protobuf.Int32Value{value: -2147483648}", "-2147483648"},
		{"google.protobuf.UInt32Value{value: 4294967295u,}", "4294967295u"},
		{"google.protobuf.Int64Value{value: i} + 1", "71"},
		{"google.protobuf.UInt64Value{}", "0u"},
		{"google.protobuf.FloatValue{value: 0.1} == 0.1", "false"},
		{"google.protobuf.FloatValue{value: 0.5}", "0.5"},
		{"google.protobuf.DoubleValue{value: 0.1}", "0.1"},
		{"google.protobuf.StringValue{value: 'a'}.size()", "1"},
		{"google.protobuf.StringValue{}", "''"},
		{"google.protobuf.BytesValue{value: b'\\x00'}", "b'\\x00'"},
		{"google.protobuf.Int64Value{value: null}", "0"},
		{"google.protobuf.Value{}", "null"},
		{"google.protobuf.Value{null_value: google.protobuf.NullValue.NULL_VALUE}", "null"},
		{"google.protobuf.Value{number_value: 2.5}", "2.5"},
		{"google.protobuf.Value{string_value: 'x'}", "'x'"},
		{"google.protobuf.Value{struct_value: {'a': [1.0, null]}}.a[0]", "1.0"},
		{"google.protobuf.Value{list_value: []}", "[]"},
		{"google.protobuf.Struct{fields: {'k': true}}", "{'k': true}"},
		{"google.protobuf.Struct{}", "{}"},
		{"google.protobuf.ListValue{values: ['a', {'b': 2.0}]}[1].b", "2.0"},
		{"google.protobuf.Duration{seconds: 1, nanos: 500000000}", "duration('1.5s')"},
		{"google.protobuf.Timestamp{seconds: 60}", "timestamp('1970-01-01T00:01:00Z')"},
		{".google.protobuf.StringValue{`value`: 'q'}", "'q'"},
		{"google . protobuf // the name may be apart\n . BoolValue { }", "false"},
	};

	static const struct open_error_row errors[] = {
		{"google.protobuf.Int32Value{value: 2147483648}", 16, "range: "},
		{"google.protobuf.UInt32Value{value: 4294967296u}", 16, "range: "},
		{"google.protobuf.Int32Value{value: 1u}", 16, "no such overload"},
		{"google.protobuf.BoolValue{value: 1 / 0 > 0}", 35, "division by zero"},
		{"google.protobuf.ListValue{values: [1]}", 16, "a message's value holds"},
		{"google.protobuf.Struct{fields: {1: 1.0}}", 16, "a message's value holds"},
		{"google.protobuf.Int64Value{value: 3}.value", 37, "no such overload"},
		{"google.protobuf.Int64Value{values: 3}", 27,
		 "google.protobuf.Int64Value has no field \"values\""},
		{"google.protobuf.Value{value: 3}", 22, "google.protobuf.Value has no field"},
		{"google.protobuf.Any{}", 16, "conversion"},
		{"google.protobuf.Any{value: b''}", 20, "google.protobuf.Any has no field"},
		{"google.protobuf.Empty{}", 16, "of messages only the values of google.protobuf"},
		{"pkg.Mine{}", 4, "of messages only"},
		{"google.protobuf.Timestamp{seconds: 999999999999}", 16, "range"},
		{"google.protobuf.Duration{seconds: 9223372037}", 16, "range"},
	};

	(void)state;
	open_check(rows, COUNT(rows));
	open_check_errors(errors, COUNT(errors));
}

/* The expression's type as text, or its error; freed with the tree. */
static const char *type_of(struct cel_tree *tree, const char *text, struct cel_error *err)
{
	const struct cel_scope scope = {
		.open = true, .variables = open_variables, .variable_count = COUNT(open_variables)};
	struct cel_reads reads;

	if (cel_parse(str_of(text), tree, err) < 0 || cel_resolve(tree, &scope, &reads, err) < 0 ||
	    cel_check_open(tree, err) < 0)
		return err->why.text;
	return cel_type_text(tree, tree->root->type);
}

static const struct {
	const char *text;
	const char *type;
} types[] = {
	{"1", "int"},
	{"[1u, 2u]", "list(uint)"},
	{"[1, 'a']", "list(dyn)"},
	{"[[], ['a']]", "list(list(string))"},
	{"[['a'], []]", "list(list(string))"},
	{"[[1], ['a']]", "list(dyn)"},
	{"[[[]], []]", "list(list(list(dyn)))"},
	{"[1, dyn(1)]", "list(dyn)"},
	{"{'a': [1.5]}", "map(string, list(double))"},
	{"{}", "map(dyn, dyn)"},
	{"{1: 'a', 2: b'a'}", "map(int, dyn)"},
	{"dyn(1) + 1", "int"},
	{"dyn(1) + dyn(1)", "dyn"},
	{"dyn(1) - timestamp(0)", "duration"},
	{"[] + [1]", "list(int)"},
	{"dyn([]) + ['a']", "list(string)"},
	{"-dyn(1)", "dyn"},
	{"!dyn(true)", "bool"},
	{"1 < dyn('a')", "bool"},
	{"1 < 2.0", "bool"},
	{"true ? null : duration('1s')", "duration"},
	{"true ? [] : [null]", "list(null)"},
	{"'a' in {'a': 1}", "bool"},
	{"1 in dyn([1])", "bool"},
	{"['x'][0]", "string"},
	{"[][0]", "dyn"},
	{"{'a': 1}.a", "int"},
	{"dyn({}).a.b", "dyn"},
	{"has({'a': 1}.b)", "bool"},
	{"[1, 2].map(x, string(x))", "list(string)"},
	{"[1, 2].map(x, x > 1, [x])", "list(list(int))"},
	{"{'a': 1}.filter(k, true)", "list(string)"},
	{"[1.5].exists(x, x > 1.0)", "bool"},
	{"['a'].transformMap(i, v, v)", "map(int, string)"},
	{"['a'].transformList(i, v, i)", "list(int)"},
	{"dyn([]).map(x, x.y)", "list(dyn)"},
	{"[].map(x, x)", "list(dyn)"},
	{"i", "int"},
	{"l", "list(dyn)"},
	{"m.k", "dyn"},
	{"a.b.c", "int"},
	{"type(1)", "type(int)"},
	{"type({'a': []})", "type(map(string, list(dyn)))"},
	{"uint", "type(uint)"},
	{"list", "type(list(dyn))"},
	{"type(type)", "type(type(type))"},
	{"[int, type('a')]", "list(type)"},
	{"type(1) == string", "bool"},
	{"timestamp(0)", "timestamp"},
	{"google.protobuf.Int64Value{value: 1}", "wrapper(int)"},
	{"google.protobuf.Int64Value{} != null", "bool"},
	{"[1, google.protobuf.Int64Value{}]", "list(wrapper(int))"},
	{"google.protobuf.Int64Value{} + 1", "int"},
	{"google.protobuf.Struct{}.a", "dyn"},
	{"google.protobuf.ListValue{}", "list(dyn)"},
	{"google.protobuf.Value{}", "dyn"},
	{"google.protobuf.Duration{}", "duration"},
};

static void test_types_before_a_run(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct cel_tree tree;
		struct cel_error err = {0};
		const char *type = type_of(&tree, types[i].text, &err);

		if (strcmp(type, types[i].type) != 0)
			fail_msg("%s: %s, not %s", types[i].text, type, types[i].type);
		cel_tree_done(&tree);
	}
}

static void test_types_that_do_not_fit(void **state)
{
#define APPLIED(_name, _types) "found no matching overload for '" _name "' applied to '" _types "'"
	static const struct open_error_row rows[] = {
		{"1 + 'a'", 2, APPLIED("_+_", "(int, string)")},
		{"1 + 1u", 2, APPLIED("_+_", "(int, uint)")},
		{"false && (5 % 2.0 > 1.0)", 12, APPLIED("_%_", "(int, double)")},
		{"[1] + ['a']", 4, APPLIED("_+_", "(list(int), list(string))")},
		{"duration('1s') - timestamp(0)", 15, APPLIED("_-_", "(duration, timestamp)")},
		{"1 == 1.0", 2, APPLIED("_==_", "(int, double)")},
		{"null == 1", 5, APPLIED("_==_", "(null, int)")},
		{"[1] != ['a']", 4, APPLIED("_!=_", "(list(int), list(string))")},
		{"null < null", 5, APPLIED("_<_", "(null, null)")},
		{"'a' >= 1", 4, APPLIED("_>=_", "(string, int)")},
		{"true || 1", 5, APPLIED("_||_", "(bool, int)")},
		{"1 in ['a']", 2, APPLIED("@in", "(int, list(string))")},
		{"'a' in 'abc'", 4, APPLIED("@in", "(string, string)")},
		{"!1", 0, APPLIED("!_", "(int)")},
		{"-'a'", 0, APPLIED("-_", "(string)")},
		{"-(1u)", 0, APPLIED("-_", "(uint)")},
		{"true ? 1 : 'a'", 5, APPLIED("_?_:_", "(bool, int, string)")},
		{"1 ? 1 : 1", 2, APPLIED("_?_:_", "(int, int, int)")},
		{"[1]['a']", 3, APPLIED("_[_]", "(list(int), string)")},
		{"{1: 2}['a']", 6, APPLIED("_[_]", "(map(int, int), string)")},
		{"size(1)", 0, APPLIED("size", "(int)")},
		{"'a'.startsWith(1)", 4, APPLIED("startsWith", "string.(int)")},
		{"'a'.startsWith()", 4, APPLIED("startsWith", "string.()")},
		{"duration('1s').getHours('UTC')", 15, APPLIED("getHours", "duration.(string)")},
		{"i.a", 2, "type 'int' does not support field selection"},
		{"has(i.a)", 6, "type 'int' does not support field selection"},
		{"true || nosuch", 8, "undeclared reference to 'nosuch'"},
		{"true || nosuch(1)", 8, "undeclared reference to 'nosuch'"},
		{"1.5.all(x, true)", 0,
		 "expression of type 'double' cannot be range of a comprehension"},
		{"[1].all(x, x)", 11, "expected type 'bool' but found 'int'"},
		{"google.protobuf.Int64Value{value: 'a'}", 27,
		 "expected type of field 'value' is 'int' but provided type is 'string'"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cel_tree tree;
		struct cel_error err = {0};
		const char *why = type_of(&tree, rows[i].text, &err);

		if (!err.why.code || err.at != rows[i].at ||
		    strncmp(why, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("%s: at %zu: %s", rows[i].text, err.at, why);
		cel_tree_done(&tree);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_are_their_values),
		cmocka_unit_test(test_types_before_a_run),
		cmocka_unit_test(test_types_that_do_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
