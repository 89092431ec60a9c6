/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What an MCP server says, as lines. Each function appends one whole message with its newline. @id
 * is an id as it came (struct mcp_id.raw).
 */

#include <stddef.h>

#include "common/buf.h"
#include "tools/cordon/mcp/mcp_message.h"
#include "tools/toolkit/catalogue.h"

/* The revision to answer with: the client's where we speak it, else our newest. */
const char *mcp_revision(const char *wanted);

/* @id NULL: the id of the request could not be read, null is sent. */
void mcp_put_error(struct buf *out, const char *id, enum mcp_code code, const char *text);
void mcp_put_empty(struct buf *out, const char *id);
/* @workspace: where relative paths start, for the text to the model. */
void mcp_put_initialize(struct buf *out, const char *id, const char *revision,
			const char *workspace);
void mcp_put_tools(struct buf *out, const char *id);
void mcp_put_result(struct buf *out, const char *id, const struct tool_result *result);
/* A result that tells the model of a call that could not be made of its arguments. */
void mcp_put_bad_call(struct buf *out, const char *id, const char *text);
