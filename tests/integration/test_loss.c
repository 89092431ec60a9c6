/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Evidence is really lost in real sessions, in each way that there is, and on_loss decides: a ring
 * that is too small, a table of approvals that is full, children for which there is no tag. Only
 * the last comes from the test itself: no_tags makes the program in the kernel take the way that it
 * takes without memory. The clock, which may be set as well: test_clock_step.c.
 */

#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "monitor/bpf/trace.h"
#include "tests/integration/loss_fixture.h"

/* Far more opens than the ring holds, and a program of its own at the end. */
#define OVERRUN "i=0; while [ $i -lt 20000 ]; do : </etc/passwd; i=$((i+1)); done; /bin/true"

static void check_killed(const struct run *run, size_t script, const char *kind)
{
	const struct exec_result *result = &run->outcomes[script].result;
	_cleanup_free_ char *rule = xasprintf("on_loss.%s", kind);

	assert_true(result->killed);
	assert_int_equal(result->outcome, EXEC_SIGNALED);
	assert_string_equal(result->last_denial.rule, rule);
}

/* What all losses have in common: scripts 0 and 1 after the loss, the first one meeting it. */
static void check(const struct run *run, const char *kind, enum on_loss on_loss)
{
	const int64_t seq = check_loss(run, kind, on_loss);

	assert_false(run->failed);
	if (on_loss == ON_LOSS_LOG) {
		check_exited(run, 0, 0);
		check_exited(run, 1, 0);
		return;
	}
	if (on_loss == ON_LOSS_KILL)
		check_killed(run, 0, kind);
	else
		check_exited(run, 0, 126);
	check_refused(run, 1, kind, seq);
}

static void test_ring_overrun(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct run run = {.policy = loss_policy(loss_choices[i]),
				  .scripts = {{.text = OVERRUN}, {.text = "/bin/true"}}};

		if (loss_choices[i] == ON_LOSS_KILL) /* it would go on for ever */
			run.scripts[0].text = "while :; do : </etc/passwd; done";
		loss_run(&run, &(struct supervisor_config){.trace_room = {.ring_bytes = 8192}});
		check(&run, "trace.lost", loss_choices[i]);
		session_run_done(&run);
	}
}

/* ---- of another session ---- */

static struct run flood = {.policy = LOSS_POLICY(""),
			   .scripts = {{.text = "while :; do : </etc/passwd; done & "
						"while :; do : </etc/passwd; done"},
				       {.text = "/bin/true"}}};

static bool flood_has_lost(struct run *run)
{
	struct json *event = session_event(&flood, "trace.lost", 0);
	const bool has = event != NULL;

	(void)run;
	json_free(event);
	return has;
}

static bool end_flood(struct run *run)
{
	(void)run;
	session_kill_exec(agent_session_monitor(flood.agent), 1);
	return true;
}

static int64_t lost_in(const struct run *run)
{
	struct json *event = session_event(run, "session.end", 0);
	const int64_t lost = event_number(event, "trace_lost");

	assert_non_null(event);
	json_free(event);
	return lost;
}

/* What a session's flood loses is its own: the other one's record is whole, its calls go on. */
static void test_flood_of_another_session(void **state)
{
	struct run quiet = {
		.policy = loss_policy(ON_LOSS_DENY_NEW),
		.scripts = {{"i=0; while [ $i -lt 100 ]; do /bin/true || exit 1; i=$((i+1)); done",
			     flood_has_lost},
			    {.text = "/bin/true"},
			    {"exit 0", end_flood}}};
	struct run *const runs[] = {&flood, &quiet};

	(void)state;
	session_run(runs, 2, &(struct supervisor_config){.trace_room = {.ring_bytes = 32768}});
	for (size_t i = 0; i < 3; i++)
		check_exited(&quiet, i, 0);
	assert_null(session_event(&quiet, "trace.lost", 0));
	assert_int_equal(lost_in(&quiet), 0);

	check_refused(&flood, 1, "trace.lost", check_loss(&flood, "trace.lost", ON_LOSS_DENY_NEW));
	assert_true(lost_in(&flood) > 0);
	session_run_done(&flood);
	session_run_done(&quiet);
}

static bool is_traced_by_lsm(const struct run *run)
{
	struct json *event = session_event(run, "session.start", 0);
	const bool by_lsm = strcmp(event_text(event, "trace_backend"), "lsm") == 0;

	json_free(event);
	return by_lsm;
}

/* With lsm there is no such child: the fork fails, and nothing is lost. */
static void test_child_without_a_tag(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct run run = {.policy = loss_policy(loss_choices[i]),
				  .scripts = {{.text = "/bin/true; exit $?"}, {.text = "exit 0"}}};

		loss_run(&run, &(struct supervisor_config){.trace_room = {.no_tags = true}});
		if (is_traced_by_lsm(&run)) {
			assert_null(session_event(&run, "trace.untraced", 0));
			check_exited(&run, 0, 2); /* so the shell says that it cannot fork */
			check_exited(&run, 1, 0);
		} else {
			check(&run, "trace.untraced", loss_choices[i]);
		}
		assert_null(session_event(&run, "trace.lost", 0)); /* told once, as what it is */
		session_run_done(&run);
	}
}

