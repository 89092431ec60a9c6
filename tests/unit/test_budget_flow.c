/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/policy.h"

/* Budgets of what is measured or declared: bytes of flows, spend; and who asks for measuring. */

struct session {
	struct policy *policy;
	struct policy_state *state;
	struct decision decision;
};

static void close_session(struct session *s)
{
	s->state = policy_state_free(s->state);
	s->policy = policy_free(s->policy);
}

static bool over(struct session *s, struct action action)
{
	policy_decide(s->policy, s->state, &action, &s->decision);
	return s->decision.rule != NULL;
}

static struct action connect_to(const char *host, const char *call)
{
	return (struct action){
		.kind = ACTION_CONNECT, .host = str_of(host), .call_id = str_of(call)};
}

static struct policy *load_one(const char *on, const char *budget, const char *match,
			       const char *not_match)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct policy *policy = NULL;
	struct error err = {0};

	buf_printf(&text,
		   "{\"policy\":\"t\",\"version\":1,\"defaults\":{\"net.connect\":\"allow\"},"
		   "\"rules\":[{\"id\":\"a\",\"category\":\"c\",\"severity\":\"low\",\"on\":[%s],"
		   "\"when\":\"true\",\"verdict\":\"deny\",\"because\":\"b\",\"budget\":{%s},"
		   "\"match\":[%s],\"not_match\":[%s]}]}",
		   on, budget, match, not_match);
	if (policy_load_text("t", text.data, text.len, &policy, &err) < 0)
		fail_msg("%s\n%s", err.text, text.data);
	return policy;
}

static bool stops(struct session *s, const char *host, const char *call, uint64_t bytes)
{
	const struct action flow = connect_to(host, call);

	policy_count_bytes(s->policy, s->state, &flow, bytes, &s->decision);
	return s->decision.verdict >= VERDICT_ASK;
}

static struct session open_flows(const char *budget)
{
	struct policy *policy = load_one(
		"\"net.connect\"", budget,
		"{\"action\":{\"kind\":\"net.connect\",\"host\":\"h\"},\"bytes_out\":101}",
		"{\"action\":{\"kind\":\"net.connect\",\"host\":\"h\"},\"bytes_out\":100}");

	return (struct session){.policy = policy, .state = policy_state_new(policy)};
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
	struct policy *policy = load_one(
		"\"tool.call\"",
		"\"of\":\"spend\",\"per\":\"session\",\"unit\":\"cents\",\"limit\":100",
		"{\"action\":{\"kind\":\"tool.call\",\"cost\":51,\"unit\":\"cents\"},\"repeat\":2}",
		"{\"action\":{\"kind\":\"tool.call\",\"cost\":500,\"unit\":\"tokens\"}}");
	struct session s = {.policy = policy, .state = policy_state_new(policy)};
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
	struct policy *memory =
		load_one("\"exec\"", "\"of\":\"memory\",\"per\":\"call\",\"limit\":9",
			 "{\"before\":[{\"action\":{\"kind\":\"proc.usage\",\"memory_bytes\":10}}],"
			 "\"action\":{\"kind\":\"exec\"}}",
			 "{\"before\":[{\"action\":{\"kind\":\"proc.usage\",\"memory_bytes\":10}},"
			 "{\"action\":{\"kind\":\"proc.usage\",\"memory_bytes\":9}}],"
			 "\"action\":{\"kind\":\"exec\"}}");
	struct policy *hosts =
		load_one("\"net.connect\"", "\"of\":\"hosts\",\"per\":\"session\",\"limit\":0",
			 "{\"action\":{\"kind\":\"net.connect\",\"host\":\"h\"}}",
			 "{\"action\":{\"kind\":\"net.connect\",\"loopback\":true}}");

	(void)state;
	assert_true(policy_needs_usage(memory));
	assert_false(policy_needs_usage(hosts));
	(void)policy_free(memory);
	(void)policy_free(hosts);
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
