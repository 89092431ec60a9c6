/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/udp_internal.h"

#include <errno.h>
#include <string.h>

#include <utlist.h>

#include "common/cleanup.h"

#define DIAL_MS	 10000u
#define MAX_KEPT (64u << 10) /* while a name is looked up, bytes of one flow */

/* ---- the end of a flow ---- */

static void free_flow(struct udp_flow *flow)
{
	free(without_const(flow->caller.exe));
	free(without_const(flow->caller.call_id));
	free(without_const(flow->caller.call_tool));
	free(flow->host);
	buf_done(&flow->kept);
	udp_screen_done(flow);
	free(flow);
}

/* What never had a datagram to pass on is not told of. */
void udp_flow_over(struct udp_flow *flow, const char *reason)
{
	struct udp *udp = flow->udp;
	struct relay *relay = udp->relay;
	const struct relay_end end = {
		.token = flow,
		.caller = &flow->caller,
		.destination = &flow->port->at,
		.host = flow->host,
		.upstream = flow->upstream,
		.bytes_out = flow->bytes_out,
		.bytes_in = flow->bytes_in,
		.duration_ms = uv_now(relay->loop) - flow->started_ms,
		.reason = reason,
		.error = flow->error,
		.refusal = flow->refusal,
	};

	DL_DELETE(udp->flows, flow);
	udp->flow_count--;
	flow->port->flows--;
	flow->port->used_ms = uv_now(relay->loop);
	dial_cancel(take_ptr(flow->dial));
	udp_poll_stop(relay, &flow->poll);
	close_fd(&flow->socket_fd);
	close_fd(&flow->upstream_fd);
	if (flow->stage >= UDP_DIALLING)
		relay->ops->closed(relay->ctx, &end);
	free_flow(flow);
}

/* ---- out ---- */

/* Return, of all that send: false when the flow has ended by it. */
static bool send_out(struct udp_flow *flow, const uint8_t *bytes, size_t len)
{
	struct relay *relay = flow->udp->relay;
	const char *stop;
	/* What upstream's kernel does not take is lost, as on any way. */
	const ssize_t n = send(flow->upstream_fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n <= 0)
		return true;
	flow->bytes_out += (uint64_t)n;
	stop = relay->ops->sent(relay->ctx, &(struct relay_sent){
						    .caller = &flow->caller,
						    .destination = &flow->port->at,
						    .host = flow->host,
						    .is_udp = true,
						    .bytes = (uint64_t)n,
						    .is_told = &flow->is_told,
					    });
	if (stop)
		udp_flow_over(flow, stop);
	return !stop;
}

/* What has no room is lost, too. */
static void keep(struct udp_flow *flow, const uint8_t *bytes, size_t len)
{
	const uint32_t size = (uint32_t)len;

	if (flow->kept.len + sizeof(size) + len > MAX_KEPT)
		return;
	buf_put(&flow->kept, &size, sizeof(size));
	buf_put(&flow->kept, bytes, len);
}

/* Return: the datagram at @at of what was kept, and its length. */
static const uint8_t *kept_at(const struct buf *kept, size_t at, uint32_t *ret_size)
{
	memcpy(ret_size, kept->data + at, sizeof(*ret_size));
	return (const uint8_t *)kept->data + at + sizeof(*ret_size);
}

/* Return: all that is kept; the flow keeps nothing then, and may end before the last of it. */
static struct buf take_kept(struct udp_flow *flow)
{
	const struct buf kept = flow->kept;

	flow->kept = (struct buf)BUF_INIT(0);
	flow->screened = 0;
	flow->held_ms = 0;
	return kept;
}

/* Of what was all looked at. */
static bool send_kept(struct udp_flow *flow)
{
	struct buf kept = take_kept(flow);
	bool is_there = true;
	uint32_t size;

	for (size_t at = 0; is_there && at < kept.len; at += sizeof(size) + size) {
		const uint8_t *bytes = kept_at(&kept, at, &size);

		is_there = send_out(flow, bytes, size);
	}
	buf_done(&kept);
	return is_there;
}

static bool pass(struct udp_flow *flow, const uint8_t *bytes, size_t len)
{
	const char *stop;

	if (flow->stage == UDP_DIALLING || flow->waits) {
		keep(flow, bytes, len);
		return true;
	}
	stop = udp_screen(flow, bytes, len);
	if (stop == screen_later) {
		keep(flow, bytes, len);
		flow->screened = flow->kept.len;
		if (!flow->held_ms)
			flow->held_ms = uv_now(flow->udp->relay->loop);
		return true;
	}
	if (stop) {
		udp_flow_over(flow, stop);
		return false;
	}
	/* What was not looked at is kept only while something is waited for. */
	return send_kept(flow) && send_out(flow, bytes, len);
}

