/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Evidence is really lost in real sessions, in each way that there is, and on_loss decides: a ring
 * that is too small, a table of approvals that is full, children for which there is no tag, a wall
 * clock that is set. Of these only the last two come from the test itself: no_tags makes the
 * program in the kernel take the way that it takes without memory, and the clock is one of the
 * test's own, since setting the host's would concern everybody on it.
 */

#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "monitor/bpf/trace.h"
#include "monitor/session_internal.h"
#include "tests/integration/session_fixture.h"

#define HOUR_NS INT64_C(3600000000000)

/* Far more opens than the ring holds, and a program of its own at the end. */
#define OVERRUN "i=0; while [ $i -lt 20000 ]; do : </etc/passwd; i=$((i+1)); done; /bin/true"

static const enum on_loss choices[] = {ON_LOSS_LOG, ON_LOSS_DENY_NEW, ON_LOSS_KILL};

#define POLICY(_on_loss) "{\"policy\":\"t\",\"version\":1" _on_loss "}"

static const char *policy_of(enum on_loss on_loss)
{
	switch (on_loss) {
	case ON_LOSS_LOG:
		return POLICY(",\"on_loss\":\"log\"");
	case ON_LOSS_DENY_NEW:
		return POLICY(""); /* what holds where nobody says anything */
	case ON_LOSS_KILL:
		break;
	}
	return POLICY(",\"on_loss\":\"kill\"");
}

static void run_one(struct run *run, const struct supervisor_config *config)
{
	session_run(&run, 1, config);
}

/* The first loss as the record tells it. Return: its seq. */
static int64_t check_event(const struct run *run, const char *kind, enum on_loss on_loss)
{
	static const char *const verdicts[] = {
		[ON_LOSS_LOG] = "log", [ON_LOSS_DENY_NEW] = "deny", [ON_LOSS_KILL] = "kill"};
	_cleanup_free_ char *rule = xasprintf("on_loss.%s", kind);
	struct json *event = session_event(run, kind, 0);
	int64_t seq;

	if (!event)
		fail_msg("no %s in the record:\n%s", kind, run->lines.data);
	assert_string_equal(event_text(event, "on_loss"), on_loss_name(on_loss));
	assert_string_equal(event_text(event, "verdict"), verdicts[on_loss]);
	assert_string_equal(event_text(event, "rule"), rule);
	assert_true(strlen(event_text(event, "because")) > 20);
	assert_int_equal(strstr(event_text(event, "because"), "new session") != NULL,
			 on_loss != ON_LOSS_LOG);
	seq = event_number(event, "seq");
	json_free(event);
	return seq;
}

/* A call after the loss: refused in the name of it, with the event that it rests on. */
static void check_refused(const struct run *run, size_t script, const char *kind, int64_t seq)
{
	_cleanup_free_ char *rule = xasprintf("on_loss.%s", kind);
	struct json *event = session_event(run, "tool.call", script);
	const struct json *matched = json_get(event, "matched");

	assert_true(run->outcomes[script].refused);
	assert_string_equal(run->outcomes[script].denial.rule, rule);
	assert_non_null(event);
	assert_string_equal(event_text(event, "rule"), rule);
	assert_string_equal(json_string(json_get(matched, "loss")), kind);
	assert_int_equal(event_number(matched, "loss.seq"), seq);
	json_free(event);
}

static void check_exited(const struct run *run, size_t script, int status)
{
	const struct exec_result *result = &run->outcomes[script].result;

	assert_false(run->outcomes[script].refused);
	if (result->outcome != EXEC_EXITED || result->status != status)
		fail_msg("script %zu: outcome %d, status %d, %s%s\n%s", script, result->outcome,
			 result->status, result->error, result->last_denial.rule, run->lines.data);
}

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
	const int64_t seq = check_event(run, kind, on_loss);

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
		struct run run = {.policy = policy_of(choices[i]),
				  .scripts = {{.text = OVERRUN}, {.text = "/bin/true"}}};

		if (choices[i] == ON_LOSS_KILL) /* it would go on for ever */
			run.scripts[0].text = "while :; do : </etc/passwd; done";
		run_one(&run, &(struct supervisor_config){.trace_room = {.ring_bytes = 8192}});
		check(&run, "trace.lost", choices[i]);
		session_run_done(&run);
	}
}

