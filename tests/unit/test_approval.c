/* SPDX-License-Identifier: Apache-2.0 */

/* What an answer says, and what a pattern takes in. */

#include "tests/support/test.h"

#include <string.h>

#include "common/cleanup.h"
#include "monitor/ask/approval.h"

static void test_answers(void **state)
{
	static const struct {
		const char *text;
		bool allow;
		enum approval_scope scope;
	} rows[] = {
		{"{\"verdict\":\"allow\"}", true, SCOPE_ONCE},
		{"{\"verdict\":\"deny\",\"id\":7}", false, SCOPE_ONCE},
		{"{\"verdict\":\"allow\",\"scope\":\"once\"}", true, SCOPE_ONCE},
		{"{\"verdict\":\"deny\",\"scope\":\"session\"}", false, SCOPE_SESSION},
		{"{\"verdict\":\"allow\",\"scope\":\"pattern\",\"pattern\":{\"path\":\"/a\"}}",
		 true, SCOPE_PATTERN},
	};
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct approval approval;

		if (approval_read(rows[i].text, &approval, &err) < 0)
			fail_msg("%s: %s", rows[i].text, err.text);
		assert_int_equal(approval.allow, rows[i].allow);
		assert_int_equal(approval.scope, rows[i].scope);
		assert_int_equal(approval.pattern != NULL, rows[i].scope == SCOPE_PATTERN);
		approval_done(&approval);
	}
}

static void test_what_is_no_answer(void **state)
{
	static const char *const texts[] = {
		"",
		"allow",
		"\"allow\"",
		"{}",
		"[]",
		"{\"verdict\":\"Allow\"}",
		"{\"verdict\":\"allowed\"}",
		"{\"verdict\":true}",
		"{\"verdict\":\"allow\",\"verdict\":\"allow\"}",
		"{\"verdict\":\"allow\"} {}",
		"{\"verdict\":\"allow\",\"scope\":\"always\"}",
		"{\"verdict\":\"allow\",\"scope\":\"\"}",
		"{\"verdict\":\"allow\",\"scope\":\"pattern\"}",
		"{\"verdict\":\"allow\",\"pattern\":{\"path\":\"/a\"}}",
		"{\"verdict\":\"allow\",\"scope\":\"session\",\"pattern\":{\"path\":\"/a\"}}",
		"{\"verdict\":\"allow\",\"scope\":\"pattern\",\"pattern\":\"/a\"}",
		"{\"verdict\":\"allow\",\"because\":\"x\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct approval approval;
		struct error err = {0};

		if (approval_read(texts[i], &approval, &err) == 0)
			fail_msg("taken for an answer: %s", texts[i]);
		assert_true(err.text[0]);
	}
}

static bool covers(const char *pattern, const struct action *action)
{
	_cleanup_(json_freep) struct json *doc = NULL;

	assert_int_equal(json_parse("pattern", pattern, strlen(pattern), &doc, NULL), 0);
	return approval_covers(doc, action);
}

