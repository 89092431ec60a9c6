/* SPDX-License-Identifier: Apache-2.0 */

/* c-ares on the loop: a poll handle for each of its sockets. */

#include <errno.h>
#include <stdlib.h>

#include <utlist.h>

#include "common/buf.h"
#include "monitor/net/resolver_internal.h"

#define TRIES 3
#define WAITS 7u /* c-ares doubles its timeout with each try: 1 + 2 + 4 */

/* One of c-ares' sockets. */
struct watch {
	uv_poll_t poll;
	struct resolver *resolver; /* borrowed: freed after the last watch */
	ares_socket_t socket_fd;
	struct watch *next, *prev;
};

static void on_watch_closed(uv_handle_t *handle)
{
	struct watch *watch = handle->data;
	struct resolver *resolver = watch->resolver;

	free(watch);
	resolver_handle_closed(resolver);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	const struct watch *watch = poll->data;
	struct resolver *resolver = watch->resolver;
	const ares_socket_t fd = watch->socket_fd;
	const bool may_read = status < 0 || (events & UV_READABLE);
	const bool may_write = status < 0 || (events & UV_WRITABLE);

	ares_process_fd(resolver->channel, may_read ? fd : ARES_SOCKET_BAD,
			may_write ? fd : ARES_SOCKET_BAD);
	resolver_arm(resolver);
}

static struct watch *watch_find(struct resolver *resolver, ares_socket_t fd)
{
	struct watch *watch;

	DL_SEARCH_SCALAR(resolver->watches, watch, socket_fd, fd);
	return watch;
}

static struct watch *watch_new(struct resolver *resolver, ares_socket_t fd)
{
	struct watch *watch = xcalloc(1, sizeof(*watch));

	watch->resolver = resolver;
	watch->socket_fd = fd;
	watch->poll.data = watch;
	if (uv_poll_init(resolver->loop, &watch->poll, fd) < 0) {
		free(watch);
		return NULL; /* the question runs into its timeout */
	}
	DL_APPEND(resolver->watches, watch);
	resolver->handles++;
	return watch;
}

/* c-ares closes the socket after the call in which it says that it waits for nothing there. */
static void on_socket_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
	struct resolver *resolver = ctx;
	struct watch *watch = watch_find(resolver, fd);

	if (!readable && !writable) {
		if (!watch)
			return;
		DL_DELETE(resolver->watches, watch);
		uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
		return;
	}
	if (!watch)
		watch = watch_new(resolver, fd);
	if (watch)
		(void)uv_poll_start(&watch->poll,
				    (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
				    on_socket);
}

int resolver_open_channel(struct resolver *resolver, const char *server, struct error *err)
{
	char files_and_dns[] = "fb", only_dns[] = "b";
	struct ares_options options = {
		/* A name is whole as it is, and no variable of ours gives it another. */
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = (int)(resolver->timeout_ms / WAITS),
		.tries = TRIES,
		.lookups = server ? only_dns : files_and_dns,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = resolver,
	};
	int status;

	status = ares_init_options(&resolver->channel, &options,
				   ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
					   ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
	if (status != ARES_SUCCESS)
		return error_set(err, EIO, "start the resolver from /etc/resolv.conf: %s",
				 ares_strerror(status));
	if (!server)
		return 0;
	status = ares_set_servers_ports_csv(resolver->channel, server);
	if (status != ARES_SUCCESS)
		return error_set(err, EINVAL,
				 "resolver \"%s\": no ADDRESS, ADDRESS:PORT or [V6]:PORT", server);
	return 0;
}
