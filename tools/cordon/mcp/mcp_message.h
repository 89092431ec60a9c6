/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One JSON-RPC 2.0 message of MCP, parsed strictly. Source: MCP specification, revisions 2025-06-18
 * and 2025-11-25, "Base protocol": no batches; ids are strings or integers, never null; parameters
 * are an object.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json.h"

enum mcp_kind {
	MCP_REQUEST,
	MCP_NOTIFICATION,
	MCP_RESPONSE, /* to what mcp_approver.c asks */
	MCP_INVALID,  /* answer with code and reason */
};

enum mcp_code {
	MCP_PARSE_ERROR = -32700,
	MCP_INVALID_REQUEST = -32600,
	MCP_METHOD_NOT_FOUND = -32601,
	MCP_INVALID_PARAMS = -32602,
	MCP_INTERNAL_ERROR = -32603,
};

#define MCP_MAX_ID_BYTES 1024u

/*
 * An id. `raw` is what goes back, byte by byte as it came: a 64-bit integer stays what it is. `key`
 * is what is compared: two spellings of one string are one id.
 */
struct mcp_id {
	char *raw; /* owned; NULL: none */
	char *key; /* owned */
};

struct mcp_message {
	enum mcp_kind kind;
	struct mcp_id id;   /* of a request, and of an invalid message where it is readable */
	const char *method; /* borrowed from doc */
	const struct json *params; /* NULL if there are none */
	struct json *doc;	   /* owned */
	enum mcp_code code;	   /* MCP_INVALID */
	struct error reason;
};

/* Always fills *ret; the caller ends it with mcp_message_done(). */
void mcp_message_parse(const char *line, size_t len, struct mcp_message *ret);
void mcp_message_done(struct mcp_message *message);

/* What a call costs, of its params' _meta["cordon/cost"]: {"amount": whole number, "unit": word}.
 */
struct mcp_cost {
	int64_t amount;	  /* 0: none was declared */
	const char *unit; /* NULL: likewise; borrowed from the params */
};

/* Return: NULL, or what is wrong with it. */
const char *mcp_call_cost(const struct json *params, struct mcp_cost *ret);

/* The requestId of notifications/cancelled. Return: 0, -EINVAL if it holds none. */
int mcp_cancelled_id(const char *line, size_t len, struct mcp_id *ret);
void mcp_id_done(struct mcp_id *id);
