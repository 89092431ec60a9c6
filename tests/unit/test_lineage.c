/* SPDX-License-Identifier: Apache-2.0 */
/* Where processes come from, and what rules make of it, or of not knowing it. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/lineage.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/policy_state.h"

#define MS UINT64_C(1000000)

static struct lineages *lineages;

static int set_up(void **state)
{
	(void)state;
	lineages = lineages_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lineages = lineages_free(lineages);
	return 0;
}

static struct action of(uint32_t pid)
{
	struct action action = {
		.kind = ACTION_CONNECT, .exec_id = 3, .pid = pid, .time_ns = 100 * MS};

	lineages_fill(lineages, &action);
	return action;
}

static void execs(uint32_t pid, const char *path)
{
	lineages_exec(lineages, 3, pid, str_of(path), 40 * MS);
}

/* "lineage depth ancestors..." */
static void expect(uint32_t pid, const char *expected)
{
	const struct action action = of(pid);
	_cleanup_buf_ struct buf text = BUF_INIT(0);

	buf_printf(&text, "%.*s %lld", (int)action.lineage.len, action.lineage.at,
		   (long long)action.depth);
	for (size_t i = 0; i < action.ancestors.count; i++)
		buf_printf(&text, " %.*s", (int)action.ancestors.items[i].len,
			   action.ancestors.items[i].at);
	assert_int_equal(action.lineage_unknown, LINEAGE_KNOWN);
	assert_string_equal(text.data, expected);
}

static void test_forks_and_execs(void **state)
{
	(void)state;
	execs(10, "/bin/sh");
	expect(10, "3 0");
	lineages_fork(lineages, 3, 10, 11);
	expect(11, "3/1 1"); /* a fork is the same program still */
	execs(11, "/bin/make");
	expect(11, "3/1 1 /bin/sh");
	execs(11, "/bin/make"); /* itself anew */
	expect(11, "3/1 1 /bin/sh");
	lineages_fork(lineages, 3, 11, 12);
	execs(12, "/bin/cc");
	lineages_fork(lineages, 3, 10, 13);
	expect(12, "3/1/1 2 /bin/make /bin/sh");
	expect(13, "3/2 1");
	assert_int_equal(of(12).since_exec_ms, 60);
	/* Its parent has ended, which changes nothing of where it comes from. */
	lineages_exit(lineages, 11);
	expect(12, "3/1/1 2 /bin/make /bin/sh");
	/* The number is another one's now. */
	lineages_fork(lineages, 3, 10, 11);
	expect(11, "3/3 1");
}

static void asks(uint32_t pid, const char *path, const char *interpreter)
{
	struct action action = {.kind = ACTION_EXEC,
				.exec_id = 3,
				.pid = pid,
				.path = str_of(path),
				.interpreter = str_of(interpreter)};

	lineages_fill(lineages, &action);
}

static void test_scripts(void **state)
{
	(void)state;
	execs(10, "/bin/sh");
	asks(10, "/w/run.sh", "/bin/bash");
	expect(10, "3 0"); /* so far it has only asked */
	execs(10, "/bin/bash");
	expect(10, "3 0 /w/run.sh /bin/sh");
	asks(10, "/w/refused.sh", "/bin/bash");
	asks(10, "/bin/ls", NULL);
	execs(10, "/bin/ls");
	expect(10, "3 0 /bin/bash /w/run.sh /bin/sh");
	asks(10, "/w/other.py", "/bin/python");
	execs(10, "/bin/bash"); /* what the kernel saw is something else */
	expect(10, "3 0 /bin/ls /bin/bash /w/run.sh /bin/sh");
}

static void test_more_than_are_kept(void **state)
{
	(void)state;
	execs(10, "/secret");
	for (unsigned i = 0; i + 1 < MAX_ANCESTORS; i++)
		execs(10, i % 2 ? "/a" : "/b");
	assert_int_equal(of(10).ancestors.count, MAX_ANCESTORS - 1);
	assert_int_equal(of(10).lineage_unknown, LINEAGE_KNOWN);
	for (unsigned i = 0; i < 3 * MAX_ANCESTORS; i++) {
		execs(10, i % 2 ? "/b" : "/c");
		assert_int_equal(of(10).lineage_unknown, ANCESTORS_UNKNOWN);
	}
	lineages_fork(lineages, 3, 10, 11);
	assert_int_equal(of(11).lineage_unknown, ANCESTORS_UNKNOWN);
	assert_int_equal(of(11).depth, 1);
}

