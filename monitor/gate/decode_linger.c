/* SPDX-License-Identifier: Apache-2.0 */

/*
 * SO_LINGER, which says how long a close(2) waits, and so that of our duplicates too. It is set
 * here, by the thread that closes them: whoever looks before a close (common/release.h) knows that
 * nobody of the session sets it in between. No rule is asked, and nothing is told of it.
 */

#include <errno.h>
#include <sys/socket.h>

#include "common/release.h"
#include "monitor/gate/decode.h"

static int set_linger(int socket_fd, const struct linger *linger, socklen_t len,
		      struct gate_answer *ret)
{
	if (setsockopt(socket_fd, SOL_SOCKET, SO_LINGER, linger, len) < 0)
		return -errno;
	*ret = (struct gate_answer){.done = true};
	return 0;
}

int decode_linger(struct decode *d, const struct seccomp_data *data, struct gate_answer *ret)
{
	const int given = (int)data->args[4];
	struct linger linger = {0};
	socklen_t len = sizeof(linger);
	int socket_fd;
	int r;

	/* Only with these does the filter stop it. All are ints for the kernel. */
	if ((int)data->args[1] != SOL_SOCKET || (int)data->args[2] != SO_LINGER) {
		ret->proceed = true;
		return 0;
	}
	if (given >= 0 && (size_t)given < sizeof(linger))
		len = (socklen_t)given;
	socket_fd = target_socket(&d->target, (int)data->args[0]);
	/* Where duplicates are refused there is none to close. */
	if (socket_fd == -EPERM || socket_fd == -ENOSYS) {
		ret->proceed = true;
		return 0;
	}
	if (socket_fd < 0)
		return socket_fd;
	r = len && given >= 0 ? child_mem_read(&d->mem, data->args[3], &linger, len) : -EINVAL;
	if (!d->ops->is_valid(d->ctx))
		r = DECODE_GONE;
	if (r == 0)
		r = set_linger(socket_fd, &linger, len, ret);
	release_socket_as_is(&socket_fd); /* what was just set stays */
	return r;
}
