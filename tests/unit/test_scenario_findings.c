/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "scenarios/findings.h"
#include "scenarios/stage.h"

static struct observation seen;

/* Two calls that ended well, a closed record of this host, no rulings. */
static int setup(void **state)
{
	(void)state;
	observation_init(&seen, 2);
	for (size_t i = 0; i < 2; i++)
		seen.calls[i] = (struct call_seen){
			.ran = true, .has_exit = true, .text = xstrdup("some output")};
	seen.record.state = RECORD_CLOSED;
	seen.record.signer_is_ours = true;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	observation_done(&seen);
	return 0;
}

static void see(const char *line)
{
	assert_true(observe_line(&seen, line, strlen(line)));
}

#define DENIED(_call, _kind, _rule)                           \
	"{\"seq\":7,\"call\":\"" _call "\",\"kind\":\"" _kind \
	"\",\"verdict\":\"deny\",\"rule\":\"" _rule "\"}"

static struct step_finding judged(struct expectation expect, size_t step)
{
	struct step_finding f;

	judge_step(&expect, &seen, step, &f);
	assert_int_equal(f.ok, f.why[0] == '\0');
	return f;
}

static void test_allowed(void **state)
{
	const struct expectation expect = {.verdict = STEP_ALLOWED, .has_exit = true};
	struct step_finding f = judged(expect, 0);

	(void)state;
	assert_true(f.ok);
	assert_int_equal(f.got, STEP_ALLOWED);
	see(DENIED("c2", "exec", "ra.x")); /* of the other call */
	assert_true(judged(expect, 0).ok);
	see("{\"seq\":8,\"call\":\"c1\",\"kind\":\"file.open\",\"verdict\":\"log\",\"rule\":\"l\"}");
	see("{\"seq\":8,\"call\":\"c1\",\"kind\":\"exec\",\"verdict\":\"allow\",\"rule\":\"a\"}");
	assert_true(judged(expect, 0).ok);
	see(DENIED("c1", "exec", "ra.x"));
	f = judged(expect, 0);
	assert_false(f.ok);
	assert_string_equal(f.why, "denied by ra.x, expected allowed");
}

static void test_denied(void **state)
{
	const struct expectation expect = {.verdict = STEP_DENIED, .rule = "ra.x", .kind = "exec"};
	struct step_finding f = judged(expect, 0);

	(void)state;
	assert_false(f.ok);
	assert_string_equal(f.why, "allowed, expected denied by ra.x");
	see(DENIED("c1", "exec", "ra.x"));
	see(DENIED("c1", "net.connect", "ex.y")); /* the first refusal is the one that caught it */
	f = judged(expect, 0);
	assert_true(f.ok);
	assert_int_equal(f.by->seq, 7);
	assert_false(judged((struct expectation){.verdict = STEP_DENIED, .rule = "ex.y"}, 0).ok);
	assert_false(judged((struct expectation){.verdict = STEP_KILLED, .rule = "ra.x"}, 0).ok);
	f = judged(
		(struct expectation){.verdict = STEP_DENIED, .rule = "ra.x", .kind = "net.connect"},
		0);
	assert_string_equal(f.why, "exec was refused, expected net.connect");
}

static void test_killed(void **state)
{
	const struct expectation expect = {.verdict = STEP_KILLED, .rule = "ra.sweep"};

	(void)state;
	see(DENIED("c1", "exec", "ra.x"));
	assert_false(judged(expect, 0).ok);
	see("{\"seq\":9,\"call\":\"c1\",\"kind\":\"file.open\",\"verdict\":\"kill\","
	    "\"rule\":\"ra.sweep\"}");
	assert_true(judged(expect, 0).ok); /* a kill weighs more than an earlier denial */
	see("{\"seq\":10,\"call\":\"c2\",\"kind\":\"exec.mismatch\",\"fields\":{\"killed\":false}}");
	assert_true(judged((struct expectation){.verdict = STEP_DENIED, .rule = "exec.mismatch"}, 1)
			    .ok);
	see("{\"seq\":11,\"call\":\"c2\",\"kind\":\"exec.mismatch\",\"fields\":{\"killed\":true}}");
	assert_true(judged((struct expectation){.verdict = STEP_KILLED, .rule = "exec.mismatch"}, 1)
			    .ok);
}

