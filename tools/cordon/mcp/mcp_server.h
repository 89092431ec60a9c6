/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The MCP server as a state machine over lines: no descriptors, no loop of its own. One client, one
 * session. Calls that come before the session is ready, or while many run, wait in a queue.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "tools/cordon/mcp/mcp_approver.h"
#include "tools/toolkit/agent_session.h"

struct mcp_server;

struct mcp_server_ops {
	/* Messages to the client; the bytes are the callee's afterwards (take_ptr, or buf_done). */
	void (*send)(void *ctx, struct buf *lines);
	/* The client does not read what it was sent. */
	bool (*is_choked)(void *ctx);
	/* A call is over; mcp_server_load() may have fallen. */
	void (*settled)(void *ctx);
};

/* @workspace: path inside, for the text to the model; borrowed for the server's life. */
struct mcp_server *mcp_server_new(const char *workspace, const struct mcp_server_ops *ops,
				  void *ctx);
/* The client answers what rules want asked. */
void mcp_server_ask_by(struct mcp_server *server, struct mcp_approver *approver);
/* No call may be left (mcp_server_load() is 0). */
void mcp_server_free(struct mcp_server *server);

/* A line from the client; NULL: one that was too long. */
void mcp_server_line(struct mcp_server *server, const char *line, size_t len);
/* The session can take calls from now on. */
void mcp_server_ready(struct mcp_server *server, struct agent_session *agent);
/* Ends every call; nothing is sent any more. */
void mcp_server_stop(struct mcp_server *server);
/* The session is gone: what waits gets an error with the reason. */
void mcp_server_fail(struct mcp_server *server, const char *reason);

/* Calls that run or wait. */
size_t mcp_server_load(const struct mcp_server *server);
/* True while the client should not be read from. */
bool mcp_server_is_full(const struct mcp_server *server);
