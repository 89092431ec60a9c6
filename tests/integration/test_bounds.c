/* SPDX-License-Identifier: Apache-2.0 */

/* What one session may hold of its supervisor: requests that its init does not take. */

#include "tests/support/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "tests/integration/session_fixture.h"

/* Requests of this size fill the socket soon; what it takes of them is the kernel's affair. */
#define ARGUMENT_BYTES 100000u
#define SOCKET_BYTES   (4u << 20)

static unsigned started, ended;

static void on_ended(void *ctx, uint32_t exec_id, const struct exec_result *result)
{
	(void)ctx;
	(void)exec_id;
	assert_string_equal(result->error, "");
	assert_string_equal(result->denied ? result->last_denial.because : "", "");
	assert_int_equal(result->outcome, EXEC_EXITED);
	ended++;
}

static const struct exec_ops exec_ops = {.ended = on_ended};

/* The launcher's only child. */
static pid_t init_of(struct agent_session *agent)
{
	const pid_t launcher = agent_session_pid(agent);
	_cleanup_free_ char *path = xasprintf("/proc/%d/task/%d/children", launcher, launcher);
	FILE *file = fopen(path, "re");
	char line[64] = "";

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	(void)fclose(file);
	return (pid_t)strtol(line, NULL, 10);
}

static int ask(struct run *run, struct error *err)
{
	static char text[ARGUMENT_BYTES];
	const char *const argv[] = {"/bin/true", text, NULL};
	_cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct exec_request request = {.call_id = "many",
					     .tool = "shell",
					     .argv = argv,
					     .stdio_fds = {null_fd, null_fd, null_fd}};
	uint32_t exec_id;

	(void)memset(text, 'x', sizeof(text) - 1);
	return session_exec(agent_session_monitor(run->agent), &request, &exec_ops, run, &exec_id,
			    err);
}

static void fill(struct run *run)
{
	const pid_t init = init_of(run->agent);
	struct error err = {0};
	int r;

	assert_int_equal(kill(init, SIGSTOP), 0);
	while ((r = ask(run, &err)) == 0 && started < 1000)
		started++;
	assert_int_equal(kill(init, SIGCONT), 0);
	assert_int_equal(r, -ENOBUFS);
	assert_non_null(strstr(err.text, "try again later"));
	assert_in_range(started, MAX_OUTBOX, MAX_OUTBOX + SOCKET_BYTES / ARGUMENT_BYTES);
}

/* Then, when there is room again. */
static bool all_ended(struct run *run)
{
	if (!started)
		fill(run);
	return ended == started;
}

/* It refuses what is too much, does all that it has taken, and then goes on. */
static void test_requests_that_wait_are_bounded(void **state)
{
	struct run run = {.policy = "{\"policy\":\"t\",\"version\":1}",
			  .scripts = {{"exit 0", all_ended}}};
	struct run *const runs[] = {&run};

	(void)state;
	session_run(runs, 1, &(struct supervisor_config){.trace = TRACE_MODE_AUTO});
	assert_int_equal(run.outcomes[0].result.outcome, EXEC_EXITED);
	assert_int_equal(run.outcomes[0].result.status, 0);
	session_run_done(&run);
}

/* By then a leaf stands ready for what is like the call before. */
static bool after_a_while(struct run *run)
{
	static unsigned asked;

	(void)run;
	return ++asked % 50 == 0;
}

/* A process that has its walls up for another kind of call is not taken. */
static void test_a_leaf_that_is_ready_is_of_the_right_kind(void **state)
{
	struct run run = {.policy = "{\"policy\":\"t\",\"version\":1}",
			  .scripts = {{"! test -t 1", NULL, false},
				      {"test -t 1 && echo > /dev/tty", after_a_while, true},
				      {"! test -t 1", after_a_while, false},
				      {"! test -t 1", after_a_while, false}}};
	struct run *const runs[] = {&run};

	(void)state;
	session_run(runs, 1, &(struct supervisor_config){.trace = TRACE_MODE_AUTO});
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(run.outcomes[i].result.error, "");
		assert_int_equal(run.outcomes[i].result.outcome, EXEC_EXITED);
		assert_int_equal(run.outcomes[i].result.status, 0);
	}
	session_run_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_that_wait_are_bounded),
		cmocka_unit_test(test_a_leaf_that_is_ready_is_of_the_right_kind)};

	return cmocka_run_group_tests(tests, session_set_up, session_tear_down);
}
