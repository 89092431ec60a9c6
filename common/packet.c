/* SPDX-License-Identifier: Apache-2.0 */
#include "common/packet.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/cleanup.h"

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * MAX_MESSAGE_FDS)];
};

int packet_send(int socket_fd, const struct packet *packet, const int *fds, unsigned fd_count)
{
	union control control = {0};
	struct iovec parts[2] = {{packet->head, packet->head_len},
				 {packet->payload, packet->payload_len}};
	struct msghdr mh = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n;

	if (fd_count > MAX_MESSAGE_FDS)
		return -E2BIG;
	if (fd_count) {
		struct cmsghdr *c;

		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	do
		n = sendmsg(socket_fd, &mh, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

void msg_fds_close(struct msg_fds *fds)
{
	for (unsigned i = 0; i < MAX_MESSAGE_FDS; i++)
		close_fd(&fds->fd[i]);
	fds->count = 0;
}

/* Takes every descriptor that came; those beyond the array are closed, never leaked. */
static void take_fds(struct msghdr *mh, struct msg_fds *fds)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int received_fd;

			memcpy(&received_fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (fds->count < MAX_MESSAGE_FDS)
				fds->fd[fds->count++] = received_fd;
			else
				(void)close(received_fd);
		}
	}
}

int packet_recv(int socket_fd, struct packet *packet, struct msg_fds *ret_fds)
{
	union control control = {0};
	struct iovec parts[2] = {{packet->head, packet->head_len},
				 {packet->payload, packet->payload_len}};
	struct msghdr mh = {.msg_iov = parts,
			    .msg_iovlen = 2,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes)};
	struct msg_fds fds = MSG_FDS_NONE;
	ssize_t n;

	do
		n = recvmsg(socket_fd, &mh, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? MSG_EOF : -errno;
	take_fds(&mh, &fds);
	if (n == 0 && fds.count == 0)
		return MSG_EOF;
	if ((size_t)n < packet->head_len || (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		msg_fds_close(&fds);
		return -EPROTO;
	}
	packet->payload_len = (size_t)n - packet->head_len;
	*ret_fds = fds;
	return 0;
}
