/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "monitor/gate/resolve.h"
#include "monitor/gate/script.h"

static bool parse(const char *text, size_t len, struct script_line *ret)
{
	static char head[SCRIPT_HEAD_BYTES];

	memset(head, 0, sizeof(head));
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a head is no string */
	memcpy(head, text, len < sizeof(head) ? len : sizeof(head));
	return script_interpreter(head, ret);
}

/* NULL: no script. */
static void expect(const char *text, size_t len, const char *interpreter)
{
	struct script_line line;

	assert_int_equal(parse(text, len, &line), interpreter != NULL);
	if (!interpreter)
		return;
	assert_int_equal(line.name_len, strlen(interpreter));
	assert_memory_equal(line.name, interpreter, line.name_len);
}

/* NULL: none. */
static void expect_argument(const char *text, size_t len, const char *argument)
{
	struct script_line line;

	assert_true(parse(text, len, &line));
	assert_int_equal(line.argument != NULL, argument != NULL);
	if (!argument)
		return;
	assert_int_equal(line.argument_len, strlen(argument));
	assert_memory_equal(line.argument, argument, line.argument_len);
}

static void test_arguments(void **state)
{
	(void)state;
	expect_argument("#!/bin/sh\n", 10, NULL);
	expect_argument("#!/bin/sh  \t\n", 13, NULL);
	expect_argument("#!/bin/sh", 9, NULL);
	expect_argument("#! /bin/sh -e\n", 14, "-e");
	expect_argument("#!/bin/sh \t -e  x \t\n", 20, "-e  x"); /* one argument, trimmed */
	expect_argument("#!/bin/sh -e", 12, "-e");
	expect_argument("#!/bin/sh a\0b\n", 14, "a");
	expect_argument("#!/bin/sh ", 10, ""); /* no newline: the NUL behind it begins one */
	expect_argument("#!/bin/sh\0 -e\n", 15, NULL);
}

/* The kernel takes what fits: an argument may be cut off, a name may not. */
static void test_cut_argument(void **state)
{
	char text[SCRIPT_HEAD_BYTES + 8];
	struct script_line line;

	(void)state;
	memset(text, 'a', sizeof(text));
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): nor is this */
	memcpy(text, "#!/bin/sh ", 10);
	assert_true(parse(text, sizeof(text), &line));
	assert_int_equal(line.argument_len, SCRIPT_HEAD_BYTES - 11);
}

static void test_lines(void **state)
{
	(void)state;
	expect("#!/bin/sh\n", 10, "/bin/sh");
	expect("#!/bin/sh", 9, "/bin/sh"); /* the file ends: a NUL follows */
	expect("#! \t /bin/sh -e x\n", 18, "/bin/sh");
	expect("#!/bin/sh\r\n", 11, "/bin/sh\r"); /* a carriage return is part of the name */
	expect("#!sh\n", 5, "sh");
	expect("#!\n/bin/sh\n", 11, NULL);
	expect("#!  \t \n", 7, NULL);
	expect("#!", 2, NULL);
	expect("# !/bin/sh\n", 11, NULL);
	expect("\177ELF", 4, NULL);
	expect("", 0, NULL);
	expect("#!/bin/a\0b\n", 11, "/bin/a");
}

/* Without a newline in the head a name counts only if its end is seen there. */
static void test_cut_lines(void **state)
{
	char text[SCRIPT_HEAD_BYTES + 8];
	char name[SCRIPT_HEAD_BYTES] = {0};

	(void)state;
	memset(text, 'a', sizeof(text));
	text[0] = '#';
	text[1] = '!';
	expect(text, sizeof(text), NULL);
	text[SCRIPT_HEAD_BYTES - 1] = ' ';
	memset(name, 'a', SCRIPT_HEAD_BYTES - 3);
	expect(text, sizeof(text), name);
	text[SCRIPT_HEAD_BYTES - 1] = '\n';
	expect(text, sizeof(text), name);
	memset(text + 2, ' ', sizeof(text) - 2);
	expect(text, sizeof(text), NULL);
	text[SCRIPT_HEAD_BYTES - 1] = 'x';
	expect(text, sizeof(text), NULL);
}

static void test_path_is_below(void **state)
{
	(void)state;
	assert_true(path_is_below("/a/b", "/a/b"));
	assert_true(path_is_below("/a/b/c", "/a/b"));
	assert_true(path_is_below("/a/b/c", "/a/b/"));
	assert_true(path_is_below("/a", "/"));
	assert_false(path_is_below("/a/bc", "/a/b"));
	assert_false(path_is_below("/a", "/a/b"));
	assert_false(path_is_below("(unreachable)/a/b", "/a/b"));
	assert_false(path_is_below("/a", NULL));
	assert_false(path_is_below("/a", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),	      cmocka_unit_test(test_cut_lines),
		cmocka_unit_test(test_arguments),     cmocka_unit_test(test_cut_argument),
		cmocka_unit_test(test_path_is_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
