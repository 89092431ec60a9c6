/* SPDX-License-Identifier: Apache-2.0 */

/* Rules that matched beside the one whose verdict holds: none that is severe is hidden by it. */

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

/* The ids, each with a blank behind, and how many more. */
static const char *also_of(const struct policy *policy, const struct decision *decision)
{
	static char text[512];
	struct also also;
	size_t at = 0;

	text[0] = '\0';
	policy_also(policy, decision, &also);
	for (size_t i = 0; i < also.count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s ",
				       policy_rule(policy, also.rules[i])->id);
	if (also.omitted)
		(void)snprintf(text + at, sizeof(text) - at, "+%u", also.omitted);
	return text;
}

static const char *also_in(const struct policy *policy, const char *name)
{
	const struct action action = exec_of(name);
	const struct decision d = decide_fresh(policy, &action);

	return also_of(policy, &d);
}

static void shuffle(size_t *order, size_t count, unsigned *random)
{
	for (size_t i = count; i-- > 1;) {
		const size_t other = (*random = *random * 1103515245 + 12345) / 65536 % (i + 1);
		const size_t kept = order[i];

		order[i] = order[other];
		order[other] = kept;
	}
}

static void in_any_order(const char *head, const struct row *rows, size_t count,
			 void (*check)(const struct policy *policy))
{
	size_t order[32];
	unsigned random = 1;

	for (size_t i = 0; i < count; i++)
		order[i] = i;
	for (unsigned round = 0; round < 30; round++) {
		struct policy *policy = load(head, rows, count, order);

		check(policy);
		(void)policy_free(policy);
		shuffle(order, count, &random);
	}
}

static const struct row mixed[] = {
	{"refuse", "exec", "action.name in ['x', 'y']", "deny", "low", NULL, NULL, NULL},
	{"grave", "exec", "action.name in ['x', 'z']", "log", "critical", NULL, NULL, NULL},
	{"slight", "exec", "action.name in ['x', 'z']", "log", "low", NULL, NULL, NULL},
	{"asks", "exec", "action.name == 'x'", "ask", "low", NULL, NULL, NULL},
	{"middle", "exec", "action.name == 'x'", "log", "medium", NULL, NULL, NULL},
	{"another", "exec", "action.name == 'x'", "log", "medium", NULL, NULL, NULL},
	{"passes", "exec", "action.name in ['x', 'y']", "allow", "critical", NULL, NULL, NULL},
};

static void check_mixed(const struct policy *policy)
{
	const struct action x = exec_of("x");
	const struct decision d = decide_fresh(policy, &x);

	assert_int_equal(d.verdict, VERDICT_DENY);
	assert_string_equal(d.rule->id, "refuse");
	assert_string_equal(also_of(policy, &d), "grave another middle asks slight ");
	assert_string_equal(also_in(policy, "y"), ""); /* what allows finds nothing */
	assert_string_equal(also_in(policy, "z"), "slight ");
	assert_string_equal(also_in(policy, "other"), "");
}

static void test_a_strict_rule_hides_none(void **state)
{
	(void)state;
	in_any_order("", mixed, COUNT(mixed), check_mixed);
}

static void check_default(const struct policy *policy)
{
	const struct action z = exec_of("z");
	const struct decision d = decide_fresh(policy, &z);

	assert_int_equal(d.verdict, VERDICT_DENY);
	assert_null(d.rule);
	assert_string_equal(also_of(policy, &d), "grave slight ");
	assert_string_equal(also_in(policy, "other"), "");
}

static void test_nor_does_a_default(void **state)
{
	(void)state;
	in_any_order("\"defaults\":{\"exec\":\"deny\"},", mixed, COUNT(mixed), check_default);
}