/* ---- of another session ---- */

static struct run flood = {.policy = POLICY(""),
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
		.policy = policy_of(ON_LOSS_DENY_NEW),
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

	check_refused(&flood, 1, "trace.lost", check_event(&flood, "trace.lost", ON_LOSS_DENY_NEW));
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
		struct run run = {.policy = policy_of(choices[i]),
				  .scripts = {{.text = "/bin/true; exit $?"}, {.text = "exit 0"}}};

		run_one(&run, &(struct supervisor_config){.trace_room = {.no_tags = true}});
		if (is_traced_by_lsm(&run)) {
			assert_null(session_event(&run, "trace.untraced", 0));
			check_exited(&run, 0, 2); /* so the shell says that it cannot fork */
			check_exited(&run, 1, 0);
		} else {
			check(&run, "trace.untraced", choices[i]);
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
			.policy = policy_of(choices[i]),
			.scripts = {{"/bin/true", fill_approvals}, {"/bin/true", empty_approvals}}};
		struct json *event;

		run_one(&run, &(struct supervisor_config){0});
		(void)check_event(&run, "trace.full", choices[i]);
		/* It is refused even where a loss is only logged, and the record says so. */
		event = session_event(&run, "exec.refused", 0);
		assert_non_null(event);
		assert_string_equal(event_text(event, "verdict"), "deny");
		assert_int_equal(event_number(event, "result"), -ENOSPC);
		json_free(event);
		assert_true(run.outcomes[0].result.denied > 0 || run.outcomes[0].result.killed);
		if (choices[i] == ON_LOSS_LOG)
			check_exited(&run, 1, 0);
		else
			assert_string_equal(run.outcomes[1].denial.rule, "on_loss.trace.full");
		session_run_done(&run);
	}
}

/* ---- the clock ---- */

static int64_t set_by_ns;

static int64_t test_clock(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + set_by_ns;
}

static bool is_noticed(struct run *run)
{
	struct json *event = session_event(run, "clock.step", 0);
	const bool noticed = event != NULL;

	json_free(event);
	return noticed;
}

static bool set_forward(struct run *run)
{
	set_by_ns = 3 * HOUR_NS;
	return is_noticed(run);
}

static bool set_back(struct run *run)
{
	set_by_ns = -3 * HOUR_NS;
	return is_noticed(run);
}

static const struct supervisor_config with_clock = {.trace = TRACE_MODE_AUTO,
						    .wall_clock = test_clock};

/* Times that the supervisor itself writes go up, whatever the wall clock does. */
static void check_order(const struct run *run)
{
	static const char *const kinds[] = {"session.start", "exec.start", "clock.step"};
	int64_t last[2] = {0, 0};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct json *event;

		for (size_t i = 0; (event = session_event(run, kinds[k], i)); i++) {
			const int64_t seq = event_number(event, "seq");
			const int64_t ts = event_number(event, "ts");

			/* Two events in the order of seq are in that of ts. */
			assert_true(last[0] == 0 || (seq > last[0]) == (ts >= last[1]));
			last[0] = seq;
			last[1] = ts;
			json_free(event);
		}
	}
}

static void test_clock_is_set(void **state)
{
	bool (*const steps[])(struct run * run) = {set_forward, set_back};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		const enum on_loss on_loss = choices[i / 2];
		struct run run = {.policy = policy_of(on_loss),
				  .scripts = {{.text = "exit 0"}, {"exit 0", steps[i % 2]}}};
		struct json *event;
		int64_t seq;

		set_by_ns = 0;
		run_one(&run, &with_clock);
		seq = check_event(&run, "clock.step", on_loss);
		event = session_event(&run, "clock.step", 0);
		assert_int_equal((event_number(event, "step_ms") + 30000) / 60000,
				 i % 2 ? -179 : 180);
		json_free(event);
		assert_null(session_event(&run, "clock.step", 1));
		check_exited(&run, 0, 0);
		if (on_loss == ON_LOSS_LOG)
			check_exited(&run, 1, 0);
		else
			check_refused(&run, 1, "clock.step", seq);
		check_order(&run);
		session_run_done(&run);
	}
}

