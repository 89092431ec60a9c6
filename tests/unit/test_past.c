/* SPDX-License-Identifier: Apache-2.0 */
/* Which files were there before the session, by what it was seen to do. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/past.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/policy_state.h"

static struct past *past;

static int set_up(void **state)
{
	(void)state;
	past = past_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	past = past_free(past);
	return 0;
}

static struct action change(const char *op, const char *path, const char *target)
{
	return (struct action){.kind = ACTION_FILE_CHANGE,
			       .op = str_of(op),
			       .path = str_of(path),
			       .target = str_of(target)};
}

static void does(const char *op, const char *path, const char *target)
{
	const struct action action = change(op, path, target);

	past_note(past, &action);
}

static void makes(const char *path)
{
	const struct action action = {
		.kind = ACTION_FILE_OPEN, .path = str_of(path), .result = 3, .created = true};

	past_note(past, &action);
}

static bool is_older(const char *path)
{
	struct action action = change("unlink", path, "");

	past_fill(past, &action);
	assert_false(action.past_unknown);
	return action.before_session;
}

static struct action opened(const char *path, bool write, bool created)
{
	struct action action = {.kind = ACTION_FILE_OPEN,
				.path = str_of(path),
				.result = 3,
				.write = write,
				.created = created};

	past_fill(past, &action);
	past_note(past, &action);
	return action;
}

static void test_what_is_written_to(void **state)
{
	(void)state;
	assert_true(opened("/w/old", true, false).before_session);
	assert_false(opened("/w/new", true, true).before_session);
	assert_false(opened("/w/new", true, false).before_session);
	assert_false(opened("/w/old", false, false).before_session);
	past_lose(past);
	assert_true(opened("/w/old", true, false).past_unknown);
	/* What is made was not there, whatever else is not known. */
	assert_false(opened("/w/next", true, true).past_unknown);
	assert_false(opened("/w/old", false, false).past_unknown);
}

static bool takes_older_name(const char *op, const char *target)
{
	struct action action = change(op, "/w/old", target);

	past_fill(past, &action);
	assert_false(action.past_unknown);
	return action.target_before_session;
}

static void test_whose_name_is_taken(void **state)
{
	(void)state;
	makes("/w/new");
	assert_false(takes_older_name("rename", "/w/new"));
	assert_true(takes_older_name("rename", "/w/old2"));
	does("mkdir", "/w/folder", "");
	assert_false(takes_older_name("rename", "/w/folder/a"));
	assert_false(takes_older_name("link", "/w/folder/a"));
	assert_true(takes_older_name("link", "/w/b"));
	/* What cannot be followed is taken for older; a symbolic link's target is a text. */
	assert_true(takes_older_name("rename", "folder/a"));
	assert_false(takes_older_name("symlink", "/w/old2"));
}

static void test_what_was_not_made_is_older(void **state)
{
	(void)state;
	makes("/w/new");
	assert_false(is_older("/w/new"));
	assert_true(is_older("/w/old"));
	assert_true(is_older("/w/new.txt"));
	assert_true(is_older("/w"));
}

static void test_opened_or_failed_is_not_made(void **state)
{
	struct action action = {.kind = ACTION_FILE_OPEN, .path = STR("/w/a"), .result = 3};

	(void)state;
	past_note(past, &action);
	assert_true(is_older("/w/a"));
	action.created = true;
	action.result = -28;
	past_note(past, &action);
	assert_true(is_older("/w/a"));
}

static void test_all_in_a_new_folder_is_new(void **state)
{
	(void)state;
	does("mkdir", "/w/tree", "");
	assert_false(is_older("/w/tree/deep/down/file"));
	assert_true(is_older("/w/tree2/file"));
}

