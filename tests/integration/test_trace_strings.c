/* SPDX-License-Identifier: Apache-2.0 */
/* Approvals at exec: every string counts, and none is left over. Needs root. */
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/trace/bpf_call.h"
#include "monitor/trace/internal.h"

#include "tests/support/traced.h"

#define TRUE_PATH "/bin/true"

static struct traced t;
static char *const no_strings[] = {NULL};
static char *const true_argv[] = {(char[]){"true"}, NULL};

static int setup(void **state)
{
	int r = traced_open(&t, TRACE_RING_BYTES);

	(void)state;
	return r ? r : trace_require_approval(t.trace, TRACED_SLOT, true);
}

static int teardown(void **state)
{
	(void)state;
	traced_close(&t);
	return 0;
}

struct strings {
	char *const *argv;
	char *const *env;
	const char *name;
};

static int execs(void *arg)
{
	const struct strings *strings = arg;

	execve(strings->name, strings->argv, strings->env);
	return errno == EPERM ? TRACED_REFUSED : 78;
}

/* Runs /bin/true with one set of strings where another was approved. Return: wait status. */
static int exec_approved(const struct strings *approved, struct strings *run)
{
	struct traced_child child;
	const int file_fd = open(TRUE_PATH, O_PATH | O_CLOEXEC);
	int status;

	assert_int_equal(traced_start(&t, execs, run, &child), 0);
	assert_int_equal(traced_approve(&t, child.pid, file_fd, approved->argv, approved->env,
					approved->name),
			 0);
	traced_go(&child);
	status = traced_wait(&child);
	close(file_fd);
	(void)trace_drain(t.trace);
	return status;
}

static bool was_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void expect_event(enum trace_event_kind kind, size_t nth, enum trace_mismatch reason)
{
	const struct trace_event *event = traced_find(&t, kind, NULL, nth);

	assert_non_null(event);
	assert_int_equal(event->result, reason);
	assert_true(strlen(trace_mismatch_text(event->result)) > 0);
}

/* At equal lengths the difference shows in the new image only. */
static void expect_killed(int status, size_t nth)
{
	assert_true(was_killed(status));
	expect_event(TRACE_EXEC_MISMATCH, nth, TRACE_MISMATCH_STRINGS);
}

/* Another length shows with lsm before there is an image; not in which string, though. */
static void expect_stopped(int status, size_t nth, enum trace_mismatch reason)
{
	const bool by_lsm = traced_by_lsm(&t);

	assert_true(traced_was_stopped(&t, status));
	expect_event(traced_stop_kind(&t), by_lsm ? 0 : nth,
		     by_lsm ? TRACE_MISMATCH_STRINGS : reason);
}

/* One of the same length too, and one that only moves a border between two strings. */
static void test_other_arguments_die(void **state)
{
	char *const approved_argv[] = {(char[]){"true"}, (char[]){"one"}, (char[]){"two"}, NULL};
	char *const others[][4] = {
		{(char[]){"true"}, (char[]){"one"}, (char[]){"twa"}, NULL},
		{(char[]){"true"}, (char[]){"onet"}, (char[]){"wo"}, NULL},
		{(char[]){"trux"}, (char[]){"one"}, (char[]){"two"}, NULL},
		{(char[]){"true"}, (char[]){"one"}, NULL, NULL},
		{NULL, NULL, NULL, NULL},
	};
	const struct strings approved = {approved_argv, no_strings, TRUE_PATH};
	struct strings run = approved;

	(void)state;
	assert_int_equal(exec_approved(&approved, &run), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		run.argv = others[i];
		if (i < 3)
			expect_killed(exec_approved(&approved, &run), i);
		else
			expect_stopped(exec_approved(&approved, &run), i, TRACE_MISMATCH_ARGUMENTS);
	}
}

