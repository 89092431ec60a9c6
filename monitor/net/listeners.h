/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Sockets that listen in the session's namespace, one for each address and port that somebody is
 * about to be connected with, and none else. A listener is kept while it is used and a little
 * longer; it says nothing of who may connect: that is asked of each socket that it accepts.
 */

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "monitor/net/endpoint.h"

struct listeners;
struct listener;

/* @socket_fd: the callee's, or a negative errno. */
typedef void (*net_socket_cb)(void *ctx, int socket_fd);

struct listeners_ops {
	/*
	 * Asks for a socket that listens there: non-blocking, bound with SO_REUSEADDR; one that is
	 * bound elsewhere is refused. @done is
	 * called once, not from here, also if nobody can answer any more.
	 * Return: 0 or a negative errno, without a call of @done then.
	 */
	int (*open)(void *ctx, const struct endpoint *at, net_socket_cb done, void *done_ctx);
	/* It listens now, or cannot: @error is 0 or a negative errno. */
	void (*opened)(void *ctx, struct listener *listener, int error);
	/* @program_fd: the callee's, non-blocking. @peer: its other end. */
	void (*accepted)(void *ctx, struct listener *listener, int program_fd,
			 const struct endpoint *peer);
};

struct listeners *listeners_new(uv_loop_t *loop, const struct listeners_ops *ops, void *ctx);
/* Closes all of them; nothing is called any more. NULL is fine. */
void listeners_free(struct listeners *listeners);

/*
 * listeners_use - the one at @at, made if there is none; to be given back by listener_release().
 * Errors: -ENOBUFS when MAX_NET_LISTENERS are in use; those of ops.open.
 */
int listeners_use(struct listeners *listeners, const struct endpoint *at, struct listener **ret);
void listener_release(struct listener *listener);

/* False for a socket of another network namespace, which it can therefore not be connected with. */
bool listener_shares_network(const struct listener *listener, int socket_fd);
bool listener_is_open(const struct listener *listener);
const struct endpoint *listener_endpoint(const struct listener *listener);

/* Accepts now what has arrived there. */
void listener_accept(struct listener *listener);
/* The same of all that are used. */
void listeners_accept(struct listeners *listeners);
/* The program wants the port for itself: those that nobody uses are closed. */
void listeners_yield(struct listeners *listeners, uint16_t port);
/* To be called now and then: closes what nobody has used for a while. Return: true if any is left.
 */
bool listeners_sweep(struct listeners *listeners);