static void test_what_is_moved_stays_what_it_is(void **state)
{
	(void)state;
	makes("/w/new");
	does("rename", "/w/new", "/w/newer");
	assert_false(is_older("/w/newer"));
	assert_true(is_older("/w/new"));
	/* No way to make a file young: */
	does("mkdir", "/w/tree", "");
	does("rename", "/w/old", "/w/tree/old");
	assert_true(is_older("/w/tree/old"));
	assert_false(is_older("/w/tree/other"));
	does("rename", "/w/tree/old", "/w/old");
	assert_true(is_older("/w/old"));
	assert_false(is_older("/w/tree/old"));
}

static void test_what_is_in_it_moves_along(void **state)
{
	(void)state;
	does("mkdir", "/w/a", "");
	does("rename", "/w/docs", "/w/a/docs");
	makes("/w/a/new");
	does("rename", "/w/a", "/w/b");
	assert_true(is_older("/w/b/docs/report"));
	assert_false(is_older("/w/b/new"));
	/* Once nothing that was there is among it, all is known. */
	does("rename", "/w/b/docs", "/w/docs");
	does("mkdir", "/w/b/g", "");
	does("rename", "/w/b/g", "/w/b/h");
	assert_false(is_older("/w/b/h/new"));
	/* Inside of what was made, where it has no entry of its own: */
	does("mkdir", "/w/b/c", "");
	does("rename", "/w/report", "/w/b/c/report");
	does("rename", "/w/b/c", "/w/b/d");
	assert_true(is_older("/w/b/d/report"));
	does("rename", "/w/b/d", "/w/e");
	assert_true(is_older("/w/e/report"));
}

static void test_what_was_made_there_is_not_what_is_there(void **state)
{
	(void)state;
	makes("/w/work/report");
	does("rename", "/w/work", "/w/tmp");
	does("rename", "/w/docs", "/w/work");
	assert_true(is_older("/w/work/report"));
	makes("/w/work/new");
	assert_false(is_older("/w/work/new"));
}

static void test_a_name_that_is_free_is_made_anew(void **state)
{
	(void)state;
	does("unlink", "/w/old", "");
	makes("/w/old");
	assert_false(is_older("/w/old"));
	makes("/w/new");
	does("unlink", "/w/new", "");
	does("rename", "/w/older", "/w/new");
	assert_true(is_older("/w/new"));
}

static void test_links_are_new(void **state)
{
	(void)state;
	does("link", "/w/old", "/w/other");
	does("symlink", "/w/soft", "old");
	assert_false(is_older("/w/other"));
	assert_false(is_older("/w/soft"));
	assert_true(is_older("/w/old"));
}

static void test_what_is_behind_a_link_is_older(void **state)
{
	(void)state;
	does("symlink", "/w/l", "docs");
	does("rename", "/w/l", "/w/m");
	does("link", "/w/m", "/w/n");
	does("mkdir", "/w/tree", "");
	does("symlink", "/w/tree/l", "../docs");
	assert_false(is_older("/w/m"));
	assert_false(is_older("/w/tree/l"));
	assert_true(is_older("/w/m/report"));
	assert_true(is_older("/w/n/report"));
	assert_true(is_older("/w/tree/l/deep/report"));
	/* It is not there for good. */
	makes("/w/m/new");
	assert_true(is_older("/w/m/new"));
	does("unlink", "/w/m", "");
	does("mkdir", "/w/m", "");
	assert_false(is_older("/w/m/report"));
	does("unlink", "/w/tree/l", "");
	makes("/w/tree/l/report");
	assert_false(is_older("/w/tree/l/report"));
}

static void test_paths_are_worked_out(void **state)
{
	(void)state;
	makes("/w/./a//b");
	assert_false(is_older("/w/a/b"));
	assert_false(is_older("/w/c/../a/b"));
	assert_false(is_older("/../../w/a/./b/"));
	assert_true(is_older("/w/a/b/../c"));
}

