/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "tests/unit/budget_fixture.h"

#include <stdio.h>

/* Budgets: what is used, by whom, and when that is too much. */

static struct session open_session(const char *of, const char *per, unsigned limit)
{
	_cleanup_buf_ struct buf budget = BUF_INIT(0);
	_cleanup_buf_ struct buf match = BUF_INIT(0);
	const bool is_file = strcmp(of, "files_written") == 0;
	const bool is_net = strcmp(of, "hosts") == 0 || strcmp(of, "connections") == 0;
	const char *one =
		strcmp(of, "tool_calls") == 0 ? "\"kind\":\"tool.call\""
		: is_file ? "\"kind\":\"file.open\",\"write\":true,\"path\":\"/f\""
		: is_net  ? "\"kind\":\"net.connect\",\"host\":\"h\""
		: strcmp(of, "cpu_seconds") == 0   ? "\"kind\":\"proc.usage\",\"cpu_ms\":3000"
		: strcmp(of, "memory") == 0	   ? "\"kind\":\"proc.usage\",\"memory_bytes\":101"
		: strcmp(of, "bytes_written") == 0 ? "\"kind\":\"proc.usage\",\"written_bytes\":11"
						   : "\"kind\":\"proc.fork\"";

	buf_printf(&budget, "\"of\":\"%s\",\"per\":\"%s\",\"limit\":%u", of, per, limit);
	buf_printf(&match, "{\"action\":{%s},\"repeat\":%u%s}", one, limit + 1,
		   is_file  ? ",\"vary\":\"path\""
		   : is_net ? ",\"vary\":\"host\""
			    : "");
	return open_rule("\"on\":[\"exec\",\"net.connect\",\"net.send\",\"tool.call\","
			 "\"file.open\",\"proc.fork\",\"tool.result\",\"proc.usage\"],"
			 "\"verdict\":\"log\"",
			 budget.data, match.data, "{\"action\":{\"kind\":\"tool.result\"}}");
}

static struct action of_process(enum action_kind kind, uint32_t pid, uint32_t exec_id)
{
	return (struct action){.kind = kind, .pid = pid, .exec_id = exec_id};
}

static void test_the_action_that_is_too_much_matches(void **state)
{
	struct session s = open_session("tool_calls", "session", 2);
	const struct action call = {.kind = ACTION_TOOL_CALL};

	(void)state;
	assert_false(over(&s, call));
	assert_false(over(&s, call));
	assert_false(over(&s, (struct action){.kind = ACTION_FILE_OPEN})); /* 2 are used */
	assert_true(over(&s, call));
	assert_int_equal(s.decision.used, 3);
	assert_true(over(&s, (struct action){.kind = ACTION_FILE_OPEN})); /* more than 2 are */
	close_session(&s);
}

static void test_what_was_let_through_is_used(void **state)
{
	struct session s = open_session("tool_calls", "session", 1);
	const struct action call = {.kind = ACTION_TOOL_CALL};

	(void)state;
	policy_note_let_through(s.policy, s.state, &call);
	assert_true(over(&s, call));
	assert_int_equal(s.decision.used, 2);
	close_session(&s);
}

static void test_hosts_are_counted_once(void **state)
{
	struct session s = open_session("hosts", "session", 2);
	struct action loopback = connect_to("127.0.0.1", NULL);
	struct action sent = connect_to("b", NULL);

	(void)state;
	loopback.loopback = true;
	sent.kind = ACTION_SEND;
	assert_false(over(&s, connect_to("a", NULL)));
	assert_false(over(&s, connect_to("a", NULL)));
	assert_false(over(&s, loopback));
	assert_false(over(&s, sent));
	assert_false(over(&s, connect_to("b", NULL)));
	assert_true(over(&s, connect_to("c", NULL)));
	assert_true(over(&s, connect_to("a", NULL))); /* that is in it, but 3 are used */
	close_session(&s);
}

static void test_calls_are_apart_and_end(void **state)
{
	struct session s = open_session("hosts", "call", 1);
	const struct action result = {.kind = ACTION_TOOL_RESULT, .call_id = STR("c1")};

	(void)state;
	assert_false(over(&s, connect_to("a", "c1")));
	assert_false(over(&s, connect_to("b", "c2")));
	assert_false(over(&s, connect_to("a", "c1")));
	assert_true(over(&s, connect_to("b", "c1")));
	assert_false(over(&s, connect_to("b", "c2")));
	assert_true(over(&s, connect_to("a", "c1")));
	assert_true(over(&s, result));
	assert_false(over(&s, connect_to("x", "c1")));
	close_session(&s);
}

