/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/listeners.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include <uthash.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/limits.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

#define KEPT_MS		   10000u
#define MAX_ACCEPTS_A_TURN 32u
#define PROBE_S		   10	       /* between looks whether a silent program is still there */
#define AHEAD_BYTES	   (128 << 10) /* that wait here for the program to have room */

struct key {
	struct endpoint at; /* bytes after the port are zero */
};

struct listener {
	struct listeners *owner;
	struct key key;
	int fd; /* -1: asked for */
	uint64_t network;
	int error; /* negative: it cannot listen; who uses it lets go of it */
	bool is_watched;
	bool is_asked;	 /* somebody will answer; until then it is not freed */
	bool is_dropped; /* and then it is of no use any more */
	uv_poll_t poll;	 /* of fd, from then on */
	unsigned users;
	uint64_t idle_since_ms;
	UT_hash_handle hh;
};

struct listeners {
	uv_loop_t *loop;
	const struct listeners_ops *ops;
	void *ctx;
	struct listener *table;
};

static struct key key_of(const struct endpoint *at)
{
	struct key key;

	memset(&key, 0, sizeof(key));
	memcpy(key.at.address, at->address, sizeof(key.at.address));
	key.at.port = at->port;
	return key;
}

static void on_poll_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* Out of the table; freed as soon as nobody points to it. */
static void drop(struct listener *listener)
{
	HASH_DEL(listener->owner->table, listener);
	listener->is_dropped = true;
	if (listener->fd >= 0) {
		uv_close((uv_handle_t *)&listener->poll, on_poll_closed);
		close_fd(&listener->fd);
	} else if (!listener->is_asked) {
		free(listener);
	}
}

struct listeners *listeners_new(uv_loop_t *loop, const struct listeners_ops *ops, void *ctx)
{
	struct listeners *listeners = xcalloc(1, sizeof(*listeners));

	listeners->loop = loop;
	listeners->ops = ops;
	listeners->ctx = ctx;
	return listeners;
}

void listeners_free(struct listeners *listeners)
{
	struct listener *listener;
	struct listener *next;

	if (!listeners)
		return;
	HASH_ITER (hh, listeners->table, listener, next)
		drop(listener);
	free(listeners);
}

/* Out of descriptors, it would wake the loop again at once: the next sweep watches it again. */
static void pause_watch(struct listener *listener)
{
	(void)uv_poll_stop(&listener->poll);
	listener->is_watched = false;
}

static int accept_one(int listener_fd, struct endpoint *ret_peer)
{
	union socket_address from = {0};
	socklen_t len = sizeof(from);
	int program_fd = accept4(listener_fd, &from.generic, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (program_fd < 0)
		return -errno;
	if (!endpoint_from_socket(&from, ret_peer)) {
		close_fd(&program_fd);
		return -ECONNABORTED;
	}
	return program_fd;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct listener *listener = poll->data;
	struct listeners *listeners = listener->owner;

	(void)events;
	if (status < 0) {
		pause_watch(listener);
		return;
	}
	for (unsigned i = 0; i < MAX_ACCEPTS_A_TURN && !listener->is_dropped; i++) {
		struct endpoint peer;
		const int program_fd = accept_one(listener->fd, &peer);

		if (program_fd >= 0) {
			listeners->ops->accepted(listeners->ctx, listener, program_fd, &peer);
			if (!listener->users) /* more than are awaited can wait a turn */
				return;
			continue;
		}
		if (program_fd == -EINTR || program_fd == -ECONNABORTED)
			continue;
		if (program_fd != -EAGAIN)
			pause_watch(listener);
		return;
	}
}

/*
 * What it accepts has them from it. What comes in small pieces does not wait for the program's
 * acknowledgement. And a program that is gone looks like one that has only said all: FIN came. But
 * the kernel of one that is gone soon answers no probe, or with RST, while it answers for one that
 * listens, or sleeps. What the program does not read is left to its sender: the kernel would else
 * take megabytes for it, for which the sender makes more, all in vain if the program closes.
 */
static void set_options(int socket_fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},	      {SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, PROBE_S}, {IPPROTO_TCP, TCP_KEEPINTVL, PROBE_S},
		{IPPROTO_TCP, TCP_KEEPCNT, 3},	      {IPPROTO_TCP, TCP_NOTSENT_LOWAT, AHEAD_BYTES},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(socket_fd, options[i].level, options[i].name, &options[i].value,
				 sizeof(options[i].value));
}

static int watch(struct listener *listener)
{
	const int r = uv_poll_start(&listener->poll, UV_READABLE, on_readable);

	listener->is_watched = r == 0;
	return r;
}

