/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that reach beyond the program, and signals to other processes, as the trace sees them. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/trace_fixture.h"

#define NOBODY	  0x3ffffff0 /* above every process id */
#define NO_GROUPS 0x10001    /* more than there may be */

static int calls(void *arg)
{
	(void)arg;
	(void)syscall(SYS_umount2, "/there/is/none", 0x7000);
	(void)syscall(SYS_unshare, 0); /* succeeds and does nothing */
	(void)syscall(SYS_kill, NOBODY, SIGTERM);
	(void)syscall(SYS_kill, getpid(), 0); /* succeeds: what counts is a signal that arrives */
	(void)syscall(SYS_setuid, geteuid()); /* to what it is already */
	(void)syscall(SYS_setgroups, NO_GROUPS, NULL);
	return syscall(SYS_memfd_create, "nameless", MFD_ALLOW_SEALING) < 0;
}

/* Of ids and of files without a name both back ends tell. */
static void expect_call(size_t nth, int number, uint64_t first)
{
	const struct trace_event *event = traced_find(&traced, TRACE_CALL, NULL, nth);

	assert_non_null(event);
	assert_int_equal(event->syscall, number);
	assert_true((number == SYS_setgroups) == (event->result < 0));
	if (number == SYS_memfd_create)
		assert_int_equal(event->args[1], first);
	else
		assert_int_equal(event->args[0], first);
}