#define ASKED(_call, _more)            \
	"{\"seq\":7,\"call\":\"" _call \
	"\",\"kind\":\"exec\",\"verdict\":\"ask\",\"rule\":\"ask.x\"," _more "}"
#define ANSWERED(_verdict)                                                                                       \
	"{\"seq\":8,\"call\":\"c1\",\"kind\":\"ask.answer\",\"fields\":{\"question\":3},\"verdict\":\"" _verdict \
	"\",\"rule\":\"ask.x\"}"

static void test_asked(void **state)
{
	const struct expectation asked = {.verdict = STEP_ASKED, .rule = "ask.x", .kind = "exec"};
	const struct expectation denied = {.verdict = STEP_DENIED, .rule = "ask.x"};
	const struct expectation allowed = {.verdict = STEP_ALLOWED};

	(void)state;
	see(ASKED("c1", "\"question\":3"));
	assert_true(judged(denied, 0).ok); /* nobody answered yet */
	see(ANSWERED("deny"));
	assert_true(judged(denied, 0).ok);
	assert_string_equal(judged(asked, 0).why, "denied by ask.x, expected asked by ask.x");
	see(ANSWERED("allow"));
	assert_true(judged(asked, 0).ok);
	assert_string_equal(judged(allowed, 0).why, "asked by ask.x, expected allowed");
	see(ASKED("c2", "\"approval\":3")); /* by what was said before */
	assert_true(judged(asked, 1).ok);
	see(DENIED("c1", "exec", "ra.x")); /* a refusal weighs more */
	assert_false(judged(asked, 0).ok);
}

static void test_what_was_not_enforced_is_no_refusal(void **state)
{
	const struct expectation expect = {.verdict = STEP_DENIED, .rule = "ra.x"};

	(void)state;
	see("{\"seq\":7,\"call\":\"c1\",\"kind\":\"exec\",\"verdict\":\"deny\",\"rule\":\"ra.x\","
	    "\"enforced\":false}");
	assert_int_equal(judged(expect, 0).got, STEP_ALLOWED);
}

static void test_exit_and_output(void **state)
{
	struct expectation expect = {
		.verdict = STEP_ALLOWED, .has_exit = true, .output = "some output"};

	(void)state;
	assert_true(judged(expect, 0).ok);
	expect.exit = 3;
	assert_false(judged(expect, 0).ok);
	seen.calls[0].exit = 3;
	assert_true(judged(expect, 0).ok);
	seen.calls[0].timed_out = true;
	assert_string_equal(judged(expect, 0).why, "ran out of time");
	seen.calls[0].timed_out = seen.calls[0].has_exit = false;
	assert_false(judged(expect, 0).ok);
	expect = (struct expectation){.verdict = STEP_ALLOWED, .output = "other"};
	assert_false(judged(expect, 0).ok);
}

static void test_a_call_that_never_ended(void **state)
{
	(void)state;
	seen.calls[1].ran = false;
	assert_int_equal(judged((struct expectation){.verdict = STEP_ALLOWED}, 1).got,
			 STEP_NOT_RUN);
	assert_false(judged((struct expectation){.verdict = STEP_ALLOWED}, 1).ok);
}

/* ---- the whole ---- */

static struct step steps[2] = {
	{.title = "one", .expect = {.verdict = STEP_ALLOWED}},
	{.title = "two", .expect = {.verdict = STEP_ALLOWED}},
};
static struct scenario scenario = {.steps = steps, .step_count = 2};

/* Return: the check that failed, or NULL; more than one failed check fails the test. */
static const char *failed_check(int workspace_fd)
{
	static char what[64];
	struct findings f;
	const char *found = NULL;

	findings_make(&scenario, &seen, NULL, workspace_fd, &f);
	for (size_t i = 0; i < f.check_count; i++) {
		if (f.checks[i].ok)
			continue;
		if (found)
			fail_msg("%s failed beside %s", f.checks[i].what, found);
		(void)snprintf(what, sizeof(what), "%s", f.checks[i].what);
		found = what;
	}
	assert_int_equal(f.ok, !found);
	findings_done(&f);
	return found;
}

