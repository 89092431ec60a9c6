/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/decoy/visit.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "monitor/net/first_bytes.h"

#define MAX_UNSENT  (256u << 10) /* a program that asks and does not read is not read either */
#define LINGER_MS   2000u	 /* for what is underway when we close */
#define LAST_PIECES 64u		 /* that are still read of a program when the session ends */

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_idle(uv_timer_t *timer);

/* ---- the end ---- */

static void visit_free(struct visit *visit)
{
	free(visit->host);
	free(visit->address);
	free(visit->call_id);
	free(visit->target);
	(void)first_bytes_free(visit->first);
	buf_done(&visit->piece);
	buf_done(&visit->in);
	buf_done(&visit->out);
	if (visit->tls)
		(void)visit_tls(visit)->free(visit->tls);
	free(visit);
}

static void on_closed(uv_handle_t *handle)
{
	struct visit *visit = handle->data;
	struct decoy *decoy = visit->decoy;

	if (--visit->handles)
		return;
	decoy_unlist(visit);
	visit_free(visit);
	decoy_free_when_over(decoy);
}

static void reset_at_close(int socket_fd)
{
	const struct linger at_once = {.l_onoff = 1};

	(void)setsockopt(socket_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

void visit_drop_protocol(struct visit *visit)
{
	if (visit->protocol && visit->protocol->free)
		visit->protocol->free(visit);
	visit->protocol = NULL;
	visit->talk = NULL;
}

void visit_end(struct visit *visit, const char *reason, bool reset)
{
	struct decoy *decoy = visit->decoy;

	if (visit->has_ended)
		return;
	visit->has_ended = true;
	if (visit->waits)
		decoy->config.ops->forget(decoy->config.ctx, visit);
	visit->waits = false;
	if (visit->protocol && visit->protocol->end && !visit->input_ended)
		visit->protocol->end(visit);
	visit_drop_protocol(visit);
	uv_close((uv_handle_t *)&visit->poll, on_closed);
	uv_close((uv_handle_t *)&visit->idle, on_closed);
	if (reset)
		reset_at_close(visit->socket_fd);
	close_fd(&visit->socket_fd);
	decoy->config.ops->ended(decoy->config.ctx, visit->flow, &visit->totals, reason);
}

/* ---- what is sent ---- */

void visit_say(struct visit *visit, const char *bytes, size_t len)
{
	if (!visit->tls)
		buf_put(&visit->out, bytes, len);
	else if (visit_tls(visit)->write(visit->tls, bytes, len, &visit->out) < 0)
		visit->closing = true;
}

void visit_close(struct visit *visit)
{
	if (!visit->closing && visit->tls)
		visit_tls(visit)->shut(visit->tls, &visit->out);
	visit->closing = true;
}

/* A program that never reads the last of it would have all of it kept. */
static void drop_sent(struct visit *visit)
{
	if (visit->out_sent < MAX_UNSENT)
		return;
	buf_consume(&visit->out, visit->out_sent);
	visit->out_sent = 0;
}

/* Return: false when the connection has ended. */
static bool send_out(struct visit *visit)
{
	struct buf *out = &visit->out;

	while (visit->out_sent < out->len) {
		const ssize_t n = send(visit->socket_fd, out->data + visit->out_sent,
				       out->len - visit->out_sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			drop_sent(visit);
			return true;
		}
		if (n < 0) {
			visit_end(visit, "reset", true);
			return false;
		}
		visit->out_sent += (size_t)n;
		visit->totals.bytes_in += (uint64_t)n;
	}
	buf_clear(out);
	visit->out_sent = 0;
	return true;
}

static bool is_full(const struct visit *visit)
{
	return visit->out.len - visit->out_sent >= MAX_UNSENT;
}

bool visit_stalls(struct visit *visit)
{
	visit->stalled = is_full(visit);
	return visit->stalled;
}

/* ---- the loop ---- */

/* Waits for what can go on. */
static void watch(struct visit *visit)
{
	int events = 0;

	if (visit->out.len)
		events |= UV_WRITABLE;
	if (!visit->input_ended && !visit->waits && !is_full(visit))
		events |= UV_READABLE;
	(void)uv_poll_start(&visit->poll, events, on_poll);
}

static void settle(struct visit *visit)
{
	if (!send_out(visit))
		return;
	while (visit->stalled && !is_full(visit)) {
		visit->stalled = false;
		if (visit->protocol && visit->protocol->resume)
			visit->protocol->resume(visit);
		visit_use_input(visit);
		if (!send_out(visit))
			return;
	}
	if (visit->closing && !visit->out.len) {
		if (visit->input_ended) {
			visit_end(visit, "closed", false);
			return;
		}
		if (!visit->shut) {
			(void)shutdown(visit->socket_fd, SHUT_WR);
			(void)uv_timer_start(&visit->idle, on_idle, LINGER_MS, 0);
		}
		visit->shut = true;
	} else if (visit->waits) {
		(void)uv_timer_stop(&visit->idle);
	} else if (!visit->closing) {
		(void)uv_timer_start(&visit->idle, on_idle, DECOY_IDLE_MS, 0);
	}
	watch(visit);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct visit *visit = poll->data;

	if (status < 0 && visit->input_ended) {
		visit_end(visit, "reset", true);
		return;
	}
	/* With an error the call says which. */
	if ((events & UV_READABLE || status < 0) && !visit_read(visit))
		return;
	settle(visit);
}

void decoy_again(void *waiter)
{
	struct visit *visit = waiter;

	if (visit->waits && visit_pass(visit))
		settle(visit);
}

void visit_finish(struct visit *visit, const char *reason)
{
	if (visit->waits) {
		visit_end(visit, reason, true);
		return;
	}
	visit->is_last = true;
	/* A program that has ended has its last words still in the socket. */
	for (unsigned i = 0; i < LAST_PIECES && !visit->has_ended && !visit->input_ended; i++) {
		const uint64_t before = visit->totals.bytes_out;

		if (!visit_read(visit) || visit->totals.bytes_out == before)
			break;
		if (send_out(visit))
			visit->stalled = false;
	}
	visit_end(visit, reason, !visit->input_ended);
}

static void on_idle(uv_timer_t *timer)
{
	struct visit *visit = timer->data;

	visit_end(visit, visit->shut ? "closed" : "idle", false);
}

/* ---- the start ---- */

static void copy_peer(struct visit *visit, const struct decoy_peer *peer)
{
	visit->host = xstrdup(peer->host);
	visit->address = xstrdup(peer->address);
	visit->call_id = peer->call_id ? xstrdup(peer->call_id) : NULL;
	visit->peer = *peer;
	visit->peer.host = visit->host;
	visit->peer.address = visit->address;
	visit->peer.call_id = visit->call_id;
	visit->target = xstrdup(peer->host);
	visit->target_port = peer->port;
}

int visit_start(struct decoy *decoy, int socket_fd, const struct decoy_peer *peer, void *flow,
		struct visit **ret)
{
	struct visit *visit = xcalloc(1, sizeof(*visit));
	const int r = uv_poll_init(decoy->config.loop, &visit->poll, socket_fd);

	if (r < 0) {
		(void)close(socket_fd);
		free(visit);
		return r;
	}
	(void)uv_timer_init(decoy->config.loop, &visit->idle);
	visit->poll.data = visit;
	visit->idle.data = visit;
	visit->handles = 2;
	visit->decoy = decoy;
	visit->flow = flow;
	visit->socket_fd = socket_fd;
	visit->totals.started_ns = uv_hrtime();
	visit->first = decoy->config.ops->head ? first_bytes_new() : NULL;
	copy_peer(visit, peer);
	visit_use_input(visit); /* it may be ours to speak first */
	(void)uv_timer_start(&visit->idle, on_idle, DECOY_IDLE_MS, 0);
	watch(visit);
	*ret = visit;
	return 0;
}
