/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "monitor/policy/command.h"

#define MAX_WORDS 12

struct argv_row {
	const char *expected;
	const char *name; /* of the file that is executed */
	const char *argv[MAX_WORDS];
};

static const struct argv_row rows[] = {
	{"ls", "ls", {"ls", "-l"}},
	{"ls", "ls", {"/usr/bin/ls"}},
	{"ls", "ls", {NULL}},
	{"", "", {NULL}},
	{"ssh", "env", {"env", "A=1", "-u", "HOME", "B=2", "ssh", "h"}},
	{"ssh", "env", {"/usr/bin/env", "--unset", "HOME", "--chdir=/x", "-i", "/usr/bin/ssh"}},
	{"ssh", "env", {"env", "-S", "A=1 ssh -v", "h"}},
	{"ssh", "env", {"env", "-vS", "ssh h"}},
	{"env", "env", {"env"}},
	{"id", "sudo", {"sudo", "-u", "root", "--", "id"}},
	{"id", "sudo", {"sudo", "-uroot", "-n", "A=1", "id"}},
	{"scp", "timeout", {"timeout", "-k", "5", "-s9", "9", "scp", "a", "h:"}},
	{"scp", "timeout", {"timeout", "--signal=KILL", "--kill-after", "5", "9", "scp"}},
	{"make", "nice", {"nice", "-n", "5", "make", "-j8"}},
	{"make", "nice", {"nice", "-5", "ionice", "-c3", "nohup", "make"}},
	{"curl", "xargs", {"xargs", "-0", "-n", "1", "-I", "{}", "curl", "{}"}},
	{"curl", "xargs", {"xargs", "-n1", "curl"}},
	{"make", "taskset", {"taskset", "-c", "0-3", "make"}},
	{"make", "flock", {"flock", "-w", "5", "/tmp/lock", "make"}},
	{"ssh", "setsid", {"setsid", "stdbuf", "-oL", "time", "-f", "%e", "ssh"}},
	/* shells: the text of -c, whatever options stand around it */
	{"ssh", "dash", {"sh", "-c", "ssh h"}},
	{"ssh", "bash", {"bash", "-euo", "pipefail", "-c", "ssh h"}},
	{"ssh", "bash", {"bash", "--norc", "-lc", "exec ssh h"}},
	{"ssh", "bash", {"-bash", "-c", "ssh h"}},
	{"ssh", "bash", {"bash", "-O", "extglob", "+e", "-c", "A=1 B='x y' nohup ssh h"}},
	{"ssh", "bash", {"bash", "-c", "bash -c 'env sh -c \"ssh h\"'"}},
	{"build.sh", "build.sh", {"./build.sh", "-c", "ssh"}},
	{"bash", "bash", {"bash", "build.sh", "-c", "ssh"}},
	{"bash", "bash", {"bash"}},
	/* argv[0] is the caller's to choose: where the file is a wrapper, the file counts */
	{"ssh", "env", {"true", "ssh", "h"}},
	{"ssh", "dash", {"true", "-c", "ssh h"}},
	{"ssh", "ld-linux-x86-64.so.2", {"true", "/usr/bin/ssh", "h"}},
	{"ssh",
	 "ld-linux-x86-64.so.2",
	 {"ld.so", "--argv0", "true", "--preload", "x.so", "/usr/bin/ssh"}},
	{"true", "ssh", {"true", "h"}}, /* hence a rule looks at action.name as well */
	/* ... but a multi-call program does what argv[0] says */
	{"nc", "busybox", {"nc", "h", "1"}},
	{"nc", "busybox", {"busybox", "nc", "h", "1"}},
	{"nc", "busybox", {"/bin/busybox", "sh", "-c", "nc h 1"}},
	{"wget", "toybox", {"/bin/wget", "http://h"}},
};

static void test_wrappers_are_peeled(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct str items[MAX_WORDS];
		struct str_list argv = {items, 0};
		struct str found;

		while (argv.count < MAX_WORDS && rows[i].argv[argv.count]) {
			items[argv.count] = str_of(rows[i].argv[argv.count]);
			argv.count++;
		}
		found = command_of_argv(str_of(rows[i].name), &argv);
		if (!str_eq(found, str_of(rows[i].expected)))
			fail_msg("row %zu (%s): \"%.*s\", not \"%s\"", i, rows[i].name,
				 (int)found.len, found.at, rows[i].expected);
	}
}

static void test_the_first_command_of_a_text(void **state)
{
	static const struct {
		const char *text, *expected;
	} texts[] = {
		{"ssh h", "ssh"},
		{"  \n\tssh h", "ssh"},
		{"# a comment\n\n# another\nssh h", "ssh"},
		{"A=1 B='x y' ssh h", "ssh"},
		{"\"ssh\" h", "ssh"},
		{"'/usr/bin/ssh' h", "ssh"},
		{"\\ssh h", "ssh"},
		{"(ssh h)", "ssh"},
		{"{ ssh h; }", "ssh"},
		{"! ssh h", "ssh"},
		{"ssh;ls", "ssh"},
		{"ssh|ls", "ssh"},
		{"ssh>f", "ssh"},
		{"sudo -u x sh -c 'ssh h'", "ssh"},
		{"a#b", "a#b"},
		{"A=1", "A=1"},
		{"cd /x && ssh h", "cd"}, /* the first; ssh is an exec of its own */
		{"", ""},
		{"# only a comment", ""},
		{" \n ", ""},
		{"'", "'"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		const struct str found = command_of_text(str_of(texts[i].text));

		if (!str_eq(found, str_of(texts[i].expected)))
			fail_msg("%s: \"%.*s\"", texts[i].text, (int)found.len, found.at);
	}
}

/* Wrappers inside one another without end, and words without end, come to an end. */
static void test_deep_nesting_ends(void **state)
{
	static struct str items[64];
	const struct str_list argv = {items, 64};
	struct str found;

	(void)state;
	for (size_t i = 0; i < 63; i++)
		items[i] = STR("nohup");
	items[63] = STR("ssh");
	found = command_of_argv(STR("nohup"), &argv);
	assert_true(str_eq(found, STR("nohup")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrappers_are_peeled),
		cmocka_unit_test(test_the_first_command_of_a_text),
		cmocka_unit_test(test_deep_nesting_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
