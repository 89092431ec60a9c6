/* SPDX-License-Identifier: Apache-2.0 */
/*
 * L, pid 1 of one execution's pid namespace: reaps whatever is orphaned, and when the program it
 * was made for ends, it kills all that is left in the leaf and ends too. However it ends itself,
 * the kernel does the same.
 *
 * L and X share a table of descriptors until X is let go: that is how the listener of X's filter
 * reaches L, who is not under the filter and can still sendmsg(2) it to the supervisor.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/compat/syscalls.h"
#include "sandbox/launch.h"
#include "sandbox/lite.h"

void leaf_report(int report_fd, enum exec_outcome outcome, int status, const char *text)
{
	struct leaf_report report = {.outcome = outcome, .status = status};

	if (text)
		(void)snprintf(report.text, sizeof(report.text), "%s", text);
	if (write(report_fd, &report, sizeof(report)) < 0)
		_exit(LAUNCH_FAILED); /* C takes a leaf without a report for a killed one */
}

_Noreturn static void fail(const struct leaf_ends *ends, const struct error *err)
{
	leaf_report(ends->report_fd, EXEC_SETUP_ERROR, -err->code, err->text);
	_exit(LAUNCH_FAILED);
}

/* What X has to announce, or failed = true when it ended before it could. */
static struct exec_sync wait_for_sync(int sync_fd, int pidfd)
{
	struct exec_sync sync = {.failed = true};
	struct pollfd ends[2] = {{.fd = sync_fd, .events = POLLIN},
				 {.fd = pidfd, .events = POLLIN}};

	while (poll(ends, 2, -1) < 0 && errno == EINTR)
		;
	if (ends[0].revents & POLLIN)
		(void)!read(sync_fd, &sync, sizeof(sync));
	return sync;
}

static int send_ready(const struct launch *l, const struct exec_sync *sync, int pidfd)
{
	const struct msg m = {.type = MSG_READY, .exec = sync->exec};
	int fds[5];
	unsigned count = 0;

	if (sync->listener_fd >= 0)
		fds[count++] = sync->listener_fd;
	fds[count++] = pidfd;
	if (sync->hands_fd >= 0) {
		fds[count++] = sync->hands_fd;
		fds[count++] = sync->bell_fd;
	}
	if (sync->pty_fd >= 0)
		fds[count++] = sync->pty_fd;
	return msg_send(l->control_fd, &m, NULL, fds, count);
}

enum {
	REPORT_FD,
	GO_FD,
	LIFE_FD
};

/*
 * Own table from here on, with nothing in it but the three that are still needed. A range that
 * holds no descriptor is closed to get it: containers refuse unshare(2) whatever it is asked for.
 */
static int keep_only(const struct launch *l, int report_fd, int go_fd, struct error *err)
{
	if (syscall(SYS_close_range, ~0u, ~0u, CLOSE_RANGE_UNSHARE) < 0)
		return error_errno(err, errno, "unshare descriptors");
	/* All are above 2: C has something open at each of 0, 1, 2 (see exec.c). */
	if (dup2(report_fd, REPORT_FD) < 0 || dup2(go_fd, GO_FD) < 0 ||
	    dup2(l->life_fd, LIFE_FD) < 0 || syscall(SYS_close_range, LIFE_FD + 1u, ~0u, 0) < 0)
		return error_errno(err, errno, "close descriptors");
	return 0;
}

/* Between leaf_prepare() and the end. */
static bool is_lite;
/* 0: none, or ended. */
static pid_t hands;

/*
 * Nobody is left when there is no child to wait for: whoever loses its parent becomes ours. So that
 * is asked first: a signal to all looks at every process of the host.
 */