static void test_many(void **state)
{
	char path[64];

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(path, sizeof(path), "/w/f%u", i);
		makes(path);
	}
	/* Of those that go none takes room, nor hides another. */
	for (unsigned i = 0; i < 20000; i += 2) {
		(void)snprintf(path, sizeof(path), "/w/f%u", i);
		does("unlink", path, "");
	}
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(path, sizeof(path), "/w/f%u", i);
		assert_int_equal(is_older(path), i % 2 == 0);
	}
	for (unsigned i = 0; i < 10 * MAX_PAST; i++) {
		makes("/w/again");
		does("unlink", "/w/again", "");
	}
	assert_false(is_older("/w/f1"));
}

static void expect_unknown(const char *path)
{
	struct action action = change("unlink", path, "");

	past_fill(past, &action);
	assert_true(action.past_unknown);
	assert_false(action.before_session);
}

static void test_not_known(void **state)
{
	char path[64];

	(void)state;
	expect_unknown("");
	expect_unknown(".../too/deep");
	for (unsigned i = 0; i < MAX_PAST; i++) {
		(void)snprintf(path, sizeof(path), "/w/f%u", i);
		makes(path);
	}
	assert_false(is_older("/w/f0"));
	makes("/w/more");
	expect_unknown("/w/f0");
}

static void test_after_a_loss(void **state)
{
	(void)state;
	makes("/w/new");
	past_lose(past);
	expect_unknown("/w/new");
	expect_unknown("/w/old");
}

/* ---- rules ---- */

static enum verdict verdict_of(const char *when, const char *verdict, const struct action *action)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct policy *policy = NULL;
	struct policy_state *session;
	struct decision decision;
	struct error err = {0};

	buf_printf(
		&text,
		"{\"policy\":\"t\",\"version\":1,\"rules\":[{\"id\":\"a\",\"category\":\"c\","
		"\"severity\":\"low\",\"on\":[\"file.change\"],\"when\":\"(%s) && action.path != "
		"'/no' || action.path == '/yes'\",\"verdict\":\"%s\",\"because\":\"b\","
		"\"match\":[{\"action\":{\"kind\":\"file.change\",\"path\":\"/yes\"}}],"
		"\"not_match\":[{\"action\":{\"kind\":\"file.change\",\"path\":\"/no\"}}]}]}",
		when, verdict);
	if (policy_load_text("t", text.data, text.len, &policy, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(policy_reads_past(policy));
	session = policy_state_new(policy);
	policy_decide(policy, session, action, &decision);
	(void)policy_state_free(session);
	(void)policy_free(policy);
	return decision.verdict;
}

static void test_rules_read_it(void **state)
{
	static const char *const readers[] = {
		"action.before_session",
		"action.before_session && action.op == 'unlink'",
		"!(action.before_session == false)",
	};
	struct action action = change("unlink", "/w/a", "");

	(void)state;
	for (size_t i = 0; i < COUNT(readers); i++) {
		action.past_unknown = action.before_session = false;
		assert_int_equal(verdict_of(readers[i], "deny", &action), VERDICT_ALLOW);
		action.before_session = true;
		assert_int_equal(verdict_of(readers[i], "deny", &action), VERDICT_DENY);
		/* A rule must not be dodged by what nobody saw. */
		action.before_session = false;
		action.past_unknown = true;
		assert_int_equal(verdict_of(readers[i], "deny", &action), VERDICT_DENY);
	}
	assert_int_equal(verdict_of("!action.before_session", "deny", &action), VERDICT_DENY);
	assert_int_equal(
		verdict_of("action.before_session && action.op == 'link'", "deny", &action),
		VERDICT_ALLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whose_name_is_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_was_not_made_is_older, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_written_to, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_opened_or_failed_is_not_made, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_all_in_a_new_folder_is_new, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_moved_stays_what_it_is, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_in_it_moves_along, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_was_made_there_is_not_what_is_there,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_name_that_is_free_is_made_anew, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_links_are_new, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_behind_a_link_is_older, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_paths_are_worked_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_known, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_after_a_loss, set_up, tear_down),
		cmocka_unit_test(test_rules_read_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
