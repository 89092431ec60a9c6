/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/decoy/connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <utlist.h>

#include "common/cleanup.h"

#define READ_BYTES  (64u << 10)
#define MAX_WAITING (128u << 10) /* bytes that no protocol takes: none of ours needs more */
#define MAX_UNSENT  (256u << 10) /* a program that asks and does not read is not read either */
#define LINGER_MS   2000u	 /* for what is underway when we close */
#define PORT_SMTPS  465

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_idle(uv_timer_t *timer);

/* ---- the end ---- */

static void connection_free(struct connection *connection)
{
	free(connection->host);
	free(connection->address);
	free(connection->call_id);
	free(connection->target);
	buf_done(&connection->in);
	buf_done(&connection->out);
	(void)tls_free(connection->tls);
	free(connection);
}

static void on_closed(uv_handle_t *handle)
{
	struct connection *connection = handle->data;

	if (--connection->handles)
		return;
	decoy_forget(connection);
	connection_free(connection);
}

static void reset_at_close(int socket_fd)
{
	const struct linger at_once = {.l_onoff = 1};

	(void)setsockopt(socket_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void drop_protocol(struct connection *connection)
{
	if (connection->protocol && connection->protocol->free)
		connection->protocol->free(connection);
	connection->protocol = NULL;
	connection->talk = NULL;
}

void connection_end(struct connection *connection, const char *reason, bool reset)
{
	struct decoy *decoy = connection->decoy;

	if (connection->has_ended)
		return;
	connection->has_ended = true;
	if (connection->protocol && connection->protocol->end && !connection->input_ended)
		connection->protocol->end(connection);
	drop_protocol(connection);
	uv_close((uv_handle_t *)&connection->poll, on_closed);
	uv_close((uv_handle_t *)&connection->idle, on_closed);
	if (reset)
		reset_at_close(connection->socket_fd);
	close_fd(&connection->socket_fd);
	decoy->config.ops->ended(decoy->config.ctx, connection->flow, &connection->totals, reason);
}

/* ---- what is sent ---- */

void connection_say(struct connection *connection, const char *bytes, size_t len)
{
	if (!connection->tls)
		buf_put(&connection->out, bytes, len);
	else if (tls_write(connection->tls, bytes, len, &connection->out) < 0)
		connection->closing = true;
}

void connection_close(struct connection *connection)
{
	if (!connection->closing && connection->tls)
		tls_shut(connection->tls, &connection->out);
	connection->closing = true;
}

/* Return: false when the connection has ended. */
static bool send_out(struct connection *connection)
{
	struct buf *out = &connection->out;

	while (connection->out_sent < out->len) {
		const ssize_t n = send(connection->socket_fd, out->data + connection->out_sent,
				       out->len - connection->out_sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0) {
			connection_end(connection, "reset", true);
			return false;
		}
		connection->out_sent += (size_t)n;
		connection->totals.bytes_in += (uint64_t)n;
	}
	buf_clear(out);
	connection->out_sent = 0;
	return true;
}

static bool is_full(const struct connection *connection)
{
	return connection->out.len - connection->out_sent >= MAX_UNSENT;
}

bool connection_stalls(struct connection *connection)
{
	connection->stalled = is_full(connection);
	return connection->stalled;
}

/* ---- which protocol ---- */

static void begin(struct connection *connection, const struct protocol *protocol)
{
	connection->protocol = protocol;
	if (protocol->begin)
		protocol->begin(connection);
}

bool connection_start_tls(struct connection *connection)
{
	struct tls_server *server = decoy_tls(connection->decoy);

	if (!server || connection->tls)
		return false;
	connection->tls = tls_new(server, connection->target);
	return connection->tls != NULL;
}

void connection_tunnel(struct connection *connection, const char *host, uint16_t port)
{
	drop_protocol(connection);
	free(connection->target);
	connection->target = xstrdup(host);
	connection->target_port = port;
}

/* Servers that speak first are told by their port, as the program does. */
static const struct protocol *protocol_of_port(const struct connection *connection)
{
	switch (connection->target_port) {
	case 22:
		return connection->tls ? NULL : &ssh_protocol;
	case 25:
	case 587:
	case 2525:
		return connection->tls ? NULL : &smtp_protocol;
	case PORT_SMTPS:
		return connection->tls && tls_is_open(connection->tls) ? &smtp_protocol : NULL;
	default:
		return NULL;
	}
}

static bool is_tls(const char *bytes, size_t len)
{
	return bytes[0] == 0x16 && (len < 2 || bytes[1] == 0x03);
}

/* Return: false if the bytes are too few to say. */
static bool recognise(struct connection *connection)
{
	const char *bytes = connection->in.data;
	const size_t len = connection->in.len;
	int begins;

	if (!connection->tls && is_tls(bytes, len)) {
		if (len < 2)
			return false;
		if (connection_start_tls(connection))
			return true;
	}
	begins = http_begins(bytes, len);
	if (begins < 0 && len < 4)
		return false;
	if (begins > 0)
		begin(connection, &http_protocol);
	else if (len >= 4 && memcmp(bytes, "SSH-", 4) == 0)
		begin(connection, &ssh_protocol);
	else if (begins < 0)
		return false;
	else
		begin(connection, &other_protocol);
	return true;
}

/* ---- what is read ---- */

/* The program does not trust us, or does not speak TLS: that it tried is evidence too. */
static void tell_broken_tls(struct connection *connection)
{
	struct decoy_request request = {
		.service = "tls",
		.host = tls_name(connection->tls),
		.method = "",
		.path = "",
		.detail = tls_failure(connection->tls)[0] ? tls_failure(connection->tls)
							  : "the handshake was not finished",
	};
	struct evidence nothing;

	if (connection->protocol)
		return;
	evidence_begin(&nothing, &connection->decoy->store);
	evidence_tell(&nothing, &request);
	connection_tell(connection, &request);
	evidence_done(&nothing);
}

/* Return: false if no more is to be read. */
static bool decrypt(struct connection *connection, const char *bytes, size_t len)
{
	const int r = tls_feed(connection->tls, bytes, len, &connection->in, &connection->out);

	if (r == -EPROTO) {
		tell_broken_tls(connection);
		connection->closing = true;
	}
	return r == 0;
}

/* What waits in plain is the beginning of TLS. */
static bool decrypt_waiting(struct connection *connection)
{
	_cleanup_buf_ struct buf first = connection->in;

	connection->in = (struct buf)BUF_INIT(0);
	return decrypt(connection, first.data, first.len);
}

static void use_input(struct connection *connection)
{
	struct buf *in = &connection->in;
	size_t taken;

	while (!connection->closing && !connection->stalled) {
		if (!connection->protocol) {
			const struct protocol *protocol = protocol_of_port(connection);
			const bool was_plain = !connection->tls;

			if (protocol)
				begin(connection, protocol);
			else if (!in->len || !recognise(connection))
				return;
			if (was_plain && connection->tls && !decrypt_waiting(connection))
				return;
			continue;
		}
		const struct protocol *protocol = connection->protocol;
		const bool was_plain = !connection->tls;

		taken = in->len ? protocol->take(connection, in->data, in->len) : 0;
		buf_consume(in, taken);
		if (was_plain && connection->tls) {
			/* STARTTLS: what came with it in plain is not from inside of it. */
			buf_clear(in);
			return;
		}
		if (connection->protocol == protocol && (!taken || !in->len))
			return;
	}
}

static void finish_input(struct connection *connection)
{
	if (connection->input_ended)
		return;
	connection->input_ended = true;
	if (connection->tls && !tls_is_open(connection->tls) && !connection->closing)
		tell_broken_tls(connection);
	/* Half a word of some protocol, or bytes of none. */
	if (!connection->protocol && connection->in.len && !connection->closing) {
		begin(connection, &other_protocol);
		(void)other_protocol.take(connection, connection->in.data, connection->in.len);
	}
	if (connection->protocol && connection->protocol->end)
		connection->protocol->end(connection);
	connection_close(connection);
}

/* One piece. Return: false when the connection has ended. */
static bool read_in(struct connection *connection)
{
	char piece[READ_BYTES];
	const ssize_t n = recv(connection->socket_fd, piece, sizeof(piece), 0);
	bool more = true;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n < 0) {
		connection_end(connection, "reset", true);
		return false;
	}
	if (n == 0) {
		finish_input(connection);
		return true;
	}
	connection->totals.bytes_out += (uint64_t)n;
	if (connection->closing)
		return true;
	if (connection->tls)
		more = decrypt(connection, piece, (size_t)n);
	else
		buf_put(&connection->in, piece, (size_t)n);
	use_input(connection);
	if (!more || connection->in.len > MAX_WAITING)
		finish_input(connection);
	return true;
}

/* ---- the loop ---- */

/* Waits for what can go on. */
static void watch(struct connection *connection)
{
	int events = 0;

	if (connection->out.len)
		events |= UV_WRITABLE;
	if (!connection->input_ended && !is_full(connection))
		events |= UV_READABLE;
	(void)uv_poll_start(&connection->poll, events, on_poll);
}

static void settle(struct connection *connection)
{
	if (!send_out(connection))
		return;
	while (connection->stalled && !is_full(connection)) {
		connection->stalled = false;
		use_input(connection);
		if (!send_out(connection))
			return;
	}
	if (connection->closing && !connection->out.len) {
		if (connection->input_ended) {
			connection_end(connection, "closed", false);
			return;
		}
		if (!connection->shut) {
			(void)shutdown(connection->socket_fd, SHUT_WR);
			(void)uv_timer_start(&connection->idle, on_idle, LINGER_MS, 0);
		}
		connection->shut = true;
	} else if (!connection->closing) {
		(void)uv_timer_start(&connection->idle, on_idle, DECOY_IDLE_MS, 0);
	}
	watch(connection);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct connection *connection = poll->data;

	if (status < 0 && connection->input_ended) {
		connection_end(connection, "reset", true);
		return;
	}
	/* With an error the call says which. */
	if ((events & UV_READABLE || status < 0) && !read_in(connection))
		return;
	settle(connection);
}

static void on_idle(uv_timer_t *timer)
{
	struct connection *connection = timer->data;

	connection_end(connection, connection->shut ? "closed" : "idle", false);
}

/* ---- the start ---- */

static void copy_peer(struct connection *connection, const struct decoy_peer *peer)
{
	connection->host = xstrdup(peer->host);
	connection->address = xstrdup(peer->address);
	connection->call_id = peer->call_id ? xstrdup(peer->call_id) : NULL;
	connection->peer = *peer;
	connection->peer.host = connection->host;
	connection->peer.address = connection->address;
	connection->peer.call_id = connection->call_id;
	connection->target = xstrdup(peer->host);
	connection->target_port = peer->port;
}

int connection_start(struct decoy *decoy, int socket_fd, const struct decoy_peer *peer, void *flow,
		     struct connection **ret)
{
	struct connection *connection = xcalloc(1, sizeof(*connection));
	const int r = uv_poll_init(decoy->config.loop, &connection->poll, socket_fd);

	if (r < 0) {
		(void)close(socket_fd);
		free(connection);
		return r;
	}
	(void)uv_timer_init(decoy->config.loop, &connection->idle);
	connection->poll.data = connection;
	connection->idle.data = connection;
	connection->handles = 2;
	connection->decoy = decoy;
	connection->flow = flow;
	connection->socket_fd = socket_fd;
	connection->totals.started_ns = uv_hrtime();
	copy_peer(connection, peer);
	use_input(connection); /* it may be ours to speak first */
	(void)uv_timer_start(&connection->idle, on_idle, DECOY_IDLE_MS, 0);
	watch(connection);
	*ret = connection;
	return 0;
}
