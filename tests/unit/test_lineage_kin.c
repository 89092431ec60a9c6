/* SPDX-License-Identifier: Apache-2.0 */
/* What the sender of a signal and who gets it both come from. */
#include "tests/support/test.h"

#include <stdio.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/lineage.h"

static struct lineages *lineages;

static int set_up(void **state)
{
	(void)state;
	lineages = lineages_new();
	lineages_exec(lineages, 3, 10, STR("/bin/sh"), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lineages = lineages_free(lineages);
	return 0;
}

static void child(uint32_t parent, uint32_t pid, const char *path)
{
	lineages_fork(lineages, 3, parent, pid);
	if (path)
		lineages_exec(lineages, 3, pid, str_of(path), 0);
}

static void put(struct buf *text, const struct str_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		buf_printf(text, "%s%.*s", i ? " " : "", (int)list->items[i].len,
			   list->items[i].at);
}

static struct action signal_of(uint32_t sender, uint32_t receiver)
{
	struct action action = {
		.kind = ACTION_SIGNAL, .exec_id = 3, .pid = sender, .receiver = receiver};

	lineages_fill(lineages, &action);
	return action;
}

/* "branch, forebears" */
static void expect(uint32_t sender, uint32_t receiver, const char *expected)
{
	const struct action action = signal_of(sender, receiver);
	_cleanup_buf_ struct buf text = BUF_INIT(0);

	put(&text, &action.branch);
	buf_printf(&text, ", ");
	put(&text, &action.forebears);
	assert_string_equal(text.data, expected);
	assert_int_equal(action.lineage_unknown, LINEAGE_KNOWN);
}

/* sh 10: agent 11: watchdog 12; bash 13: server 14, make 15: sh 16. sh 10: server 17 */
static void test_of_an_agent(void **state)
{
	(void)state;
	child(10, 11, "/opt/agent");
	child(11, 12, "/opt/watchdog");
	child(11, 13, "/bin/bash");
	child(13, 14, "/bin/server");
	child(13, 15, "/bin/make");
	child(15, 16, "/bin/dash");
	child(10, 17, "/bin/server");
	expect(16, 14, "/bin/dash /bin/make /bin/bash, /opt/agent /bin/sh");
	expect(16, 12, "/bin/dash /bin/make /bin/bash /opt/agent, /bin/sh");
	expect(16, 17, "/bin/dash /bin/make /bin/bash /opt/agent /bin/sh, ");
	expect(12, 16, "/opt/watchdog /opt/agent, /bin/sh");
	expect(13, 14, "/bin/bash, /opt/agent /bin/sh");
	expect(14, 13, "/bin/server /bin/bash, /opt/agent /bin/sh");
	expect(17, 10, "/bin/server /bin/sh, ");
}

/* Neither an orphan nor who has become another program comes from anybody else. */
static void test_who_made_whom(void **state)
{
	(void)state;
	child(10, 11, NULL);
	child(11, 12, "/bin/server");
	lineages_exit(lineages, 11);
	child(10, 13, "/bin/stop");
	expect(13, 12, "/bin/stop /bin/sh, ");
	/* It has made who gets it, and is the agent only since. */
	lineages_exec(lineages, 3, 10, STR("/opt/agent"), 0);
	child(10, 14, "/bin/kill");
	expect(14, 12, "/bin/kill /opt/agent /bin/sh, ");
	/* The same program in a process of its own, as an agent's that starts itself anew. */
	child(10, 15, "/opt/agent");
	child(15, 16, NULL);
	child(15, 17, "/bin/kill");
	expect(17, 16, "/bin/kill, /opt/agent /bin/sh");
	expect(17, 14, "/bin/kill /opt/agent /bin/sh, ");
}

/* A child's number is not the beginning of another one's. */
static void test_numbers(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 12; i++)
		child(10, 10 + i, "/bin/w");
	child(11, 30, "/bin/a");
	child(21, 31, "/bin/b");
	expect(30, 31, "/bin/a /bin/w /bin/sh, ");
	expect(31, 30, "/bin/b /bin/w /bin/sh, ");
}

static void test_scripts(void **state)
{
	struct action script = {.kind = ACTION_EXEC,
				.exec_id = 3,
				.pid = 11,
				.path = STR("/w/stop"),
				.interpreter = STR("/bin/bash")};

	(void)state;
	child(10, 11, NULL);
	child(10, 12, "/bin/server");
	lineages_fill(lineages, &script);
	lineages_exec(lineages, 3, 11, STR("/bin/bash"), 0);
	expect(11, 12, "/bin/bash /bin/sh, ");
	assert_int_equal(signal_of(11, 12).ancestors.count, 2);
}

/* Too deep for names: a common forebear all the same, higher up, so that more is in the branch. */
static void test_deep(void **state)
{
	uint32_t pid = 10;

	(void)state;
	for (int i = 0; i < 80; i++, pid++)
		child(pid, pid + 1, NULL);
	child(pid, 200, "/bin/kill");
	child(pid, 201, "/bin/server");
	expect(200, 201, "/bin/kill, /bin/sh");
	lineages_exec(lineages, 3, 80, STR("/opt/agent"), 0);
	child(80, 202, "/bin/kill");
	child(80, 203, "/bin/server");
	expect(202, 203, "/bin/kill /opt/agent, /bin/sh");
}

static void test_nobody_and_others(void **state)
{
	struct action action;

	(void)state;
	expect(10, 0, ", ");
	expect(10, 77, ", ");
	lineages_exec(lineages, 4, 20, STR("/bin/other"), 0);
	expect(10, 20, ", ");
	child(10, 11, "/bin/a");
	expect(11, 10, "/bin/a /bin/sh, ");
	lineages_lose(lineages);
	action = signal_of(11, 10);
	assert_int_equal(action.lineage_unknown, LINEAGE_UNKNOWN);
	assert_int_equal(action.branch.count, 0);
}

#define KIN_TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIN_TEST(of_an_agent), KIN_TEST(who_made_whom), KIN_TEST(numbers),
		KIN_TEST(scripts),     KIN_TEST(deep),		KIN_TEST(nobody_and_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
