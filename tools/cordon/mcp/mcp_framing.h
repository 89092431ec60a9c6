/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Lines out of a stream of bytes: the framing of MCP over stdio, one message a line. A line over
 * the ceiling is skipped up to its end without being kept, and reported once.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

struct mcp_framing {
	struct buf line; /* what came of a line that is not at its end; max is the ceiling */
	bool skipping;	 /* the rest of a line that was too long */
};

/* @line: without its newline; NULL for a line that was too long. Borrowed for the call. */
typedef void (*mcp_line_fn)(void *ctx, const char *line, size_t len);

void mcp_framing_init(struct mcp_framing *framing, size_t max_line_bytes);
void mcp_framing_done(struct mcp_framing *framing);

/* Lines of white space alone are no messages and are not reported. */
void mcp_framing_feed(struct mcp_framing *framing, const char *bytes, size_t len, mcp_line_fn fn,
		      void *ctx);
/* The end of the stream: a last line without a newline is a line. */
void mcp_framing_end(struct mcp_framing *framing, mcp_line_fn fn, void *ctx);
