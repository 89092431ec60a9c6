/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * --approver=mcp: questions go to the client itself, as elicitation/create. Source: MCP
 * specification, revisions 2025-06-18 and 2025-11-25, "Elicitation", its form mode. What the client
 * does with them is its own matter: it may show them to a person, or answer by itself.
 */

#include <stdbool.h>

#include <uv.h>

#include "common/buf.h"
#include "common/json.h"
#include "monitor/ask/approver.h"

struct mcp_approver;

/* Who carries the messages; until there is one nothing can be asked. */
struct mcp_carrier {
	void (*send)(void *ctx, struct buf *line); /* the bytes are the callee's afterwards */
	/* The client does not read what it was sent. */
	bool (*is_choked)(void *ctx);
	/* The approver is closed: it is not to be used any more. */
	void (*closed)(void *ctx);
	void *ctx;
};

/* Closed as any approver, by the session that it is given to. */
struct mcp_approver *mcp_approver_new(uv_loop_t *loop);
struct approver *mcp_approver_face(struct mcp_approver *approver);
void mcp_approver_carry(struct mcp_approver *approver, const struct mcp_carrier *carrier);

/* The params of initialize: whether the client declares that it can be asked. */
void mcp_approver_note_client(struct mcp_approver *approver, const struct json *params);
/* A response; @key as in struct mcp_id. One to no open question is ignored. */
void mcp_approver_answer(struct mcp_approver *approver, const char *key, const struct json *doc);
/* Something waits for the client's answer. */
bool mcp_approver_waits(const struct mcp_approver *approver);
