/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "tests/unit/decide_fixture.h"

/* Labels in decisions: of the session, of a process, of the agent. */

static void test_labels_count_from_the_next_action_on(void **state)
{
	static const struct row rows[] = {
		{"a.reader", "exec", "'seen' in session.labels", "deny", NULL, NULL,
		 "{\"action\":{\"kind\":\"exec\"},\"labels\":[\"seen\"]}", NULL},
		{"b.setter", "exec", "action.name == 'x'", "log", NULL, "\"label\":[\"seen\"],",
		 NULL, NULL},
	};
	static const size_t orders[2][2] = {{0, 1}, {1, 0}};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct policy *policy = load("", rows, 2, orders[i]);
		struct policy_state *session = policy_state_new(policy);
		struct action action = exec_of("x");
		struct decision d;

		policy_decide(policy, session, &action, &d);
		assert_int_equal(d.verdict, VERDICT_LOG);
		assert_int_equal(d.labels_added, 1u << policy_label_index(policy, "seen"));
		action = exec_of("q");
		policy_decide(policy, session, &action, &d);
		assert_int_equal(d.verdict, VERDICT_DENY);
		assert_int_equal(d.labels_added, 0);
		(void)policy_state_free(session);
		(void)policy_free(policy);
	}
}

/* What a rule says of an exec, by what session and process have. */
static enum verdict verdict_of(const struct policy *policy, struct policy_state *session,
			       uint64_t labels)
{
	struct action action = exec_of("x");
	struct decision d;

	action.labels = labels;
	action.pid = 1;
	policy_decide(policy, session, &action, &d);
	return d.verdict;
}

static void test_labels_of_a_process(void **state)
{
	static const struct row rows[] = {
		{"a.own", "exec", "'seen' in process.labels && action.name == 'x'", "deny", NULL,
		 NULL, "{\"action\":{\"kind\":\"exec\",\"name\":\"x\"},\"labels\":[\"seen\"]}",
		 "{\"action\":{\"kind\":\"exec\",\"name\":\"x\"},\"labels\":[\"seen\"],\"process_labels\":[]}"},
		{"b.undo", "exec", "action.name == 'undo'", "log", NULL,
		 "\"declassify\":[\"seen\"],", "{\"action\":{\"kind\":\"exec\",\"name\":\"undo\"}}",
		 "{\"action\":{\"kind\":\"exec\"}}"},
	};
	struct policy *policy = load("", rows, 2, NULL);
	struct policy_state *session = policy_state_new(policy);
	struct action undo = exec_of("undo");
	struct decision d;

	(void)state;
	/* None that the session has not. */
	assert_int_equal(verdict_of(policy, session, 1), VERDICT_ALLOW);
	policy_state_add_session_labels(session, 1);
	assert_int_equal(verdict_of(policy, session, 0), VERDICT_ALLOW);
	assert_int_equal(verdict_of(policy, session, 1), VERDICT_DENY);
	policy_decide(policy, session, &undo, &d);
	assert_int_equal(d.labels_removed, 1);
	assert_int_equal(verdict_of(policy, session, 1), VERDICT_ALLOW);
	/* Of no process that anybody could name: of all. */
	policy_state_add_labels(session, 1);
	assert_int_equal(verdict_of(policy, session, 0), VERDICT_DENY);
	policy_decide(policy, session, &undo, &d);
	assert_int_equal(verdict_of(policy, session, 1), VERDICT_ALLOW);
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

/* A tool call is the agent's, who was told what the session has read. */
static void test_labels_of_the_agent(void **state)
{
	static const struct row rows[] = {
		{"a.own", "tool.call", "'seen' in process.labels", "deny", NULL, NULL,
		 "{\"action\":{\"kind\":\"tool.call\"},\"labels\":[\"seen\"],\"process_labels\":[]}",
		 "{\"action\":{\"kind\":\"tool.call\"}}"},
	};
	struct policy *policy = load("", rows, 1, NULL);
	struct policy_state *session = policy_state_new(policy);
	const struct action call = {.kind = ACTION_TOOL_CALL, .time_ns = 1};
	struct decision d;

	(void)state;
	policy_decide(policy, session, &call, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	policy_state_add_session_labels(session, 1);
	policy_decide(policy, session, &call, &d);
	assert_int_equal(d.verdict, VERDICT_DENY);
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels_count_from_the_next_action_on),
		cmocka_unit_test(test_labels_of_a_process),
		cmocka_unit_test(test_labels_of_the_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