static void test_deep(void **state)
{
	const struct action *action;
	struct action last = {0};

	(void)state;
	execs(1000, "/bin/sh");
	for (uint32_t pid = 1000; pid < 1500; pid++)
		lineages_fork(lineages, 3, pid, pid + 1);
	last = of(1500);
	action = &last;
	assert_int_equal(action->depth, 500);
	assert_true(action->lineage.len < MAX_LINEAGE_BYTES);
	assert_memory_equal(action->lineage.at, "3/1/1/1/", 8);
}

static void test_full_and_lost(void **state)
{
	(void)state;
	execs(10, "/bin/sh");
	for (uint32_t i = 1; i < MAX_LINEAGES; i++)
		lineages_fork(lineages, 3, 10, 100 + i);
	assert_int_equal(of(10).lineage_unknown, LINEAGE_KNOWN);
	lineages_fork(lineages, 3, 10, 99);
	assert_int_equal(of(99).lineage_unknown, LINEAGE_UNKNOWN);
	assert_int_equal(of(10).lineage_unknown, LINEAGE_UNKNOWN);
	lineages_exit(lineages, 10);
	execs(10, "/bin/sh");
	assert_int_equal(of(10).lineage_unknown, LINEAGE_UNKNOWN);
}

/* Whose process is gone when its call is judged begins no lineage that stays. */
static void test_ends(void **state)
{
	(void)state;
	execs(10, "/bin/sh");
	lineages_exec(lineages, 4, 20, STR("/bin/other"), 0);
	lineages_exit(lineages, 10);
	(void)of(10);
	lineages_end(lineages, 3);
	for (uint32_t i = 1; i < MAX_LINEAGES; i++)
		lineages_fork(lineages, 4, 20, 100 + i);
	assert_int_equal(of(20).lineage_unknown, LINEAGE_KNOWN); /* there was room for all */
	lineages_end(lineages, 4);
	execs(10, "/bin/sh");
	expect(10, "3 0");
}

static void test_without_anybody_who_sees(void **state)
{
	struct action action = {.kind = ACTION_CONNECT, .pid = 7};
	struct action call = {.kind = ACTION_TOOL_CALL};

	(void)state;
	lineages_fill(NULL, &action);
	assert_int_equal(action.lineage_unknown, LINEAGE_UNKNOWN);
	lineages_fill(NULL, &call);
	assert_int_equal(call.lineage_unknown, LINEAGE_KNOWN);
}

/* ---- rules ---- */

static enum verdict verdict_of(const char *when, const char *verdict, const struct action *action)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct policy *policy = NULL;
	struct policy_state *session;
	struct decision decision;
	struct error err = {0};

	buf_printf(
		&text,
		"{\"policy\":\"t\",\"version\":1,\"rules\":[{\"id\":\"a\",\"category\":\"c\","
		"\"severity\":\"low\",\"on\":[\"net.connect\"],\"when\":\"(%s) && action.host != 'no' || "
		"action.host == 'yes'\",\"verdict\":\"%s\","
		"\"because\":\"b\",\"match\":[{\"action\":{\"kind\":\"net.connect\",\"host\":\"yes\"}}],"
		"\"not_match\":[{\"action\":{\"kind\":\"net.connect\",\"host\":\"no\"}}]}]}",
		when, verdict);
	if (policy_load_text("t", text.data, text.len, &policy, &err) < 0)
		fail_msg("%s", err.text);
	session = policy_state_new(policy);
	policy_decide(policy, session, action, &decision);
	(void)policy_state_free(session);
	(void)policy_free(policy);
	return decision.verdict;
}

