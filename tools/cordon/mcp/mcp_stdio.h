/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * stdin and stdout of a server on the loop, whatever they are: pipes, sockets, terminals, files.
 * What is written waits in memory while the client does not read; above a mark the client is not
 * read either, so that the memory has a bound.
 */

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "common/buf.h"
#include "common/error.h"

struct mcp_stdio;

struct mcp_stdio_ops {
	void (*bytes)(void *ctx, const char *bytes, size_t len);
	/* stdin is at its end. Once. */
	void (*end)(void *ctx);
	/* Nobody reads stdout any more. Once. */
	void (*lost)(void *ctx);
};

int mcp_stdio_start(uv_loop_t *loop, const struct mcp_stdio_ops *ops, void *ctx,
		    struct mcp_stdio **ret, struct error *err);
/* The bytes are taken over. */
void mcp_stdio_write(struct mcp_stdio *stdio, struct buf *bytes);
/* The client has left a lot of it unread. */
bool mcp_stdio_is_choked(const struct mcp_stdio *stdio);
/* While held, stdin is not read. */
void mcp_stdio_hold(struct mcp_stdio *stdio, bool held);
/* No callback comes any more; what waits is written, for at most two seconds; then it is freed. */
void mcp_stdio_close(struct mcp_stdio *stdio);
