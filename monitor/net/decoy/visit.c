/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/decoy/visit.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "monitor/net/first_bytes.h"

#define READ_BYTES  (64u << 10)
#define MAX_WAITING (128u << 10) /* bytes that no protocol takes: none of ours needs more */
#define MAX_UNSENT  (256u << 10) /* a program that asks and does not read is not read either */
#define LINGER_MS   2000u	 /* for what is underway when we close */
#define LAST_PIECES 64u		 /* that are still read of a program when the session ends */
#define PORT_SMTPS  465

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_idle(uv_timer_t *timer);

/* ---- the end ---- */

static const struct tls_module *tls_of(const struct visit *visit)
{
	return visit->decoy->config.tls;
}

static void visit_free(struct visit *visit)
{
	free(visit->host);
	free(visit->address);
	free(visit->call_id);
	free(visit->target);
	(void)first_bytes_free(visit->first);
	buf_done(&visit->in);
	buf_done(&visit->out);
	if (visit->tls)
		(void)tls_of(visit)->free(visit->tls);
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

static void drop_protocol(struct visit *visit)
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
	if (visit->protocol && visit->protocol->end && !visit->input_ended)
		visit->protocol->end(visit);
	drop_protocol(visit);
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
	else if (tls_of(visit)->write(visit->tls, bytes, len, &visit->out) < 0)
		visit->closing = true;
}

