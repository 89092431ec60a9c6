/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/resolver.h"

/* With several addresses none may use up the time of all. */
#define MIN_ADDRESS_MS 2000u

struct dial {
	uv_loop_t *loop;
	const char *(*refusal)(void *ctx, const uint8_t address[16]);
	void *refusal_ctx;
	dial_cb done;
	void *ctx;
	struct resolver_lookup *lookup;
	uint8_t addresses[MAX_RESOLVER_ADDRESSES][16];
	size_t count, next;
	uint64_t deadline_ms; /* of uv_now() */
	struct dial_result result;
	struct dial_result *at_once; /* within dial_start() */
	int socket_fd;
	uv_poll_t *poll;  /* on socket_fd; frees itself */
	uv_timer_t timer; /* from the first wait on; frees this */
	bool waits;
	bool datagrams;
	bool is_over;
};

static void free_poll(uv_handle_t *handle)
{
	free(handle);
}

static void free_dial(uv_handle_t *handle)
{
	free(handle->data);
}

static void drop_socket(struct dial *dial)
{
	if (dial->poll)
		uv_close((uv_handle_t *)take_ptr(dial->poll), free_poll);
	close_fd(&dial->socket_fd);
}

static void stop(struct dial *dial)
{
	dial->is_over = true;
	if (dial->lookup)
		resolver_cancel(take_ptr(dial->lookup));
	drop_socket(dial);
	if (dial->waits)
		uv_close((uv_handle_t *)&dial->timer, free_dial);
}

static void finish(struct dial *dial, int error, int upstream_fd)
{
	struct dial_result result = dial->result;

	result.error = error;
	result.upstream_fd = upstream_fd;
	stop(dial);
	if (dial->at_once)
		*dial->at_once = result;
	else
		dial->done(dial->ctx, &result);
}

static void on_timer(uv_timer_t *timer);
static void try_next(struct dial *dial);

static void arm(struct dial *dial, uint64_t most_ms)
{
	const uint64_t now = uv_now(dial->loop);
	const uint64_t left = dial->deadline_ms > now ? dial->deadline_ms - now : 0;

	if (!dial->waits) {
		(void)uv_timer_init(dial->loop, &dial->timer);
		dial->timer.data = dial;
		dial->waits = true;
	}
	(void)uv_timer_start(&dial->timer, on_timer, left < most_ms ? left : most_ms, 0);
}

static void failed(struct dial *dial, int error)
{
	drop_socket(dial);
	dial->result.error = error;
	try_next(dial);
}

static void connected(struct dial *dial)
{
	const int socket_fd = take_fd(&dial->socket_fd);

	dial->result.refusal = NULL;
	finish(dial, 0, socket_fd);
}