static void test_patterns(void **state)
{
	struct str words[] = {STR("git"), STR("push"), STR("origin")};
	const struct action exec = {
		.kind = ACTION_EXEC, .path = STR("/usr/bin/git"), .argv = {words, 3}};
	const struct action rename = {
		.kind = ACTION_FILE_CHANGE, .path = STR("/w/a/x"), .target = STR("/w/b/y")};
	const struct action net = {
		.kind = ACTION_CONNECT, .host = STR("a.example.org"), .port = 443};
	const struct action call = {.kind = ACTION_TOOL_CALL, .tool = STR("bash")};

	const struct {
		const struct action *action;
		const char *pattern;
		bool covers;
	} rows[] = {
		{&exec, "{\"argv\":[\"git\"]}", true},
		{&exec, "{\"argv\":[\"git\",\"push\"]}", true},
		{&exec, "{\"argv\":[\"git\",\"push\",\"origin\"]}", true},
		{&exec, "{\"argv\":[\"git\",\"push\",\"origin\",\"\"]}", false},
		{&exec, "{\"argv\":[\"git\",\"pu\"]}", false},
		{&exec, "{\"argv\":[]}", false},
		{&exec, "{\"argv\":[7]}", false},
		{&exec, "{\"argv\":\"git\"}", false},
		{&exec, "{\"path\":\"/usr/bin/*\"}", false},
		{&exec, "{\"argv\":[\"git\"],\"path\":\"/x\"}", false},
		{&exec, "{}", false},
		{&rename, "{\"path\":\"/w/**\"}", true},
		{&rename, "{\"path\":\"/w/a/*\"}", false}, /* the second path is another */
		{&rename, "{\"path\":\"x\"}", false},
		{&rename, "{\"argv\":[\"x\"]}", false},
		{&net, "{\"host\":\"a.example.org\"}", true},
		{&net, "{\"host\":\"*.example.org\",\"port\":443}", true},
		{&net, "{\"host\":\"*.example.org\",\"port\":80}", false},
		{&net, "{\"host\":\"*.org\"}", false},
		{&net, "{\"host\":\"a.example.org\",\"port\":\"443\"}", false},
		{&net, "{\"port\":443}", false},
		{&net, "{\"path\":\"/**\"}", false},
		{&call, "{\"tool\":\"bash\"}", true},
		{&call, "{\"tool\":\"python\"}", false},
		{&call, "{\"tool\":7}", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (covers(rows[i].pattern, rows[i].action) != rows[i].covers)
			fail_msg("row %zu: %s", i, rows[i].pattern);
}

/* What is suggested describes what was asked about. */
static void test_suggestions(void **state)
{
	struct str words[] = {STR("git"), STR("push"), STR("origin")};
	const struct action actions[] = {
		{.kind = ACTION_EXEC, .path = STR("/usr/bin/git"), .argv = {words, 3}},
		{.kind = ACTION_REQUEST, .host = STR("a.example.org"), .port = 443},
		{.kind = ACTION_FILE_OPEN, .path = STR("/w/a*b/[x]{y}~/file"), .write = true},
		{.kind = ACTION_CONNECT, .host = STR("192.0.2.1"), .port = 443},
		{.kind = ACTION_CONNECT, .family = STR("unix"), .path = STR("/run/x/sock")},
		{.kind = ACTION_CONNECT, .family = STR("unix"), .path = STR("@abstract/*")},
		{.kind = ACTION_TOOL_CALL, .tool = STR("bash")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(actions); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT(0);
		_cleanup_(json_freep) struct json *doc = NULL;
		struct json_writer w = {.out = &text};

		json_begin_object(&w, NULL);
		approval_suggest(&actions[i], &w);
		json_end_object(&w);
		assert_int_equal(json_parse("pattern", text.data, text.len, &doc, NULL), 0);
		if (!approval_covers(json_get(doc, "pattern"), &actions[i]))
			fail_msg("%s does not describe action %zu", text.data, i);
	}
}

static void expect_digests(const struct action *a, const struct action *b, bool fields, bool pinned)
{
	struct action_digest one;
	struct action_digest other;

	action_digest_fields(a, &one);
	action_digest_fields(b, &other);
	assert_int_equal(action_digest_equal(&one, &other), fields);
	action_digest_pinned(a, &one);
	action_digest_pinned(b, &other);
	assert_int_equal(action_digest_equal(&one, &other), pinned);
}

static void test_digests(void **state)
{
	struct str ab[] = {STR("a"), STR("b")};
	struct str joined[] = {STR("ab")};
	const struct action base = {
		.kind = ACTION_EXEC, .path = STR("/x"), .argv = {ab, 2}, .call_id = STR("c1")};
	struct action other = base;
	struct action request;

	(void)state;
	other.call_id = STR("c2");
	other.pid = 7;
	other.time_ns = 1;
	expect_digests(&base, &other, true, true);
	other.argv = (struct str_list){joined, 1};
	expect_digests(&base, &other, false, true);
	other = base;
	other.path = STR("/y");
	expect_digests(&base, &other, false, false);
	other = base;
	other.startup_env = (struct str_list){joined, 1};
	expect_digests(&base, &other, false, false);
	other = base;
	other.cwd = STR("/");
	expect_digests(&base, &other, false, true);
	/* Of a request to one host: a yes to reading is none to writing, or to what may not leave.
	 */
	other = (struct action){.kind = ACTION_REQUEST, .host = STR("h"), .method = STR("GET")};
	request = other;
	request.url_path = STR("/2");
	expect_digests(&request, &other, false, true);
	request.method = STR("POST");
	expect_digests(&request, &other, false, false);
	request = other;
	request.canaries = (struct str_list){joined, 1};
	expect_digests(&request, &other, false, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),	 cmocka_unit_test(test_what_is_no_answer),
		cmocka_unit_test(test_patterns), cmocka_unit_test(test_suggestions),
		cmocka_unit_test(test_digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
