/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/publish.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/limits.h"
#include "monitor/net/flow.h"

#define BACKLOG	   128
#define RETRY_MS   100
#define ACCEPTED   32u	/* at a time, before others have their turn */
#define MAX_GUESTS 256u /* of one session: whoever is outside must not exhaust it */

struct guest {
	struct publish *publish;
	struct publish_end end; /* as far as it is known */
	int outside_fd;		/* until the flow has it; -1 */
	struct flow *flow;	/* NULL: the socket inside is waited for */
	uint64_t started_ms;
	struct guest *next, *prev;
};

struct port {
	struct publish *publish;
	struct publish_port at;
	int listener_fd;
	uv_poll_t poll;
};

struct publish {
	uv_loop_t *loop;
	const struct publish_ops *ops;
	void *ctx;
	struct port *ports;
	size_t count;
	size_t held;
	struct pipes pipes;
	struct guest *guests;
	unsigned guest_count;
	uv_timer_t retry; /* nobody could be let in; closed last, and from the loop */
	unsigned handles; /* of ports, answers that are waited for, and this */
	bool is_stopped;
	void (*closed)(void *ctx);
};

/* ---- words ---- */

static bool parse_port(const char *text, size_t len, uint16_t *ret)
{
	unsigned port = 0;

	if (!len || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	*ret = (uint16_t)port;
	return port && port <= UINT16_MAX;
}

static bool parse_address(const char *text, size_t len, struct endpoint *ret)
{
	char address[ENDPOINT_TEXT];
	const bool is_v6 = len > 2 && text[0] == '[' && text[len - 1] == ']';
	const size_t used = is_v6 ? len - 2 : len;

	if (used >= sizeof(address))
		return false;
	memcpy(address, text + is_v6, used);
	address[used] = '\0';
	return endpoint_parse(address, ret) && is_v6 == (strchr(address, ':') != NULL);
}

const char *publish_parse(const char *text, struct publish_port *ret)
{
	static const char wrong[] = "must be HOSTPORT:PORT or ADDRESS:HOSTPORT:PORT, with an IPv6 "
				    "address in brackets";
	const char *last = strrchr(text, ':');
	const char *first;

	if (!last || !parse_port(last + 1, strlen(last + 1), &ret->port))
		return wrong;
	first = memrchr(text, ':', (size_t)(last - text));
	if (!first) {
		(void)endpoint_parse("127.0.0.1", &ret->host);
		first = text - 1;
	} else if (!parse_address(text, (size_t)(first - text), &ret->host)) {
		return wrong;
	}
	return parse_port(first + 1, (size_t)(last - first - 1), &ret->host.port) ? NULL : wrong;
}

/* ---- who comes ---- */

static void free_when_closed(struct publish *publish)
{
	if (!publish->is_stopped || publish->handles || publish->guests)
		return;
	pipes_done(&publish->pipes);
	free(publish->ports);
	publish->closed(publish->ctx);
	free(publish);
}

static void leave(struct guest *guest, const char *reason)
{
	struct publish *publish = guest->publish;

	guest->end.reason = reason;
	guest->end.duration_ms = uv_now(publish->loop) - guest->started_ms;
	DL_DELETE(publish->guests, guest);
	publish->guest_count--;
	close_fd(&guest->outside_fd);
	publish->ops->closed(publish->ctx, &guest->end);
	free(guest);
	free_when_closed(publish);
}

static void on_flow_ended(void *ctx, struct flow *flow, const struct flow_totals *totals,
			  const char *reason)
{
	struct guest *guest = ctx;

	(void)flow;
	guest->flow = NULL;
	guest->end.bytes_in = totals->bytes_in;
	guest->end.bytes_out = totals->bytes_out;
	leave(guest, reason);
}

static const struct flow_ops flow_ops = {.ended = on_flow_ended};

/* The session's side is the flow's program, the guest its upstream. */
static void on_inside(void *ctx, int inside_fd)
{
	struct guest *guest = ctx;
	struct publish *publish = guest->publish;
	const struct flow_config config = {
		.loop = publish->loop,
		.program_fd = inside_fd,
		.upstream_fd = guest->outside_fd,
		.pipes = &publish->pipes,
		.held = &publish->held,
		.ops = &flow_ops,
		.ctx = guest,
	};

	publish->handles--;
	if (inside_fd < 0 || publish->is_stopped) {
		if (inside_fd >= 0)
			close_fd(&inside_fd);
		leave(guest, publish->is_stopped ? "session ended" : "not connected");
		return;
	}
	guest->outside_fd = -1;
	if (flow_start(&config, &guest->flow) < 0)
		leave(guest, "out of file descriptors");
}

static void welcome(struct port *port, int outside_fd)
{
	struct publish *publish = port->publish;
	struct guest *guest = xcalloc(1, sizeof(*guest));

	guest->publish = publish;
	guest->end.at = &port->at;
	guest->outside_fd = outside_fd;
	guest->started_ms = uv_now(publish->loop);
	(void)endpoint_of_peer(outside_fd, &guest->end.from);
	DL_APPEND(publish->guests, guest);
	publish->guest_count++;
	if (publish->ops->connect(publish->ctx, port->at.port, on_inside, guest) < 0)
		leave(guest, "not connected");
	else
		publish->handles++;
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_retry(uv_timer_t *timer)
{
	struct publish *publish = timer->data;

	for (size_t i = 0; i < publish->count; i++)
		(void)uv_poll_start(&publish->ports[i].poll, UV_READABLE, on_readable);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct port *port = poll->data;

	(void)status;
	(void)events;
	for (unsigned i = 0; i < ACCEPTED; i++) {
		int outside_fd =
			accept4(port->listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (outside_fd < 0 && errno == EAGAIN)
			return;
		if (outside_fd < 0) {
			/* Out of descriptors, the loop would be woken again at once. */
			(void)uv_poll_stop(poll);
			(void)uv_timer_start(&port->publish->retry, on_retry, RETRY_MS, 0);
			return;
		}
		if (port->publish->guest_count < MAX_GUESTS)
			welcome(port, outside_fd);
		else
			close_fd(&outside_fd);
	}
}

/* ---- life ---- */

static void on_handle_closed(uv_handle_t *handle)
{
	struct publish *publish = handle->data;

	publish->handles--;
	free_when_closed(publish);
}

static int listen_at(const struct endpoint *at, int *ret)
{
	const int on = 1;
	union socket_address address;
	const socklen_t len = endpoint_to_socket(at, &address);
	_cleanup_close_ int listener_fd =
		socket(address.generic.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (listener_fd < 0 ||
	    setsockopt(listener_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    (address.generic.sa_family == AF_INET6 &&
	     setsockopt(listener_fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    bind(listener_fd, &address.generic, len) < 0 || listen(listener_fd, BACKLOG) < 0)
		return -errno;
	*ret = take_fd(&listener_fd);
	return 0;
}

static int start_port(struct publish *publish, struct port *port, struct error *err)
{
	char text[ENDPOINT_TEXT];
	int r = listen_at(&port->at.host, &port->listener_fd);

	if (r == 0)
		r = uv_poll_init(publish->loop, &port->poll, port->listener_fd);
	if (r < 0) {
		close_fd(&port->listener_fd);
		endpoint_text(&port->at.host, text);
		return error_errno(err, r, "publish port %u of the session at %s port %u",
				   port->at.port, text, port->at.host.port);
	}
	port->poll.data = port;
	publish->handles++;
	(void)uv_poll_start(&port->poll, UV_READABLE, on_readable);
	return 0;
}

int publish_start(const struct publish_config *config, struct publish **ret, struct error *err)
{
	struct publish *publish = xcalloc(1, sizeof(*publish));
	int r = 0;

	publish->loop = config->loop;
	publish->ops = config->ops;
	publish->ctx = config->ctx;
	(void)uv_timer_init(config->loop, &publish->retry);
	publish->retry.data = publish;
	publish->handles++;
	publish->ports = xcalloc(config->count, sizeof(*publish->ports));
	for (; r == 0 && publish->count < config->count; publish->count++) {
		struct port *port = &publish->ports[publish->count];

		*port = (struct port){publish, config->ports[publish->count], -1, {0}};
		r = start_port(publish, port, err);
	}
	*ret = publish; /* in part, if it failed: to be stopped all the same */
	return r;
}

void publish_stop(struct publish *publish, void (*closed)(void *ctx))
{
	struct guest *guest;
	struct guest *next;

	publish->closed = closed;
	DL_FOREACH_SAFE (publish->guests, guest, next) {
		if (guest->flow)
			flow_finish(guest->flow, "session ended");
	}
	publish->is_stopped = true;
	for (size_t i = 0; i < publish->count; i++) {
		if (publish->ports[i].listener_fd < 0)
			continue;
		publish->ports[i].poll.data = publish;
		uv_close((uv_handle_t *)&publish->ports[i].poll, on_handle_closed);
		close_fd(&publish->ports[i].listener_fd);
	}
	uv_close((uv_handle_t *)&publish->retry, on_handle_closed);
}
