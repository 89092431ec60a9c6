/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "tests/unit/budget_fixture.h"

#include <stdio.h>

/* Budgets of what is measured or declared: bytes of flows, spend; and who asks for measuring. */

static bool stops(struct session *s, const char *host, const char *call, uint64_t bytes)
{
	const struct action flow = connect_to(host, call);

	policy_count_bytes(s->policy, s->state, &flow, bytes, &s->decision);
	return s->decision.verdict >= VERDICT_ASK;
}

static struct session open_flows(const char *budget)
{
	return open_rule(
		"\"on\":[\"net.connect\"],\"verdict\":\"deny\"", budget,
		"{\"action\":{\"kind\":\"net.connect\",\"host\":\"h\"},\"bytes_out\":101}",
		"{\"action\":{\"kind\":\"net.connect\",\"host\":\"h\"},\"bytes_out\":100}");
}

static void test_a_flow_is_stopped_in_its_middle(void **state)
{
	struct session s = open_flows("\"of\":\"bytes_out\",\"per\":\"session\",\"limit\":100");

	(void)state;
	assert_false(over(&s, connect_to("a", "c")));
	assert_false(stops(&s, "a", "c", 60));
	assert_false(stops(&s, "b", "d", 40));
	assert_false(over(&s, connect_to("a", "c")));
	assert_true(stops(&s, "a", "c", 1));
	assert_int_equal(s.decision.used, 101);
	assert_string_equal(s.decision.rule->id, "a");
	assert_true(over(&s, connect_to("z", "e"))); /* nor does a new one begin */
	close_session(&s);
}

static void test_bytes_of_each_host(void **state)
{
	struct session s = open_flows(
		"\"of\":\"bytes_out\",\"per\":\"session\",\"by\":\"host\",\"limit\":100");
	const struct rule_info *rule;
	char host[16];

	(void)state;
	assert_false(stops(&s, "a", "c", 100));
	assert_false(stops(&s, "b", "c", 100));
	assert_true(stops(&s, "a", "d", 1));
	assert_true(over(&s, connect_to("a", "c")));
	assert_false(over(&s, connect_to("b", "c")));
	assert_int_equal(policy_state_evicted(s.state, &rule), 0);
	for (unsigned i = 0; i < 1023; i++) {
		(void)snprintf(host, sizeof(host), "h%u", i);
		(void)stops(&s, host, "c", 1);
	}
	assert_int_equal(policy_state_evicted(s.state, &rule), 1);
	close_session(&s);

	s = open_flows("\"of\":\"bytes_out\",\"per\":\"call\",\"by\":\"host\",\"limit\":100");
	assert_false(stops(&s, "a", "c", 100));
	assert_false(stops(&s, "a", "d", 100));
	assert_true(stops(&s, "a", "c", 1));
	close_session(&s);
}

static void test_spend(void **state)
{
	struct session s = open_rule(
		"\"on\":[\"tool.call\"],\"verdict\":\"deny\"",
		"\"of\":\"spend\",\"per\":\"session\",\"unit\":\"cents\",\"limit\":100",
		"{\"action\":{\"kind\":\"tool.call\",\"cost\":51,\"unit\":\"cents\"},\"repeat\":2}",
		"{\"action\":{\"kind\":\"tool.call\",\"cost\":500,\"unit\":\"tokens\"}}");
	struct action call = {.kind = ACTION_TOOL_CALL, .cost = 60, .unit = STR("cents")};

	(void)state;
	assert_false(over(&s, call));
	assert_true(over(&s, call)); /* refused, so not spent */
	call.cost = 40;
	assert_false(over(&s, call));
	call.cost = 0;
	assert_false(over(&s, call));
	call.cost = INT64_MAX;
	for (unsigned i = 0; i < 3; i++) {
		policy_note_let_through(s.policy, s.state, &call);
		assert_true(over(&s, call)); /* more than a number holds is not less */
	}
	close_session(&s);
}

/* Its sampling costs, so it is for those who ask. */
static void test_who_needs_usage(void **state)
{
	struct session memory = open_rule(
		"\"on\":[\"exec\"],\"verdict\":\"deny\"",
		"\"of\":\"memory\",\"per\":\"call\",\"limit\":9",
		"{\"before\":[{\"action\":{\"kind\":\"proc.usage\",\"memory_bytes\":10}}],"
		"\"action\":{\"kind\":\"exec\"}}",
		"{\"before\":[{\"action\":{\"kind\":\"proc.usage\",\"memory_bytes\":10}},"
		"{\"action\":{\"kind\":\"proc.usage\",\"memory_bytes\":9}}],"
		"\"action\":{\"kind\":\"exec\"}}");
	struct session hosts =
		open_rule("\"on\":[\"net.connect\"],\"verdict\":\"deny\"",
			  "\"of\":\"hosts\",\"per\":\"session\",\"limit\":0",
			  "{\"action\":{\"kind\":\"net.connect\",\"host\":\"h\"}}",
			  "{\"action\":{\"kind\":\"net.connect\",\"loopback\":true}}");

	(void)state;
	assert_true(policy_needs_usage(memory.policy));
	assert_false(policy_needs_usage(hosts.policy));
	close_session(&memory);
	close_session(&hosts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_flow_is_stopped_in_its_middle),
		cmocka_unit_test(test_bytes_of_each_host),
		cmocka_unit_test(test_spend),
		cmocka_unit_test(test_who_needs_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