/* Threads that there are not, so that nothing takes their approvals back. */
static uint32_t nobody(uint32_t i)
{
	return 0x10000000u + i;
}

static bool fill_approvals(struct run *run)
{
	const struct session *session = agent_session_monitor(run->agent);
	_cleanup_close_ int file_fd = open("/bin/true", O_PATH | O_CLOEXEC);
	const struct exec_image image = {.file_fd = file_fd, .block = ""};
	int r = 0;

	for (uint32_t i = 0; r == 0 && i <= TRACE_APPROVAL_MAX; i++)
		r = trace_approve_exec(session->trace, session->slot, 1, nobody(i), &image);
	assert_int_equal(r, -ENOSPC);
	return true;
}

static bool empty_approvals(struct run *run)
{
	const struct session *session = agent_session_monitor(run->agent);

	for (uint32_t i = 0; i <= TRACE_APPROVAL_MAX; i++)
		trace_revoke_exec(session->trace, nobody(i));
	return true;
}

static void test_no_room_for_approvals(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct run run = {
			.policy = loss_policy(loss_choices[i]),
			.scripts = {{"/bin/true", fill_approvals}, {"/bin/true", empty_approvals}}};
		struct json *event;

		loss_run(&run, &(struct supervisor_config){0});
		(void)check_loss(&run, "trace.full", loss_choices[i]);
		/* It is refused even where a loss is only logged, and the record says so. */
		event = session_event(&run, "exec.refused", 0);
		assert_non_null(event);
		assert_string_equal(event_text(event, "verdict"), "deny");
		assert_int_equal(event_number(event, "result"), -ENOSPC);
		json_free(event);
		assert_true(run.outcomes[0].result.denied > 0 || run.outcomes[0].result.killed);
		if (loss_choices[i] == ON_LOSS_LOG)
			check_exited(&run, 1, 0);
		else
			assert_string_equal(run.outcomes[1].denial.rule, "on_loss.trace.full");
		session_run_done(&run);
	}
}

/* ---- around it ---- */

/* What rules know of labels is no less after a loss: one of the reads may have set them. */
static void test_labels_count_as_set(void **state)
{
	static const char policy[] =
		"{\"policy\":\"t\",\"version\":1,\"on_loss\":\"log\",\"labels\":[{\"label\":\"key\","
		"\"paths\":[\"/nowhere/key\"]}],\"rules\":[{\"id\":\"t.key\",\"category\":\"c\","
		"\"severity\":\"low\",\"on\":[\"exec\"],\"when\":\"'key' in session.labels\","
		"\"verdict\":\"deny\",\"because\":\"b\",\"match\":[{\"action\":{\"kind\":\"exec\"},"
		"\"labels\":[\"key\"]}],\"not_match\":[{\"action\":{\"kind\":\"exec\"}}]}]}";
	struct run run = {.policy = policy, .scripts = {{.text = OVERRUN "; exit $?"}}};

	(void)state;
	loss_run(&run, &(struct supervisor_config){.trace_room = {.ring_bytes = 8192}});
	check_exited(&run, 0, 126);
	assert_string_equal(run.outcomes[0].result.last_denial.rule, "t.key");
	session_run_done(&run);
}

static void test_observe_refuses_nothing(void **state)
{
	struct run run = {.policy = loss_policy(ON_LOSS_KILL),
			  .mode = MODE_OBSERVE,
			  .scripts = {{.text = OVERRUN "; exit $?"}, {.text = "/bin/true"}}};
	struct json *event;

	(void)state;
	loss_run(&run, &(struct supervisor_config){.trace_room = {.ring_bytes = 8192}});
	check_exited(&run, 0, 0);
	check_exited(&run, 1, 0);
	event = session_event(&run, "tool.call", 1);
	assert_string_equal(event_text(event, "rule"), "on_loss.trace.lost");
	assert_false(json_bool(json_get(event, "enforced")));
	json_free(event);
	session_run_done(&run);
}

static void test_nothing_lost_nothing_refused(void **state)
{
	struct run run = {.policy = loss_policy(ON_LOSS_KILL),
			  .scripts = {{.text = OVERRUN "; exit $?"}, {.text = "/bin/true"}}};

	(void)state;
	loss_run(&run, &(struct supervisor_config){0});
	check_exited(&run, 0, 0);
	check_exited(&run, 1, 0);
	assert_null(session_event(&run, "trace.lost", 0));
	session_run_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring_overrun),
		cmocka_unit_test(test_flood_of_another_session),
		cmocka_unit_test(test_child_without_a_tag),
		cmocka_unit_test(test_no_room_for_approvals),
		cmocka_unit_test(test_labels_count_as_set),
		cmocka_unit_test(test_observe_refuses_nothing),
		cmocka_unit_test(test_nothing_lost_nothing_refused),
	};

	if (geteuid() != 0) {
		(void)printf("skipped: losses of the BPF trace, which needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, session_set_up, session_tear_down);
}
