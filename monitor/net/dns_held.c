/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Datagrams whose answer waits for the owner. They are kept as they came, with where the answer is
 * to go, and read anew when the owner says so. One that comes again meanwhile is the same question.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "common/buf.h"
#include "monitor/net/dns_server_internal.h"

struct dns_held {
	struct dns_waiter waiter;
	struct dns_udp *udp; /* borrowed; NULL: it is not in use */
	struct sockaddr_storage from;
	socklen_t from_len;
	uint8_t control[DNS_CONTROL_BYTES];
	size_t control_len;
	uint8_t query[MAX_DNS_QUERY_BYTES];
	size_t len;
	struct dns_held *next, *prev;
};

static void drop(struct dns_held *held)
{
	struct dns_server *server = held->waiter.server;

	DL_DELETE(server->held, held);
	server->held_count--;
	free(held);
}

static void send_answer(struct dns_held *held, uint8_t *reply, size_t len)
{
	struct iovec out = {reply, len};
	const struct msghdr message = {.msg_name = &held->from,
				       .msg_namelen = held->from_len,
				       .msg_iov = &out,
				       .msg_iovlen = 1,
				       .msg_control = held->control,
				       .msg_controllen = held->control_len};

	/* One that cannot be sent is lost, as datagrams are. */
	(void)sendmsg(held->udp->socket_fd, &message, MSG_DONTWAIT);
}

static void again(struct dns_waiter *waiter)
{
	struct dns_held *held = (struct dns_held *)waiter; /* its first member */
	uint8_t reply[DNS_REPLY_BYTES];
	const int len = dns_server_answer(waiter->server, waiter, held->query, held->len, reply);

	if (len == -EAGAIN)
		return;
	if (len > 0)
		send_answer(held, reply, (size_t)len);
	drop(held);
}

struct dns_waiter *dns_held_waiter(struct dns_server *server)
{
	if (server->held_count == MAX_DNS_HELD)
		return NULL;
	if (!server->spare) {
		server->spare = xcalloc(1, sizeof(*server->spare));
		server->spare->waiter = (struct dns_waiter){.server = server, .again = again};
	}
	return &server->spare->waiter;
}

void dns_held_add(struct dns_udp *udp, const struct msghdr *message, const uint8_t *query,
		  size_t len)
{
	struct dns_server *server = udp->server;
	struct dns_held *held = server->spare;

	held->udp = udp;
	held->from_len = message->msg_namelen;
	memcpy(&held->from, message->msg_name, message->msg_namelen);
	held->control_len = message->msg_controllen;
	memcpy(held->control, message->msg_control, message->msg_controllen);
	held->len = len;
	memcpy(held->query, query, len);
	DL_APPEND(server->held, held);
	server->held_count++;
	server->spare = NULL;
}

bool dns_held_knows(const struct dns_server *server, const struct msghdr *message,
		    const uint8_t *query, size_t len)
{
	const struct dns_held *held = NULL;

	DL_FOREACH (server->held, held) {
		if (held->len == len && memcmp(held->query, query, len) == 0 &&
		    held->from_len == message->msg_namelen &&
		    memcmp(&held->from, message->msg_name, held->from_len) == 0)
			return true;
	}
	return false;
}

void dns_held_stop(struct dns_server *server)
{
	struct dns_held *held = NULL, *next = NULL;

	DL_FOREACH_SAFE (server->held, held, next) {
		server->ops->forget(server->ctx, &held->waiter);
		drop(held);
	}
	free(server->spare);
	server->spare = NULL;
}
