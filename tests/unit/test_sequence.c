/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "tests/unit/sequence_fixture.h"

/* Sequences by hand; test_sequence_definition.c tries any. */

struct row {
	uint64_t ms;
	int64_t port;
	bool fires;
};

static void check(const char *sequence, const char *history, const struct row *rows, size_t n)
{
	struct policy *policy = load("log", sequence, history);
	struct policy_state *session = policy_state_new(policy);

	for (size_t i = 0; i < n; i++) {
		if (at(policy, session, rows[i].ms, rows[i].port) != rows[i].fires)
			fail_msg("%s: row %zu", sequence, i);
	}
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

/* ---- by hand ---- */

static void test_order_and_span(void **state)
{
	static const struct row rows[] = {
		{1000, 9, false}, {1100, 2, false}, {1200, 1, false}, {1300, 9, false},
		{1400, 2, false}, {1500, 9, true},  {2200, 9, true}, /* the edge belongs to it */
		{2201, 9, false}, /* 1001 ms from the first step */
		{2300, 2, false}, {2301, 9, false}, {2400, 1, false}, {2500, 2, false},
		{2600, 9, true},
	};

	(void)state;
	check("{\"steps\":[" STEP(1) "," STEP(2) "],\"within\":\"1s\"}", CONNECT(1) "," CONNECT(2),
	      rows, COUNT(rows));
}

/* A later start is kept with an earlier one's end in sight: the earlier one must not hide it. */
static void test_the_latest_start_counts(void **state)
{
	static const struct row rows[] = {
		{1000, 1, false},
		{1900, 1, false},
		{1950, 2, false},
		{2500, 9, true},
	};

	(void)state;
	check("{\"steps\":[" STEP(1) "," STEP(2) "],\"within\":\"1s\"}", CONNECT(1) "," CONNECT(2),
	      rows, COUNT(rows));
}

static void test_one_event_is_one_step(void **state)
{
	static const struct row rows[] = {
		{1, 1, false}, {2, 9, false}, {3, 1, false},
		{4, 9, false}, {5, 1, false}, {6, 9, true},
	};

	(void)state;
	check("{\"steps\":[{\"on\":[\"net.connect\"],\"when\":\"action.port == 1\",\"repeat\":2}," STEP(
		      1) "]}",
	      CONNECT(1) "," CONNECT(1) "," CONNECT(1), rows, COUNT(rows));
}

static void test_missing_between_and_at_the_end(void **state)
{
	static const struct row rows[] = {
		{1, 1, false}, {2, 3, false}, {3, 2, false}, {4, 9, false}, /* 3 was between */
		{5, 1, false}, {6, 2, false}, {7, 9, true},  {8, 3, true},
	};
	static const struct row last[] = {
		{1, 1, false}, {2, 9, true},  {3, 3, false},
		{4, 9, false}, {5, 1, false}, {6, 9, true},
	};

	(void)state;
	check("{\"steps\":[" STEP(1) ",{\"on\":[\"net.connect\"],\"when\":\"action.port == 3\","
				     "\"missing\":true}," STEP(2) "]}",
	      CONNECT(1) "," CONNECT(2), rows, COUNT(rows) - 1);
	check("{\"steps\":[" STEP(1) ",{\"on\":[\"net.connect\"],\"when\":\"action.port == 3\","
				     "\"missing\":true}]}",
	      CONNECT(1), last, COUNT(last));
}

/* "Pushed, with no run of the tests since the last change." */
static void test_missing_since(void **state)
{
	static const struct row rows[] = {
		{1, 9, false}, {2, 1, false},  {3, 9, true},   {4, 3, false},
		{5, 9, false}, {6, 1, false},  {7, 9, true},   {8, 3, false},
		{9, 9, false}, {10, 4, false}, {11, 9, false},
	};

	(void)state;
	check("{\"steps\":[{\"on\":[\"net.connect\"],\"when\":\"action.port == 3\",\"missing\":true}"
	      "],\"since\":" STEP(1) ",\"until\":" STEP(4) "}",
	      CONNECT(1), rows, COUNT(rows));
}

static void test_never_before(void **state)
{
	static const struct row rows[] = {
		{1000, 9, true},
		{1500, 3, false},
		{2500, 9, false},
		{2501, 9, true},
	};

	(void)state;
	check("{\"steps\":[{\"on\":[\"net.connect\"],\"when\":\"action.port == 3\",\"missing\":true}"
	      "],\"within\":\"1s\"}",
	      "", rows, COUNT(rows));
}

/* What is refused has not been: as a step the attempt counts, but it undoes nothing. */
static void test_what_is_refused_undoes_nothing(void **state)
{
	static const char text[] =
		"{\"policy\":\"t\",\"version\":1,\"defaults\":{\"net.connect\":\"allow\"},\"rules\":["
		"{\"id\":\"no-3\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"net.connect\"],"
		"\"when\":\"action.port in [1, 3]\",\"verdict\":\"deny\",\"because\":\"b\",\"match\":["
		"{\"action\":{\"kind\":\"net.connect\",\"port\":3}}],\"not_match\":[{\"action\":{"
		"\"kind\":\"net.connect\"}}]},"
		"{\"id\":\"seq\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"net.connect\"],"
		"\"when\":\"action.port == 9\",\"verdict\":\"kill\",\"because\":\"b\",\"sequence\":{"
		"\"steps\":[" STEP(
			1) ",{\"on\":[\"net.connect\"],\"when\":\"action.port == 3\","
			   "\"missing\":true}],\"until\":" STEP(3) "},\"match\":[{\"before\":[" CONNECT(
				   1) "],\"action\":{\"kind\":\"net.connect\",\"port\":9}}],\"not_match\":[{\"action\":{"
				      "\"kind\":\"net.connect\",\"port\":9}}]}]}";
	const struct action let_through = {
		.kind = ACTION_CONNECT, .time_ns = 3 * MS, .pid = 1, .port = 3};
	struct policy *policy = NULL;
	struct policy_state *session;
	struct error err = {0};

	(void)state;
	if (policy_load_text("t", text, sizeof(text) - 1, &policy, &err) < 0)
		fail_msg("%s", err.text);
	session = policy_state_new(policy);
	assert_true(at(policy, session, 1, 1)); /* denied */
	assert_true(at(policy, session, 2, 3)); /* denied, so it resets nothing */
	assert_true(at(policy, session, 3, 9));
	policy_note_let_through(policy, session, &let_through);
	assert_false(at(policy, session, 4, 9));
	assert_true(at(policy, session, 5, 1));
	policy_state_reset(session);
	assert_false(at(policy, session, 6, 9));
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

/* ---- keys ---- */

static void test_a_lineage_is_a_process_and_what_it_starts(void **state)
{
	struct policy *policy =
		load("log", "{\"steps\":[" STEP(1) "],\"by\":\"lineage\"}", CONNECT(1));
	struct policy_state *session = policy_state_new(policy);
	struct action action = {.kind = ACTION_FORK, .pid = 20, .parent = 10};

	(void)state;
	assert_false(fires(policy, session, of_process(10, 1, 1)));
	assert_true(fires(policy, session, of_process(10, 2, 9)));
	assert_false(fires(policy, session, of_process(11, 2, 9)));
	assert_false(fires(policy, session, of_process(20, 2, 9)));
	(void)fires(policy, session, action);
	assert_true(fires(policy, session, of_process(20, 3, 9)));
	action = (struct action){.kind = ACTION_FORK, .pid = 30, .parent = 20};
	(void)fires(policy, session, action);
	action = (struct action){.kind = ACTION_PROC_EXIT, .pid = 20};
	(void)fires(policy, session, action);
	assert_true(fires(policy, session, of_process(30, 4, 9)));
	assert_false(fires(policy, session, of_process(20, 4, 9))); /* another one of this number */
	/* What a child does is not its parent's. */
	action = (struct action){.kind = ACTION_FORK, .pid = 41, .parent = 40};
	(void)fires(policy, session, action);
	assert_false(fires(policy, session, of_process(41, 5, 1)));
	assert_false(fires(policy, session, of_process(40, 6, 9)));
	assert_true(fires(policy, session, of_process(41, 6, 9)));
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

static struct action of_name(const char *path, const char *op, const char *target, int64_t port)
{
	return (struct action){.kind = op ? ACTION_FILE_CHANGE : ACTION_CONNECT,
			       .pid = 1,
			       .path = str_of(path),
			       .target = str_of(target),
			       .op = str_of(op),
			       .host = STR("h"),
			       .port = port};
}

static void test_a_file_keeps_its_past_under_another_name(void **state)
{
	struct policy *policy =
		load("log", "{\"steps\":[" STEP(1) "],\"by\":\"file\"}", CONNECT(1));
	struct policy_state *session = policy_state_new(policy);
	struct action failed = of_name("/c", "rename", "/d", 0);

	(void)state;
	assert_false(fires(policy, session, of_name("/a", NULL, NULL, 1)));
	assert_true(fires(policy, session, of_name("/a", NULL, NULL, 9)));
	assert_false(fires(policy, session, of_name("/b", NULL, NULL, 9)));
	(void)fires(policy, session, of_name("/a", "rename", "/b", 0));
	assert_false(fires(policy, session, of_name("/a", NULL, NULL, 9)));
	assert_true(fires(policy, session, of_name("/b", NULL, NULL, 9)));
	(void)fires(policy, session, of_name("/b", "link", "/c", 0));
	assert_true(fires(policy, session, of_name("/b", NULL, NULL, 9)));
	assert_true(fires(policy, session, of_name("/c", NULL, NULL, 9)));
	failed.result = -2;
	(void)fires(policy, session, failed);
	assert_true(fires(policy, session, of_name("/c", NULL, NULL, 9)));
	/* An exchange looks like a rename: neither file loses what it was. */
	(void)fires(policy, session, of_name("/x", "rename", "/c", 0));
	assert_true(fires(policy, session, of_name("/x", NULL, NULL, 9)));
	assert_false(fires(policy, session, of_name("/c", NULL, NULL, 9)));
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

static void test_a_host_by_any_spelling(void **state)
{
	struct policy *policy =
		load("log", "{\"steps\":[" STEP(1) "],\"by\":\"host\"}", CONNECT(1));
	struct policy_state *session = policy_state_new(policy);
	struct action action = of_process(1, 1, 1);

	(void)state;
	action.host = STR("Up.example.");
	assert_false(fires(policy, session, action));
	action = of_process(1, 2, 9);
	assert_false(fires(policy, session, action));
	action.host = STR("up.EXAMPLE");
	assert_true(fires(policy, session, action));
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

/* ---- what nobody sees ---- */

#define OPENED "{\"action\":{\"kind\":\"file.open\",\"path\":\"/s\",\"result\":3}}"
#define READS  "{\"on\":[\"file.open\"],\"when\":\"action.path == '/s'\"}"

static void test_what_cannot_be_seen_counts_as_done(void **state)
{
	static const struct {
		const char *verdict, *steps, *history;
		bool fires, after_1;
	} rows[] = {
		{"deny", READS, OPENED, true, true},
		{"allow", READS, OPENED, false, false},
		{"log", READS, OPENED, false, false},
		{"deny", READS "," STEP(1), OPENED "," CONNECT(1), false, true},
		{"deny", STEP(1) "," READS, CONNECT(1) "," OPENED, false, true},
		{"deny", STEP(2) "," READS, CONNECT(2) "," OPENED, false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		_cleanup_buf_ struct buf sequence = BUF_INIT(0);
		struct policy *policy;
		struct policy_state *session;

		buf_printf(&sequence, "{\"steps\":[%s],\"within\":\"1s\"}", rows[i].steps);
		policy = load(rows[i].verdict, sequence.data, rows[i].history);
		session = policy_state_new(policy);
		assert_false(at(policy, session, 1, 9));
		policy_state_assume_unseen(session, false, true);
		if (at(policy, session, 10000, 9) != rows[i].fires)
			fail_msg("row %zu", i);
		(void)at(policy, session, 10001, 1);
		if (at(policy, session, 10002, 9) != rows[i].after_1)
			fail_msg("row %zu, after 1", i);
		(void)policy_state_free(session);
		(void)policy_free(policy);
	}
}

/* Without a trace nobody sees which process starts which: an execution is one lineage then. */
static void test_an_untraced_execution_is_one_lineage(void **state)
{
	struct policy *policy =
		load("log", "{\"steps\":[" STEP(1) "],\"by\":\"lineage\"}", CONNECT(1));
	struct policy_state *session = policy_state_new(policy);
	struct action other = of_process(12, 3, 9);

	(void)state;
	policy_state_assume_unseen(session, false, true);
	assert_false(fires(policy, session, of_process(10, 1, 1)));
	assert_true(fires(policy, session, of_process(11, 2, 9)));
	other.exec_id = 2;
	assert_false(fires(policy, session, other));
	/* It would be forgotten for others' sake, which is a loss, if it stayed. */
	policy_state_end_execution(session, 1);
	assert_false(fires(policy, session, of_process(13, 4, 9)));
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_span),
		cmocka_unit_test(test_the_latest_start_counts),
		cmocka_unit_test(test_one_event_is_one_step),
		cmocka_unit_test(test_missing_between_and_at_the_end),
		cmocka_unit_test(test_missing_since),
		cmocka_unit_test(test_never_before),
		cmocka_unit_test(test_what_is_refused_undoes_nothing),
		cmocka_unit_test(test_a_lineage_is_a_process_and_what_it_starts),
		cmocka_unit_test(test_a_file_keeps_its_past_under_another_name),
		cmocka_unit_test(test_a_host_by_any_spelling),
		cmocka_unit_test(test_what_cannot_be_seen_counts_as_done),
		cmocka_unit_test(test_an_untraced_execution_is_one_lineage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
