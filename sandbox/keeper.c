/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P after the session stands: waits until the init or the supervisor is gone, then sees to it that
 * nothing of the session is left.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/launch.h"

static void say_how_it_ended(const struct launch *l, int status)
{
	struct error err;

	if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == LAUNCH_FAILED))
		return;
	if (WIFSIGNALED(status))
		(void)error_set(&err, ECHILD, "the session's init was killed by signal %d (%s)%s",
				WTERMSIG(status),
				strsignal(WTERMSIG(status)), /* NOLINT(concurrency-mt-unsafe) */
				WTERMSIG(status) == SIGKILL ? "; out of memory?" : "");
	else
		(void)error_set(&err, ECHILD, "the session's init ended with status %d",
				WEXITSTATUS(status));
	launch_fail(l, &err);
}

/* Blocks until it is time to end; the socket has no data for us, only its hang-up counts. */
static void wait_for_an_end(const struct launch *l, int init_pidfd, int signal_fd)
{
	struct pollfd ends[3] = {{.fd = l->control_fd, .events = 0},
				 {.fd = init_pidfd, .events = POLLIN},
				 {.fd = signal_fd, .events = POLLIN}};

	while (poll(ends, 3, -1) < 0 && errno == EINTR)
		;
}

int keeper_run(struct launch *l, pid_t init_pid, int init_pidfd)
{
	_cleanup_close_ int signal_fd = -1;
	sigset_t ends;
	int status = 0;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
	signal_fd = signalfd(-1, &ends, SFD_CLOEXEC);
	wait_for_an_end(l, init_pidfd, signal_fd);
	/* Killing pid 1 kills its namespace; it is reaped when every process in it is gone. */
	(void)kill(init_pid, SIGKILL);
	while (waitpid(init_pid, &status, 0) < 0 && errno == EINTR)
		;
	cgroup_remove(l);
	say_how_it_ended(l, status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}