/* Zero before Linux 5.14, which cannot tell. */
static uint64_t network_of(int socket_fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(socket_fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0 ? 0 : cookie;
}

/* What it accepts has gone to where it is bound, which is therefore not asked of each. */
static int check_place(const struct listener *listener, int socket_fd)
{
	struct endpoint at;
	const int r = endpoint_of_socket(socket_fd, &at);

	if (r < 0)
		return r;
	return endpoint_equal(&at, &listener->key.at) ? 0 : -EADDRNOTAVAIL;
}

static void on_socket(void *ctx, int socket_fd)
{
	struct listener *listener = ctx;
	struct listeners *listeners = listener->owner;
	int r = socket_fd < 0 ? socket_fd : 0;

	listener->is_asked = false;
	if (listener->is_dropped) {
		close_fd(&socket_fd);
		free(listener);
		return;
	}
	if (r == 0)
		r = check_place(listener, socket_fd);
	if (r == 0)
		r = uv_poll_init(listeners->loop, &listener->poll, socket_fd);
	if (r < 0) {
		close_fd(&socket_fd);
	} else {
		listener->poll.data = listener;
		listener->fd = socket_fd;
		listener->network = network_of(socket_fd);
		set_options(socket_fd);
		r = watch(listener);
	}
	listener->error = r;
	listeners->ops->opened(listeners->ctx, listener, r);
}

static struct listener *find_idle(const struct listeners *listeners)
{
	struct listener *oldest = NULL;

	for (struct listener *l = listeners->table; l; l = l->hh.next)
		if (!l->users && (!oldest || l->idle_since_ms < oldest->idle_since_ms))
			oldest = l;
	return oldest;
}

static bool make_room(struct listeners *listeners)
{
	struct listener *idle;

	if (HASH_COUNT(listeners->table) < MAX_NET_LISTENERS)
		return true;
	idle = find_idle(listeners);
	if (idle)
		drop(idle);
	return idle != NULL;
}

/* In the table, and asked for nowhere yet. What is too large here is uthash's macro.
 * NOLINTNEXTLINE(readability-function-size) */
static struct listener *add(struct listeners *listeners, const struct key *key)
{
	struct listener *listener = xcalloc(1, sizeof(*listener));

	listener->owner = listeners;
	listener->key = *key;
	listener->fd = -1;
	HASH_ADD(hh, listeners->table, key, sizeof(listener->key), listener);
	return listener;
}

static int listener_new(struct listeners *listeners, const struct key *key, struct listener **ret)
{
	struct listener *listener;
	int r;

	if (!make_room(listeners))
		return -ENOBUFS;
	listener = add(listeners, key);
	listener->is_asked = true;
	r = listeners->ops->open(listeners->ctx, &key->at, on_socket, listener);
	if (r < 0) {
		listener->is_asked = false;
		drop(listener);
		return r;
	}
	*ret = listener;
	return 0;
}

int listeners_use(struct listeners *listeners, const struct endpoint *at, struct listener **ret)
{
	const struct key key = key_of(at);
	struct listener *listener;
	int r;

	HASH_FIND(hh, listeners->table, &key, sizeof(key), listener);
	if (!listener) {
		r = listener_new(listeners, &key, &listener);
		if (r < 0)
			return r;
	}
	if (listener->error)
		return listener->error;
	listener->users++;
	*ret = listener;
	return 0;
}

void listener_release(struct listener *listener)
{
	listener->idle_since_ms = uv_now(listener->owner->loop);
	if (--listener->users == 0 && listener->fd < 0)
		drop(listener);
}

bool listener_shares_network(const struct listener *listener, int socket_fd)
{
	return listener->network == network_of(socket_fd);
}

bool listener_is_open(const struct listener *listener)
{
	return listener->fd >= 0;
}

const struct endpoint *listener_endpoint(const struct listener *listener)
{
	return &listener->key.at;
}

void listener_accept(struct listener *listener)
{
	if (listener->fd >= 0)
		on_readable(&listener->poll, 0, UV_READABLE);
}

void listeners_accept(struct listeners *listeners)
{
	struct listener *listener;
	struct listener *next;

	HASH_ITER (hh, listeners->table, listener, next) {
		/* Each that was awaited makes them fewer; the others are no reason to go on. */
		for (unsigned before = 0; listener->fd >= 0 && listener->users != before;) {
			before = listener->users;
			on_readable(&listener->poll, 0, UV_READABLE);
		}
	}
}

void listeners_yield(struct listeners *listeners, uint16_t port)
{
	struct listener *listener;
	struct listener *next;

	HASH_ITER (hh, listeners->table, listener, next)
		if (!listener->users && listener->key.at.port == port)
			drop(listener);
}

bool listeners_sweep(struct listeners *listeners)
{
	const uint64_t now = uv_now(listeners->loop);
	struct listener *listener;
	struct listener *next;

	HASH_ITER (hh, listeners->table, listener, next) {
		if (!listener->users && now - listener->idle_since_ms >= KEPT_MS)
			drop(listener);
		else if (listener->fd >= 0 && !listener->is_watched)
			(void)watch(listener);
	}
	return listeners->table != NULL;
}
