/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A session watched by the resident supervisor, as the process that asked for it sees it.
 */

#include <uv.h>

#include "common/error.h"
#include "tools/cordon/resident/resident_wire.h"

struct resident_client;

struct resident_client_ops {
	/* The session is the server's: our copy of its control socket must go now. @no_trace: why
	 * it is not traced, empty if it is. @unread_labels: a bit for each label of the request
	 * that no rule reads. */
	void (*accepted)(void *ctx, const char *no_trace, uint64_t unread_labels);
	/* The server will not, and touched nothing. The client is freed after it. */
	void (*declined)(void *ctx);
	/* tty only: the pty's master, owned by the callee. */
	void (*tty)(void *ctx, int master_fd);
	/* Once, last, unless declined. The client is freed after it. */
	void (*closed)(void *ctx, const struct command_outcome *outcome, const struct error *err);
};

struct resident_owner {
	uv_loop_t *loop;
	const struct resident_client_ops *ops;
	void *ctx;
	struct approver *approver; /* asked for the server once it has accepted; NULL: none */
};

/*
 * resident_hail - connects to a server, early, so that it is heard of while the session is made.
 * Return: a socket, the caller's. Errors: of resident_place_open() and resident_connect().
 */
int resident_hail(void);
/*
 * resident_hear - waits for its HELLO: nothing is handed to a server that does not say it.
 * Errors: -ETIMEDOUT if it is stopped, or busy for very long; -ECONNRESET if it ended.
 */
int resident_hear(int socket_fd);
/*
 * resident_client_start - hands a session over; the fds stay the caller's.
 * @socket_fd: to one that was heard; becomes the client's, also after an error.
 * Errors: -E2BIG for a request that is too long: no server is used.
 */
int resident_client_start(const struct resident_owner *owner, int socket_fd,
			  const struct resident_run *run, const int fds[RESIDENT_FDS],
			  struct resident_client **ret);

/* For the command to do with as it likes; see command_signal(). */
void resident_client_signal(struct resident_client *client, int signum);
/* Ends the command; closed() follows. */
void resident_client_kill(struct resident_client *client);

/* Starts a server for the next ones, detached from us, unless one is needless or cannot work. Our
 * own processors are all that there are from then on. */
void resident_spawn(void);