/* Three programs within an hour, and the wall clock says that they were hours apart. */
static void test_windows_are_not_fooled(void **state)
{
	static const char policy[] =
		"{\"policy\":\"t\",\"version\":1,\"on_loss\":\"log\",\"rules\":[{\"id\":\"t.count\","
		"\"category\":\"c\",\"severity\":\"low\",\"on\":[\"exec\"],\"when\":"
		"\"action.name == 'true'\",\"verdict\":\"deny\",\"because\":\"b\",\"count\":{"
		"\"window\":\"1h\",\"at_least\":3},\"match\":[{\"action\":{\"kind\":\"exec\","
		"\"name\":\"true\"},\"repeat\":3}],\"not_match\":[{\"action\":{\"kind\":\"exec\","
		"\"name\":\"true\"},\"repeat\":2}]}]}";
	bool (*const steps[])(struct run * run) = {set_forward, set_back};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct run run = {.policy = policy,
				  .scripts = {{.text = "/bin/true; /bin/true; exit $?"},
					      {"/bin/true; exit $?", steps[i]}}};

		set_by_ns = 0;
		run_one(&run, &with_clock);
		check_exited(&run, 0, 0);
		check_exited(&run, 1, 126);
		assert_string_equal(run.outcomes[1].result.last_denial.rule, "t.count");
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
	run_one(&run, &(struct supervisor_config){.trace_room = {.ring_bytes = 8192}});
	check_exited(&run, 0, 126);
	assert_string_equal(run.outcomes[0].result.last_denial.rule, "t.key");
	session_run_done(&run);
}

static void test_observe_refuses_nothing(void **state)
{
	struct run run = {.policy = policy_of(ON_LOSS_KILL),
			  .mode = MODE_OBSERVE,
			  .scripts = {{.text = OVERRUN "; exit $?"}, {.text = "/bin/true"}}};
	struct json *event;

	(void)state;
	run_one(&run, &(struct supervisor_config){.trace_room = {.ring_bytes = 8192}});
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
	struct run run = {.policy = policy_of(ON_LOSS_KILL),
			  .scripts = {{.text = OVERRUN "; exit $?"}, {.text = "/bin/true"}}};

	(void)state;
	run_one(&run, &(struct supervisor_config){0});
	check_exited(&run, 0, 0);
	check_exited(&run, 1, 0);
	assert_null(session_event(&run, "trace.lost", 0));
	session_run_done(&run);
}

int main(void)
{
	const struct CMUnitTest of_any_user[] = {
		cmocka_unit_test(test_clock_is_set),
		cmocka_unit_test(test_windows_are_not_fooled),
	};
	const struct CMUnitTest of_the_trace[] = {
		cmocka_unit_test(test_ring_overrun),
		cmocka_unit_test(test_flood_of_another_session),
		cmocka_unit_test(test_child_without_a_tag),
		cmocka_unit_test(test_no_room_for_approvals),
		cmocka_unit_test(test_labels_count_as_set),
		cmocka_unit_test(test_observe_refuses_nothing),
		cmocka_unit_test(test_nothing_lost_nothing_refused),
	};
	int r;

	if (session_set_up(NULL) < 0)
		return 1;
	r = cmocka_run_group_tests_name("clock", of_any_user, NULL, NULL);
	if (r == 0 && geteuid() == 0)
		r = cmocka_run_group_tests_name("trace", of_the_trace, NULL, NULL);
	else if (r == 0)
		(void)printf("skipped: losses of the BPF trace, which needs root\n");
	return session_tear_down(NULL) == 0 ? r : 1;
}
