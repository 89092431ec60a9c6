/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "monitor/net/dns_server_internal.h"

#define BATCH 16u /* datagrams in one turn of the loop */

/* One datagram and its answer. */
struct datagram {
	struct sockaddr_storage from;
	_Alignas(struct cmsghdr) uint8_t control[DNS_CONTROL_BYTES];
	struct iovec in, out;
	uint8_t query[MAX_DNS_QUERY_BYTES];
	uint8_t reply[DNS_REPLY_BYTES];
};

static void prepare(struct datagram *datagram, struct mmsghdr *message)
{
	datagram->in = (struct iovec){datagram->query, sizeof(datagram->query)};
	*message = (struct mmsghdr){
		.msg_hdr = {.msg_name = &datagram->from,
			    .msg_namelen = sizeof(datagram->from),
			    .msg_iov = &datagram->in,
			    .msg_iovlen = 1,
			    .msg_control = datagram->control,
			    .msg_controllen = sizeof(datagram->control)},
	};
}

/*
 * The answer is to come from the address that was asked: the same PKTINFO says both. False if the
 * kernel did not tell.
 */
static bool turn_around(struct msghdr *message)
{
	struct in_pktinfo info;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			info = (struct in_pktinfo){.ipi_spec_dst = info.ipi_addr};
			memcpy(CMSG_DATA(c), &info, sizeof(info));
			return true;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			return true; /* as it is: its interface is right as well */
		}
	}
	return false;
}

/* Turns the message received into the one to send. False: there is no answer. */
static bool answer(struct dns_udp *udp, struct datagram *datagram, struct mmsghdr *message)
{
	struct dns_server *server = udp->server;
	struct msghdr *head = &message->msg_hdr;
	int len;

	if ((head->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || !turn_around(head) ||
	    dns_held_knows(server, head, datagram->query, message->msg_len))
		return false;
	len = dns_server_answer(server, dns_held_waiter(server), datagram->query, message->msg_len,
				datagram->reply);
	if (len == -EAGAIN)
		dns_held_add(udp, head, datagram->query, message->msg_len);
	if (len <= 0)
		return false;
	datagram->out = (struct iovec){datagram->reply, (size_t)len};
	head->msg_iov = &datagram->out;
	head->msg_flags = 0;
	return true;
}

/* One that cannot be sent is lost, as datagrams are. */
static void send_all(int socket_fd, struct mmsghdr *messages, unsigned count)
{
	for (unsigned at = 0; at < count;) {
		const int sent = sendmmsg(socket_fd, messages + at, count - at, MSG_DONTWAIT);

		if (sent < 0 && errno == EAGAIN)
			return;
		at += sent > 0 ? (unsigned)sent : 1;
	}
}

static void on_datagrams(uv_poll_t *poll, int status, int events)
{
	struct dns_udp *udp = poll->data;
	struct datagram datagrams[BATCH];
	struct mmsghdr messages[BATCH];
	unsigned answers = 0;
	int count;

	(void)events;
	for (unsigned i = 0; i < BATCH; i++)
		prepare(&datagrams[i], &messages[i]);
	count = recvmmsg(udp->socket_fd, messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count && !udp->server->is_stopping; i++) {
		if (answer(udp, &datagrams[i], &messages[i]))
			messages[answers++] = messages[i];
	}
	if (!udp->server->is_stopping)
		send_all(udp->socket_fd, messages, answers);
	/* libuv has stopped the handle; there is nothing that a datagram socket does not survive.
	 */
	if (status < 0 && !udp->server->is_stopping)
		(void)uv_poll_start(poll, UV_READABLE, on_datagrams);
}

int dns_udp_start(struct dns_server *server, struct dns_udp *udp, struct error *err)
{
	int r;

	r = uv_poll_init(server->loop, &udp->poll, udp->socket_fd);
	if (r < 0)
		return error_set(err, r, "watch the name server's socket: %s", uv_strerror(r));
	server->handles++;
	udp->poll.data = udp;
	r = uv_poll_start(&udp->poll, UV_READABLE, on_datagrams);
	return r < 0 ? error_set(err, r, "watch the name server's socket: %s", uv_strerror(r)) : 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct dns_udp *udp = handle->data;

	dns_server_handle_closed(udp->server);
}

void dns_udp_stop(struct dns_udp *udp)
{
	if (udp->poll.data)
		uv_close((uv_handle_t *)&udp->poll, on_closed);
	close_fd(&udp->socket_fd);
}