static void test_files_that_were_really_opened(void **state)
{
	struct session s = open_session("files_written", "session", 1);
	struct action open = {.kind = ACTION_FILE_OPEN, .path = STR("/a"), .write = true};
	struct action other = {.kind = ACTION_FILE_OPEN, .path = STR("/b"), .write = true};

	(void)state;
	assert_false(over(&s, open));
	assert_false(over(&s, open));
	other.result = -2;
	assert_false(over(&s, other));
	other.result = 3;
	other.write = false;
	assert_false(over(&s, other));
	other.write = true;
	other.path = STR("/dev/null");
	assert_false(over(&s, other));
	other.path = STR("/b");
	assert_true(over(&s, other));
	close_session(&s);
}

static void test_processes(void **state)
{
	struct session s = open_session("processes_created", "session", 3);

	(void)state;
	assert_false(over(&s, of_process(ACTION_EXEC, 10, 1))); /* the first, which nobody forked */
	assert_false(over(&s, of_process(ACTION_EXEC, 10, 1))); /* the same */
	assert_false(over(&s, of_process(ACTION_FORK, 11, 1)));
	assert_false(over(&s, of_process(ACTION_EXEC, 20, 2)));
	assert_false(over(&s, of_process(ACTION_PROC_EXIT, 20, 2)));
	assert_true(over(&s, of_process(ACTION_FORK, 12, 1)));
	assert_int_equal(s.decision.used, 4);
	close_session(&s);

	s = open_session("processes_alive", "session", 2);
	assert_false(over(&s, of_process(ACTION_EXEC, 10, 1)));
	for (unsigned i = 0; i < 9; i++) {
		assert_false(over(&s, of_process(ACTION_FORK, 11, 1)));
		(void)over(&s, of_process(ACTION_PROC_EXIT, 11, 1));
	}
	assert_false(over(&s, of_process(ACTION_FORK, 11, 1)));
	assert_true(over(&s, of_process(ACTION_FORK, 12, 1)));
	(void)over(&s, of_process(ACTION_PROC_EXIT, 12, 1));
	assert_false(over(&s, of_process(ACTION_EXEC, 11, 1)));
	close_session(&s);
}

static void test_where_processes_are_not_seen(void **state)
{
	struct session s = open_session("processes_created", "session", 1);

	(void)state;
	policy_state_assume_unseen(s.state, false, true);
	assert_false(over(&s, of_process(ACTION_EXEC, 10, 1)));
	assert_true(over(&s, of_process(ACTION_EXEC, 11, 1)));
	close_session(&s);
	s = open_session("processes_alive", "session", 1);
	policy_state_assume_unseen(s.state, false, true);
	assert_true(over(&s, of_process(ACTION_EXEC, 10, 1)));
	close_session(&s);
}

static void test_what_is_refused_is_not_used(void **state)
{
	struct session s = open_rule(
		"\"on\":[\"net.connect\"],\"verdict\":\"deny\"",
		"\"of\":\"hosts\",\"per\":\"session\",\"limit\":1",
		"{\"action\":{\"kind\":\"net.connect\",\"host\":\"h\"},\"repeat\":2,\"vary\":"
		"\"host\"}",
		"{\"action\":{\"kind\":\"net.connect\"}}");

	(void)state;
	assert_false(over(&s, connect_to("a", NULL)));
	assert_true(over(&s, connect_to("b", NULL)));
	assert_false(over(&s, connect_to("a", NULL)));
	close_session(&s);
}

/* What the rule itself refuses: a process is there all the same, a program is not. */
static void test_programs_that_are_refused(void **state)
{
	(void)state;
	for (unsigned untraced = 0; untraced < 2; untraced++) {
		struct session s = open_rule(
			"\"on\":[\"exec\"],\"verdict\":\"deny\"",
			"\"of\":\"processes_created\",\"per\":\"session\",\"limit\":1",
			"{\"before\":[{\"action\":{\"kind\":\"proc.fork\"},\"repeat\":2}],"
			"\"action\":{\"kind\":\"exec\"}}",
			"{\"action\":{\"kind\":\"exec\"}}");

		if (untraced)
			policy_state_assume_unseen(s.state, false, true);
		assert_false(over(&s, of_process(ACTION_EXEC, 10, 1)));
		for (uint32_t i = 0; i < 5; i++) {
			assert_true(over(&s, of_process(ACTION_EXEC, 11 + i, 2 + i)));
			assert_int_equal(s.decision.used, untraced ? 2 : 2 + i);
		}
		close_session(&s);
	}
}

