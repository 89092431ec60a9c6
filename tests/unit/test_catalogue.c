/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "common/cleanup.h"
#include "tools/toolkit/catalogue.h"

/* ---- arguments ---- */

static int plan(const char *name, const char *args, struct json **ret_doc, struct tool_plan *ret,
		struct error *err)
{
	const struct tool *tool = catalogue_find(name);

	*ret = (struct tool_plan){.subject = NULL};
	assert_int_equal(json_parse("arguments", args, strlen(args), ret_doc, err), 0);
	return tool->plan(*ret_doc, ret, err);
}

static void test_good_arguments(void **state)
{
	_cleanup_(json_freep) struct json *bash = NULL;
	_cleanup_(json_freep) struct json *python = NULL;
	_cleanup_(json_freep) struct json *read = NULL;
	struct tool_plan p;

	(void)state;
	assert_int_equal(
		plan("bash", "{\"command\":\"id\",\"timeout_seconds\":1.5}", &bash, &p, NULL), 0);
	assert_string_equal(p.argv[0], "bash");
	assert_string_equal(p.argv[2], "id");
	assert_null(p.argv[3]);
	assert_string_equal(p.command, "id");
	assert_int_equal(p.timeout_ms, 1500);
	assert_int_equal(p.input.len, 0);

	assert_int_equal(plan("python", "{\"code\":\"print(1)\"}", &python, &p, NULL), 0);
	assert_int_equal(p.input.len, 8);
	assert_string_equal(p.command, "print(1)");

	/* A path is a parameter of the script, never a part of it. */
	assert_int_equal(plan("read_file", "{\"path\":\"-x; $(id)\\n\",\"offset\":3,\"limit\":2}",
			      &read, &p, NULL),
			 0);
	assert_null(strstr(p.argv[2], "id)"));
	assert_string_equal(p.argv[4], "-x; $(id)\n");
	assert_string_equal(p.argv[5], "3");
	assert_string_equal(p.argv[6], "2");
	assert_null(p.argv[7]);
	assert_null(p.command);
}

static const struct bad_case {
	const char *tool;
	const char *args;
	const char *text; /* the error must name it */
} bad_cases[] = {
	{"bash", "{}", "\"command\""},
	{"bash", "{\"command\":7}", "arguments.command: expected string"},
	{"bash", "{\"command\":\"id\",\"cwd\":\"/\"}", "\"cwd\""},
	{"bash", "{\"command\":\"id\",\"timeout_seconds\":0}", "arguments.timeout_seconds"},
	{"bash", "{\"command\":\"id\",\"timeout_seconds\":-1}", "arguments.timeout_seconds"},
	{"bash", "{\"command\":\"id\",\"timeout_seconds\":1e9}", "arguments.timeout_seconds"},
	{"bash", "{\"command\":\"id\",\"timeout_seconds\":\"1\"}", "arguments.timeout_seconds"},
	{"python", "{\"command\":\"id\"}", "\"command\""},
	{"read_file", "{\"path\":\"\"}", "arguments.path: must not be empty"},
	{"read_file", "{\"path\":\"a\",\"offset\":0}", "arguments.offset"},
	{"read_file", "{\"path\":\"a\",\"limit\":1.5}", "arguments.limit"},
	{"read_file", "{\"path\":\"a\",\"limit\":1e18}", "arguments.limit"},
	{"write_file", "{\"path\":\"a\"}", "\"content\""},
	{"list_directory", "{\"path\":[]}", "arguments.path: expected string"},
};

static void test_bad_arguments_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
		_cleanup_(json_freep) struct json *doc = NULL;
		struct error err = {0};
		struct tool_plan p;

		assert_int_equal(plan(bad_cases[i].tool, bad_cases[i].args, &doc, &p, &err),
				 -EINVAL);
		if (!strstr(err.text, bad_cases[i].text))
			fail_msg("%s %s: \"%s\"", bad_cases[i].tool, bad_cases[i].args, err.text);
	}
}

static void test_long_commands_and_paths(void **state)
{
	_cleanup_(json_freep) struct json *command = NULL;
	_cleanup_(json_freep) struct json *path = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct error err = {0};
	struct tool_plan p;

	(void)state;
	buf_puts(&text, "{\"command\":\"");
	for (unsigned i = 0; i <= MAX_COMMAND_BYTES; i++)
		buf_putc(&text, ':');
	buf_puts(&text, "\"}");
	assert_int_equal(plan("bash", text.data, &command, &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, "write_file"));
	buf_clear(&text);
	buf_puts(&text, "{\"path\":\"");
	for (unsigned i = 0; i < MAX_PATH_BYTES; i++)
		buf_putc(&text, 'p');
	buf_puts(&text, "\"}");
	assert_int_equal(plan("list_directory", text.data, &path, &p, &err), -EINVAL);
}

