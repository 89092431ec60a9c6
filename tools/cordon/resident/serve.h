/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The resident supervisor: what `cordon run` would do in its own process beside starting the
 * sandbox (policy, gate, trace, record), kept ready between runs.
 *
 *	serve.c		its life: socket, clients, idle end
 *	serve_client.c	one connection: its request, its session, its answers
 */

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "common/error.h"
#include "monitor/supervisor.h"
#include "tools/cordon/resident/policy_cache.h"
#include "tools/cordon/resident/resident_wire.h"

struct server {
	uv_loop_t loop;
	struct resident_place place;
	struct resident_identity identity;
	struct supervisor *supervisor;
	struct policy_cache *policies;
	int lock_fd;
	int listen_fd;
	uv_poll_t listener;
	uv_timer_t idle;
	uv_timer_t retry; /* to take connections again */
	uv_signal_t signals[2];
	uint32_t idle_ms;
	struct serve_client *clients;
	unsigned client_count;
	unsigned max_clients;
	uint64_t served; /* sessions */
	uint64_t started_ms;
	bool is_closing;
};

/* Serves until it was idle for so long, or is told to stop. @ready: once it can be found. */
int serve_run(uint32_t idle_ms, void (*ready)(void *ctx), void *ctx, struct error *err);

/* serve.c, for serve_client.c: the last of these may end the server. */
void serve_client_gone(struct server *server);
void serve_stop(struct server *server);
void serve_fill_status(const struct server *server, struct resident_status *ret);

/* serve_client.c. Takes over the socket. */
void serve_client_add(struct server *server, int socket_fd);
/* Ends every session at once. */
void serve_clients_end(struct server *server);
