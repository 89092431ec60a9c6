/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "tests/unit/decide_fixture.h"

static struct decision decide_fresh(const struct policy *policy, const struct action *action)
{
	struct policy_state *state = policy_state_new(policy);
	struct decision decision;

	policy_decide(policy, state, action, &decision);
	(void)policy_state_free(state);
	return decision;
}

static void expect(const struct policy *policy, const char *name, enum verdict verdict,
		   const char *rule)
{
	const struct action action = exec_of(name);
	const struct decision d = decide_fresh(policy, &action);

	if (d.verdict != verdict)
		fail_msg("%s: %s, not %s", name, verdict_name(d.verdict), verdict_name(verdict));
	assert_string_equal(d.rule ? d.rule->id : "default", rule);
}

static const struct row strictness[] = {
	{"allow", "exec", "action.name in ['x', 'allow', 'log', 'slow', 'ask', 'deny', 'kill']",
	 "allow", NULL, NULL, NULL, NULL},
	{"log", "exec", "action.name in ['x', 'log', 'slow', 'ask', 'deny', 'kill']", "log", NULL,
	 NULL, NULL, NULL},
	{"ask", "exec", "action.name in ['x', 'ask', 'deny', 'kill']", "ask", NULL,
	 "\"errno\":\"EAGAIN\",", NULL, NULL},
	{"deny", "exec", "action.name in ['x', 'deny', 'kill']", "deny", NULL,
	 "\"errno\":\"ENOENT\",", NULL, NULL},
	{"kill", "exec", "action.name in ['x', 'kill']", "kill", NULL, NULL, NULL, NULL},
	{"deny-high", "exec", "action.name in ['x', 'deny']", "deny", "high", NULL, NULL, NULL},
	{"a-deny-high", "exec", "action.name in ['x', 'deny2']", "deny", "high", NULL, NULL, NULL},
	{"b-deny-high", "exec", "action.name in ['x', 'deny2']", "deny", "high",
	 "\"errno\":\"EROFS\",", NULL, NULL},
	{"slow", "exec", "action.name in ['x', 'slow', 'ask', 'deny', 'kill']", "throttle", NULL,
	 "\"throttle\":{\"delay\":\"1s\"},", NULL, NULL},
};

static void check_strictness(const struct policy *policy)
{
	const struct action tied = exec_of("deny2");

	expect(policy, "allow", VERDICT_ALLOW, "allow");
	expect(policy, "log", VERDICT_LOG, "log");
	expect(policy, "slow", VERDICT_THROTTLE, "slow");
	expect(policy, "ask", VERDICT_ASK, "ask");
	expect(policy, "deny", VERDICT_DENY, "deny-high"); /* of two denials the more severe */
	expect(policy, "kill", VERDICT_KILL, "kill");
	expect(policy, "deny2", VERDICT_DENY, "a-deny-high"); /* of equals the first by id */
	expect(policy, "other", VERDICT_ALLOW, "default");
	assert_int_equal(decide_fresh(policy, &tied).errno_value, EPERM);
}

static void test_the_strictest_wins_in_any_order(void **state)
{
	size_t order[COUNT(strictness)];
	unsigned random = 1;

	(void)state;
	for (size_t i = 0; i < COUNT(order); i++)
		order[i] = i;
	for (unsigned round = 0; round < 50; round++) {
		struct policy *policy = load("", strictness, COUNT(strictness), order);

		check_strictness(policy);
		(void)policy_free(policy);
		for (size_t i = COUNT(order); i-- > 1;) {
			const size_t other =
				(random = random * 1103515245 + 12345) / 65536 % (i + 1);
			const size_t kept = order[i];

			order[i] = order[other];
			order[other] = kept;
		}
	}
}

static void test_errno_of_a_verdict(void **state)
{
	struct policy *policy = load("", strictness, 5, NULL);

	const struct {
		const char *name;
		int value;
	} rows[] = {{"allow", 0},     {"log", 0},      {"ask", EAGAIN},
		    {"deny", ENOENT}, {"kill", EPERM}, {"other", 0}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct action action = exec_of(rows[i].name);

		assert_int_equal(decide_fresh(policy, &action).errno_value, rows[i].value);
	}
	(void)policy_free(policy);
}