void visit_close(struct visit *visit)
{
	if (!visit->closing && visit->tls)
		tls_of(visit)->shut(visit->tls, &visit->out);
	visit->closing = true;
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
		if (n < 0 && errno == EAGAIN)
			return true;
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

/* ---- which protocol ---- */

static void begin(struct visit *visit, const struct protocol *protocol)
{
	visit->protocol = protocol;
	if (protocol->begin)
		protocol->begin(visit);
}

bool visit_start_tls(struct visit *visit)
{
	struct tls_server *server = decoy_tls(visit->decoy);

	if (!server || visit->tls)
		return false;
	visit->tls = tls_of(visit)->open(server, visit->target);
	return visit->tls != NULL;
}

void visit_tunnel(struct visit *visit, const char *host, uint16_t port)
{
	drop_protocol(visit);
	free(visit->target);
	visit->target = xstrdup(host);
	visit->target_port = port;
}

/* Servers that speak first are told by their port, as the program does. */
static const struct protocol *protocol_of_port(const struct visit *visit)
{
	switch (visit->target_port) {
	case 22:
		return visit->tls ? NULL : &ssh_protocol;
	case 25:
	case 587:
	case 2525:
		return visit->tls ? NULL : &smtp_protocol;
	case PORT_SMTPS:
		return visit->tls && tls_of(visit)->is_open(visit->tls) ? &smtp_protocol : NULL;
	default:
		return NULL;
	}
}

static bool is_tls(const char *bytes, size_t len)
{
	return bytes[0] == 0x16 && (len < 2 || bytes[1] == 0x03);
}

/* Return: false if the bytes are too few to say. */
static bool recognise(struct visit *visit)
{
	const char *bytes = visit->in.data;
	const size_t len = visit->in.len;
	int begins;

	if (!visit->tls && is_tls(bytes, len)) {
		if (len < 2)
			return false;
		if (visit_start_tls(visit))
			return true;
	}
	begins = http_begins(bytes, len);
	if (begins < 0 && len < 4)
		return false;
	if (begins > 0)
		begin(visit, &http_protocol);
	else if (len >= 4 && memcmp(bytes, "SSH-", 4) == 0)
		begin(visit, &ssh_protocol);
	else if (begins < 0)
		return false;
	else
		begin(visit, &other_protocol);
	return true;
}

/* ---- what is read ---- */

/* The program does not trust us, or does not speak TLS: that it tried is evidence too. */
static void tell_broken_tls(struct visit *visit)
{
	struct decoy_request request = {
		.service = "tls",
		.host = tls_of(visit)->name(visit->tls),
		.method = "",
		.path = "",
		.detail = tls_of(visit)->failure(visit->tls)[0] ? tls_of(visit)->failure(visit->tls)
								: "the handshake was not finished",
	};
	struct evidence nothing;

	if (visit->protocol)
		return;
	evidence_begin(&nothing, &visit->decoy->store);
	evidence_tell(&nothing, &request);
	visit_tell(visit, &request);
	evidence_done(&nothing);
}

/* Return: false if no more is to be read. */
static bool decrypt(struct visit *visit, const char *bytes, size_t len)
{
	const int r = tls_of(visit)->feed(visit->tls, bytes, len, &visit->in, &visit->out);

	if (r == -EPROTO) {
		tell_broken_tls(visit);
		visit->closing = true;
	}
	return r == 0;
}

/* What waits in plain is the beginning of TLS. */
static bool decrypt_waiting(struct visit *visit)
{
	_cleanup_buf_ struct buf first = visit->in;

	visit->in = (struct buf)BUF_INIT(0);
	return decrypt(visit, first.data, first.len);
}

static void use_input(struct visit *visit)
{
	struct buf *in = &visit->in;
	size_t taken;

	while (!visit->closing && !visit->stalled) {
		if (!visit->protocol) {
			const struct protocol *protocol = protocol_of_port(visit);
			const bool was_plain = !visit->tls;

			if (protocol)
				begin(visit, protocol);
			else if (!in->len || !recognise(visit))
				return;
			if (was_plain && visit->tls && !decrypt_waiting(visit))
				return;
			continue;
		}
		const struct protocol *protocol = visit->protocol;
		const bool was_plain = !visit->tls;

		taken = in->len ? protocol->take(visit, in->data, in->len) : 0;
		buf_consume(in, taken);
		if (was_plain && visit->tls) {
			/* STARTTLS: what came with it in plain is not from inside of it. */
			buf_clear(in);
			return;
		}
		if (visit->protocol == protocol && (!taken || !in->len))
			return;
	}
}

static void finish_input(struct visit *visit)
{
	if (visit->input_ended)
		return;
	visit->input_ended = true;
	if (visit->tls && !tls_of(visit)->is_open(visit->tls) && !visit->closing)
		tell_broken_tls(visit);
	/* Half a word of some protocol, or bytes of none. */
	if (!visit->protocol && visit->in.len && !visit->closing) {
		begin(visit, &other_protocol);
		(void)other_protocol.take(visit, visit->in.data, visit->in.len);
	}
	if (visit->protocol && visit->protocol->end)
		visit->protocol->end(visit);
	visit_close(visit);
}

/* Return: false if policy lets it not pass. */
static bool look(struct visit *visit, const char *bytes, size_t len)
{
	const struct decoy_config *config = &visit->decoy->config;
	enum first_outcome outcome;
	size_t taken;

	while (len && visit->first) {
		outcome = first_bytes_feed(visit->first, bytes, len, &taken);
		if ((outcome == FIRST_HEAD || outcome == FIRST_BROKEN) &&
		    !config->ops->head(config->ctx, &visit->peer, first_bytes_seen(visit->first)))
			return false;
		if (outcome == FIRST_OPAQUE || outcome == FIRST_BROKEN)
			visit->first = first_bytes_free(visit->first);
		bytes += taken;
		len -= taken;
	}
	return true;
}

/* One piece. Return: false when the connection has ended. */
static bool read_in(struct visit *visit)
{
	char piece[READ_BYTES];
	const ssize_t n = recv(visit->socket_fd, piece, sizeof(piece), 0);
	bool more = true;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n < 0) {
		visit_end(visit, "reset", true);
		return false;
	}
	if (n == 0) {
		finish_input(visit);
		return true;
	}
	visit->totals.bytes_out += (uint64_t)n;
	if (visit->closing)
		return true;
	if (!look(visit, piece, (size_t)n)) {
		visit_end(visit, "refused by policy", true);
		return false;
	}
	if (visit->tls)
		more = decrypt(visit, piece, (size_t)n);
	else
		buf_put(&visit->in, piece, (size_t)n);
	use_input(visit);
	if (!more || visit->in.len > MAX_WAITING)
		finish_input(visit);
	return true;
}

/* ---- the loop ---- */

/* Waits for what can go on. */
static void watch(struct visit *visit)
{
	int events = 0;

	if (visit->out.len)
		events |= UV_WRITABLE;
	if (!visit->input_ended && !is_full(visit))
		events |= UV_READABLE;
	(void)uv_poll_start(&visit->poll, events, on_poll);
}

static void settle(struct visit *visit)
{
	if (!send_out(visit))
		return;
	while (visit->stalled && !is_full(visit)) {
		visit->stalled = false;
		use_input(visit);
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
	if ((events & UV_READABLE || status < 0) && !read_in(visit))
		return;
	settle(visit);
}

void visit_finish(struct visit *visit, const char *reason)
{
	/* A program that has ended has its last words still in the socket. */
	for (unsigned i = 0; i < LAST_PIECES && !visit->has_ended && !visit->input_ended; i++) {
		const uint64_t before = visit->totals.bytes_out;

		if (!read_in(visit) || visit->totals.bytes_out == before)
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
	use_input(visit); /* it may be ours to speak first */
	(void)uv_timer_start(&visit->idle, on_idle, DECOY_IDLE_MS, 0);
	watch(visit);
	*ret = visit;
	return 0;
}
