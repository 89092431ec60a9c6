/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/mcp/mcp_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cordon/mcp/mcp_reply.h"
#include "tools/cordon/mcp/mcp_server_internal.h"
#include "tools/toolkit/catalogue.h"

/* So many calls and bytes may wait before the client is read no further. */
#define MAX_WAITING	  64u
#define MAX_WAITING_BYTES ((size_t)32 << 20)

struct mcp_server *mcp_server_new(const char *workspace, const struct mcp_server_ops *ops,
				  void *ctx)
{
	struct mcp_server *server = xcalloc(1, sizeof(*server));

	server->workspace = workspace;
	server->ops = ops;
	server->ctx = ctx;
	(void)json_parse("no arguments", "{}", 2, &server->no_arguments, NULL);
	return server;
}

void mcp_server_free(struct mcp_server *server)
{
	if (!server)
		return;
	json_free(server->no_arguments);
	free(server->failure);
	free(server);
}

size_t mcp_server_load(const struct mcp_server *server)
{
	return server->running + server->waiting;
}

/* An answer that calls wait for comes behind what was sent before it, so more is read then. */
bool mcp_server_is_full(const struct mcp_server *server)
{
	const size_t times = server->approver && mcp_approver_waits(server->approver) ? 2 : 1;

	return server->waiting >= times * MAX_WAITING ||
	       server->waiting_bytes >= times * MAX_WAITING_BYTES;
}

void mcp_send_lines(struct mcp_server *server, struct buf *lines)
{
	if (!server->stopped)
		server->ops->send(server->ctx, lines);
	buf_done(lines);
}

static void send_question(void *ctx, struct buf *line)
{
	mcp_send_lines(ctx, line);
}

static bool is_choked(void *ctx)
{
	const struct mcp_server *server = ctx;

	return server->ops->is_choked(server->ctx);
}

static void forget_approver(void *ctx)
{
	((struct mcp_server *)ctx)->approver = NULL;
}

void mcp_server_ask_by(struct mcp_server *server, struct mcp_approver *approver)
{
	const struct mcp_carrier carrier = {send_question, is_choked, forget_approver, server};

	server->approver = approver;
	mcp_approver_carry(approver, &carrier);
}

void mcp_send_error(struct mcp_server *server, const char *id, enum mcp_code code, const char *text)
{
	struct buf out = BUF_INIT(0);

	mcp_put_error(&out, id, code, text);
	mcp_send_lines(server, &out);
}

/* ---- requests ---- */

static void on_initialize(struct mcp_server *server, const struct mcp_message *m)
{
	const char *wanted = json_get_string(m->params, "protocolVersion");
	struct buf out = BUF_INIT(0);

	if (server->initialized) {
		mcp_send_error(server, m->id.raw, MCP_INVALID_REQUEST,
			       "the session is initialized already");
		return;
	}
	if (!wanted) {
		mcp_send_error(server, m->id.raw, MCP_INVALID_PARAMS,
			       "params.protocolVersion: must be a string");
		return;
	}
	server->initialized = true;
	if (server->approver)
		mcp_approver_note_client(server->approver, m->params);
	mcp_put_initialize(&out, m->id.raw, mcp_revision(wanted), server->workspace);
	mcp_send_lines(server, &out);
}

static void on_tools_list(struct mcp_server *server, const struct mcp_message *m)
{
	struct buf out = BUF_INIT(0);

	mcp_put_tools(&out, m->id.raw);
	mcp_send_lines(server, &out);
}

static void on_ping(struct mcp_server *server, const struct mcp_message *m)
{
	struct buf out = BUF_INIT(0);

	mcp_put_empty(&out, m->id.raw);
	mcp_send_lines(server, &out);
}