/* Of a socket that may be written to. Return: 0, or a negative errno. */
static int outcome_of(int socket_fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(socket_fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? -errno : -error;
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
	struct dial *dial = poll->data;
	int error;

	(void)status; /* what epoll calls an error is told by the socket */
	(void)events;
	if (poll != dial->poll || dial->is_over)
		return;
	error = outcome_of(dial->socket_fd);
	if (error)
		failed(dial, error);
	else
		connected(dial);
}

static int watch(struct dial *dial)
{
	int r;

	dial->poll = xcalloc(1, sizeof(*dial->poll));
	dial->poll->data = dial;
	r = uv_poll_init(dial->loop, dial->poll, dial->socket_fd);
	if (r < 0) {
		free(take_ptr(dial->poll));
		return r;
	}
	return uv_poll_start(dial->poll, UV_WRITABLE, on_writable);
}

#define CONNECTED 1

/* Return: CONNECTED, 0 while it is under way, or a negative errno. */
static int start_connect(struct dial *dial)
{
	const int on = 1;
	union socket_address to;
	const socklen_t len = endpoint_to_socket(&dial->result.address, &to);

	const int type = dial->datagrams ? SOCK_DGRAM : SOCK_STREAM;

	dial->socket_fd = socket(to.generic.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (dial->socket_fd < 0)
		return -errno;
	if (!dial->datagrams) {
		/* The program's kernel has gathered the bytes; they do not wait for more here. */
		(void)setsockopt(dial->socket_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	if (connect(dial->socket_fd, &to.generic, len) == 0)
		return CONNECTED;
	if (errno != EINPROGRESS)
		return -errno;
	/* Who is near has answered by now: while it is under way, a second call only tells. */
	if (connect(dial->socket_fd, &to.generic, len) == 0)
		return CONNECTED;
	return errno == EALREADY ? watch(dial) : -errno;
}

/*
 * The errno is that of the address that was tried last; that of one which may not be dialled only
 * if none was tried, for then policy is all that stood in the way.
 */
static void try_next(struct dial *dial)
{
	while (dial->next < dial->count) {
		const size_t left = dial->count - dial->next;
		const uint8_t *address = dial->addresses[dial->next++];
		const char *refusal = dial->refusal(dial->refusal_ctx, address);
		int r;

		if (refusal && dial->result.error && dial->result.error != -EPERM)
			continue;
		memcpy(dial->result.address.address, address, 16);
		dial->result.refusal = refusal;
		if (refusal) {
			dial->result.error = -EPERM;
			continue;
		}
		r = start_connect(dial);
		if (r == CONNECTED) {
			connected(dial);
			return;
		}
		if (r == 0) {
			const uint64_t now = uv_now(dial->loop);
			const uint64_t share =
				dial->deadline_ms > now ? (dial->deadline_ms - now) / left : 0;

			arm(dial, share > MIN_ADDRESS_MS ? share : MIN_ADDRESS_MS);
			return;
		}
		drop_socket(dial);
		dial->result.error = r;
	}
	finish(dial, dial->result.error ? dial->result.error : -EHOSTUNREACH, -1);
}

static void on_timer(uv_timer_t *timer)
{
	struct dial *dial = timer->data;

	if (dial->is_over)
		return;
	if (dial->lookup || uv_now(dial->loop) >= dial->deadline_ms) {
		/* Nothing was left to try, or no time. */
		finish(dial, -ETIMEDOUT, -1);
		return;
	}
	if (dial->socket_fd >= 0)
		failed(dial, -ETIMEDOUT);
	else
		try_next(dial); /* the first, numeric one */
}

static void on_resolved(void *ctx, int error, const uint8_t (*addresses)[16], size_t count)
{
	struct dial *dial = ctx;

	dial->lookup = NULL;
	if (error) {
		finish(dial, error, -1);
		return;
	}
	dial->count = count < MAX_RESOLVER_ADDRESSES ? count : MAX_RESOLVER_ADDRESSES;
	memcpy(dial->addresses, addresses, dial->count * sizeof(*addresses));
	try_next(dial);
}

struct dial *dial_start(const struct dial_config *config)
{
	struct dial *dial = xcalloc(1, sizeof(*dial));
	struct endpoint address;

	dial->loop = config->loop;
	dial->refusal = config->refusal;
	dial->refusal_ctx = config->refusal_ctx;
	dial->datagrams = config->datagrams;
	dial->done = config->done;
	dial->ctx = config->ctx;
	dial->socket_fd = -1;
	dial->result = (struct dial_result){.upstream_fd = -1};
	dial->result.address.port = config->port;
	dial->deadline_ms = uv_now(config->loop) + config->timeout_ms;
	if (endpoint_parse(config->host, &address)) {
		memcpy(dial->addresses[0], address.address, 16);
		dial->count = 1;
		if (!config->at_once) {
			arm(dial, 0);
			return dial;
		}
		dial->at_once = config->at_once;
		try_next(dial);
		dial->at_once = NULL;
		if (dial->is_over)
			free(take_ptr(dial));
	} else if (config->resolver) {
		dial->lookup = resolver_lookup(config->resolver, config->host, on_resolved, dial);
		arm(dial, config->timeout_ms);
	} else {
		dial->result.error = -EHOSTUNREACH; /* nobody can look it up */
		arm(dial, 0);
	}
	return dial;
}

void dial_cancel(struct dial *dial)
{
	if (dial)
		stop(dial);
}