static void test_processor_time(void **state)
{
	struct session s = open_session("cpu_seconds", "session", 0);
	const struct action call = {.kind = ACTION_TOOL_CALL};

	(void)state;
	policy_state_note_cpu(s.state, 1, 999999);
	assert_false(over(&s, call));
	policy_state_note_cpu(s.state, 2, 1);
	assert_true(over(&s, call));
	close_session(&s);
}

static struct action usage_of(uint32_t exec_id, int64_t cpu_ms, int64_t memory, const char *call)
{
	return (struct action){.kind = ACTION_USAGE,
			       .exec_id = exec_id,
			       .call_id = str_of(call),
			       .cpu_ms = cpu_ms,
			       .memory_bytes = memory,
			       .written_bytes = cpu_ms};
}

static void test_processor_time_of_what_runs(void **state)
{
	struct session s = open_session("cpu_seconds", "session", 2);
	const struct action call = {.kind = ACTION_TOOL_CALL};

	(void)state;
	assert_false(over(&s, usage_of(1, 1500, 0, "c")));
	assert_false(over(&s, usage_of(1, 2900, 0, "c"))); /* told again, counted once */
	policy_state_note_cpu(s.state, 1, 2999000);
	assert_false(over(&s, call));
	assert_true(over(&s, usage_of(2, 1, 0, "d")));
	assert_int_equal(s.decision.used, 3);
	close_session(&s);

	s = open_session("cpu_seconds", "call", 2);
	assert_false(over(&s, usage_of(1, 2900, 0, "c")));
	assert_false(over(&s, usage_of(2, 2900, 0, "d")));
	assert_true(over(&s, usage_of(1, 3000, 0, "c")));
	close_session(&s);
}

static void test_memory_is_what_is_there_now(void **state)
{
	struct session s = open_session("memory", "session", 100);
	const struct action call = {.kind = ACTION_TOOL_CALL};

	(void)state;
	assert_false(over(&s, usage_of(1, 1, 60, "c")));
	assert_false(over(&s, usage_of(1, 2, 100, "c")));
	assert_true(over(&s, usage_of(2, 1, 1, "d")));
	assert_int_equal(s.decision.used, 101);
	assert_false(over(&s, usage_of(1, 3, 0, "c")));
	assert_false(over(&s, call));
	close_session(&s);

	s = open_session("memory", "call", 100);
	assert_true(over(&s, usage_of(1, 1, 101, "c")));
	(void)over(&s, (struct action){.kind = ACTION_TOOL_RESULT, .call_id = STR("c")});
	assert_false(over(&s, usage_of(1, 2, 50, "c"))); /* forgotten with its call */
	assert_int_equal(s.decision.used, 0);
	close_session(&s);
}

static void test_bytes_written(void **state)
{
	struct session s = open_session("bytes_written", "session", 10);

	(void)state;
	for (uint32_t i = 1; i <= 300; i++) /* more executions than are remembered */
		assert_int_equal(over(&s, usage_of(i, 1, 0, "c")), i > 10);
	assert_int_equal(s.decision.used, 300);
	close_session(&s);
}

static void test_more_calls_at_once_than_there_is_room_for(void **state)
{
	struct session s = open_session("connections", "call", 5);
	const struct rule_info *rule;
	char id[16];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(id, sizeof(id), "c%u", i);
		(void)over(&s, connect_to("a", id));
		(void)over(&s, (struct action){.kind = ACTION_TOOL_RESULT, .call_id = str_of(id)});
	}
	assert_int_equal(policy_state_evicted(s.state, &rule), 0);
	for (unsigned i = 0; i < 257; i++) {
		(void)snprintf(id, sizeof(id), "c%u", i);
		(void)over(&s, connect_to("a", id));
	}
	assert_int_equal(policy_state_evicted(s.state, &rule), 1);
	assert_string_equal(rule->id, "a");
	close_session(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_action_that_is_too_much_matches),
		cmocka_unit_test(test_what_was_let_through_is_used),
		cmocka_unit_test(test_hosts_are_counted_once),
		cmocka_unit_test(test_calls_are_apart_and_end),
		cmocka_unit_test(test_files_that_were_really_opened),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_where_processes_are_not_seen),
		cmocka_unit_test(test_what_is_refused_is_not_used),
		cmocka_unit_test(test_programs_that_are_refused),
		cmocka_unit_test(test_processor_time),
		cmocka_unit_test(test_processor_time_of_what_runs),
		cmocka_unit_test(test_memory_is_what_is_there_now),
		cmocka_unit_test(test_bytes_written),
		cmocka_unit_test(test_more_calls_at_once_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
