/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/policy_state.h"

/* Two rules on the same connection, and a default. */
static int load(const char *kind, const char *one, const char *other, const char *defaults,
		struct policy **ret, struct error *err)
{
	const char *const verdicts[] = {one, other};
	_cleanup_buf_ struct buf text = BUF_INIT(0);

	buf_printf(&text, "{\"policy\":\"t\",\"version\":1,%s\"rules\":[", defaults);
	for (size_t i = 0; i < 2; i++)
		buf_printf(
			&text,
			"%s{\"id\":\"%s\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"%s\"],"
			"\"when\":\"action.call_id == 'h'\",\"verdict\":\"%s\",\"because\":\"b\","
			"\"match\":[{\"action\":{\"kind\":\"%s\",\"call_id\":\"h\"}}],"
			"\"not_match\":[{\"action\":{\"kind\":\"%s\"}}]}",
			i ? "," : "", i ? "other" : "one", kind, verdicts[i], kind, kind);
	buf_puts(&text, "]}");
	return policy_load_text("t.json", text.data, text.len, ret, err);
}

/* Stricter than what could let a program out, laxer than what takes nothing from it. */
static void test_order(void **state)
{
	static const struct {
		const char *other;
		enum verdict wanted;
	} rows[] = {
		{"allow", VERDICT_DECOY}, {"log", VERDICT_DECOY}, {"ask", VERDICT_DECOY},
		{"deny", VERDICT_DENY},	  {"kill", VERDICT_KILL},
	};
	const struct action action = {.kind = ACTION_CONNECT,
				      .call_id = STR("h"),
				      .family = STR("inet"),
				      .address = STR("192.0.2.1")};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy *policy = NULL;
		struct policy_state *session;
		struct decision d;

		assert_int_equal(load("net.connect", "decoy", rows[i].other, "", &policy, NULL), 0);
		session = policy_state_new(policy);
		policy_decide(policy, session, &action, &d);
		assert_int_equal(d.verdict, rows[i].wanted);
		assert_int_equal(d.errno_value, EPERM);
		assert_string_equal(policy_decoys(policy), "one");
		(void)policy_state_free(session);
		(void)policy_free(policy);
	}
}

static void test_where_it_can_be(void **state)
{
	static const char *const kinds[] = {"net.connect", "net.send", "net.dns"};
	static const char *const others[] = {"exec",	  "tool.call",	 "net.bind", "net.listen",
					     "file.open", "file.change", "proc.fork"};
	struct policy *policy = NULL;
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		assert_int_equal(load(kinds[i], "decoy", "log", "", &policy, NULL), 0);
		(void)policy_free(policy);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(load(others[i], "decoy", "log", "", &policy, &err), -EOPNOTSUPP);
		assert_non_null(strstr(err.text, "t.json:1:"));
		assert_non_null(
			strstr(err.text, "a decoy answers net.connect, net.send and net.dns"));
	}
}

static void test_default(void **state)
{
	struct policy *policy = NULL;
	struct error err;

	(void)state;
	assert_int_equal(load("net.connect", "log", "log",
			      "\"defaults\":{\"net.connect\":\"decoy\"},", &policy, NULL),
			 0);
	assert_string_equal(policy_decoys(policy), "default");
	(void)policy_free(policy);
	assert_int_equal(load("net.connect", "log", "log", "", &policy, NULL), 0);
	assert_null(policy_decoys(policy));
	(void)policy_free(policy);
	assert_int_equal(
		load("exec", "log", "log", "\"defaults\":{\"exec\":\"decoy\"},", &policy, &err),
		-EINVAL);
	assert_non_null(strstr(err.text, "the default of exec is allow, log, ask, deny or kill"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_where_it_can_be),
		cmocka_unit_test(test_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
