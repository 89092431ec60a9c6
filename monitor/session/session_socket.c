/* SPDX-License-Identifier: Apache-2.0 */

/* Sockets in the session's network, which its init makes on order. */

#include <errno.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/session/session_internal.h"

struct socket_order {
	uint32_t id;
	socket_cb done;
	void *ctx;
	struct socket_order *next, *prev;
};

int session_ask_socket(struct session *session, enum socket_kind kind, const char *address,
		       uint16_t port, socket_cb done, void *ctx)
{
	const struct msg m = {.type = MSG_SOCKET,
			      .exec = ++session->last_order,
			      .flags = (uint32_t)kind,
			      .status = port,
			      .payload_len = (uint32_t)strlen(address) + 1};
	struct socket_order *order;
	int r;

	if (session->stage != SESSION_READY || session->failed)
		return -EPIPE;
	r = control_send(session, &m, address, NULL, 0);
	if (r < 0)
		return r;
	order = xcalloc(1, sizeof(*order));
	order->id = m.exec;
	order->done = done;
	order->ctx = ctx;
	DL_APPEND(session->orders, order);
	return 0;
}

static void finish(struct session *session, struct socket_order *order, int result)
{
	const socket_cb done = order->done;
	void *ctx = order->ctx;

	DL_DELETE(session->orders, order);
	free(order);
	done(ctx, result);
}

void session_on_socket(struct session *session, const struct msg *m, struct msg_fds *fds)
{
	struct socket_order *order;
	struct error err;

	DL_SEARCH_SCALAR(session->orders, order, id, m->exec);
	if (!order || fds->count > 1 || (m->status == 0) != (fds->count == 1)) {
		(void)error_set(&err, EPROTO, "the session's init sent a socket out of turn");
		session_fail(session, &err);
		return;
	}
	if (m->status) {
		finish(session, order, m->status < 0 ? m->status : -EPROTO);
		return;
	}
	const int socket_fd = fds->fd[0];

	fds->fd[0] = -1;
	fds->count = 0;
	finish(session, order, socket_fd);
}

void session_end_orders(struct session *session)
{
	while (session->orders)
		finish(session, session->orders, -EPIPE);
}
