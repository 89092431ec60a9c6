/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/policy_state.h"

/* Counters over sliding windows: each row is a point in time and whether the rule fires then. */

#define MS UINT64_C(1000000)

static struct policy *load(const char *count)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct policy *policy = NULL;
	struct error err = {0};

	buf_printf(&text,
		   "{\"policy\":\"t\",\"version\":1,\"defaults\":{\"net.connect\":\"allow\"},"
		   "\"rules\":[{\"id\":\"a\",\"category\":\"c\",\"severity\":\"low\",\"on\":["
		   "\"net.connect\"],\"when\":\"action.host != 'no'\",\"verdict\":\"deny\","
		   "\"because\":\"b\",\"count\":%s,\"match\":[{\"action\":{\"kind\":"
		   "\"net.connect\",\"host\":\"a\",\"port\":1},\"repeat\":9,\"vary\":\"port\"}],"
		   "\"not_match\":[{\"action\":{\"kind\":\"net.connect\",\"host\":\"no\"},"
		   "\"repeat\":9}]}]}",
		   count);
	if (policy_load_text("t", text.data, text.len, &policy, &err) < 0)
		fail_msg("%s", err.text);
	return policy;
}

struct row {
	uint64_t at_ms;
	const char *host;
	int64_t port;
	bool fires;
};

