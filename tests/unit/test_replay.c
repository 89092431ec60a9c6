/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "tools/cordon/log/replay.h"

/* Bytes that left, as a record tells of them, and the budgets of the policy that judges anew; and
 * the labels of a session that nobody saw read. */

#define CONNECT(_exec, _host, _more)                                                         \
	"\"kind\":\"net.connect\",\"exec_id\":" #_exec ",\"verdict\":\"allow\",\"fields\":{" \
	"\"host\":\"" _host "\",\"port\":443,\"address\":\"192.0.2.1\",\"family\":\"inet\"," \
	"\"protocol\":\"tcp\"}" _more
#define CLOSE(_exec, _host, _bytes)                                                               \
	"\"kind\":\"net.close\",\"exec_id\":" #_exec ",\"verdict\":\"allow\",\"fields\":{"        \
	"\"host\":\"" _host "\",\"port\":443,\"address\":\"198.51.100.7\",\"bytes_out\":" #_bytes \
	"}"
#define STOPPED                                                                                   \
	"\"kind\":\"net.stopped\",\"exec_id\":1,\"verdict\":\"deny\",\"rule\":\"a\",\"fields\":{" \
	"\"host\":\"h\",\"port\":443}"

static struct policy *policy;

static struct replay open_replay(const char *more, const char *when, unsigned limit)
{
	struct replay replay;
	struct error err = {0};
	char text[1024];

	(void)snprintf(
		text, sizeof(text),
		"{\"policy\":\"t\",\"version\":1,\"defaults\":{\"net.connect\":\"allow\"},"
		"\"rules\":[{\"id\":\"a\",\"category\":\"c\",\"severity\":\"low\",\"on\":["
		"\"net.connect\"],\"when\":\"%s\",\"verdict\":\"deny\",\"because\":\"b\","
		"\"budget\":{\"of\":\"bytes_out\",\"per\":\"session\",%s\"limit\":%u},"
		"\"match\":[{\"action\":{\"kind\":\"net.connect\",\"host\":\"h\",\"address\":"
		"\"192.0.2.1\",\"protocol\":\"tcp\"},\"bytes_out\":%u}],\"not_match\":[{"
		"\"action\":{\"kind\":\"net.connect\",\"host\":\"x\"}}]}]}",
		when, more, limit, limit + 1);
	if (policy_load_text("t", text, strlen(text), &policy, &err) < 0)
		fail_msg("%s\n%s", err.text, text);
	replay_init(&replay, policy);
	return replay;
}

static void close_replay(struct replay *replay)
{
	replay_done(replay);
	policy = policy_free(policy);
}

static enum replay_result play(struct replay *replay, const char *members)
{
	struct json *event = NULL;
	struct replayed what;
	enum replay_result result;
	char line[512];

	(void)snprintf(line, sizeof(line), "{\"ts\":5,%s}", members);
	assert_int_equal(json_parse("event", line, strlen(line), &event, NULL), 0);
	result = replay_event(replay, event, line, strlen(line), &what);
	json_free(event);
	return result;
}

static void test_they_count_when_the_flow_ends(void **state)
{
	struct replay r = open_replay("", "true", 100);

	(void)state;
	assert_int_equal(play(&r, CONNECT(1, "h", "")), REPLAY_SAME);
	assert_int_equal(play(&r, CLOSE(1, "h", 100)), REPLAY_SAME);
	assert_int_equal(play(&r, CONNECT(1, "h", "")), REPLAY_SAME);
	assert_int_equal(play(&r, CLOSE(1, "h", 1)), REPLAY_CHANGED); /* it would be stopped */
	assert_int_equal(play(&r, CONNECT(2, "z", "")), REPLAY_CHANGED);
	assert_true(r.counted_bytes);
	close_replay(&r);

	r = open_replay("\"by\":\"host\",", "true", 100);
	assert_int_equal(play(&r, CLOSE(1, "z", 101)), REPLAY_CHANGED);
	assert_int_equal(play(&r, CONNECT(1, "h", "")), REPLAY_SAME);
	assert_int_equal(play(&r, CONNECT(1, "z", "")), REPLAY_CHANGED);
	close_replay(&r);
}