static void test_other_environment_or_name_dies(void **state)
{
	char *const start_up[] = {(char[]){"BASH_ENV=/tmp/x.so"}, NULL};
	char *const similar[] = {(char[]){"BASH_ENX=/tmp/x.so"}, NULL};
	struct strings run = {true_argv, start_up, TRUE_PATH};
	const struct strings same = run;
	const struct strings env = {true_argv, similar, TRUE_PATH};
	const struct strings no_env = {true_argv, no_strings, TRUE_PATH};
	const struct strings name = {true_argv, start_up, "/bin/./true"};

	(void)state;
	assert_int_equal(exec_approved(&same, &run), 0);
	expect_killed(exec_approved(&env, &run), 0);
	expect_stopped(exec_approved(&no_env, &run), 1, TRACE_MISMATCH_ENVIRONMENT);
	expect_killed(exec_approved(&name, &run), traced_by_lsm(&t) ? 1 : 2);
}

static size_t approvals(void)
{
	const int map_fd = trace_map_fd(t.trace, TRACE_MAP_APPROVALS);
	struct trace_approval approval;
	size_t count = 0;

	for (uint32_t tid = 1; tid < 5000; tid++)
		count += bpf_call_map_get(map_fd, &tid, &approval) == 0;
	return count;
}

/* Numbers no task has: below 5000 here, so that approvals() finds them. */
static int approve_nobody(uint32_t tid)
{
	return traced_approve(&t, (pid_t)tid, STDIN_FILENO, true_argv, no_strings, TRUE_PATH);
}

/* No room for one more: refused, never one of the others pushed out. */
static void test_full_table_refuses(void **state)
{
	struct strings run = {true_argv, no_strings, TRUE_PATH};
	struct traced_child child;
	uint32_t tid = 0;
	int r = 0;

	(void)state;
	assert_int_equal(traced_start(&t, execs, &run, &child), 0);
	while (r == 0 && tid <= TRACE_APPROVAL_MAX)
		r = approve_nobody(1000000u + ++tid);
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(tid, TRACE_APPROVAL_MAX + 1);
	assert_int_equal(
		traced_approve(&t, child.pid, STDIN_FILENO, true_argv, no_strings, TRUE_PATH),
		-ENOSPC);
	traced_go(&child);
	assert_true(traced_was_stopped(&t, traced_wait(&child)));
	(void)trace_drain(t.trace);
	expect_event(traced_stop_kind(&t), 0, TRACE_MISMATCH_NOT_APPROVED);
	for (uint32_t i = 1; i <= tid; i++)
		trace_revoke_exec(t.trace, 1000000u + i);
}

static int fails_then_execs(void *arg)
{
	(void)arg;
	execve("/bin/absent-program", true_argv, no_strings);
	execve(TRUE_PATH, true_argv, no_strings);
	return errno == EPERM ? TRACED_REFUSED : 78;
}

static int asks_then_execs(void *arg)
{
	(void)arg;
	if (syscall(SYS_execveat, AT_FDCWD, TRUE_PATH, true_argv, no_strings, 0x10000) < 0)
		return 77; /* AT_EXECVE_CHECK: Linux 6.14 */
	execve(TRUE_PATH, true_argv, no_strings);
	return errno == EPERM ? TRACED_REFUSED : 78;
}

/* What was approved for a call that failed, or only asked, is worth nothing to the next. */
static void test_no_approval_survives_its_call(void **state)
{
	const traced_fn fns[] = {fails_then_execs, asks_then_execs};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct traced_child child;
		const int file_fd = open(TRUE_PATH, O_PATH | O_CLOEXEC);
		int status;

		assert_int_equal(traced_start(&t, fns[i], NULL, &child), 0);
		assert_int_equal(
			traced_approve(&t, child.pid, file_fd, true_argv, no_strings, TRUE_PATH),
			0);
		traced_go(&child);
		status = traced_wait(&child);
		close(file_fd);
		if (i == 1 && status == 77 << 8)
			print_message("no AT_EXECVE_CHECK on this kernel\n");
		else
			assert_true(traced_was_stopped(&t, status));
	}
}

static int leaves(void *arg)
{
	(void)arg;
	return 0;
}

