/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/udp_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "common/limits.h"

#define IDLE_MS	   120000u /* RFC 4787 4.3: not less */
#define MOST_MS	   (UINT64_C(24) * 60 * 60 * 1000)
#define UNUSED_MS  5000u /* a socket that no flow needs */
#define GIVE_UP_MS 10000u
#define HELD_MS	   10000u /* half a hello, which is never passed on */

static struct udp_flow *flow_of_socket(const struct udp *udp, const struct endpoint *to, ino_t ino)
{
	struct udp_flow *flow;

	DL_FOREACH (udp->flows, flow) {
		if (flow->socket_ino == ino && endpoint_equal(&flow->port->at, to))
			return flow;
	}
	return NULL;
}

/* Nobody says when a socket of UDP is done with: one that has been silent makes room. */
static bool end_idlest(struct udp *udp)
{
	uint64_t moved_ms = uv_now(udp->relay->loop) - UNUSED_MS;
	struct udp_flow *idlest = NULL;
	struct udp_flow *flow;

	DL_FOREACH (udp->flows, flow) {
		if (flow->moved_ms >= moved_ms || flow->stage == UDP_WAITING || flow->waits)
			continue;
		idlest = flow;
		moved_ms = flow->moved_ms;
	}
	if (!idlest)
		return false;
	udp_flow_over(idlest, "idle time limit");
	return true;
}

/* One mark for all flows of a socket. */
static uint32_t mark_of(struct udp *udp, ino_t ino)
{
	struct udp_flow *flow;

	DL_FOREACH (udp->flows, flow) {
		if (flow->mark && flow->socket_ino == ino)
			return flow->mark;
	}
	if (!++udp->last_mark)
		udp->last_mark = 1;
	return udp->last_mark;
}

/* The socket is there. Return: 0, or a negative errno: the flow is over. */
static int approve(struct udp_flow *flow)
{
	const uint32_t mark = mark_of(flow->udp, flow->socket_ino);
	const int r = udp_port_mark(flow->port, flow->socket_fd, mark);

	if (r < 0) {
		udp_flow_over(flow, "not connected");
		return r;
	}
	flow->mark = mark;
	flow->stage = UDP_APPROVED;
	return 0;
}

static int start(struct udp *udp, const struct relay_request *request, ino_t ino)
{
	struct udp_flow *flow;
	struct udp_port *port = NULL;
	_cleanup_close_ int socket_fd = fcntl(*request->socket_fd, F_DUPFD_CLOEXEC, 3);
	int r;

	if (socket_fd < 0)
		return -errno;
	if (udp->flow_count >= MAX_NET_DATAGRAM_FLOWS && !end_idlest(udp))
		return -ENOBUFS;
	r = udp_port_use(udp, &request->destination, &port);
	if (r < 0)
		return r;
	flow = xcalloc(1, sizeof(*flow));
	flow->waiter.again = udp_flow_again;
	flow->udp = udp;
	flow->port = port;
	flow->caller = request->caller;
	flow->caller.exe = xstrdup(request->caller.exe ? request->caller.exe : "");
	flow->caller.call_id = xstrdup(request->caller.call_id ? request->caller.call_id : "");
	flow->caller.call_tool =
		xstrdup(request->caller.call_tool ? request->caller.call_tool : "");
	flow->tickets[flow->ticket_count++] = request->ticket;
	flow->host = xstrdup(request->host);
	flow->socket_fd = take_fd(&socket_fd);
	flow->socket_ino = ino;
	flow->upstream_fd = -1;
	flow->started_ms = flow->moved_ms = uv_now(udp->relay->loop);
	DL_APPEND(udp->flows, flow);
	udp->flow_count++;
	if (port->socket_fd < 0)
		return 0;
	r = approve(flow);
	return r < 0 ? r : RELAY_NOW;
}