static void test_promises(void **state)
{
	(void)state;
	assert_null(failed_check(-1));
	seen.calls[0].left = xstrdup("sleep (7)");
	assert_string_equal(failed_check(-1), "processes");
	free(seen.calls[0].left);
	seen.calls[0].left = NULL;
	seen.record.signer_is_ours = false;
	assert_string_equal(failed_check(-1), "record");
	seen.record.signer_is_ours = true;
	seen.record.state = RECORD_CUT;
	assert_string_equal(failed_check(-1), "record");
}

static void test_rules_and_labels(void **state)
{
	struct rule_check rule = {.rule = "ra.x", .least = 1, .most = 1};
	const char *label = "secret";

	(void)state;
	scenario.rules = &rule;
	scenario.rule_count = 1;
	assert_string_equal(failed_check(-1), "rule ra.x");
	see("{\"seq\":1,\"call\":\"c1\",\"kind\":\"file.open\",\"verdict\":\"log\","
	    "\"rule\":\"ra.x\"}");
	assert_null(failed_check(-1));
	see(DENIED("c2", "exec", "ra.x")); /* twice now */
	rule.most = UINT64_MAX;
	steps[1].expect = (struct expectation){.verdict = STEP_DENIED, .rule = "ra.x"};
	assert_null(failed_check(-1));
	rule.most = 1;
	assert_string_equal(failed_check(-1), "rule ra.x");
	steps[1].expect = (struct expectation){.verdict = STEP_ALLOWED};
	scenario.rule_count = 0;
	observation_done(&seen);
	(void)setup(NULL);
	scenario.labels = &label;
	scenario.label_count = 1;
	assert_string_equal(failed_check(-1), "label secret");
	see("{\"seq\":1,\"kind\":\"label.set\",\"fields\":{\"labels\":[\"weights\",\"secret\"]}}");
	assert_null(failed_check(-1));
	scenario.label_count = 0;
}

/* A rule of the policy below, that matched beside one that decided. */
#define BESIDE(_call, _rule, _severity, _more)                                         \
	"{\"seq\":5,\"call\":\"" _call "\",\"kind\":\"exec\",\"verdict\":\"deny\","    \
	"\"rule\":\"low\",\"also\":[{\"rule\":\"" _rule "\",\"severity\":\"" _severity \
	"\",\"verdict\":\"log\"" _more "}]}"
#define RULE(_id, _severity)                                                             \
	"{\"id\":\"" _id "\",\"category\":\"c\",\"severity\":\"" _severity               \
	"\",\"on\":[\"exec\"],\"when\":\"action.name == 'x'\",\"verdict\":\"log\","      \
	"\"because\":\"b\",\"match\":[{\"action\":{\"kind\":\"exec\",\"name\":\"x\"}}]," \
	"\"not_match\":[{\"action\":{\"kind\":\"exec\"}}]}"

static struct policy *of_severities(void)
{
	static const char text[] = "{\"policy\":\"t\",\"version\":1,\"rules\":[" RULE(
		"low", "low") "," RULE("medium", "medium") "," RULE("high", "high") "]}";
	struct policy *policy = NULL;
	struct error err = {0};

	if (policy_load_text("t", text, strlen(text), &policy, &err) < 0)
		fail_msg("%s", err.text);
	return policy;
}

/* Of both steps, in their order; "-": none. */
static void expect_alarms(const struct policy *policy, enum scenario_category category,
			  const char *first, const char *second)
{
	static struct step denied[2] = {{.expect.verdict = STEP_DENIED},
					{.expect.verdict = STEP_ALLOWED}};
	const struct scenario s = {.steps = denied, .step_count = 2, .category = category};
	const char *const expected[] = {first, second};
	struct findings f;

	findings_make(&s, &seen, policy, -1, &f);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(f.steps[i].alarm ? f.steps[i].alarm->rule : "-", expected[i]);
		assert_int_equal(f.steps[i].ok,
				 category != CATEGORY_BENIGN || expected[i][0] == '-');
	}
	findings_done(&f);
}

