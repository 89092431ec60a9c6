/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "monitor/gate/resolve.h"
#include "monitor/gate/script.h"

/* NULL: no script. */
static void expect(const char *text, size_t len, const char *interpreter)
{
	char head[SCRIPT_HEAD_BYTES] = {0};
	const char *at = NULL;
	size_t at_len = 0;

	memcpy(head, text, len < sizeof(head) ? len : sizeof(head));
	const bool is_script = script_interpreter(head, &at, &at_len);

	assert_int_equal(is_script, interpreter != NULL);
	if (!interpreter)
		return;
	assert_int_equal(at_len, strlen(interpreter));
	assert_memory_equal(at, interpreter, at_len);
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
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_cut_lines),
		cmocka_unit_test(test_path_is_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