/* Takes the message over if the call is accepted. */
static void on_tools_call(struct mcp_server *server, struct mcp_message *m, size_t bytes)
{
	const struct json *args = json_get(m->params, "arguments");
	const char *name = json_get_string(m->params, "name");
	struct mcp_cost cost;
	const char *wrong = mcp_call_cost(m->params, &cost);
	char text[160];

	if (!name) {
		mcp_send_error(server, m->id.raw, MCP_INVALID_PARAMS,
			       "params.name: must be a string");
		return;
	}
	if (!catalogue_find(name)) {
		(void)snprintf(text, sizeof(text), "params.name: there is no tool \"%.80s\"", name);
		mcp_send_error(server, m->id.raw, MCP_INVALID_PARAMS, text);
		return;
	}
	if (args && json_type(args) != JSON_OBJECT) {
		mcp_send_error(server, m->id.raw, MCP_INVALID_PARAMS,
			       "params.arguments: must be an object");
		return;
	}
	if (wrong) {
		mcp_send_error(server, m->id.raw, MCP_INVALID_PARAMS, wrong);
		return;
	}
	if (mcp_calls_have(server, m->id.key)) {
		mcp_send_error(server, m->id.raw, MCP_INVALID_REQUEST,
			       "id: belongs to a call that is not over");
		return;
	}
	if (server->failure) {
		mcp_send_error(server, m->id.raw, MCP_INTERNAL_ERROR, server->failure);
		return;
	}
	mcp_calls_add(server, m, &cost, bytes);
}

static void on_request(struct mcp_server *server, struct mcp_message *m, size_t bytes)
{
	const bool is_list = strcmp(m->method, "tools/list") == 0;
	const bool is_call = strcmp(m->method, "tools/call") == 0;
	char text[200];

	if (strcmp(m->method, "initialize") == 0) {
		on_initialize(server, m);
	} else if (strcmp(m->method, "ping") == 0) {
		on_ping(server, m);
	} else if (!is_list && !is_call) {
		/* server/discover too: by this a client of a later revision knows what we speak. */
		(void)snprintf(text, sizeof(text), "there is no method \"%.80s\"", m->method);
		mcp_send_error(server, m->id.raw, MCP_METHOD_NOT_FOUND, text);
	} else if (!server->initialized) {
		mcp_send_error(server, m->id.raw, MCP_INVALID_REQUEST,
			       "the first request must be initialize");
	} else if (is_list) {
		on_tools_list(server, m);
	} else {
		on_tools_call(server, m, bytes);
	}
}

static void on_cancelled(struct mcp_server *server, const char *line, size_t len)
{
	struct mcp_id id = {0};

	if (mcp_cancelled_id(line, len, &id) == 0)
		mcp_calls_cancel(server, id.key);
	mcp_id_done(&id);
}

void mcp_server_line(struct mcp_server *server, const char *line, size_t len)
{
	struct mcp_message m;
	char text[80];

	if (server->stopped)
		return;
	if (!line) {
		(void)snprintf(text, sizeof(text), "message: a line of over %u bytes",
			       MAX_JSON_BYTES);
		mcp_send_error(server, NULL, MCP_PARSE_ERROR, text);
		return;
	}
	mcp_message_parse(line, len, &m);
	switch (m.kind) {
	case MCP_REQUEST:
		on_request(server, &m, len);
		break;
	case MCP_NOTIFICATION:
		if (strcmp(m.method, "notifications/cancelled") == 0)
			on_cancelled(server, line, len);
		break;
	case MCP_RESPONSE:
		if (server->approver)
			mcp_approver_answer(server->approver, m.id.key, m.doc);
		break;
	case MCP_INVALID:
		mcp_send_error(server, m.id.raw, m.code, m.reason.text);
		break;
	}
	mcp_message_done(&m);
}

void mcp_server_ready(struct mcp_server *server, struct agent_session *agent)
{
	server->agent = agent;
	mcp_calls_start(server);
	server->ops->settled(server->ctx);
}

void mcp_server_stop(struct mcp_server *server)
{
	server->stopped = true;
	mcp_calls_drop_waiting(server, NULL);
	mcp_calls_cancel_running(server);
}

void mcp_server_fail(struct mcp_server *server, const char *reason)
{
	if (server->failure)
		return;
	server->agent = NULL;
	server->failure = xasprintf("the session has ended: %s", reason);
	mcp_calls_drop_waiting(server, server->failure);
}
