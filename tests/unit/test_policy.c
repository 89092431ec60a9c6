/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/policy_state.h"

/* A policy whose one rule on net.connect has the expression; its examples are the action below. */
static int load_when(const char *when, struct policy **ret, struct error *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);

	buf_printf(&text,
		   "{\"policy\":\"t\",\"version\":1,\"lists\":{\"hosts\":[\"*.example.org\"]},"
		   "\"labels\":[{\"label\":\"secret\",\"paths\":[\"**/.env\"]}],"
		   "\"defaults\":{\"net.connect\":\"allow\"},\n\"rules\":[{\"id\":\"t.r\","
		   "\"category\":\"test\",\"severity\":\"low\",\"on\":[\"net.connect\"],\n"
		   "\"when\":\"%s\",\n\"verdict\":\"deny\",\"errno\":\"EACCES\",\"because\":\"b\","
		   "\"refs\":[],\"match\":[{\"action\":{\"kind\":\"net.connect\",\"host\":"
		   "\"a.example.org\",\"address\":\"10.1.2.3\",\"port\":443,\"family\":\"inet\"}}],"
		   "\"not_match\":[{\"action\":{\"kind\":\"net.connect\",\"host\":\"x\","
		   "\"address\":\"192.0.2.1\",\"port\":1,\"family\":\"inet6\"}}]}]}",
		   when);
	return policy_load_text("t.json", text.data, text.len, ret, err);
}

/* True for the action of `match` and false for the other, or the policy would not load. */
static void test_expressions_that_tell_the_two_apart(void **state)
{
	static const char *const good[] = {
		"action.port == 443",
		"action.port != 1 && action.port >= 443 && action.port < 444",
		"action.port in [80, 443]",
		"!(action.port == 1)",
		"action.port == 443 ? true : false",
		"hostMatches(action.host, lists.hosts)",
		"hostMatches(action.host, 'A.EXAMPLE.ORG')",
		"inCIDR(action.address, '10.0.0.0/8')",
		"inCIDR(action.address, ['fd00::/8', '10.1.2.0/24'])",
		"action.host.startsWith('a.') && action.host.endsWith('.org')",
		"action.host.contains('example') && action.host.size() == 13",
		"action.family == 'inet'",
		"['q', 'a.example.org'].exists(h, h == action.host)",
		"['a.example.org'].all(h, h == action.host)",
		"action.port == 443 || session.labels.exists(l, l == 'secret')",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct policy *policy = NULL;
		struct error err = {0};

		if (load_when(good[i], &policy, &err) < 0)
			fail_msg("%s: %s", good[i], err.text);
		(void)policy_free(policy);
	}
}

static void test_expressions_that_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"action.port ==",
		"action.nosuch == 1",
		"action.argv.size() == 1", /* not a field of net.connect */
		"action.port == '443'",
		"action.port",
		"action.port && true",
		"nosuch(action.host)",
		"action.host.matches('.*')",
		"glob(action.host, action.address)", /* the pattern must be constant */
		"inCIDR(action.address, '10.0.0.0/33')",
		"inCIDR(action.address, 'no address')",
		"hostMatches(action.host, lists.nosuch)",
		"action.port == 99999999999999999999",
		"((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((",
		"action.port == 1", /* the examples say otherwise */
		"true",		    /* not_match matches */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct policy *policy = NULL;
		struct error err = {0};

		assert_int_equal(load_when(bad[i], &policy, &err), -EINVAL);
		assert_null(policy);
		assert_non_null(strstr(err.text, "t.json:"));
	}
}

static void test_errors_name_line_and_column(void **state)
{
	struct policy *policy = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(load_when("action.port == 443 && action.nosuch", &policy, &err), -EINVAL);
	/* line 3 of the text; the column is that of the name, inside the JSON string */
	assert_non_null(strstr(err.text, "t.json:3:"));
	assert_non_null(strstr(err.text, "nosuch"));
}

static struct policy *load(const char *text)
{
	struct policy *policy = NULL;
	struct error err = {0};

	if (policy_load_text("t.json", text, strlen(text), &policy, &err) < 0)
		fail_msg("%s", err.text);
	return policy;
}