static const struct row many[] = {
	{"refuse", "exec", "action.name == 'x'", "deny", "low", NULL, NULL, NULL},
	{"l1", "exec", "action.name in ['x', 'y']", "log", "low", NULL, NULL, NULL},
	{"l2", "exec", "action.name in ['x', 'y']", "log", "low", NULL, NULL, NULL},
	{"m1", "exec", "action.name in ['x', 'y']", "log", "medium", NULL, NULL, NULL},
	{"m2", "exec", "action.name in ['x', 'y']", "log", "medium", NULL, NULL, NULL},
	{"m3", "exec", "action.name in ['x', 'y']", "log", "medium", NULL, NULL, NULL},
	{"h1", "exec", "action.name in ['x', 'y']", "log", "high", NULL, NULL, NULL},
	{"h2", "exec", "action.name in ['x', 'y']", "log", "high", NULL, NULL, NULL},
	{"h3", "exec", "action.name in ['x', 'y']", "log", "high", NULL, NULL, NULL},
	{"h4", "exec", "action.name in ['x', 'y']", "log", "high", NULL, NULL, NULL},
	{"c1", "exec", "action.name in ['x', 'y']", "log", "critical", NULL, NULL, NULL},
	{"c2", "exec", "action.name in ['x', 'y']", "log", "critical", NULL, NULL, NULL},
};

static void check_many(const struct policy *policy)
{
	assert_string_equal(also_in(policy, "x"), "c1 c2 h1 h2 h3 h4 m1 m2 +3");
	/* c1 is the event's own rule, and takes nobody's place. */
	assert_string_equal(also_in(policy, "y"), "c2 h1 h2 h3 h4 m1 m2 m3 +2");
}

static void test_of_many_the_most_severe_are_named(void **state)
{
	(void)state;
	in_any_order("", many, COUNT(many), check_many);
}

static const struct row observed[] = {
	{"note", "exec", "action.name in ['x', 'y', 'z']", "log", "low", NULL, NULL, NULL},
	{"would-deny", "exec", "action.name in ['x', 'y']", "deny", "high", "\"mode\":\"observe\",",
	 NULL, NULL},
	{"would-ask", "exec", "action.name in ['x', 'y', 'z']", "ask", "critical",
	 "\"mode\":\"observe\",", NULL, NULL},
	{"refuse", "exec", "action.name in ['x']", "deny", "low", NULL, NULL, NULL},
};

static void check_observed(const struct policy *policy)
{
	const struct action y = exec_of("y");
	const struct decision d = decide_fresh(policy, &y);

	/* What is told as "would" is told once. */
	assert_string_equal(d.rule->id, "note");
	assert_true(policy_tells_would(&d));
	assert_string_equal(d.would->id, "would-deny");
	assert_string_equal(also_of(policy, &d), "would-ask ");
	assert_string_equal(also_in(policy, "x"), "would-ask would-deny note ");
	assert_string_equal(also_in(policy, "z"), "");
}

static void test_what_is_only_observed(void **state)
{
	(void)state;
	in_any_order("", observed, COUNT(observed), check_observed);
}

/* A session that has lost evidence refuses by a rule of its own: see monitor/loss.c. */
static void test_a_decision_that_was_overruled(void **state)
{
	const struct rule_info lost = {.id = "on_loss.trace.lost"};
	struct policy *policy = load("", mixed, COUNT(mixed), NULL);
	const struct action z = exec_of("z");
	struct decision d = decide_fresh(policy, &z);

	(void)state;
	assert_string_equal(d.rule->id, "grave");
	d.rule = &lost;
	d.verdict = VERDICT_DENY;
	assert_string_equal(also_of(policy, &d), "grave slight ");
	(void)policy_free(policy);
}

