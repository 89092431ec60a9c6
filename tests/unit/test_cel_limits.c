/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/buf.h"
#include "tests/unit/cel_fixture.h"

/* What bounds an expression, at load and while it runs. */

static void check_refused(const struct buf *text, const char *part)
{
	struct cel_error err = {0};
	enum cel_result result;

	if (evaluate((struct str){text->data, text->len}, &exec_action, &result, &err) == 0)
		fail_msg("%.60s...: not refused", text->data);
	if (!strstr(err.why.text, part))
		fail_msg("%.60s...: %s", text->data, err.why.text);
}

static void repeat(struct buf *text, const char *part, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		buf_puts(text, part);
}

static void test_what_is_not_utf8_is_refused(void **state)
{
	struct cel_error err = {0};
	enum cel_result result = CEL_FAILED;

	(void)state;
	assert_int_equal(evaluate(STR("'a\xff' == 'a'"), &exec_action, &result, &err), -EINVAL);
	assert_int_equal(err.at, 2);
	assert_string_equal(err.why.text, "not UTF-8");
	assert_int_equal(evaluate(STR("'a\0b'.size() == 3"), &exec_action, &result, &err), 0);
	assert_int_equal(result, CEL_TRUE);
	assert_int_equal(evaluate(STR("true \0"), &exec_action, &result, &err), -EINVAL);
	assert_string_equal(err.why.text, "unexpected character");
}

static void test_size_and_cost_are_bounded(void **state)
{
	static const struct {
		const char *start, *part, *end, *why;
		unsigned times;
	} rows[] = {
		{"", "(", "", "nested more than 48 deep", 100000 / 8},
		{"", "!", "true", "nested more than 48 deep", 60},
		{"", "[", "", "nested more than 48 deep", 60},
		{"true", " && true", "", "nested more than 48 deep", 60},
		{"", "true ? true : ", "true", "nested more than 48 deep", 60},
		{"", "(true || ", "", "nested more than 48 deep", 60},
		{"'", "aaaaaaaa", "' == ''", "longer than 16384 bytes", 2100},
		{"1 in [0", ",0", "]", "more than 2048 parts", 3000},
		{"action.argv.exists(a, action.argv.exists(b, ", "", "a == b))", "too costly", 1},
		{"action.argv", " + action.argv", " == []", "too much memory", 20},
		{"action.argv.map(a, [a, a, a, a, a, a]) == ", "", "[]", "too much memory", 1},
		{"action.argv.exists(a, a.matches('", "a?", "'))", "too costly", 40},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT(0);

		buf_puts(&text, rows[i].start);
		repeat(&text, rows[i].part, rows[i].times);
		buf_puts(&text, rows[i].end);
		check_refused(&text, rows[i].why);
	}
}

/* What is just inside the limits must run, too. */
static void test_the_deepest_that_is_allowed_runs(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct cel_error err = {0};
	enum cel_result result = CEL_FAILED;

	(void)state;
	repeat(&text, "(false || ", 22);
	buf_puts(&text, "true");
	repeat(&text, ")", 22);
	repeat(&text, " && true", 46);
	if (evaluate((struct str){text.data, text.len}, &exec_action, &result, &err) < 0)
		fail_msg("at %zu: %s", err.at, err.why.text);
	assert_int_equal(result, CEL_TRUE);
}

/* No text makes a regular expression take long, nor does what stands beside it hide that. */
static void test_a_long_text_is_too_costly(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct action action = exec_action;
	enum cel_result result = CEL_TRUE;
	struct cel_error err = {0};

	(void)state;
	repeat(&text, "aaaaaaaa", 65000);
	action.path = (struct str){text.data, text.len};
	assert_int_equal(
		evaluate(STR("!action.path.matches('b{1000}') || true"), &action, &result, &err),
		0);
	assert_int_equal(result, CEL_FAILED);
	action.path.len /= 2;
	assert_int_equal(evaluate(STR("!action.path.matches('b{1000}')"), &action, &result, &err),
			 0);
	assert_int_equal(result, CEL_TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_not_utf8_is_refused),
		cmocka_unit_test(test_size_and_cost_are_bounded),
		cmocka_unit_test(test_the_deepest_that_is_allowed_runs),
		cmocka_unit_test(test_a_long_text_is_too_costly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