static void check(const char *count, const struct row *rows, size_t n)
{
	struct policy *policy = load(count);
	struct policy_state *session = policy_state_new(policy);

	for (size_t i = 0; i < n; i++) {
		const struct action action = {.kind = ACTION_CONNECT,
					      .time_ns = rows[i].at_ms * MS,
					      .host = str_of(rows[i].host),
					      .port = rows[i].port};
		struct decision d;

		policy_decide(policy, session, &action, &d);
		if ((d.verdict == VERDICT_DENY) != rows[i].fires)
			fail_msg("%s: row %zu: %s", count, i, verdict_name(d.verdict));
	}
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

static void test_events_in_a_sliding_window(void **state)
{
	static const struct row
		rows[] =
			{
				{1000, "a", 1, false},
				{1500, "no", 1, false}, /* what does not match is not counted */
				{1900, "a", 1, false},
				{2000, "a", 1, true}, /* three within 1 s, the edge belongs to it */
				{2001, "a", 1, true}, /* 1900, 2000, 2001 */
				{2901, "a", 1, true}, /* 2000, 2001, 2901 */
				{3002, "a", 1, false}, /* 2001 is 1001 ms ago */
				{3003, "a", 1, true},
				{9000, "a", 1, false},
				{9000, "a", 1, false},
				{9000, "a", 1, true},
			};

	(void)state;
	check("{\"window\":\"1s\",\"at_least\":3}", rows, COUNT(rows));
}

static void test_one_event_is_enough(void **state)
{
	static const struct row rows[] = {
		{0, "a", 1, true}, {0, "no", 1, false}, {5, "a", 1, true}};

	(void)state;
	check("{\"window\":\"1ms\",\"at_least\":1}", rows, COUNT(rows));
	check("{\"window\":\"1ms\",\"at_least\":1,\"distinct\":\"action.port\"}", rows,
	      COUNT(rows));
}

static void test_distinct_values_in_a_window(void **state)
{
	static const struct row rows[] = {
		{1000, "a", 1, false}, {1100, "a", 1, false}, /* the same again is no other value */
		{1200, "a", 2, false}, {1300, "b", 2, false}, /* other fields do not count */
		{1400, "a", 3, true},  {1500, "a", 1, true},  /* 1, 2, 3 are all young enough */
		{2350, "a", 3, false},			      /* 2 was last seen at 1300 */
		{2360, "a", 9, true},			      /* 1 at 1500, 3, 9 */
		{2501, "a", 9, false},			      /* 1 is too old by 1 ms */
		{2502, "a", 4, true},
	};

	(void)state;
	check("{\"window\":\"1s\",\"at_least\":3,\"distinct\":\"action.port\"}", rows, COUNT(rows));
}

static void test_distinct_pairs_do_not_run_together(void **state)
{
	static const struct row rows[] = {
		{1, "a1", 1, false}, {2, "a", 11, false}, {3, "a1", 1, false},
		{4, "a", 11, false}, {5, "a", 1, true},
	};

	(void)state;
	check("{\"window\":\"1h\",\"at_least\":3,\"distinct\":[\"action.host\",\"action.port\"]}",
	      rows, COUNT(rows));
}

/* Whatever the clock does, time does not run backwards: an old event never looks like a new one. */
static void test_a_clock_that_goes_back(void **state)
{
	static const struct row rows[] = {
		{5000, "a", 1, false}, {1000, "a", 1, false}, {1000, "a", 1, true},
		{5900, "a", 1, true},  {6001, "a", 1, false}, {0, "a", 1, true},
	};

	(void)state;
	check("{\"window\":\"1s\",\"at_least\":3}", rows, COUNT(rows));
}

static void test_sessions_do_not_share_counters(void **state)
{
	struct policy *policy = load("{\"window\":\"1h\",\"at_least\":2}");
	struct policy_state *one = policy_state_new(policy);
	struct policy_state *other = policy_state_new(policy);
	const struct action action = {.kind = ACTION_CONNECT, .host = STR("a")};
	struct decision d;

	(void)state;
	policy_decide(policy, one, &action, &d);
	policy_decide(policy, other, &action, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	policy_decide(policy, one, &action, &d);
	assert_int_equal(d.verdict, VERDICT_DENY);
	(void)policy_state_free(one);
	(void)policy_state_free(other);
	(void)policy_free(policy);
}

/*
 * Far more values than the table of a counter holds: those that are dropped for others are never
 * ones that an answer depends on. Compared with a count over the times of all values ever seen.
 */
static void test_more_values_than_the_table_holds(void **state)
{
	enum {
		VALUES = 600,
		AT_LEAST = 8,
		EVENTS = 200000
	};
	struct policy *policy = load("{\"window\":\"100ms\",\"at_least\":8,"
				     "\"distinct\":\"action.port\"}");
	struct policy_state *session = policy_state_new(policy);
	static uint64_t last[VALUES];
	uint64_t now = 10000 * MS;
	unsigned fired = 0;
	uint32_t noise = 1;

	(void)state;
	for (unsigned i = 0; i < EVENTS; i++) {
		struct action action = {.kind = ACTION_CONNECT, .host = STR("a")};
		struct decision d;
		unsigned live = 0;

		noise = noise * 1664525 + 1013904223;
		/* Few values, then many, at changing rates. */
		action.port = (noise >> 8) % ((i / 1000) % 2 ? VALUES : 10);
		now += (uint64_t)((noise >> 20) % 32) * MS;
		action.time_ns = now;
		last[action.port] = now;
		for (unsigned v = 0; v < VALUES; v++)
			live += last[v] && now - last[v] <= 100 * MS;
		policy_decide(policy, session, &action, &d);
		assert_int_equal(d.verdict == VERDICT_DENY, live >= AT_LEAST);
		fired += live >= AT_LEAST;
	}
	assert_in_range(fired, EVENTS / 100, EVENTS - EVENTS / 100);
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

/* Beside all times there were: gaps of any length, as kept in 2, 3 and 4 bytes. */
static void test_gaps_of_any_length(void **state)
{
	static const char *const windows[] = {"7ms", "16ms", "250ms"};
	static const uint64_t window_ns[] = {7 * MS, 16 * MS, 250 * MS};

	enum {
		EVENTS = 3000,
		AT_LEAST = 5
	};

	uint64_t noise = 7;

	(void)state;
	for (size_t w = 0; w < COUNT(windows); w++) {
		_cleanup_buf_ struct buf count = BUF_INIT(0);
		struct policy *policy;
		struct policy_state *session;
		uint64_t times[EVENTS];
		uint64_t now = 1;
		unsigned fired = 0;

		buf_printf(&count, "{\"window\":\"%s\",\"at_least\":%d}", windows[w], AT_LEAST);
		policy = load(count.data);
		session = policy_state_new(policy);
		for (unsigned i = 0; i < EVENTS; i++) {
			struct action action = {
				.kind = ACTION_CONNECT, .host = STR("a"), .port = 1};
			struct decision d;
			bool want;

			noise = noise * UINT64_C(6364136223846793005) + 1442695040888963407;
			/* From nothing to some windows, around the edge most of all. */
			now += (noise >> 33) % (window_ns[w] / 2 + 1) << (noise >> 60) / 5;
			action.time_ns = times[i] = now;
			policy_decide(policy, session, &action, &d);
			want = i + 1 >= AT_LEAST && now - times[i + 1 - AT_LEAST] <= window_ns[w];
			assert_int_equal(d.verdict == VERDICT_DENY, want);
			fired += want;
		}
		assert_in_range(fired, EVENTS / 100, EVENTS - EVENTS / 100);
		(void)policy_state_free(session);
		(void)policy_free(policy);
	}
}

static void test_memory_of_counters_is_bounded(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct policy *policy = NULL;
	struct error err = {0};

	(void)state;
	buf_puts(&text, "{\"policy\":\"t\",\"version\":1,\"rules\":[");
	for (unsigned i = 0; i < 26; i++)
		buf_printf(
			&text,
			"%s{\"id\":\"r%u\",\"category\":\"c\",\"severity\":\"low\",\"on\":["
			"\"exec\"],\"when\":\"true\",\"verdict\":\"log\",\"because\":\"b\","
			"\"count\":{\"window\":\"60s\",\"at_least\":65536},\"match\":[{\"action\":"
			"{\"kind\":\"exec\"},\"repeat\":65536}],\"not_match\":[{\"action\":{"
			"\"kind\":\"exec\"}}]}",
			i ? "," : "", i);
	buf_puts(&text, "]}");
	assert_int_equal(policy_load_text("t", text.data, text.len, &policy, &err), -E2BIG);
	assert_non_null(strstr(err.text, "the counters of all rules take more than 8388608 bytes"));
}

/* ---- labels of paths ---- */

static void test_labels_of_paths(void **state)
{
	static const char text[] =
		"{\"policy\":\"t\",\"version\":1,\"labels\":["
		"{\"label\":\"secret\",\"paths\":[\"**/.env\",\"~/.ssh/**\"],\"except\":["
		"\"**/example/**\",\"~/.ssh/known_hosts\"]},"
		"{\"label\":\"secret\",\"paths\":[\"/w/example/real/.env\"]},"
		"{\"label\":\"other\",\"paths\":[\"/w/**\"]}]}";

	static const struct {
		const char *path;
		uint64_t labels;
	} rows[] = {
		{"/x/.env", 1},
		{"/x/.envrc", 0},
		{"/w/.env", 3},
		{"/w/example/.env", 2},
		{"/w/example/real/.env", 3}, /* an exception holds for its own row only */
		{"/home/agent/.ssh/id", 1},
		{"/home/agent/.ssh/known_hosts", 0},
		{"/", 0},
		{".../a/b", 3}, /* what is above is not known */
		{".../example/.env", 3},
		{"...", 0},
	};
	struct policy *policy = NULL;
	struct error err = {0};

	(void)state;
	if (policy_load_text("t", text, sizeof(text) - 1, &policy, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(policy_labels_of_path(policy, str_of(rows[i].path)),
				 rows[i].labels);
	assert_false(policy_uses_labels(policy));
	assert_int_equal(policy_add_label(policy, "third", &err), 0);
	assert_int_equal(policy_label_index(policy, "third"), 2);
	assert_int_equal(policy_add_label(policy, "No", &err), -EINVAL);
	for (unsigned i = 3; i < 64; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(policy_add_label(policy, name, &err), 0);
	}
	assert_int_equal(policy_add_label(policy, "one-more", &err), -E2BIG);
	assert_string_equal(err.text, "label one-more: there are 64 labels already");
	(void)policy_free(policy);
}

/* A program that makes folders as deep as it can has read neither keys nor weights. */
static void test_labels_of_a_path_of_which_the_end_is_known(void **state)
{
	static const char text[] =
		"{\"policy\":\"t\",\"version\":1,\"labels\":["
		"{\"label\":\"secret\",\"paths\":[\"**/.ssh/id_*\",\"/etc/shadow\",\"~/.netrc\"],"
		"\"except\":[\"**/.ssh/*.pub\"]},"
		"{\"label\":\"weights\",\"paths\":[\"**/models/**/*.bin\"]},"
		"{\"label\":\"other\",\"paths\":[\"/w/in/**\"]}]}";

	static const struct {
		const char *path;
		uint64_t labels;
	} rows[] = {
		{".../d/d/d/d", 4}, /* a folder of which all is labelled may be above */
		{".../d/d/.ssh/id_rsa", 5},
		{".../d/d/.ssh/id_rsa.pub", 5},
		{".../d/d/d/d/id_rsa", 4},
		{".../id_rsa", 5}, /* what is above may be .ssh */
		{".../d/d/d/a.bin", 6},
		{".../shadow", 5},
		{".../netrc", 5},
		{".../d/d/d/shadow", 4},
		{"/x/.ssh/id_rsa", 1},
		{"/x/.ssh/id_rsa.pub", 0},
		{"/w/in/d", 4},
	};
	struct policy *policy = NULL;
	struct error err = {0};

	(void)state;
	if (policy_load_text("t", text, sizeof(text) - 1, &policy, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct str path = str_of(rows[i].path);
		struct action action = {.kind = ACTION_FILE_OPEN, .path = path};

		if (policy_labels_of_leaf(policy, path) != rows[i].labels)
			fail_msg("%s: %llu", rows[i].path,
				 (unsigned long long)policy_labels_of_leaf(policy, path));
		assert_int_equal(policy_labels_of_read(policy, &action), rows[i].labels);
		action.claimed = true;
		assert_int_equal(policy_labels_of_read(policy, &action),
				 policy_labels_of_path(policy, path));
	}
	(void)policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_in_a_sliding_window),
		cmocka_unit_test(test_one_event_is_enough),
		cmocka_unit_test(test_distinct_values_in_a_window),
		cmocka_unit_test(test_distinct_pairs_do_not_run_together),
		cmocka_unit_test(test_a_clock_that_goes_back),
		cmocka_unit_test(test_sessions_do_not_share_counters),
		cmocka_unit_test(test_more_values_than_the_table_holds),
		cmocka_unit_test(test_gaps_of_any_length),
		cmocka_unit_test(test_memory_of_counters_is_bounded),
		cmocka_unit_test(test_labels_of_paths),
		cmocka_unit_test(test_labels_of_a_path_of_which_the_end_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