static const char *const readers[] = {
	"action.depth > 1",
	"action.depth == 2",
	"action.depth in [2, 3]",
	"action.lineage == '3/1/1'",
	"action.lineage.startsWith('3/1/')",
	"action.lineage in ['3/1/1']",
	"'/bin/make' in action.ancestors",
	"action.ancestors.exists(a, a == '/bin/make')",
	"glob(action.ancestors[0], '/bin/m*')",
	"size(action.ancestors) == 2",
	"action.since_exec_ms < 100 && action.port == 443",
	"action.port == 443 && !(action.depth < 2)",
};

static void test_rules_read_it(void **state)
{
	struct action action, other;

	(void)state;
	execs(10, "/bin/sh");
	lineages_fork(lineages, 3, 10, 11);
	execs(11, "/bin/make");
	lineages_fork(lineages, 3, 11, 12);
	execs(12, "/bin/cc");
	action = of(12);
	action.family = STR("unix");
	action.port = 443;
	other = (struct action){
		.kind = ACTION_CONNECT, .family = STR("unix"), .since_exec_ms = 500};
	for (size_t i = 0; i < COUNT(readers); i++) {
		if (verdict_of(readers[i], "deny", &action) != VERDICT_DENY ||
		    (verdict_of(readers[i], "deny", &other) == VERDICT_DENY &&
		     !strstr(readers[i], "[0]"))) /* there is none: an error, too */
			fail_msg("%s", readers[i]);
	}
}

/* A rule must not be dodged by what nobody saw, nor must one allow for it. */
static void test_rules_when_it_is_unknown(void **state)
{
	struct action action = {.kind = ACTION_CONNECT, .pid = 7, .port = 443};

	(void)state;
	lineages_fill(NULL, &action);
	for (size_t i = 0; i < COUNT(readers); i++) {
		action.family = STR("unix"); /* which the default allows */
		if (verdict_of(readers[i], "deny", &action) != VERDICT_DENY)
			fail_msg("%s does not match", readers[i]);
		action.family = STR("inet");
		if (verdict_of(readers[i], "allow", &action) != VERDICT_DENY)
			fail_msg("%s allows", readers[i]);
	}
	action.family = STR("unix");
	assert_int_equal(verdict_of("action.depth > 1 && action.port == 80", "deny", &action),
			 VERDICT_ALLOW);
	action.lineage_unknown = ANCESTORS_UNKNOWN;
	assert_int_equal(verdict_of("action.depth > 1", "deny", &action), VERDICT_ALLOW);
	assert_int_equal(verdict_of("'/x' in action.ancestors", "deny", &action), VERDICT_DENY);
}

#define LINEAGE_TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

/* Programs have long paths, and each process some of its own: more than that are not kept. */
static void test_bytes_of_programs(void **state)
{
	static char path[4096];
	uint32_t pid;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	for (pid = 1; pid <= MAX_LINEAGES; pid++) {
		(void)snprintf(path, 8, "/%05u", pid);
		path[6] = 'x';
		execs(pid, path);
		if (of(pid).lineage_unknown)
			break;
	}
	assert_in_range(pid, MAX_LINEAGE_PROGRAMS / 5000, MAX_LINEAGE_PROGRAMS / 4000);
	assert_int_equal(of(1).lineage_unknown, LINEAGE_UNKNOWN);
}

/* What ended is given back. */
static void test_bytes_of_programs_that_ended(void **state)
{
	static char path[4096];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	for (unsigned i = 0; i < 3 * (MAX_LINEAGE_PROGRAMS >> 12); i++) {
		path[1] = (char)('a' + i % 2);
		execs(1, path);
		if (i % 50 == 49)
			lineages_exit(lineages, 1);
	}
	assert_int_equal(of(1).lineage_unknown & LINEAGE_UNKNOWN, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LINEAGE_TEST(forks_and_execs),
		LINEAGE_TEST(scripts),
		LINEAGE_TEST(more_than_are_kept),
		LINEAGE_TEST(deep),
		LINEAGE_TEST(full_and_lost),
		LINEAGE_TEST(bytes_of_programs),
		LINEAGE_TEST(bytes_of_programs_that_ended),
		LINEAGE_TEST(ends),
		LINEAGE_TEST(without_anybody_who_sees),
		LINEAGE_TEST(rules_read_it),
		LINEAGE_TEST(rules_when_it_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
