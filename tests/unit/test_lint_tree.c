/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/lint_tree.h"

/*
 * What is said of expressions is held against their values: expressions made by chance from few
 * atoms, so that they often have to do with one another, each evaluated for every action that the
 * atoms can tell apart. Some atoms end in an error.
 */

#define KINDS  (1u << ACTION_EXEC)
#define ROUNDS 20000

static const char *const atoms[] = {
	"action.name == 'a'",
	"action.name == 'b'",
	"action.name != 'a'",
	"action.name in ['a', 'b']",
	"action.name in ['b', 'c']",
	"!(action.name in ['a', 'c'])",
	"'a' == action.name",
	"action.exe.startsWith('a')",
	"glob(action.cwd, '/a')",
	"glob(action.cwd, ['/a', '/b'])",
	"glob(action.cwd, ['/b', '/c'])",
	"inCIDR(action.exe, '10.0.0.0/8')",
	"inCIDR(action.exe, ['10.0.0.0/8', '::1'])",
	"inCIDR(action.exe, '10.0.0.0/16')",
	"inCIDR(action.exe, ['0.0.0.0/1', '::/8'])",
	"size(action.argv) > 0",
	"size(action.argv) > 1",
	"2 > size(action.argv)",
	"size(action.argv) <= 1",
	"size(action.argv) == 1",
	"size(action.argv) != 1",
	"size(action.argv) in [0, 2]",
	"size(action.argv) >= -9223372036854775807",
	"action.argv[0] == 'a'",
	"action.argv[0] in ['a', 'b']",
	"action.argv[0] != 'a'",
	"action.argv.exists(x, x == 'a')",
	"action.argv.exists(x, x == 'a' && x != 'a')",
	"action.provenance == 'image'",
	"action.provenance == 'nowhere'",
	"action.provenance != 'nowhere'",
	"action.cwd == 'a'",
	"action.cwd in ['a', '/a']",
	"action.cwd != 'a'",
	"action.cwd.startsWith('a')",
	"action.cwd.endsWith('a')",
	"action.cwd.lowerAscii().contains('A')",
	"action.name.contains('/')",
	"action.name in []",
	"action.argv[0] in []",
	"action.argv[0].lowerAscii() == 'A'",
	"glob(action.cwd, [])",
	"true",
	"false",
};

static const char *const names[] = {"a", "b", "c", "d"};
static const char *const exes[] = {"", "a", "10.0.0.1", "::1"};
static const char *const folders[] = {"/a", "/b", "/c"};
static const char *const places[] = {"", "image", "memfd"};

#define ACTIONS (COUNT(names) * COUNT(exes) * COUNT(folders) * COUNT(places) * 3)

struct expression {
	struct buf text;
	struct cel_tree tree;
};

/* NOLINTNEXTLINE(misc-no-recursion): as deep as `depth` */
static void put_expression(struct buf *out, unsigned depth)
{
	const int shape = depth ? rand() % 5 : 0; /* NOLINT(cert-msc30-c,cert-msc50-cpp) */

	switch (shape) {
	case 1:
	case 2:
		buf_putc(out, '(');
		put_expression(out, depth - 1);
		buf_puts(out, shape == 1 ? " && " : " || ");
		put_expression(out, depth - 1);
		buf_putc(out, ')');
		return;
	case 3:
		buf_puts(out, "!(");
		put_expression(out, depth - 1);
		buf_putc(out, ')');
		return;
	default:
		/* NOLINTNEXTLINE(cert-msc30-c,cert-msc50-cpp): the same each time is wanted */
		buf_puts(out, atoms[(size_t)rand() % COUNT(atoms)]);
	}
}

static int type(struct expression *e, struct str text)
{
	const struct cel_scope scope = {.kinds = KINDS};
	struct cel_reads reads;
	struct cel_error why;
	int r = cel_parse(text, &e->tree, &why);

	if (r == 0)
		r = cel_resolve(&e->tree, &scope, &reads, &why);
	return r < 0 ? r : cel_check(&e->tree, &why);
}

static void done(struct expression *e)
{
	cel_tree_done(&e->tree);
	buf_done(&e->text);
}

/* Loops in one another may cost too much; then another one. */
static void make(struct expression *e)
{
	for (;;) {
		*e = (struct expression){.text = BUF_INIT(0)};
		put_expression(&e->text, 3);
		if (type(e, (struct str){e->text.data, e->text.len}) == 0)
			return;
		done(e);
	}
}

static void values_of(const struct cel_node *root, enum cel_result ret[ACTIONS])
{
	struct cel_tree tree = {.root = without_const(root)};
	struct cel_program program = {0};
	struct cel_error why;
	size_t n = 0;

	assert_int_equal(cel_compile(&tree, &program, &why), 0);
	for (size_t i = 0; i < ACTIONS; i++) {
		const struct str argv[] = {STR("b"), STR("a")};
		size_t rest = i;
		struct action action = {.kind = ACTION_EXEC};

		action.name = str_of(names[rest % COUNT(names)]);
		rest /= COUNT(names);
		action.exe = str_of(exes[rest % COUNT(exes)]);
		rest /= COUNT(exes);
		action.cwd = str_of(folders[rest % COUNT(folders)]);
		rest /= COUNT(folders);
		action.provenance = str_of(places[rest % COUNT(places)]);
		rest /= COUNT(places);
		action.argv = (struct str_list){rest == 1 ? &argv[1] : argv, rest};
		ret[n++] = cel_eval(&program, &(struct cel_env){.action = &action});
	}
	cel_program_done(&program);
}

