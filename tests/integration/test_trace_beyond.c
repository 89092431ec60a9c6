/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that reach beyond the program, and signals to other processes, as the trace sees them. */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/trace_fixture.h"

#define NOBODY 0x3ffffff0 /* above every process id */

static int calls(void *arg)
{
	(void)arg;
	(void)syscall(SYS_umount2, "/there/is/none", 0x7000);
	(void)syscall(SYS_unshare, 0); /* succeeds and does nothing */
	(void)syscall(SYS_kill, NOBODY, SIGTERM);
	(void)syscall(SYS_kill, getpid(), 0); /* succeeds: what counts is a signal that arrives */
	(void)syscall(SYS_setuid, geteuid());
	return 0;
}

static void test_calls(void **state)
{
	const struct trace_event *event;

	(void)state;
	if (traced_by_lsm(&traced)) /* its hooks are no system calls */
		skip();
	assert_int_equal(traced_run(&traced, calls, NULL), 0);
	assert_int_equal(traced_count(&traced, TRACE_CALL), 3);
	event = traced_find(&traced, TRACE_CALL, NULL, 0);
	assert_int_equal(event->syscall, SYS_umount2);
	assert_true(event->result < 0);
	assert_int_equal(event->args[1], 0x7000);
	event = traced_find(&traced, TRACE_CALL, NULL, 1);
	assert_int_equal(event->syscall, SYS_unshare);
	assert_int_equal(event->result, 0);
	event = traced_find(&traced, TRACE_CALL, NULL, 2);
	assert_int_equal(event->syscall, SYS_kill);
	assert_int_equal(event->result, -ESRCH);
	assert_int_equal(event->args[0], NOBODY);
	assert_int_equal(event->args[1], SIGTERM);
	assert_int_equal(traced_count(&traced, TRACE_SIGNAL), 0);
}

/* What its parent may use, asked for and set to what it is; its own; and an open by a handle that
 * is none. */
static int limits(void *arg)
{
	struct rlimit limit;

	(void)arg;
	if (prlimit(getppid(), RLIMIT_CORE, NULL, &limit) < 0 ||
	    prlimit(0, RLIMIT_CORE, &limit, NULL) < 0 ||
	    prlimit(getppid(), RLIMIT_CORE, &limit, NULL) < 0)
		return 1;
	return syscall(SYS_open_by_handle_at, -1, NULL, 0) == -1 ? 0 : 2;
}

static void test_limits(void **state)
{
	const struct trace_event *event;

	(void)state;
	if (traced_by_lsm(&traced))
		skip();
	assert_int_equal(traced_run(&traced, limits, NULL), 0);
	assert_int_equal(traced_count(&traced, TRACE_CALL), 2);
	event = traced_find(&traced, TRACE_CALL, NULL, 0);
	assert_int_equal(event->syscall, SYS_prlimit64);
	assert_int_equal(event->result, 0);
	assert_int_equal(event->args[0], getpid());
	event = traced_find(&traced, TRACE_CALL, NULL, 1);
	assert_int_equal(event->syscall, SYS_open_by_handle_at);
	assert_true(event->result < 0);
}

static pid_t sleeper(void)
{
	const pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	return pid;
}

/* A child is killed by its parent, one by its brother, and the parent is told by its child. */
static int kills(void *arg)
{
	const bool deaf = signal(SIGHUP, SIG_IGN) != SIG_ERR;
	const pid_t own = sleeper(), other = sleeper();
	const pid_t brother = fork();

	(void)arg;
	if (brother == 0) {
		int failed = kill(other, SIGTERM);

		for (int i = 0; i < 1000; i++) /* told once */
			failed |= kill(getppid(), SIGHUP);
		_exit(failed != 0);
	}
	if (!deaf || own < 0 || other < 0 || brother < 0 || kill(own, SIGKILL) < 0)
		return 1;
	(void)raise(SIGCONT); /* to itself: nobody's business */
	return waitpid(own, NULL, 0) == own && waitpid(other, NULL, 0) == other &&
			       waitpid(brother, NULL, 0) == brother
		       ? 0
		       : 2;
}