static void test_one_that_was_stopped(void **state)
{
	struct replay r = open_replay("", "true", 100);

	(void)state;
	assert_int_equal(play(&r, CONNECT(1, "h", "")), REPLAY_SAME);
	assert_int_equal(play(&r, STOPPED), REPLAY_NOTHING);
	assert_int_equal(play(&r, CLOSE(1, "h", 150)), REPLAY_SAME);
	close_replay(&r);

	r = open_replay("", "true", 200);
	assert_int_equal(play(&r, STOPPED), REPLAY_NOTHING);
	assert_int_equal(play(&r, CLOSE(1, "h", 150)), REPLAY_CHANGED); /* no more */
	assert_int_equal(play(&r, CLOSE(1, "h", 10)), REPLAY_SAME);	/* another flow */
	close_replay(&r);
}

/* The rule is asked about the action that began the flow, which net.close is not. */
static void test_of_which_action(void **state)
{
	static const char when[] = "action.address == '192.0.2.1' && action.protocol == 'tcp'";
	struct replay r = open_replay("", when, 100);

	(void)state;
	assert_int_equal(play(&r, CONNECT(1, "h", "")), REPLAY_SAME);
	assert_int_equal(play(&r, CLOSE(1, "h", 150)), REPLAY_CHANGED);
	assert_int_equal(play(&r, CLOSE(2, "h", 150)), REPLAY_SAME); /* nothing tells */
	close_replay(&r);
}

static void test_what_a_decoy_took_did_not_leave(void **state)
{
	struct replay r = open_replay("", "true", 100);

	(void)state;
	assert_int_equal(play(&r, CONNECT(1, "h", ",\"answered_by\":\"decoy\"")), REPLAY_SAME);
	assert_int_equal(play(&r, CLOSE(1, "h", 150)), REPLAY_SAME);
	assert_int_equal(play(&r, CONNECT(1, "h", "")), REPLAY_SAME);
	assert_false(r.counted_bytes);
	close_replay(&r);
}

/* By its own policy a session is judged as it was: of --label, its record's label.set tells. */
/* A record of another hand, whose chain holds all the same. */
static void test_what_cordon_does_not_write(void **state)
{
	struct replay r = open_replay("", "action.host == 'h'", 100);

	(void)state;
	assert_int_equal(
		play(&r, "\"kind\":\"session.start\",\"fields\":{\"layers\":[\"bound.1\",[]]}"),
		REPLAY_NOTHING);
	assert_int_equal(
		play(&r, "\"kind\":\"exec\",\"verdict\":\"allow\",\"fields\":[\"path\",1]"),
		REPLAY_UNKNOWN);
	assert_int_equal(play(&r, "\"kind\":\"exec\",\"verdict\":\"allow\",\"fields\":\"path\""),
			 REPLAY_UNKNOWN);
	assert_int_equal(play(&r, "\"kind\":\"net.connect\",\"verdict\":\"allow\",\"fields\":{"
				  "\"host\":\"h\",\"port\":1e300}"),
			 REPLAY_UNKNOWN);
	assert_int_equal(play(&r, "\"kind\":\"exec.end\",\"exec_id\":1,\"fields\":{"
				  "\"user_us\":-1e300,\"system_us\":[]}"),
			 REPLAY_NOTHING);
	close_replay(&r);
}

