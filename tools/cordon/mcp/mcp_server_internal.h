/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the server's requests (mcp_server.c) and its calls (mcp_calls.c) share. */

#include "tools/cordon/mcp/mcp_message.h"
#include "tools/cordon/mcp/mcp_server.h"

struct mcp_call;

struct mcp_server {
	const struct mcp_server_ops *ops;
	void *ctx;
	const char *workspace;
	struct agent_session *agent;   /* NULL until it is ready */
	struct mcp_approver *approver; /* borrowed; NULL: the client is not asked */
	struct json *no_arguments;
	struct mcp_call *calls;
	size_t running, waiting, waiting_bytes;
	unsigned long long last_call;
	bool initialized;
	bool stopped;
	char *failure; /* why there is no session any more */
};

/* Sends and empties the lines; nothing after mcp_server_stop(). */
void mcp_send_lines(struct mcp_server *server, struct buf *lines);
void mcp_send_error(struct mcp_server *server, const char *id, enum mcp_code code,
		    const char *text);

/*
 * Calls, from their message to their answer. They begin in the order in which they came, as soon as
 * there is a session and not too many run.
 */

/* Takes the message over, from which @cost borrows. @bytes: of it. */
void mcp_calls_add(struct mcp_server *server, struct mcp_message *m, const struct mcp_cost *cost,
		   size_t bytes);
/* Is the call of the request with this id (struct mcp_id's key) not over? */
bool mcp_calls_have(const struct mcp_server *server, const char *key);
/* Ends it, without an answer; nothing if it is over already: the two messages crossed. */
void mcp_calls_cancel(struct mcp_server *server, const char *key);
/* Begins what waits. */
void mcp_calls_start(struct mcp_server *server);
/* Forgets what waits; @reason: the answer to each, NULL for none. */
void mcp_calls_drop_waiting(struct mcp_server *server, const char *reason);
void mcp_calls_cancel_running(struct mcp_server *server);