static void test_what_another_verdict_stands_before(void **state)
{
	struct rule_check fired = {.rule = "high", .least = 2, .most = 2};
	struct policy *policy = of_severities();

	(void)state;
	see(BESIDE("c1", "medium", "medium", ""));
	expect_alarms(policy, CATEGORY_PERSISTENCE, "medium", "-");
	see(BESIDE("c1", "high", "high", ""));
	/* Only observed: it fires, and raises no alarm. */
	see("{\"seq\":6,\"call\":\"c2\",\"kind\":\"exec\",\"verdict\":\"allow\",\"also\":[{"
	    "\"rule\":\"high\",\"severity\":\"high\",\"verdict\":\"log\",\"mode\":"
	    "\"observe\"}],\"would\":{\"rule\":\"medium\",\"verdict\":\"deny\"}}");
	expect_alarms(policy, CATEGORY_PERSISTENCE, "high", "-");
	expect_alarms(policy, CATEGORY_BENIGN, "high", "-");
	/* Whatever decided is what came of the step. */
	assert_string_equal(judged((struct expectation){.verdict = STEP_DENIED}, 0).by->rule,
			    "low");
	assert_true(judged((struct expectation){.verdict = STEP_ALLOWED}, 1).ok);
	see("{\"seq\":6,\"call\":\"c2\",\"kind\":\"net.connect\",\"verdict\":\"deny\",\"rule\":"
	    "\"default\",\"also\":[{\"rule\":\"medium\",\"verdict\":\"log\"},{},7],"
	    "\"answered_by\":\"decoy\"}");
	assert_true(judged((struct expectation){.verdict = STEP_NOTED, .rule = "medium"}, 1).ok);
	scenario.rules = &fired;
	scenario.rule_count = 1;
	steps[0].expect.verdict = STEP_DENIED;
	assert_null(failed_check(-1));
	fired = (struct rule_check){.rule = "medium", .least = 3, .most = 3};
	assert_null(failed_check(-1));
	steps[0].expect.verdict = STEP_ALLOWED;
	scenario.rule_count = 0;
	(void)policy_free(policy);
}

static void check_file(int workspace_fd, struct file_check check, bool good)
{
	scenario.files = &check;
	scenario.file_count = 1;
	if ((failed_check(workspace_fd) == NULL) != good)
		fail_msg("file %s, exists %d, contains %s: expected %s", check.path, check.exists,
			 check.contains ? check.contains : "-", good ? "good" : "bad");
	scenario.file_count = 0;
}

static void test_files(void **state)
{
	static struct setup_file files[] = {{"sub/file", "a made-up text", 0644, false}};
	static const struct scenario with_file = {.setup = {.files = files, .file_count = 1}};
	const struct session_options base = {0};
	struct stage stage;
	struct error err = {0};
	int workspace_fd;

	(void)state;
	if (stage_build(&with_file, &base, &stage, &err) < 0)
		fail_msg("%s", err.text);
	workspace_fd = open(stage.workspace, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(workspace_fd >= 0);
	assert_int_equal(symlinkat("/etc/passwd", workspace_fd, "link"), 0);
	assert_int_equal(symlinkat("/etc", workspace_fd, "folder"), 0);
	assert_int_equal(mkfifoat(workspace_fd, "pipe", 0600), 0);
	check_file(workspace_fd, (struct file_check){"sub/file", true, NULL}, true);
	check_file(workspace_fd, (struct file_check){"sub/file", false, NULL}, false);
	check_file(workspace_fd, (struct file_check){"sub/file", true, "made-up"}, true);
	check_file(workspace_fd, (struct file_check){"sub/file", true, "other"}, false);
	check_file(workspace_fd, (struct file_check){"none", true, NULL}, false);
	check_file(workspace_fd, (struct file_check){"none/at/all", false, NULL}, true);
	check_file(workspace_fd, (struct file_check){"none", true, "text"}, false);
	/* Nobody is led out of the workspace, or kept waiting by a pipe. */
	check_file(workspace_fd, (struct file_check){"link", true, "root"}, false);
	check_file(workspace_fd, (struct file_check){"folder/passwd", true, "root"}, false);
	check_file(workspace_fd, (struct file_check){"folder/passwd", false, NULL}, false);
	check_file(workspace_fd, (struct file_check){"pipe", true, "text"}, false);
	(void)close(workspace_fd);
	stage_remove(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_allowed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_denied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_was_not_enforced_is_no_refusal, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_exit_and_output, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_call_that_never_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_promises, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rules_and_labels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_another_verdict_stands_before, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