/* Whose verdict does not hold has counted and labelled as ever. */
static void test_it_counts_and_labels(void **state)
{
	static const struct row rows[] = {
		{"refuse", "exec", "action.name == 'x'", "deny", "low", NULL, NULL, NULL},
		{"third", "exec", "action.name == 'x'", "log", "high",
		 "\"label\":[\"l\"],\"count\":{\"window\":\"1h\",\"at_least\":3},",
		 "{\"action\":{\"kind\":\"exec\",\"name\":\"x\"},\"repeat\":3}", NULL},
	};
	struct policy *policy = load("", rows, 2, NULL);
	struct policy_state *session = policy_state_new(policy);
	const struct action x = exec_of("x");
	struct decision d;

	(void)state;
	for (unsigned i = 1; i <= 4; i++) {
		policy_decide(policy, session, &x, &d);
		assert_string_equal(d.rule->id, "refuse");
		assert_string_equal(also_of(policy, &d), i < 3 ? "" : "third ");
		assert_int_equal(policy_state_labels(session), i < 3 ? 0 : 1);
		/* Asked once more, since it waited, it is told and counts no second time. */
		policy_decide_again(policy, session, &x, &d);
		assert_string_equal(also_of(policy, &d), i < 3 ? "" : "third ");
	}
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

static void expect_written(const struct policy *policy, const char *name, const char *text)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out};
	const struct action action = exec_of(name);
	const struct decision d = decide_fresh(policy, &action);

	json_begin_object(&w, NULL);
	policy_put_also(policy, &d, &w);
	json_end_object(&w);
	assert_string_equal(out.data, text);
}

static void test_as_members_of_an_event(void **state)
{
	struct policy *policy = load("", observed, COUNT(observed), NULL);

	(void)state;
	expect_written(policy, "other", "{}");
	expect_written(policy, "y",
		       "{\"also\":[{\"rule\":\"would-ask\",\"category\":\"c\",\"severity\":"
		       "\"critical\",\"verdict\":\"ask\",\"mode\":\"observe\",\"because\":"
		       "\"why would-ask\"}]}");
	(void)policy_free(policy);
	policy = load("", mixed, COUNT(mixed), NULL);
	expect_written(policy, "z",
		       "{\"also\":[{\"rule\":\"slight\",\"category\":\"c\",\"severity\":\"low\","
		       "\"verdict\":\"log\",\"because\":\"why slight\"}]}");
	expect_written(policy, "y", "{}");
	(void)policy_free(policy);
}

/* Of a flow in its middle the budgets alone are asked. */
static void test_of_bytes_that_leave(void **state)
{
	static const char rows[] =
		"{\"policy\":\"t\",\"version\":1,\"defaults\":{\"net.connect\":\"allow\"},"
		"\"rules\":["
#define BYTES(_id, _severity, _verdict)                                                         \
	"{\"id\":\"" _id "\",\"category\":\"c\",\"severity\":\"" _severity "\",\"on\":["        \
	"\"net.connect\"],\"when\":\"true\",\"verdict\":\"" _verdict "\",\"because\":\"b\","    \
	"\"budget\":{\"of\":\"bytes_out\",\"per\":\"session\",\"limit\":10},\"match\":[{"       \
	"\"action\":{\"kind\":\"net.connect\"},\"bytes_out\":11}],\"not_match\":[{\"action\":{" \
	"\"kind\":\"net.connect\"}}]}"
		BYTES("stop", "low", "deny") "," BYTES("tell", "critical", "log") "]}";
	const struct action action = {.kind = ACTION_CONNECT, .host = STR("h"), .port = 1};
	struct policy *policy = NULL;
	struct policy_state *session;
	struct error err = {0};
	struct decision d;

	(void)state;
	if (policy_load_text("t.json", rows, strlen(rows), &policy, &err) < 0)
		fail_msg("%s", err.text);
	session = policy_state_new(policy);
	policy_decide(policy, session, &action, &d);
	policy_count_bytes(policy, session, &action, 5, &d);
	assert_string_equal(also_of(policy, &d), "");
	policy_count_bytes(policy, session, &action, 6, &d);
	assert_string_equal(d.rule->id, "stop");
	assert_string_equal(also_of(policy, &d), "tell ");
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_strict_rule_hides_none),
		cmocka_unit_test(test_nor_does_a_default),
		cmocka_unit_test(test_of_many_the_most_severe_are_named),
		cmocka_unit_test(test_what_is_only_observed),
		cmocka_unit_test(test_a_decision_that_was_overruled),
		cmocka_unit_test(test_it_counts_and_labels),
		cmocka_unit_test(test_as_members_of_an_event),
		cmocka_unit_test(test_of_bytes_that_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
