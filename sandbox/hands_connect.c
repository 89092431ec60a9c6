/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect(2), on a duplicate of the very socket and to the very file, or address, that was judged.
 *
 * A socket's file has no other way in than a path: that of our own descriptor, which the kernel
 * follows to the file itself. What the server sees as SO_PEERCRED are user and group of the
 * program, and our pid.
 *
 * Others wait for us, so we do not wait. A socket that does is made one that does not for as long
 * as the call lasts. All who hold it could see that; but nobody sends or receives by a socket
 * before it is connected. One that changes it back in between stops nobody but its own execution.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sandbox/hands.h"

union address {
	struct sockaddr generic;
	struct sockaddr_un un;
	struct sockaddr_storage storage;
};

static socklen_t address_of(const struct hands_job *job, union address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (job->place[0].target_fd >= 0) {
		ret->un.sun_family = AF_UNIX;
		(void)snprintf(ret->un.sun_path, sizeof(ret->un.sun_path), "/proc/self/fd/%d",
			       job->place[0].target_fd);
		return sizeof(ret->un);
	}
	memcpy(ret, job->value, job->request->value_len);
	return job->request->value_len;
}

int hands_connect_wait(const struct hands_job *job)
{
	union address to;
	const socklen_t len = address_of(job, &to);

	return connect(job->socket_fd, &to.generic, len) < 0 ? -errno : 0;
}

/* Of one that is connected, or knows no connections, connect(2) does not wait. */
static bool may_wait(int socket_fd, int flags)
{
	struct sockaddr_storage peer;
	socklen_t peer_len = sizeof(peer);
	socklen_t len = sizeof(int);
	int type = 0;

	if (flags & O_NONBLOCK)
		return false;
	if (getsockopt(socket_fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    (type != SOCK_STREAM && type != SOCK_SEQPACKET))
		return false;
	return getpeername(socket_fd, (struct sockaddr *)&peer, &peer_len) < 0;
}

int hands_connect(const struct hands_job *job)
{
	const int flags = fcntl(job->socket_fd, F_GETFL);
	int r;

	if (flags < 0)
		return -errno;
	if (!may_wait(job->socket_fd, flags))
		return hands_connect_wait(job);
	if (fcntl(job->socket_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	r = hands_connect_wait(job);
	/* One to ourselves is there when the call is over, which says only that it has begun. */
	if (r == -EINPROGRESS)
		r = hands_connect_wait(job);
	(void)fcntl(job->socket_fd, F_SETFL, flags);
	return r == -EAGAIN || r == -EALREADY || r == -EINPROGRESS ? HANDS_WAITS : r;
}