/* log neither allows nor stands in the way of a default. */
static void test_defaults(void **state)
{
	static const struct row log_only[] = {
		{"watch", "exec", "action.name == 'x'", "log", NULL, NULL, NULL, NULL},
		{"pass", "exec", "action.name == 'y'", "allow", NULL, NULL,
		 "{\"action\":{\"kind\":\"exec\",\"name\":\"y\"}}", NULL},
	};
	struct policy *policy = load("\"defaults\":{\"exec\":\"deny\",\"net.bind\":\"ask\","
				     "\"tool.call\":\"kill\",\"net.listen\":\"log\"},",
				     log_only, 2, NULL);
	struct action action = {.kind = ACTION_BIND};
	struct decision d;

	(void)state;
	expect(policy, "x", VERDICT_DENY, "default");
	expect(policy, "y", VERDICT_ALLOW, "pass");
	expect(policy, "z", VERDICT_DENY, "default");
	d = decide_fresh(policy, &action);
	assert_int_equal(d.verdict, VERDICT_ASK);
	assert_int_equal(d.errno_value, EPERM);
	action.kind = ACTION_TOOL_CALL;
	assert_int_equal(decide_fresh(policy, &action).verdict, VERDICT_KILL);
	action.kind = ACTION_LISTEN;
	assert_int_equal(decide_fresh(policy, &action).verdict, VERDICT_LOG);
	(void)policy_free(policy);

	policy = load("", log_only, 2, NULL);
	expect(policy, "x", VERDICT_LOG, "watch");
	for (unsigned kind = 0; kind < ACTION_KINDS; kind++) {
		const bool out = kind == ACTION_CONNECT || kind == ACTION_SEND;

		action = (struct action){.kind = (enum action_kind)kind, .family = STR("inet")};
		d = decide_fresh(policy, &action);
		assert_int_equal(d.verdict, out ? VERDICT_DENY : VERDICT_ALLOW);
		action.loopback = true;
		assert_int_equal(decide_fresh(policy, &action).verdict, VERDICT_ALLOW);
		action = (struct action){.kind = (enum action_kind)kind, .family = STR("unix")};
		assert_int_equal(decide_fresh(policy, &action).verdict, VERDICT_ALLOW);
	}
	(void)policy_free(policy);
}

/* Where files speak of the same kind, the stricter default holds: files have no order either. */
static void test_the_stricter_default_of_two_files_holds(void **state)
{
	static const char *const texts[] = {"\"defaults\":{\"exec\":\"deny\"},",
					    "\"defaults\":{\"exec\":\"log\"},"};

	(void)state;
	for (unsigned first = 0; first < 2; first++) {
		char folder[] = "/tmp/cordon-decide-XXXXXX";
		const char *path = folder;
		char names[2][64];
		struct policy *policy = NULL;
		struct error err = {0};

		assert_non_null(mkdtemp(folder));
		for (unsigned i = 0; i < 2; i++) {
			FILE *file;

			(void)snprintf(names[i], sizeof(names[i]), "%s/%u.json", folder, i);
			file = fopen(names[i], "we");
			assert_non_null(file);
			(void)fprintf(file, "{\"policy\":\"t\",\"version\":1,%s\"rules\":[]}",
				      texts[(first + i) % 2]);
			assert_int_equal(fclose(file), 0);
		}
		if (policy_load(&path, 1, &policy, &err) < 0)
			fail_msg("%s", err.text);
		expect(policy, "x", VERDICT_DENY, "default");
		(void)policy_free(policy);
		(void)unlink(names[0]);
		(void)unlink(names[1]);
		(void)rmdir(folder);
	}
}

/* An expression that cannot be evaluated: the rule counts as matching, unless it would allow. */
static void test_errors_fail_closed(void **state)
{
	static const char *const extra = "\"label\":[\"seen\"],";
	static const char *const slow = "\"label\":[\"seen\"],\"throttle\":{\"delay\":\"1s\"},";

	(void)state;
	for (enum verdict v = VERDICT_ALLOW; v <= VERDICT_KILL; v++) {
		/* Of exec nothing is decoyed (test_decoy_verdict.c) or shown in part. */
		if (v == VERDICT_DECOY || v == VERDICT_REDACT)
			continue;
		const struct row rows[] = {
			{"r", "exec", "action.argv[0] == 'x'", verdict_name(v), NULL,
			 v == VERDICT_THROTTLE ? slow : extra, NULL, NULL},
			{"d", "exec", "action.name == 'no'", "deny", NULL, NULL,
			 "{\"action\":{\"kind\":\"exec\",\"name\":\"no\"}}", NULL},
		};
		struct policy *policy = load("\"defaults\":{\"exec\":\"log\"},", rows, 2, NULL);
		const struct action action = exec_of("x"); /* without any argv */
		const struct decision d = decide_fresh(policy, &action);

		assert_int_equal(d.verdict, v == VERDICT_ALLOW ? VERDICT_LOG : v);
		assert_int_equal(d.matched, v == VERDICT_ALLOW ? 0 : 1);
		assert_int_equal(d.labels_added, 1); /* a label is never lost to an error */
		(void)policy_free(policy);
	}
}

