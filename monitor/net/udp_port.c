/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/udp_internal.h"

#include <errno.h>

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

static void on_port(uv_poll_t *poll, int status, int events)
{
	struct udp_port *port = poll->data;
	struct udp *udp = port->udp;

	(void)status; /* what epoll calls an error, recvfrom() takes off the socket */
	(void)events;
	for (unsigned i = 0; i < TURN_MESSAGES; i++) {
		union socket_address from = {0};
		socklen_t from_len = sizeof(from);
		struct endpoint source;
		const ssize_t n = recvfrom(port->socket_fd, udp->datagram, sizeof(udp->datagram),
					   MSG_DONTWAIT, &from.generic, &from_len);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n >= 0 && endpoint_from_socket(&from, &source))
			udp_flow_pass_out(port, &source, (size_t)n);
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
		error = udp_poll_start(udp->relay, socket_fd, on_port, port, &port->poll);
	}
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