static void test_rows(void **state)
{
	(void)state;
	assert_null(catalogue_find("no_such_tool"));
	for (size_t i = 0; i < catalogue_count; i++) {
		_cleanup_(json_freep) struct json *schema = NULL;
		const struct tool *tool = &catalogue[i];

		assert_ptr_equal(catalogue_find(tool->name), tool);
		assert_int_equal(json_parse(tool->name, tool->input_schema,
					    strlen(tool->input_schema), &schema, NULL),
				 0);
		assert_string_equal(json_get_string(schema, "type"), "object");
		assert_true(json_length(json_get(schema, "required")) > 0);
	}
}

/* ---- rendering ---- */

static void expect_text(const char *tool, const char *output, size_t len,
			const struct exec_result *exec, bool failed, const char *expected)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct tool_output kept;
	const struct tool_outcome outcome = {
		.subject = "f", .input_len = 5, .exec = exec, .output = &kept};

	tool_output_init(&kept);
	tool_output_put(&kept, output, len);
	assert_int_equal(catalogue_find(tool)->render(&outcome, &text), failed);
	assert_string_equal(text.data ? text.data : "", expected);
	tool_output_done(&kept);
}

static void test_commands_rendered(void **state)
{
	const struct exec_result good = {.outcome = EXEC_EXITED};
	const struct exec_result three = {.outcome = EXEC_EXITED, .status = 3};
	const struct exec_result segv = {.outcome = EXEC_SIGNALED, .status = 11};
	const struct exec_result late = {
		.outcome = EXEC_SIGNALED, .status = 9, .timed_out = true, .wall_ns = 2500000000u};
	const struct exec_result missing = {.outcome = EXEC_NOT_STARTED, .status = ENOENT};

	(void)state;
	expect_text("bash", "hi\n", 3, &good, false, "hi\n");
	expect_text("bash", "", 0, &good, false, "[no output]\n");
	expect_text("bash", "hi", 2, &three, true, "hi\n[exit status 3]\n");
	expect_text("bash", "", 0, &segv, true, "[ended by signal 11: Segmentation fault]\n");
	expect_text("bash", "x\n", 2, &late, true,
		    "x\n[timed out: ended after 2.5 s, with everything it had started; "
		    "timeout_seconds asks for more]\n");
	expect_text("python", "", 0, &missing, true,
		    "[could not be started: No such file or directory]\n");
}

static void test_files_rendered(void **state)
{
	const struct exec_result good = {.outcome = EXEC_EXITED};
	const struct exec_result no_file = {.outcome = EXEC_EXITED, .status = 64 + ENOENT};
	const struct exec_result folder = {.outcome = EXEC_EXITED, .status = 64 + EISDIR};
	const struct exec_result odd = {.outcome = EXEC_EXITED, .status = 64 + EINVAL};
	const struct exec_result other = {.outcome = EXEC_EXITED, .status = 1};
	static const char list[] = "f\t12\tb\t\0d\t4096\ta\t\0l\t3\tc\nd\ttarget\0f\t0\t-rf\t";

	(void)state;
	expect_text("read_file", "text\n", 5, &good, false, "text\n");
	expect_text("read_file", "", 0, &no_file, true, "f: No such file or directory\n");
	expect_text("read_file", "", 0, &folder, true, "f: Is a directory\n");
	expect_text("read_file", "", 0, &odd, true, "f: not a regular file\n");
	expect_text("read_file", "tail: odd\n", 10, &other, true,
		    "f: failed with exit status 1\ntail: odd\n");
	expect_text("read_file",
		    "\x7f"
		    "ELF\0",
		    5, &good, true,
		    "f: binary data (5 bytes read); read_file returns text, bash with od -c or "
		    "base64 shows the rest\n");
	expect_text("read_file", "caf\xe9\n", 5, &good, false,
		    "caf\xef\xbf\xbd\n[1 bytes are no UTF-8 and stand as U+FFFD above]\n");
	expect_text("write_file", "new\n", 4, &good, false, "Wrote 5 bytes to f (new file)\n");
	expect_text("write_file", "replaced\n", 9, &good, false, "Wrote 5 bytes to f\n");
	expect_text("list_directory", list, sizeof(list), &good, false,
		    "file            0  -rf\n"
		    "dir             -  a/\n"
		    "file           12  b\n"
		    "link            -  c\\nd -> target\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_arguments),
		cmocka_unit_test(test_bad_arguments_are_named),
		cmocka_unit_test(test_long_commands_and_paths),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_commands_rendered),
		cmocka_unit_test(test_files_rendered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