/* Nor does it stay behind when its thread ends, or when nothing was attached as it ended. */
static void test_none_is_left_over(void **state)
{
	struct error err = {0};
	struct traced_child child;
	uint32_t tid;

	(void)state;
	assert_int_equal(traced_start(&t, leaves, NULL, &child), 0);
	assert_int_equal(traced_approve(&t, child.pid, STDIN_FILENO, true_argv, no_strings, ""), 0);
	traced_go(&child);
	assert_int_equal(traced_wait(&child), 0);
	tid = (uint32_t)child.pid;
	assert_int_equal(bpf_call_map_delete(trace_map_fd(t.trace, TRACE_MAP_APPROVALS), &tid),
			 -ENOENT);
	assert_int_equal(approvals(), 0);
	assert_int_equal(approve_nobody(4999), 0);
	assert_int_equal(approvals(), 1);
	trace_session_remove(t.trace, TRACED_SLOT);
	assert_int_equal(trace_session_add(t.trace, TRACED_SLOT, &err), 0);
	assert_int_equal(approvals(), 0);
}

/* Takes a waiting child's tag away, as if there had been no memory for it at its fork. */
static void untag(const struct traced_child *child)
{
	assert_int_equal(bpf_call_map_delete(trace_map_fd(t.trace, TRACE_MAP_TAGS), &child->pid_fd),
			 0);
}

/* A task that lost its tag is held to its approval all the same, and is traced again from there. */
static void test_untagged_task_is_verified(void **state)
{
	char *const other_argv[] = {(char[]){"trux"}, NULL};
	struct strings run = {true_argv, no_strings, TRUE_PATH};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct traced_child child;
		const int file_fd = open(TRUE_PATH, O_PATH | O_CLOEXEC);
		int status;

		assert_int_equal(traced_start(&t, execs, &run, &child), 0);
		untag(&child);
		assert_int_equal(traced_approve(&t, child.pid, file_fd, i ? other_argv : true_argv,
						no_strings, TRUE_PATH),
				 0);
		traced_go(&child);
		status = traced_wait(&child);
		close(file_fd);
		(void)trace_drain(t.trace);
		if (i)
			assert_true(was_killed(status));
		else
			assert_int_equal(status, 0);
	}
	assert_int_equal(traced_count(&t, TRACE_EXEC), 1);
	assert_int_equal(traced_find(&t, TRACE_EXEC, NULL, 0)->exec_id, TRACED_EXEC_ID);
	assert_int_equal(traced_count(&t, TRACE_EXEC_MISMATCH), 1);
	assert_int_equal(traced_count(&t, TRACE_EXIT), 2);
}

/* An approval given in one session is none in another, also where the slot is the same. */
static void test_approval_of_another_session(void **state)
{
	struct strings run = {true_argv, no_strings, TRUE_PATH};
	struct error err = {0};
	struct traced_child child;
	const int file_fd = open(TRUE_PATH, O_PATH | O_CLOEXEC);

	(void)state;
	assert_int_equal(trace_session_add(t.trace, 1, &err), 0); /* keeps the programs attached */
	assert_int_equal(traced_start(&t, execs, &run, &child), 0);
	assert_int_equal(traced_approve(&t, child.pid, file_fd, true_argv, no_strings, TRUE_PATH),
			 0);
	trace_session_remove(t.trace, TRACED_SLOT);
	assert_int_equal(trace_session_add(t.trace, TRACED_SLOT, &err), 0);
	assert_int_equal(trace_require_approval(t.trace, TRACED_SLOT, true), 0);
	assert_int_equal(trace_tag(t.trace, child.pid_fd, TRACED_SLOT, 1), 0);
	traced_go(&child);
	assert_true(traced_was_stopped(&t, traced_wait(&child)));
	close(file_fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(other_arguments_die),	   TEST(other_environment_or_name_dies),
		TEST(full_table_refuses),	   TEST(no_approval_survives_its_call),
		TEST(none_is_left_over),	   TEST(untagged_task_is_verified),
		TEST(approval_of_another_session),
	};

	if (traced_is_skipped("trace_strings"))
		return 77;
	return cmocka_run_group_tests_name("trace_strings", tests, NULL, NULL);
}
