/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P after the session stands: waits until the init or the supervisor is gone, then sees to it that
 * nothing of the session is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/launch.h"
#include "sandbox/lite.h"

/* How long a leaf's view may wait: see wait_for_an_end(). */
#define VIEW_PAUSE_MS 100

static void say_how_it_ended(const struct launch *l, int status)
{
	struct error err;

	if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == LAUNCH_FAILED))
		return;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		(void)error_set(&err, ECHILD,
				"the session's init was killed; unless somebody did that, %" PRIu64
				" bytes of memory are too few for this session: allow more with "
				"--memory, or free some on the host",
				l->spec.limits.memory_bytes);
	else if (WIFSIGNALED(status))
		(void)error_set(&err, ECHILD, "the session's init was killed by signal %d (%s)",
				WTERMSIG(status),
				strsignal(WTERMSIG(status)) /* NOLINT(concurrency-mt-unsafe) */);
	else
		(void)error_set(&err, ECHILD, "the session's init ended with status %d",
				WEXITSTATUS(status));
	launch_tell(l, &err);
}

enum {
	END_CONTROL,
	END_INIT,
	END_SIGNAL,
	ENDS,
	VIEWS = ENDS,
	DISK
};

/* Leaves of a session that goes on: what they left is taken apart here, where nobody waits. */
static void drop_views(const struct launch *l)
{
	struct msg_fds fds = MSG_FDS_NONE;
	char note;

	for (;;) {
		struct pollfd more = {.fd = l->keeper_end_fd, .events = POLLIN};
		struct packet packet = {.head = &note, .head_len = sizeof(note)};

		if (poll(&more, 1, 0) <= 0 || !(more.revents & POLLIN) ||
		    packet_recv(l->keeper_end_fd, &packet, &fds))
			return;
		msg_fds_close(&fds);
	}
}

/* Return: false if the session is to end, which the supervisor has been told. */
static bool watch_disk(struct launch *l, bool reported)
{
	const char note = KEEPER_END_CALLS;
	struct error err;

	switch (disk_step(l, reported)) {
	case DISK_GOES_ON:
		break;
	case DISK_ENDS_CALLS:
		(void)!write(l->keeper_end_fd, &note, 1);
		break;
	case DISK_ENDS_SESSION:
		disk_say_end(&l->disk, &err);
		launch_tell(l, &err);
		return false;
	}
	return true;
}

/* The nearer of two pauses, as poll(2) takes them. */
static int sooner(int a_ms, int b_ms)
{
	return a_ms < 0 || (b_ms >= 0 && b_ms < a_ms) ? b_ms : a_ms;
}

/*
 * Blocks until it is time to end; the control socket has no data for us, only its hang-up counts.
 * The last leaf's view often comes with the session's end, hence the pause before it is taken.
 * Return: false if the end was ours, and has been told.
 */
static bool wait_for_an_end(struct launch *l, int init_pidfd, int signal_fd)
{
	struct pollfd ends[ENDS + 2] = {
		[END_CONTROL] = {.fd = l->control_fd, .events = 0},
		[END_INIT] = {.fd = init_pidfd, .events = POLLIN},
		[END_SIGNAL] = {.fd = signal_fd, .events = POLLIN},
		[VIEWS] = {.fd = l->keeper_end_fd, .events = POLLIN},
		[DISK] = {.events = POLLIN},
	};
	int pause_ms = -1; /* of a view that waits */

	for (;;) {
		const int disk_ms = disk_timeout(&l->disk);
		int n;

		ends[DISK].fd = l->disk.report_fd;
		ends[VIEWS].events = pause_ms < 0 ? POLLIN : 0;
		n = poll(ends, ENDS + 2, sooner(disk_ms, pause_ms));
		if (n < 0)
			continue; /* EINTR */
		if (ends[END_CONTROL].revents || ends[END_INIT].revents || ends[END_SIGNAL].revents)
			return true;
		if (l->disk.folder && (ends[DISK].revents || disk_timeout(&l->disk) == 0) &&
		    !watch_disk(l, ends[DISK].revents))
			return false;
		if (pause_ms >= 0 && n == 0) {
			drop_views(l);
			pause_ms = -1;
		} else if (ends[VIEWS].revents & POLLIN) {
			pause_ms = VIEW_PAUSE_MS;
		} else if (ends[VIEWS].revents) {
			ends[VIEWS].fd = -1; /* C hung up: it ends */
		}
	}
}

void keeper_take_view(int life_fd)
{
	char note = 'v';
	const struct packet packet = {.head = &note, .head_len = sizeof(note)};
	_cleanup_close_ int view_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	if (view_fd >= 0 && fcntl(life_fd, F_SETFL, O_NONBLOCK) == 0)
		(void)packet_send(life_fd, &packet, &view_fd, 1);
}

static int take_apart(void *ctx)
{
	const struct launch *l = ctx;

	cgroup_remove(ctx);
	if (l->lite)
		lite_remove_private(l);
	_exit(0); /* the last hold on the session's mount namespaces goes with us */
}

/*
 * Nobody has to wait while the kernel takes a session's mounts apart (RCU grace periods) and its
 * cgroups away: a child that shares our memory and has copies of our descriptors, on a stack of its
 * own, does it behind us. The locks among these tell a next start that it is not done yet.
 */
_Noreturn static void leave(struct launch *l, int status)
{
	static char stack[64 << 10] __attribute__((aligned(16)));

	if (clone(take_apart, stack + sizeof(stack), CLONE_VM | SIGCHLD, l) < 0) {
		cgroup_remove(l);
		if (l->lite)
			lite_remove_private(l);
	}
	_exit(status);
}

void keeper_run(struct launch *l, pid_t init_pid, int init_pidfd)
{
	_cleanup_close_ int signal_fd = -1;
	sigset_t ends;
	bool is_told;
	int status = 0;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
	signal_fd = signalfd(-1, &ends, SFD_CLOEXEC);
	is_told = !wait_for_an_end(l, init_pidfd, signal_fd);
	/* Killing pid 1 kills its namespace; it is reaped when every process in it is gone. */
	(void)kill(init_pid, SIGKILL);
	while (waitpid(init_pid, &status, 0) < 0 && errno == EINTR)
		;
	if (l->lite)
		lite_kill_children(NULL);
	if (!is_told)
		say_how_it_ended(l, status);
	/* Whoever watches hears of the end now. */
	close_fd(&l->control_fd);
	leave(l, WIFEXITED(status) ? WEXITSTATUS(status) : LAUNCH_FAILED);
}
