/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/compat/syscalls.h"

int spare_make(struct launch *l, uint32_t expected, struct spare *ret)
{
	const pid_t init_pid = getpid();
	struct spare spare = {.pidfd = -1, .expected = expected};
	int report[2];
	int order[2];

	if (pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, order) < 0) {
		const int reason = errno;

		(void)close(report[0]);
		(void)close(report[1]);
		return -reason;
	}
	spare.pid = (pid_t)syscall(
		SYS_clone, (l->lite ? 0 : CLONE_NEWPID | CLONE_NEWNS) | CLONE_PIDFD | SIGCHLD, NULL,
		&spare.pidfd, NULL, 0);
	if (!spare.pid) {
		const struct leaf_ends ends = {order[1], report[1], expected};

		(void)close(order[0]);
		leaf_run(l, &ends, init_pid);
	}
	spare.report_fd = report[0];
	spare.order_fd = order[0];
	if (spare.pid < 0) {
		const int reason = errno;

		(void)close(report[0]);
		(void)close(report[1]);
		(void)close(order[0]);
		(void)close(order[1]);
		return -reason;
	}
	(void)close(report[1]);
	(void)close(order[1]);
	*ret = spare;
	return 0;
}

void spare_drop(struct spare *spare)
{
	close_fd(&spare->order_fd);
	while (waitpid(spare->pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	close_fd(&spare->pidfd);
	close_fd(&spare->report_fd);
	spare->pid = 0;
}

/* Return: 0, -EPIPE if it was killed a moment ago, or another negative errno. */
static int order_once(struct launch *l, struct spare *spare, const struct msg *m,
		      const char *payload, const struct msg_fds *fds)
{
	/* Walls that are up do not come down. */
	if (spare->pid && spare->expected && spare->expected != m->flags)
		spare_drop(spare);
	if (!spare->pid) {
		const int r = spare_make(l, 0, spare);

		if (r < 0)
			return r;
	}
	return msg_send(spare->order_fd, m, payload, fds->fd, fds->count);
}

int spare_order(struct launch *l, struct spare *spare, const struct msg *m, const char *payload,
		const struct msg_fds *fds)
{
	int r = order_once(l, spare, m, payload, fds);

	if (r == -EPIPE) {
		spare_drop(spare);
		r = order_once(l, spare, m, payload, fds);
	}
	if (r == 0)
		close_fd(&spare->order_fd);
	return r;
}
