/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Services of a session that the outside may reach: for each a socket that listens on the host, and
 * joins what it accepts with a connection to the session's own loopback. Only what was said at the
 * start is published, never what a program asks for.
 *
 * Knows no session: whoever starts it makes the connections.
 */

#include <stdint.h>

#include <uv.h>

#include "common/error.h"
#include "monitor/net/endpoint.h"
#include "monitor/net/listeners.h"

struct publish;

struct publish_port {
	struct endpoint host; /* where it is reached */
	uint16_t port;	      /* of the session's 127.0.0.1 */
};

/*
 * publish_parse - "HOSTPORT:PORT" (on 127.0.0.1), "ADDRESS:HOSTPORT:PORT", "[V6]:HOSTPORT:PORT".
 * Return: NULL, or what it must be, static.
 */
const char *publish_parse(const char *text, struct publish_port *ret);

/* One connection, at its end. */
struct publish_end {
	struct endpoint from;
	const struct publish_port *at;
	uint64_t bytes_in, bytes_out; /* in: to the session */
	uint64_t duration_ms;
	const char *reason; /* static: "closed", "reset", "not connected", ... */
};

struct publish_ops {
	/* Asks for a socket that is being connected to that port in the session; as net_socket_cb.
	 */
	int (*connect)(void *ctx, uint16_t port, net_socket_cb done, void *done_ctx);
	void (*closed)(void *ctx, const struct publish_end *end);
};

struct publish_config {
	uv_loop_t *loop;
	const struct publish_port *ports; /* copied */
	size_t count;
	const struct publish_ops *ops;
	void *ctx;
};

/* Binds and listens. Errors: say which cannot be had; *ret is to be stopped then as well. */
int publish_start(const struct publish_config *config, struct publish **ret, struct error *err);
/*
 * Ends all connections; what services had sent is passed on as far as it is taken at once.
 * @closed: from the loop, when all is closed and freed.
 */
void publish_stop(struct publish *publish, void (*closed)(void *ctx));