/* It slows down what may happen anyway: neither does it allow, nor does it refuse. */
static void test_throttle(void **state)
{
	static const struct row rows[] = {
		{"slow", "exec", "action.name in ['x', 'y', 'z']", "throttle", NULL,
		 "\"throttle\":{\"delay\":\"250ms\"},", NULL, NULL},
		{"slower", "exec", "action.name in ['x', 'y']", "throttle", NULL,
		 "\"throttle\":{\"per_second\":2},", NULL, NULL},
		{"pass", "exec", "action.name == 'x'", "allow", NULL, NULL, NULL, NULL},
	};
	struct policy *policy = load("\"defaults\":{\"exec\":\"deny\"},", rows, 3, NULL);
	const struct action x = exec_of("x");
	struct decision d;

	(void)state;
	expect(policy, "x", VERDICT_THROTTLE, "slower"); /* of two the one that takes longer */
	expect(policy, "y", VERDICT_DENY, "default");
	d = decide_fresh(policy, &x);
	assert_int_equal(d.errno_value, 0);
	assert_int_equal(policy_throttle(policy, &d)->interval_ns, 500000000);
	assert_true(policy_throttle(policy, &d)->is_rate);
	(void)policy_free(policy);

	policy = load("", rows, 3, NULL);
	expect(policy, "z", VERDICT_THROTTLE, "slow");
	expect(policy, "other", VERDICT_ALLOW, "default");
	(void)policy_free(policy);
}

/* What is only observed decides nothing, and is told of. */
static void test_observed_rules(void **state)
{
	static const struct row rows[] = {
		{"would-deny", "exec", "action.name in ['x', 'y']", "deny", "high",
		 "\"mode\":\"observe\",", NULL, NULL},
		{"would-kill", "exec", "action.name == 'y'", "kill", NULL, "\"mode\":\"observe\",",
		 "{\"action\":{\"kind\":\"exec\",\"name\":\"y\"}}", NULL},
		{"noted", "exec", "action.name == 'x'", "log", NULL, NULL, NULL, NULL},
	};
	struct policy *policy = load("", rows, 3, NULL);
	const struct action x = exec_of("x");
	const struct action y = exec_of("y");
	struct decision d;

	(void)state;
	expect(policy, "x", VERDICT_LOG, "noted");
	d = decide_fresh(policy, &x);
	assert_string_equal(d.would->id, "would-deny");
	assert_int_equal(d.would_verdict, VERDICT_DENY);
	assert_int_equal(d.matched, 1);
	expect(policy, "y", VERDICT_ALLOW, "default");
	d = decide_fresh(policy, &y);
	assert_string_equal(d.would->id, "would-kill");
	d = decide_fresh(policy, &(struct action){.kind = ACTION_EXEC});
	assert_null(d.would);
	(void)policy_free(policy);
}

/* What is judged a second time because it waited counts once. */
static void test_again_counts_once(void **state)
{
	static const struct row rows[] = {
		{"third", "exec", "action.name == 'x'", "deny", NULL,
		 "\"count\":{\"window\":\"1h\",\"at_least\":3},",
		 "{\"action\":{\"kind\":\"exec\",\"name\":\"x\"},\"repeat\":3}", NULL},
	};
	struct policy *policy = load("", rows, 1, NULL);
	struct policy_state *session = policy_state_new(policy);
	const struct action x = exec_of("x");
	struct decision d;

	(void)state;
	for (unsigned i = 1; i <= 3; i++) {
		policy_decide(policy, session, &x, &d);
		assert_int_equal(d.verdict, i < 3 ? VERDICT_ALLOW : VERDICT_DENY);
		for (unsigned again = 0; again < 4; again++) {
			policy_decide_again(policy, session, &x, &d);
			assert_int_equal(d.verdict, i < 3 ? VERDICT_ALLOW : VERDICT_DENY);
		}
	}
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

static void test_the_verdict_explains_itself(void **state)
{
	static const struct row rows[] = {
		{"a.b", "exec",
		 "action.name == 'x' && action.argv.exists(a, a == 'x') && 'l' in "
		 "session.labels",
		 "deny", "high", "\"count\":{\"window\":\"2s\",\"at_least\":1},",
		 "{\"action\":{\"kind\":\"exec\",\"name\":\"x\",\"argv\":[\"x\"]},"
		 "\"labels\":[\"l\"]}",
		 NULL},
	};
	const struct str argv[] = {STR("x"), STR("\xff")};
	struct policy *policy = load("", rows, 1, NULL);
	struct policy_state *session = policy_state_new(policy);
	struct action action = exec_of("x");
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out};
	struct decision d;

	(void)state;
	action.argv = (struct str_list){argv, 2};
	policy_state_add_labels(session, 1);
	policy_decide(policy, session, &action, &d);
	json_begin_object(&w, NULL);
	policy_explain(policy, session, &action, &d, &w);
	json_end_object(&w);
	assert_non_null(strstr(out.data,
			       "\"rule\":\"a.b\",\"category\":\"c\",\"severity\":\"high\","
			       "\"because\":\"why a.b\",\"matched\":{\"name\":\"x\","
			       "\"argv\":[\"x\","));
	assert_non_null(strstr(out.data, "\"session.labels\":[\"l\"]},\"count\":{\"at_least\":1,"
					 "\"window_ms\":2000}}"));
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_strictest_wins_in_any_order),
		cmocka_unit_test(test_errno_of_a_verdict),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_the_stricter_default_of_two_files_holds),
		cmocka_unit_test(test_errors_fail_closed),
		cmocka_unit_test(test_throttle),
		cmocka_unit_test(test_observed_rules),
		cmocka_unit_test(test_again_counts_once),
		cmocka_unit_test(test_the_verdict_explains_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