int udp_send(struct udp *udp, const struct relay_request *request)
{
	struct udp_flow *flow;
	struct stat st;
	int r;

	if (!request->socket_fd)
		return -EPERM; /* whose it is could not be told */
	if (fstat(*request->socket_fd, &st) < 0)
		return -errno;
	flow = flow_of_socket(udp, &request->destination, st.st_ino);
	if (flow && flow->error)
		udp_flow_over(take_ptr(flow), "not connected");
	if (!flow)
		return start(udp, request, st.st_ino);
	flow->moved_ms = uv_now(udp->relay->loop);
	/* Who waited for the socket may have gone since, or have come back with another address. */
	if (flow->stage == UDP_WAITING && flow->port->socket_fd >= 0) {
		r = approve(flow);
		if (r < 0)
			return r;
	}
	if (flow->stage != UDP_WAITING)
		flow->ticket_count = 0;
	if (flow->ticket_count == MAX_UDP_SENDERS)
		return -ENOBUFS;
	flow->tickets[flow->ticket_count++] = request->ticket;
	return flow->stage == UDP_WAITING ? 0 : RELAY_NOW;
}

static bool has_ticket(const struct udp_flow *flow, uint64_t ticket)
{
	for (unsigned i = 0; i < flow->ticket_count; i++)
		if (flow->tickets[i] == ticket)
			return true;
	return false;
}

enum relay_answer udp_answer(struct udp *udp, const void *owner, uint64_t ticket,
			     const struct endpoint *destination, int *ret_error)
{
	struct udp_flow *flow;
	int r = 0;

	DL_FOREACH (udp->flows, flow) {
		if (flow->caller.owner == owner && has_ticket(flow, ticket) && destination &&
		    endpoint_equal(&flow->port->at, destination))
			break;
	}
	if (!flow)
		return RELAY_UNKNOWN;
	if (flow->error) {
		*ret_error = flow->error;
		udp_flow_over(flow, "not connected");
		return RELAY_FAILED;
	}
	if (flow->port->socket_fd < 0)
		return RELAY_WAITS;
	if (flow->stage == UDP_WAITING)
		r = approve(flow);
	if (r < 0)
		*ret_error = r;
	return r < 0 ? RELAY_FAILED : RELAY_GOES_ON;
}

void udp_drain(struct udp *udp, const void *owner)
{
	struct udp_flow *flow;
	struct udp_flow *next;

	DL_FOREACH_SAFE (udp->flows, flow, next) {
		if (flow->caller.owner == owner)
			udp_flow_over(flow, "program ended");
	}
}

void udp_yield(struct udp *udp, uint16_t number)
{
	struct udp_port *port;
	struct udp_port *next;

	DL_FOREACH_SAFE (udp->ports, port, next) {
		if (port->at.port == number && !port->flows && port->socket_fd >= 0)
			udp_port_close(port);
	}
}

bool udp_sweep(struct udp *udp)
{
	const uint64_t now = uv_now(udp->relay->loop);
	struct udp_flow *flow;
	struct udp_flow *next_flow;
	struct udp_port *port;
	struct udp_port *next_port;

	DL_FOREACH_SAFE (udp->flows, flow, next_flow) {
		if (flow->stage == UDP_WAITING && now - flow->started_ms >= GIVE_UP_MS)
			udp_flow_over(flow, "given up");
		else if (now - flow->started_ms >= MOST_MS)
			udp_flow_over(flow, "total time limit");
		else if (now - flow->moved_ms >= IDLE_MS && !flow->waits)
			udp_flow_over(flow, "idle time limit");
		else if (flow->held_ms && !flow->waits && now - flow->held_ms >= HELD_MS)
			udp_flow_over(flow, "first bytes incomplete");
	}
	DL_FOREACH_SAFE (udp->ports, port, next_port) {
		if (!port->flows && port->socket_fd >= 0 && now - port->used_ms >= UNUSED_MS)
			udp_port_close(port);
	}
	return udp->ports;
}

struct udp *udp_new(struct relay *relay)
{
	struct udp *udp = xcalloc(1, sizeof(*udp));

	udp->relay = relay;
	return udp;
}

void udp_free(struct udp *udp)
{
	while (udp->flows)
		udp_flow_over(udp->flows, "session ended");
	while (udp->ports)
		udp_port_close(udp->ports);
	quic_ids_done(&udp->quic_ids);
	free(udp);
}
