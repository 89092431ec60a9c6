/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/udp_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "common/limits.h"

/* ---- sockets that are polled ---- */

static void on_poll_closed(uv_handle_t *handle)
{
	struct relay *relay = handle->data;

	free(handle);
	relay_handle_closed(relay);
}

int udp_poll_start(struct relay *relay, int socket_fd, uv_poll_cb readable, void *data,
		   uv_poll_t **ret)
{
	uv_poll_t *poll = xcalloc(1, sizeof(*poll));
	int r = uv_poll_init(relay->loop, poll, socket_fd);

	if (r < 0) {
		free(poll);
		return r;
	}
	relay->handles++;
	poll->data = data;
	*ret = poll;
	return uv_poll_start(poll, UV_READABLE, readable);
}

void udp_poll_stop(struct relay *relay, uv_poll_t **poll)
{
	if (!*poll)
		return;
	(*poll)->data = relay;
	uv_close((uv_handle_t *)take_ptr(*poll), on_poll_closed);
}

/* ---- what comes there ---- */

/* What the kernel says of a datagram besides: IP_PKTINFO, or that of IPv6, and SO_MARK. */
union told {
	struct cmsghdr first;
	char bytes[128];
};

static uint32_t mark_in(struct msghdr *message)
{
	uint32_t mark = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_MARK)
			memcpy(&mark, CMSG_DATA(c), sizeof(mark));
	}
	return mark;
}

static void on_port(uv_poll_t *poll, int status, int events)
{
	struct udp_port *port = poll->data;
	struct udp *udp = port->udp;

	(void)status; /* what epoll calls an error, recvmsg() takes off the socket */
	(void)events;
	for (unsigned i = 0; i < TURN_MESSAGES; i++) {
		union socket_address from = {0};
		union told told;
		struct iovec to = {udp->datagram, sizeof(udp->datagram)};
		struct msghdr message = {.msg_name = &from,
					 .msg_namelen = sizeof(from),
					 .msg_iov = &to,
					 .msg_iovlen = 1,
					 .msg_control = &told,
					 .msg_controllen = sizeof(told)};
		struct endpoint source;
		const ssize_t n = recvmsg(port->socket_fd, &message, MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n >= 0 && endpoint_from_socket(&from, &source))
			udp_flow_pass_out(port, &source, mark_in(&message), (size_t)n);
	}
	if (status < 0) /* libuv has stopped it */
		(void)uv_poll_start(poll, UV_READABLE, on_port);
}

void udp_port_close(struct udp_port *port)
{
	struct udp *udp = port->udp;

	DL_DELETE(udp->ports, port);
	udp->port_count--;
	udp_poll_stop(udp->relay, &port->poll);
	close_fd(&port->socket_fd);
	free(port);
}

/* ---- marks ---- */

/* As who made the session's user namespace the supervisor may do both, without being root. */
static int set_number(int socket_fd, int option, uint32_t number)
{
	return setsockopt(socket_fd, SOL_SOCKET, option, &number, sizeof(number)) < 0 ? -errno : 0;
}

static bool is_same_network(int a_fd, int b_fd)
{
	uint64_t a = 0;
	uint64_t b = 0;
	socklen_t a_len = sizeof(a);
	socklen_t b_len = sizeof(b);

	return getsockopt(a_fd, SOL_SOCKET, SO_NETNS_COOKIE, &a, &a_len) == 0 &&
	       getsockopt(b_fd, SOL_SOCKET, SO_NETNS_COOKIE, &b, &b_len) == 0 && a == b;
}

/* One that was handed in from outside sends from there, where marks may have a meaning. */
int udp_port_mark(const struct udp_port *port, int socket_fd, uint32_t mark)
{
	if (!is_same_network(port->socket_fd, socket_fd))
		return -EPERM;
	return set_number(socket_fd, SO_MARK, mark);
}

/* ---- the socket at the destination ---- */

struct port_order {
	struct relay *relay;
	struct endpoint at;
};

static struct udp_port *port_at(const struct udp *udp, const struct endpoint *at)
{
	struct udp_port *port;

	DL_FOREACH (udp->ports, port) {
		if (endpoint_equal(&port->at, at))
			return port;
	}
	return NULL;
}

static struct udp_flow *next_asleep(const struct udp_port *port)
{
	struct udp_flow *flow;

	DL_FOREACH (port->udp->flows, flow) {
		if (flow->port == port && flow->stage == UDP_WAITING && !flow->woken)
			return flow;
	}
	return NULL;
}

/* Those that wait for it ask again, by which any flow may end. */
static void wake(struct udp_port *port, int error)
{
	struct relay *relay = port->udp->relay;
	struct udp_flow *flow;

	while ((flow = next_asleep(port))) {
		const struct udp_flow asked = *flow; /* the first that asks again may end it */
		unsigned waiting = 0;

		flow->woken = true;
		flow->error = error;
		for (unsigned i = 0; i < asked.ticket_count; i++) {
			if (!relay->ops->is_waiting(relay->ctx, asked.caller.owner,
						    asked.tickets[i]))
				continue;
			waiting++;
			relay->ops->resume(relay->ctx, asked.caller.owner, asked.tickets[i]);
		}
		if (!waiting)
			udp_flow_over(flow, "given up");
	}
}

static void on_socket(void *ctx, int socket_fd)
{
	struct port_order *order = ctx;
	struct udp *udp = order->relay->udp;
	struct udp_port *port = udp ? port_at(udp, &order->at) : NULL;
	int error = socket_fd < 0 ? socket_fd : 0;

	relay_handle_closed(order->relay);
	free(order);
	if (!port || port->socket_fd >= 0) {
		close_fd(&socket_fd);
		return;
	}
	if (!error) {
		port->socket_fd = socket_fd;
		error = set_number(socket_fd, SO_RCVMARK, 1);
	}
	if (!error)
		error = udp_poll_start(udp->relay, socket_fd, on_port, port, &port->poll);
	port->flows++; /* it stays while they are woken */
	wake(port, error);
	if (--port->flows == 0 && error)
		udp_port_close(port);
}

int udp_port_use(struct udp *udp, const struct endpoint *at, struct udp_port **ret)
{
	struct udp_port *port = port_at(udp, at);
	struct relay *relay = udp->relay;
	struct port_order *order;
	int r;

	if (!port) {
		if (udp->port_count >= MAX_NET_LISTENERS)
			return -ENOBUFS;
		order = xcalloc(1, sizeof(*order));
		*order = (struct port_order){relay, *at};
		r = relay->ops->datagram(relay->ctx, at, on_socket, order);
		if (r < 0) {
			free(order);
			return r;
		}
		relay->handles++; /* until it is answered */
		port = xcalloc(1, sizeof(*port));
		*port = (struct udp_port){.udp = udp, .at = *at, .socket_fd = -1};
		DL_APPEND(udp->ports, port);
		udp->port_count++;
	}
	port->flows++;
	*ret = port;
	return 0;
}