static void test_labels_without_a_trace(void **state)
{
	static const char text[] =
		"{\"policy\":\"t\",\"version\":1,\"labels\":[{\"label\":\"secret\",\"paths\":["
		"\"/s\"]}],\"defaults\":{\"net.connect\":\"allow\"},\"rules\":[{\"id\":\"a\","
		"\"category\":\"c\",\"severity\":\"low\",\"on\":[\"net.connect\"],\"when\":"
		"\"'weights' in session.labels || ('secret' in session.labels && action.host == "
		"'z')\",\"verdict\":\"deny\",\"because\":\"b\",\"match\":[{\"action\":{\"kind\":"
		"\"net.connect\"},\"labels\":[\"weights\"]}],\"not_match\":[{\"action\":{\"kind\":"
		"\"net.connect\"}}]}]}";
	struct error err = {0};
	char start[160];
	struct replay r;

	(void)state;
	if (policy_load_text("t", text, strlen(text), &policy, &err) < 0)
		fail_msg("%s", err.text);
	replay_init(&r, policy);
	(void)snprintf(
		start, sizeof(start),
		"\"kind\":\"session.start\",\"fields\":{\"trace\":\"off\",\"policy\":\"%s\"}",
		policy_hash(policy));
	assert_int_equal(play(&r, start), REPLAY_NOTHING);
	assert_int_equal(play(&r, CONNECT(1, "z", "")), REPLAY_CHANGED);
	assert_int_equal(play(&r, CONNECT(1, "h", "")), REPLAY_SAME);
	assert_int_equal(play(&r, "\"kind\":\"label.set\",\"fields\":{\"labels\":[\"weights\"]}"),
			 REPLAY_NOTHING);
	assert_int_equal(play(&r, CONNECT(1, "h", "")), REPLAY_CHANGED);
	close_replay(&r);
}

#define RESULT_RULE(_when)                                                                         \
	"{\"id\":\"r\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"tool.result\"],\"when\":" \
	"\"" _when "\",\"verdict\":\"log\",\"because\":\"b\",\"label\":[\"mark\"],\"match\":[{"    \
	"\"action\":{\"kind\":\"tool.result\",\"tool\":\"t\",\"text\":\"MARK\"}}],\"not_match\":[" \
	"{\"action\":{\"kind\":\"tool.result\"}}]}"

/* What another policy says of a host after a result of which the record tells a label: what is
 * recorded if it reads results, whose text nobody has, else what it says itself. */
static enum replay_result after_result(const char *result_rule)
{
	struct error err = {0};
	enum replay_result result;
	char text[1024];
	struct replay r;

	(void)snprintf(
		text, sizeof(text),
		"{\"policy\":\"t\",\"version\":1,\"defaults\":{\"net.connect\":\"allow\"},\"rules\":[%s,"
		"{\"id\":\"a\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"net.connect\"],"
		"\"when\":\"'mark' in session.labels\",\"verdict\":\"deny\",\"because\":\"b\","
		"\"match\":[{\"action\":{\"kind\":\"net.connect\"},\"labels\":[\"mark\"]}],"
		"\"not_match\":[{\"action\":{\"kind\":\"net.connect\"}}]}]}",
		result_rule);
	if (policy_load_text("t", text, strlen(text), &policy, &err) < 0)
		fail_msg("%s", err.text);
	replay_init(&r, policy);
	(void)play(&r, "\"kind\":\"session.start\",\"fields\":{\"trace\":\"on\"}");
	(void)play(&r, "\"kind\":\"tool.result\",\"verdict\":\"log\",\"rule\":\"r\",\"fields\":{"
		       "\"tool\":\"u\",\"text_bytes\":4}");
	(void)play(&r, "\"kind\":\"label.set\",\"fields\":{\"labels\":[\"mark\"]}");
	result = play(&r, CONNECT(1, "h", ""));
	close_replay(&r);
	return result;
}

static void test_labels_of_results(void **state)
{
	(void)state;
	assert_int_equal(after_result(RESULT_RULE("action.text.contains('MARK')")), REPLAY_CHANGED);
	assert_int_equal(after_result(RESULT_RULE("action.tool == 't'")), REPLAY_SAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_they_count_when_the_flow_ends),
		cmocka_unit_test(test_one_that_was_stopped),
		cmocka_unit_test(test_of_which_action),
		cmocka_unit_test(test_what_a_decoy_took_did_not_leave),
		cmocka_unit_test(test_labels_without_a_trace),
		cmocka_unit_test(test_labels_of_results),
		cmocka_unit_test(test_what_cordon_does_not_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