static void kill_the_rest(void)
{
	pid_t gone;

	if (is_lite) { /* "all that we may signal" are others than ours there */
		lite_kill_children(NULL);
		return;
	}
	for (;;) {
		do
			gone = waitpid(-1, NULL, __WALL | WNOHANG);
		while (gone > 0 || (gone < 0 && errno == EINTR));
		if (gone < 0)
			return;
		/* One that was being born when its parent was killed needs another round. */
		(void)kill(-1, SIGKILL);
		(void)waitpid(-1, NULL, __WALL);
	}
}

static uint64_t micros(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_usec;
}

/*
 * The program is over. That the leaf is empty is said before we end, for taking its mounts apart
 * takes the kernel longer than all the rest, and nobody has to wait for that.
 */
_Noreturn static void end_leaf(pid_t program, int status)
{
	struct leaf_report report = {.is_empty = true};
	struct rusage used = {0};

	if (!is_lite)
		report.left = left_behind(program, hands, report.left_first);
	kill_the_rest();
	(void)getrusage(RUSAGE_CHILDREN, &used);
	report.outcome = WIFEXITED(status) ? EXEC_EXITED : EXEC_SIGNALED;
	report.status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
	report.user_time_us = micros(used.ru_utime);
	report.system_time_us = micros(used.ru_stime);
	report.max_rss_kib = (uint64_t)used.ru_maxrss;
	if (!is_lite)
		keeper_take_view(LIFE_FD);
	(void)!write(REPORT_FD, &report, sizeof(report));
	_exit(0);
}

_Noreturn static void reap_until(pid_t pid)
{
	for (;;) {
		int status = 0;
		const pid_t gone = waitpid(-1, &status, __WALL | (is_lite ? WNOHANG : 0));

		if (gone == 0)
			lite_wait_for_child();
		if (gone == 0 || (gone < 0 && errno == EINTR))
			continue;
		if (gone < 0)
			_exit(LAUNCH_FAILED);
		if (gone == hands)
			hands = 0; /* that number may be another's now */
		if (gone == pid)
			end_leaf(pid, status);
	}
}

static int prepare(const struct launch *l, pid_t init_pid, struct error *err)
{
	int r;

	is_lite = l->lite;
	r = is_lite ? lite_prepare_leaf(init_pid, err) : mounts_fresh_proc(err);

	return r < 0 ? r : caps_drop_all(err);
}

void leaf_run(const struct launch *l, const struct leaf_ends *ends, pid_t init_pid)
{
	struct error err = {0};
	struct exec_sync sync;
	int pidfd = -1;
	int sync_pipe[2];
	int go_pipe[2];
	pid_t pid;

	if (prepare(l, init_pid, &err) < 0) {
		(void)launch_lacks(&err);
		fail(ends, &err);
	}
	if (pipe2(sync_pipe, O_CLOEXEC) < 0 || pipe2(go_pipe, O_CLOEXEC) < 0) {
		(void)error_errno(&err, errno, "make a pipe");
		fail(ends, &err);
	}
	if (is_lite)
		lite_hold_signals();
	pid = (pid_t)syscall(SYS_clone, CLONE_FILES | CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, 0);
	if (pid < 0) {
		(void)error_errno(&err, errno, "start a process for the call");
		fail(ends, &err);
	}
	if (!pid)
		exec_run(l, ends, sync_pipe[1], go_pipe[0]);
	sync = wait_for_sync(sync_pipe[0], pidfd);
	if (!sync.failed) {
		hands = sync.hands_pid;
		if (send_ready(l, &sync, pidfd) < 0)
			_exit(LAUNCH_FAILED); /* no supervisor: nothing runs */
		if (keep_only(l, ends->report_fd, go_pipe[1], &err) < 0) {
			(void)launch_lacks(&err);
			fail(ends, &err);
		}
		/* Fails if a signal ended X already; how it ended is then told below as always. */
		(void)!write(GO_FD, "g", 1);
		(void)close(GO_FD);
	} else if (dup2(ends->report_fd, REPORT_FD) < 0 || dup2(l->life_fd, LIFE_FD) < 0) {
		_exit(LAUNCH_FAILED);
	}
	reap_until(pid);
}