static void test_calls(void **state)
{
	const struct trace_event *event;

	(void)state;
	assert_int_equal(traced_run(&traced, calls, NULL), 0);
	if (traced_by_lsm(&traced)) { /* its hooks are no system calls */
		assert_int_equal(traced_count(&traced, TRACE_CALL), 3);
		expect_call(0, SYS_setuid, geteuid());
		expect_call(1, SYS_setgroups, NO_GROUPS);
		expect_call(2, SYS_memfd_create, MFD_ALLOW_SEALING);
		return;
	}
	assert_int_equal(traced_count(&traced, TRACE_CALL), 6);
	expect_call(3, SYS_setuid, geteuid());
	expect_call(4, SYS_setgroups, NO_GROUPS);
	expect_call(5, SYS_memfd_create, MFD_ALLOW_SEALING);
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

/* The ways in which memory can be run, and some in which it cannot. */
static int maps(void *arg)
{
	const int memfd = memfd_create("code", MFD_CLOEXEC);
	const int file_fd = open(arg, O_RDWR | O_CLOEXEC);
	const long page = sysconf(_SC_PAGESIZE);
	char *two, *written;
	int segment;

	if (memfd < 0 || file_fd < 0 || ftruncate(memfd, page) < 0 || ftruncate(file_fd, page) < 0)
		return 1;
	if (mmap(NULL, (size_t)page, PROT_READ | PROT_EXEC, MAP_PRIVATE, file_fd, 0) ==
		    MAP_FAILED ||
	    mmap(NULL, (size_t)page, PROT_READ, MAP_PRIVATE, file_fd, 0) == MAP_FAILED ||
	    mmap(NULL, (size_t)page, PROT_READ | PROT_EXEC, MAP_SHARED, memfd, 0) == MAP_FAILED)
		return 2;
	written = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	if (written == MAP_FAILED || mprotect(written, (size_t)page, PROT_READ | PROT_EXEC) < 0 ||
	    mprotect(written, (size_t)page, PROT_READ) < 0)
		return 3;
	/* What a file shows, made executable only afterwards; and more than one thing at a time. */
	two = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0);
	if (two == MAP_FAILED ||
	    mmap(two, (size_t)page, PROT_READ, MAP_PRIVATE | MAP_FIXED, file_fd, 0) == MAP_FAILED ||
	    mprotect(two, (size_t)page, PROT_READ | PROT_EXEC) < 0 ||
	    mprotect(two, 2 * (size_t)page, PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
		return 4;
	segment = shmget(IPC_PRIVATE, (size_t)page, IPC_CREAT | 0600);
	if (segment < 0)
		return 5;
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): as it says that it failed */
	if (shmat(segment, NULL, SHM_EXEC) == (void *)-1)
		return 6;
	(void)shmctl(segment, IPC_RMID, NULL);
	return mmap(NULL, 0, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

struct expected_map {
	int number;
	const char *path; /* its end */
	unsigned protection;
	bool by_return; /* seen by tracepoint alone */
};

static void test_maps(void **state)
{
	static const struct expected_map expected[] = {
		{SYS_mmap, "/code.so", PROT_READ | PROT_EXEC, false},
		{SYS_mmap, "memfd:code", PROT_READ | PROT_EXEC, false},
		{SYS_mprotect, "", PROT_READ | PROT_EXEC, false},
		{SYS_mprotect, "/code.so", PROT_READ | PROT_EXEC, false},
		{SYS_mprotect, "", PROT_READ | PROT_WRITE | PROT_EXEC, true},
		{SYS_shmat, "SYSV", PROT_EXEC, true},
		{SYS_mmap, "", PROT_EXEC, true},
	};
	size_t seen = 0;

	(void)state;
	make_file("code.so");
	assert_int_equal(traced_run(&traced, maps, in_folder("code.so")), 0);
	assert_int_equal(traced_count(&traced, TRACE_MAP), 0); /* nobody has asked */
	assert_int_equal(trace_tell_maps(traced.trace, TRACED_SLOT), 0);
	assert_int_equal(traced_run(&traced, maps, in_folder("code.so")), 0);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		const struct trace_event *event = traced_find(&traced, TRACE_MAP, NULL, seen);
		const char *end = event ? strstr(event->path, expected[i].path) : NULL;

		if (traced_by_lsm(&traced) && expected[i].by_return)
			break; /* one call there is asked about in parts */
		assert_non_null(end);
		if (!event)
			return; /* not said to the analyser by the line before */
		assert_int_equal(event->syscall, expected[i].number);
		if (!expected[i].path[0])
			assert_string_equal(event->path, "");
		assert_int_equal(event->flags, expected[i].protection);
		seen++;
	}
	if (traced_by_lsm(&traced))
		return;
	assert_int_equal(traced_count(&traced, TRACE_MAP), seen);
	assert_int_equal(traced_find(&traced, TRACE_MAP, NULL, 0)->result, 0);
	assert_int_equal(traced_find(&traced, TRACE_MAP, NULL, seen - 1)->result, -EINVAL);
}

/* Two parts of one call, of which the first alone lies on a mount that nobody writes to. */
static int hidden_map(void *arg)
{
	const long page = sysconf(_SC_PAGESIZE);
	int file_fd;
	char *at;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(fixture_folder, fixture_folder, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, fixture_folder, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		return 1;
	file_fd = open(arg, O_RDONLY | O_CLOEXEC);
	at = mmap(NULL, 2 * (size_t)page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (file_fd < 0 || at == MAP_FAILED ||
	    mmap(at, (size_t)page, PROT_READ, MAP_PRIVATE | MAP_FIXED, file_fd, 0) == MAP_FAILED)
		return 2;
	if (mprotect(at, (size_t)page, PROT_READ | PROT_EXEC) < 0) /* no news */
		return 3;
	return mprotect(at, 2 * (size_t)page, PROT_READ | PROT_EXEC) < 0 ? 4 : 0;
}

static void test_maps_of_what_is_read_only(void **state)
{
	(void)state;
	make_file("library.so");
	assert_int_equal(truncate(in_folder("library.so"), 4096), 0);
	assert_int_equal(trace_tell_maps(traced.trace, TRACED_SLOT), 0);
	assert_int_equal(traced_run(&traced, hidden_map, in_folder("library.so")), 0);
	assert_int_equal(traced_count(&traced, TRACE_MAP), 1);
	assert_string_equal(traced_find(&traced, TRACE_MAP, NULL, 0)->path, "");
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

/* A child and a grandchild tell the first one something, which it does not listen to. */
static int signals_ancestors(void *arg)
{
	const pid_t first = getpid();
	const pid_t child =
		signal(SIGUSR1, SIG_IGN) == SIG_ERR || signal(SIGUSR2, SIG_IGN) == SIG_ERR ? -1
											   : fork();
	int status;

	(void)arg;
	if (child == 0) {
		const bool failed = kill(first, SIGUSR1) < 0;
		const pid_t grandchild = fork();

		if (grandchild == 0)
			_exit(kill(first, SIGUSR2) < 0);
		_exit(failed || waitpid(grandchild, &status, 0) != grandchild || status);
	}
	return child < 0 || waitpid(child, &status, 0) != child || status;
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

/* Every signal says who gets it, and that one was seen to be made, or to make others. */
static void expect_receivers(void)
{
	const struct trace_event *event, *forked;

	for (size_t i = 0; (event = traced_find(&traced, TRACE_SIGNAL, NULL, i)); i++) {
		bool is_known = false;

		for (size_t k = 0; (forked = traced_find(&traced, TRACE_FORK, NULL, k)); k++)
			is_known |= event->receiver == forked->pid ||
				    event->receiver == forked->parent_pid;
		assert_true(is_known);
		assert_int_not_equal(event->receiver, event->pid);
	}
}

static void test_signals(void **state)
{
	(void)state;
	assert_int_equal(traced_run(&traced, kills, NULL), 0);
	/* What the kernel sends (SIGCHLD, thrice) is none of the program's. */
	assert_int_equal(traced_count(&traced, TRACE_SIGNAL), 3);
	assert_string_equal(signal_of(SIGKILL), "descendant test_trace_beyo");
	assert_string_equal(signal_of(SIGTERM), "sibling test_trace_beyo");
	assert_string_equal(signal_of(SIGHUP), "ancestor test_trace_beyo");
	expect_receivers();
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
	expect_receivers();
}

static void test_adopted(void **state)
{
	(void)state;
	assert_int_equal(traced_run(&traced, adopts_orphans, NULL), 0);
	assert_string_equal(signal_of(SIGUSR2), "other test_trace_beyo");
}

static void test_ancestors(void **state)
{
	(void)state;
	assert_int_equal(traced_run(&traced, signals_ancestors, NULL), 0);
	assert_string_equal(signal_of(SIGUSR1), "ancestor test_trace_beyo");
	assert_string_equal(signal_of(SIGUSR2), "ancestor test_trace_beyo");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRACE_TEST(calls),   TRACE_TEST(limits),
		TRACE_TEST(maps),    TRACE_TEST(maps_of_what_is_read_only),
		TRACE_TEST(signals), TRACE_TEST(orphans),
		TRACE_TEST(adopted), TRACE_TEST(ancestors),
	};

	return fixture_run("beyond", tests, sizeof(tests) / sizeof(tests[0]));
}