#define RULE(id, on, when, verdict, more, kind, hit, miss)                                 \
	"{\"id\":\"" id "\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"" on         \
	"\"],\"when\":\"" when "\",\"verdict\":\"" verdict "\",\"because\":\"why " id      \
	"\",\"refs\":[]," more "\"match\":[{\"action\":{\"kind\":\"" kind "\"," hit "}}]," \
	"\"not_match\":[{\"action\":{\"kind\":\"" kind "\"," miss "}}]}"

static struct decision ask(const struct policy *policy, struct policy_state *state,
			   const struct action *action)
{
	struct decision decision = {0};

	policy_decide(policy, state, action, &decision);
	return decision;
}

static void test_the_strictest_verdict_wins(void **state)
{
	struct policy *policy = load("{\"policy\":\"t\",\"version\":1,\"rules\":[" RULE(
		"a.kill", "exec", "action.name == 'x'", "kill", "", "exec", "\"name\":\"x\"",
		"\"name\":\"y\"") "," RULE("b.allow", "exec", "action.name in ['x','y']", "allow",
					   "", "exec", "\"name\":\"x\"",
					   "\"name\":\"z\"") "," RULE("c.deny", "exec",
								      "action.name in ['x','y']",
								      "deny", "", "exec",
								      "\"name\":\"y\"",
								      "\"name\":\"z\"") "]}");
	struct policy_state *session = policy_state_new(policy);
	struct action action = {.kind = ACTION_EXEC, .name = STR("x")};

	(void)state;
	assert_int_equal(ask(policy, session, &action).verdict, VERDICT_KILL);
	action.name = STR("y"); /* a later or an earlier allow never weakens a deny */
	assert_int_equal(ask(policy, session, &action).verdict, VERDICT_DENY);
	assert_string_equal(ask(policy, session, &action).rule->id, "c.deny");
	assert_int_equal(ask(policy, session, &action).errno_value, EPERM);
	action.name = STR("z");
	assert_int_equal(ask(policy, session, &action).verdict, VERDICT_ALLOW);
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

static void test_egress_is_refused_by_default(void **state)
{
	struct policy *policy = load("{\"policy\":\"t\",\"version\":1,\"rules\":[]}");
	struct policy_state *session = policy_state_new(policy);
	struct action action = {
		.kind = ACTION_CONNECT, .family = STR("inet"), .address = STR("192.0.2.1")};

	(void)state;
	assert_int_equal(ask(policy, session, &action).verdict, VERDICT_DENY);
	assert_int_equal(ask(policy, session, &action).errno_value, EPERM);
	assert_null(ask(policy, session, &action).rule);
	action.loopback = true;
	assert_int_equal(ask(policy, session, &action).verdict, VERDICT_ALLOW);
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

static void test_a_deny_that_cannot_hold_is_refused(void **state)
{
	static const char text[] = "{\"policy\":\"t\",\"version\":1,\"rules\":[" RULE(
		"a", "file.open", "action.path == '/x'", "deny", "", "file.open", "\"path\":\"/x\"",
		"\"path\":\"/y\"") "]}";
	struct policy *policy = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(policy_load_text("t.json", text, sizeof(text) - 1, &policy, &err),
			 -EOPNOTSUPP);
	assert_null(policy);
}

static void test_labels_are_of_one_session_and_stay(void **state)
{
	struct policy *policy = load(
		"{\"policy\":\"t\",\"version\":1,\"labels\":[{\"label\":\"secret\",\"paths\":"
		"[\"**/.env\"]}],\"defaults\":{\"net.connect\":\"allow\"},\"rules\":["
		"{\"id\":\"a\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"net.connect\"],"
		"\"when\":\"'secret' in session.labels\",\"verdict\":\"deny\",\"because\":\"b\","
		"\"refs\":[],\"match\":[{\"action\":{\"kind\":\"net.connect\"},\"labels\":"
		"[\"secret\"]}],\"not_match\":[{\"action\":{\"kind\":\"net.connect\"}}]}]}");
	struct policy_state *one = policy_state_new(policy);
	struct policy_state *other = policy_state_new(policy);
	const struct action action = {.kind = ACTION_CONNECT, .family = STR("inet")};
	const int index = policy_label_index(policy, "secret");

	(void)state;
	assert_true(index >= 0);
	assert_true(policy_uses_labels(policy));
	assert_int_equal(policy_labels_of_path(policy, STR("/w/.env")), UINT64_C(1) << index);
	assert_int_equal(policy_labels_of_path(policy, STR("/w/x.env")), 0);
	assert_int_equal(policy_labels_of_path(policy, STR("/w/.env/x")), 0);
	policy_state_add_labels(one, UINT64_C(1) << index);
	policy_state_add_labels(one, 0);
	assert_int_equal(ask(policy, one, &action).verdict, VERDICT_DENY);
	assert_int_equal(ask(policy, other, &action).verdict, VERDICT_ALLOW);
	(void)policy_state_free(one);
	(void)policy_state_free(other);
	(void)policy_free(policy);
}

static void test_a_counter_fires_in_its_window_only(void **state)
{
	struct policy *policy = load(
		"{\"policy\":\"t\",\"version\":1,\"rules\":["
		"{\"id\":\"a\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"exec\"],"
		"\"when\":\"action.name == 'x'\",\"verdict\":\"deny\",\"because\":\"b\",\"refs\":[],"
		"\"count\":{\"window\":\"10s\",\"at_least\":3},"
		"\"match\":[{\"action\":{\"kind\":\"exec\",\"name\":\"x\"},\"repeat\":3}],"
		"\"not_match\":[{\"action\":{\"kind\":\"exec\",\"name\":\"x\"},\"repeat\":2}]}]}");
	const uint64_t second = UINT64_C(1000000000);
	struct policy_state *session = policy_state_new(policy);
	struct action action = {.kind = ACTION_EXEC, .name = STR("x"), .time_ns = 100 * second};

	(void)state;
	assert_int_equal(ask(policy, session, &action).verdict, VERDICT_ALLOW);
	action.time_ns += second;
	assert_int_equal(ask(policy, session, &action).verdict, VERDICT_ALLOW);
	action.time_ns += 60 * second; /* the two are long past */
	assert_int_equal(ask(policy, session, &action).verdict, VERDICT_ALLOW);
	action.time_ns += second;
	assert_int_equal(ask(policy, session, &action).verdict, VERDICT_ALLOW);
	action.time_ns += second;
	assert_int_equal(ask(policy, session, &action).verdict, VERDICT_DENY);
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

static char *write_policy(const char *folder, const char *name, const char *on_loss)
{
	char *path = xasprintf("%s/%s", folder, name);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	(void)fprintf(file, "{\"policy\":\"t\",\"version\":1%s}", on_loss);
	assert_int_equal(fclose(file), 0);
	return path;
}

/* What two files say of a loss, "" for nothing, and what holds. */
static void test_the_strictest_on_loss_wins(void **state)
{
	static const struct {
		const char *a, *b;
		enum on_loss holds;
	} rows[] = {
		{"", "", ON_LOSS_DENY_NEW},
		{",\"on_loss\":\"log\"", "", ON_LOSS_LOG},
		{",\"on_loss\":\"log\"", ",\"on_loss\":\"deny_new\"", ON_LOSS_DENY_NEW},
		{",\"on_loss\":\"deny_new\"", ",\"on_loss\":\"log\"", ON_LOSS_DENY_NEW},
		{",\"on_loss\":\"kill\"", ",\"on_loss\":\"log\"", ON_LOSS_KILL},
		{"", ",\"on_loss\":\"kill\"", ON_LOSS_KILL},
	};

	char folder[] = "/tmp/cordon-policy-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_free_ char *a = write_policy(folder, "a.json", rows[i].a);
		_cleanup_free_ char *b = write_policy(folder, "b.json", rows[i].b);
		const char *const paths[] = {a, b};
		struct policy *policy = NULL;
		struct error err = {0};

		if (policy_load(paths, 2, &policy, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(policy_on_loss(policy), rows[i].holds);
		(void)policy_free(policy);
		assert_int_equal(unlink(a), 0);
		assert_int_equal(unlink(b), 0);
	}
	assert_int_equal(rmdir(folder), 0);
}

static void test_malformed_files(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"policy\":\"t\"}",
		"{\"policy\":\"t\",\"version\":2,\"rules\":[]}",
		"{\"policy\":\"t\",\"version\":1,\"rules\":{}}",
		"{\"policy\":\"t\",\"version\":1,\"rules\":[],\"extra\":1}",
		"{\"policy\":\"t\",\"version\":1,\"version\":1,\"rules\":[]}",
		"{\"policy\":\"t\",\"version\":1,\"rules\":[],\"defaults\":{\"nosuch\":\"deny\"}}",
		"{\"policy\":\"t\",\"version\":1,\"rules\":[{\"id\":\"a\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct policy *policy = NULL;
		struct error err = {0};

		assert_true(policy_load_text("t.json", bad[i], strlen(bad[i]), &policy, &err) < 0);
		assert_null(policy);
		assert_true(err.text[0] != '\0');
	}
}

/* ---- declassification ---- */

static void test_labels_are_taken_away_by_rule(void **state)
{
	static const char text[] =
		"{\"policy\":\"t\",\"version\":1,\"rules\":["
		"{\"id\":\"clean\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"exec\"],"
		"\"when\":\"action.name == 'scrub'\",\"verdict\":\"log\",\"because\":\"b\","
		"\"declassify\":[\"secret\",\"other\"],\"match\":[{\"action\":{\"kind\":\"exec\","
		"\"name\":\"scrub\"}}],\"not_match\":[{\"action\":{\"kind\":\"exec\"}}]},"
		"{\"id\":\"sets\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"exec\"],"
		"\"when\":\"action.cwd == '/w'\",\"verdict\":\"log\",\"because\":\"b\","
		"\"label\":[\"other\"],\"match\":[{\"action\":{\"kind\":\"exec\",\"cwd\":\"/w\"}}],"
		"\"not_match\":[{\"action\":{\"kind\":\"exec\"}}]},"
		"{\"id\":\"no\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"exec\"],"
		"\"when\":\"action.path == '/no'\",\"verdict\":\"deny\",\"because\":\"b\","
		"\"match\":[{\"action\":{\"kind\":\"exec\",\"path\":\"/no\"}}],"
		"\"not_match\":[{\"action\":{\"kind\":\"exec\"}}]}]}";

	static const struct {
		const char *cwd, *path;
		bool fixed;
		uint64_t left, removed;
	} rows[] = {
		{"/", "/bin/scrub", false, 4, 3},
		{"/w", "/bin/scrub", false, 6, 1}, /* what is set at the same time stays */
		{"/", "/no", false, 7, 0},	   /* refused, it was not */
		{"/", "/bin/scrub", true, 7, 0},
	};
	struct policy *policy = NULL;
	struct error err = {0};

	(void)state;
	if (policy_load_text("t", text, sizeof(text) - 1, &policy, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(policy_add_label(policy, "third", &err), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy_state *session = policy_state_new(policy);
		const struct action action = {.kind = ACTION_EXEC,
					      .name = STR("scrub"),
					      .cwd = str_of(rows[i].cwd),
					      .path = str_of(rows[i].path)};
		struct decision d;

		policy_state_add_labels(session, 7);
		if (rows[i].fixed)
			policy_state_fix_labels(session);
		policy_decide(policy, session, &action, &d);
		assert_int_equal(policy_state_labels(session), rows[i].left);
		assert_int_equal(d.labels_removed, rows[i].removed);
		policy_state_free(session);
	}
	(void)policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expressions_that_tell_the_two_apart),
		cmocka_unit_test(test_expressions_that_are_refused),
		cmocka_unit_test(test_errors_name_line_and_column),
		cmocka_unit_test(test_the_strictest_verdict_wins),
		cmocka_unit_test(test_egress_is_refused_by_default),
		cmocka_unit_test(test_the_strictest_on_loss_wins),
		cmocka_unit_test(test_a_deny_that_cannot_hold_is_refused),
		cmocka_unit_test(test_labels_are_of_one_session_and_stay),
		cmocka_unit_test(test_a_counter_fires_in_its_window_only),
		cmocka_unit_test(test_malformed_files),
		cmocka_unit_test(test_labels_are_taken_away_by_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