/* Those that were looked at go, the others are looked at now. */
static void pass_kept(struct udp_flow *flow)
{
	const size_t screened = flow->screened;
	struct buf kept = take_kept(flow);
	bool is_there = true;
	uint32_t size;

	for (size_t at = 0; is_there && at < kept.len; at += sizeof(size) + size) {
		const uint8_t *bytes = kept_at(&kept, at, &size);

		is_there = at < screened ? send_out(flow, bytes, size) : pass(flow, bytes, size);
	}
	buf_done(&kept);
}

void udp_flow_again(struct relay_waiter *waiter)
{
	struct udp_flow *flow = (struct udp_flow *)waiter;
	const char *stop;

	if (!flow->waits)
		return;
	stop = udp_screen_again(flow);
	if (!stop)
		pass_kept(flow);
	else if (stop != screen_later)
		udp_flow_over(flow, stop);
	else /* what is waited for may be the rest of it */
		flow->held_ms = uv_now(flow->udp->relay->loop);
}

static void on_upstream(uv_poll_t *poll, int status, int events);

static void on_dialled(void *ctx, const struct dial_result *result)
{
	struct udp_flow *flow = ctx;

	flow->dial = NULL;
	flow->upstream_fd = result->upstream_fd;
	flow->upstream = result->address;
	flow->refusal = result->refusal;
	flow->error = result->error;
	if (!flow->error)
		flow->error = udp_poll_start(flow->udp->relay, flow->upstream_fd, on_upstream, flow,
					     &flow->poll);
	if (flow->error) {
		udp_flow_over(flow, "not connected");
		return;
	}
	flow->stage = UDP_FLOWING;
	pass_kept(flow);
}

static void dial_out(struct udp_flow *flow)
{
	struct relay *relay = flow->udp->relay;
	struct endpoint numeric;
	const struct dial_config dial = {
		.loop = relay->loop,
		.resolver = endpoint_parse(flow->host, &numeric) ? NULL : relay_resolver(relay),
		.refusal = relay_refusal,
		.refusal_ctx = relay,
		.host = flow->host,
		.port = flow->port->at.port,
		.datagrams = true,
		.timeout_ms = DIAL_MS,
		.done = on_dialled,
		.ctx = flow,
	};

	flow->stage = UDP_DIALLING;
	flow->dial = dial_start(&dial);
}

/* Of whose socket it is; none is marked while its call waits. */
static struct udp_flow *flow_from(const struct udp_port *port, uint32_t mark)
{
	struct udp_flow *flow;

	DL_FOREACH (port->udp->flows, flow) {
		if (flow->port == port && flow->mark == mark && flow->stage != UDP_WAITING)
			return flow;
	}
	return NULL;
}

void udp_flow_pass_out(struct udp_port *port, const struct endpoint *source, uint32_t mark,
		       size_t len)
{
	struct relay *relay = port->udp->relay;
	struct udp_flow *flow = flow_from(port, mark);

	if (!flow) {
		if (!port->told_stray)
			relay->ops->stray(relay->ctx, &port->at);
		port->told_stray = true;
		return;
	}
	flow->moved_ms = uv_now(relay->loop);
	flow->source = *source;
	if (flow->stage == UDP_APPROVED)
		dial_out(flow);
	(void)pass(flow, port->udp->datagram, len);
}

/* ---- in ---- */

static void on_upstream(uv_poll_t *poll, int status, int events)
{
	struct udp_flow *flow = poll->data;
	struct udp *udp = flow->udp;
	union socket_address to;
	const socklen_t to_len = endpoint_to_socket(&flow->source, &to);

	(void)events;
	for (unsigned i = 0; i < TURN_MESSAGES; i++) {
		const ssize_t n =
			recv(flow->upstream_fd, udp->datagram, sizeof(udp->datagram), MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) /* somebody said that nobody is there: the program cannot be told */
			continue;
		flow->moved_ms = uv_now(udp->relay->loop);
		if (flow->quic)
			quic_hello_answered(flow->quic, udp->datagram, (size_t)n);
		if (sendto(flow->port->socket_fd, udp->datagram, (size_t)n,
			   MSG_DONTWAIT | MSG_NOSIGNAL, &to.generic, to_len) == n)
			flow->bytes_in += (uint64_t)n;
	}
	if (status < 0)
		(void)uv_poll_start(poll, UV_READABLE, on_upstream);
}