static void what_is_implied_holds(void **state)
{
	static enum cel_result x[ACTIONS], y[ACTIONS];
	unsigned told = 0;

	(void)state;
	srand(1); /* NOLINT(cert-msc32-c,cert-msc51-cpp) */
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct expression a, b;

		make(&a);
		make(&b);
		if (tree_implies(a.tree.root, b.tree.root)) {
			told++;
			values_of(a.tree.root, x);
			values_of(b.tree.root, y);
			for (size_t i = 0; i < ACTIONS; i++) {
				if ((x[i] == CEL_TRUE && y[i] != CEL_TRUE) ||
				    (x[i] != CEL_FALSE && y[i] == CEL_FALSE))
					fail_msg("%s does not imply %s", a.text.data, b.text.data);
			}
		}
		done(&a);
		done(&b);
	}
	assert_true(told > 200);
}

static void what_is_fixed_is_so(void **state)
{
	static enum cel_result x[ACTIONS];
	unsigned told[2] = {0};

	(void)state;
	srand(2); /* NOLINT(cert-msc32-c,cert-msc51-cpp) */
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct fixed_part part;
		struct expression e;

		make(&e);
		/* A part has a value of its own only if it is the whole: items have no name there.
		 */
		if (tree_fixed_part(e.tree.root, &part) && part.whole == e.tree.root) {
			told[part.value]++;
			values_of(e.tree.root, x);
			for (size_t i = 0; i < ACTIONS; i++) {
				if (x[i] != (part.value ? CEL_TRUE : CEL_FALSE))
					fail_msg("%s: %s", e.text.data, part.reason);
			}
		}
		done(&e);
	}
	assert_true(told[false] > 50);
	assert_true(told[true] > 10);
}

static bool implies(const char *a, const char *b)
{
	struct expression x = {0};
	struct expression y = {0};
	bool r;

	assert_int_equal(type(&x, str_of(a)), 0);
	assert_int_equal(type(&y, str_of(b)), 0);
	r = tree_implies(x.tree.root, y.tree.root);
	cel_tree_done(&x.tree);
	cel_tree_done(&y.tree);
	return r;
}

/* A question that would branch at each step of a long chain is answered at once. */
static void long_chains_take_no_time(void **state)
{
	_cleanup_buf_ struct buf a = BUF_INIT(0);
	_cleanup_buf_ struct buf b = BUF_INIT(0);

	(void)state;
	for (int i = 0; i < 40; i++) {
		buf_printf(&a, "%saction.name != 'a%d'", i ? " && " : "", i);
		buf_printf(&b, "%saction.exe == 'b%d'", i ? " || " : "", i);
	}
	assert_false(implies(a.data, b.data));
	assert_true(implies(a.data, a.data));
	assert_true(implies(b.data, b.data));
}

static bool is_fixed(const char *text, bool value)
{
	struct expression e = {0};
	struct fixed_part part;
	bool r;

	assert_int_equal(type(&e, str_of(text)), 0);
	r = tree_fixed_part(e.tree.root, &part) && part.value == value;
	cel_tree_done(&e.tree);
	return r;
}

static void ranges_are_told(void **state)
{
	(void)state;
	assert_true(implies("size(action.argv) > 5", "4 < size(action.argv)"));
	assert_true(implies("size(action.argv) in [1, 3]", "size(action.argv) <= 3"));
	assert_true(implies("size(action.argv) == 7", "!(size(action.argv) < 7)"));
	assert_false(implies("size(action.argv) <= 3", "size(action.argv) in [-9, 3]"));
	assert_false(implies("size(action.argv) > 3", "size(action.exe) > 3"));
	assert_true(implies("inCIDR(action.exe, ['10.1.0.0/16', '::1'])",
			    "inCIDR(action.exe, ['::/96', '10.0.0.0/8'])"));
	assert_false(
		implies("inCIDR(action.exe, '10.0.0.0/8')", "inCIDR(action.exe, '10.1.0.0/16')"));
	assert_true(is_fixed("size(action.argv) > 9 && size(action.argv) < 5", false));
	assert_true(is_fixed("size(action.argv) in [7, 9] && size(action.argv) < 5", false));
	assert_true(is_fixed("size(action.argv) > 4 || size(action.argv) < 5", true));
	assert_false(is_fixed("size(action.argv) > 5 || size(action.argv) < 5", true));
	assert_false(is_fixed("size(action.argv) in [7, 9] || size(action.argv) < 8", true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_implied_holds),
		cmocka_unit_test(what_is_fixed_is_so),
		cmocka_unit_test(long_chains_take_no_time),
		cmocka_unit_test(ranges_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
