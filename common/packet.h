/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Datagrams with file descriptors over a SOCK_SEQPACKET socket: a head of fixed size, then bytes.
 * What they mean is proto.h's (supervisor and init) and the resident supervisor's.
 */

#include <stddef.h>

#include "common/limits.h"

struct msg_fds {
	int fd[MAX_MESSAGE_FDS]; /* owned by whoever holds the struct; -1 where empty */
	unsigned count;
};

#define MSG_FDS_NONE                             \
	{                                        \
		.fd = { -1, -1, -1, -1, -1, -1 } \
	}

void msg_fds_close(struct msg_fds *fds);

/* The peer is gone. */
#define MSG_EOF 1

struct packet {
	void *head;
	size_t head_len;
	char *payload;
	size_t payload_len;
};

/*
 * packet_send - one datagram; blocks only if the socket does. The fds stay with the caller.
 * Errors: -E2BIG for too many descriptors, -EMSGSIZE, -EAGAIN, -EPIPE.
 */
int packet_send(int socket_fd, const struct packet *packet, const int *fds, unsigned fd_count);

/*
 * packet_recv - one datagram. @packet: payload_len is the room on the way in and the bytes that
 * came on the way out. Received fds are O_CLOEXEC and belong to the caller; those in excess are
 * never leaked.
 * Return: 0, MSG_EOF when the peer is gone, -EAGAIN, -EPROTO for one without a whole head, with
 * more than there is room for, or with too many descriptors.
 */
int packet_recv(int socket_fd, struct packet *packet, struct msg_fds *ret_fds);