/* Nobody's child, as daemons are. */
static pid_t orphan(bool in_own_session)
{
	pid_t pid = -1;
	int ends[2];

	if (pipe(ends) < 0)
		return -1;
	if (fork() == 0) {
		if (in_own_session)
			(void)setsid();
		pid = sleeper();
		_exit(write(ends[1], &pid, sizeof(pid)) != sizeof(pid));
	}
	return read(ends[0], &pid, sizeof(pid)) == sizeof(pid) && wait(NULL) > 0 ? pid : -1;
}

/* Whoever loses its parent has the same as all others that have. */
static bool kill_as_orphan(pid_t victim)
{
	char result = 1;
	int ends[2];

	if (pipe(ends) < 0)
		return false;
	if (fork() == 0) {
		const pid_t parent = getpid();

		if (fork() > 0)
			_exit(0);
		while (getppid() == parent)
			(void)usleep(100);
		result = kill(victim, SIGUSR2) < 0;
		_exit(write(ends[1], &result, 1) != 1);
	}
	return wait(NULL) > 0 && read(ends[0], &result, 1) == 1 && !result;
}

/*
 * Stopped by who made them, by that one's child, by somebody whose parent is younger, and by an
 * orphan.
 */
static int stops_orphans(void *arg)
{
	const pid_t made = orphan(true), daemon = orphan(true);
	const pid_t own = orphan(false), older = orphan(false), service = orphan(false);
	const pid_t child = fork();
	int status;

	(void)arg;
	if (child == 0) {
		const bool failed = kill(own, SIGTERM) < 0 || kill(daemon, SIGQUIT) < 0;
		const pid_t grandchild = fork();

		if (grandchild == 0)
			_exit(kill(older, SIGKILL) < 0);
		_exit(failed || waitpid(grandchild, &status, 0) != grandchild || status);
	}
	return made < 0 || daemon < 0 || own < 0 || older < 0 || service < 0 ||
	       kill(made, SIGINT) < 0 || waitpid(child, &status, 0) != child || status ||
	       !kill_as_orphan(service);
}

/* Takes all of its orphans as children, as the keepers of isolation lite do. */
static int adopts_orphans(void *arg)
{
	pid_t service;

	(void)arg;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return 1;
	service = orphan(false);
	return service < 0 || !kill_as_orphan(service);
}

/* What the one who gets the signal is to the sender, and its name, as "relation name". */
static const char *signal_of(int number)
{
	static char said[64];
	const struct trace_event *event = NULL;

	for (size_t i = 0; (event = traced_find(&traced, TRACE_SIGNAL, NULL, i)); i++) {
		if (event->result != number)
			continue;
		(void)snprintf(said, sizeof(said), "%s %s", event->relation, event->target);
		return said;
	}
	return "none";
}

static void test_signals(void **state)
{
	(void)state;
	assert_int_equal(traced_run(&traced, kills, NULL), 0);
	/* What the kernel sends (SIGCHLD, thrice) is none of the program's. */
	assert_int_equal(traced_count(&traced, TRACE_SIGNAL), 3);
	assert_string_equal(signal_of(SIGKILL), "descendant test_trace_beyo");
	assert_string_equal(signal_of(SIGTERM), "sibling test_trace_beyo");
	assert_string_equal(signal_of(SIGHUP), "other test_trace_beyo");
}

static void test_orphans(void **state)
{
	(void)state;
	assert_int_equal(traced_run(&traced, stops_orphans, NULL), 0);
	assert_string_equal(signal_of(SIGINT), "sibling test_trace_beyo");
	assert_string_equal(signal_of(SIGTERM), "sibling test_trace_beyo");
	assert_string_equal(signal_of(SIGQUIT), "other test_trace_beyo");
	assert_string_equal(signal_of(SIGKILL), "other test_trace_beyo");
	assert_string_equal(signal_of(SIGUSR2), "other test_trace_beyo");
}

static void test_adopted(void **state)
{
	(void)state;
	assert_int_equal(traced_run(&traced, adopts_orphans, NULL), 0);
	assert_string_equal(signal_of(SIGUSR2), "other test_trace_beyo");
}

int main(void)
{
	const struct CMUnitTest tests[] = {TRACE_TEST(calls), TRACE_TEST(limits),
					   TRACE_TEST(signals), TRACE_TEST(orphans),
					   TRACE_TEST(adopted)};

	return fixture_run("beyond", tests, sizeof(tests) / sizeof(tests[0]));
}
