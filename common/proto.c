/* SPDX-License-Identifier: Apache-2.0 */
#include "common/proto.h"

#include <errno.h>
#include <string.h>

int msg_send(int socket_fd, const struct msg *m, const char *payload, const int *fds,
	     unsigned fd_count)
{
	struct msg head = *m;
	struct packet packet = {
		.head = &head, .head_len = sizeof(head), .payload_len = m->payload_len};

	if (m->payload_len > MAX_MESSAGE_BYTES)
		return -E2BIG;
	/* sendmsg(2) only reads what it points to. */
	memcpy(&packet.payload, &payload, sizeof(payload));
	return packet_send(socket_fd, &packet, fds, fd_count);
}

int msg_recv(int socket_fd, struct msg *ret_m, char *payload, struct msg_fds *ret_fds)
{
	struct msg head = {0};
	struct packet packet = {.head = &head,
				.head_len = sizeof(head),
				.payload = payload,
				.payload_len = MAX_MESSAGE_BYTES};
	struct msg_fds fds;
	const int r = packet_recv(socket_fd, &packet, &fds);

	if (r)
		return r;
	if (packet.payload_len != head.payload_len ||
	    (head.payload_len && payload[head.payload_len - 1] != '\0')) {
		msg_fds_close(&fds);
		return -EPROTO;
	}
	*ret_m = head;
	*ret_fds = fds;
	return 0;
}

const char *msg_next_string(const struct msg *m, const char *payload, size_t *at)
{
	const char *text = payload + *at;

	if (*at >= m->payload_len)
		return NULL;
	*at += strlen(text) + 1;
	return text;
}
