/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/mcp/mcp_server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "tools/cordon/mcp/mcp_message.h"
#include "tools/cordon/mcp/mcp_reply.h"
#include "tools/toolkit/catalogue.h"

/* So many run at once; so many bytes and calls may wait before the client is read no further. */
#define MAX_RUNNING	  16u
#define MAX_WAITING	  64u
#define MAX_WAITING_BYTES ((size_t)32 << 20)

struct mcp_call {
	struct mcp_call *prev, *next; /* in mcp_server.calls, in the order of arrival */
	struct mcp_server *server;
	struct mcp_message message; /* without its tree once it runs */
	struct mcp_cost cost;	    /* borrows from the message */
	size_t bytes;		    /* of the message, while it waits */
	char call_id[24];
	struct tool_call *running; /* NULL: waits */
	bool cancelled;		   /* by the client: no answer */
};

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

static void send_lines(struct mcp_server *server, struct buf *lines)
{
	if (!server->stopped)
		server->ops->send(server->ctx, lines);
	buf_done(lines);
}

static void send_question(void *ctx, struct buf *line)
{
	send_lines(ctx, line);
}

static void forget_approver(void *ctx)
{
	((struct mcp_server *)ctx)->approver = NULL;
}

void mcp_server_ask_by(struct mcp_server *server, struct mcp_approver *approver)
{
	const struct mcp_carrier carrier = {send_question, forget_approver, server};

	server->approver = approver;
	mcp_approver_carry(approver, &carrier);
}

static void send_error(struct mcp_server *server, const char *id, enum mcp_code code,
		       const char *text)
{
	struct buf out = BUF_INIT(0);

	mcp_put_error(&out, id, code, text);
	send_lines(server, &out);
}

/* ---- calls ---- */

static void call_free(struct mcp_call *call)
{
	DL_DELETE(call->server->calls, call);
	mcp_message_done(&call->message);
	free(call);
}

static void leave_queue(struct mcp_call *call)
{
	call->server->waiting--;
	call->server->waiting_bytes -= call->bytes;
}

static void start_waiting(struct mcp_server *server);

static void on_done(void *ctx, const struct tool_result *result)
{
	struct mcp_call *call = ctx;
	struct mcp_server *server = call->server;
	struct buf out = BUF_INIT(0);

	if (!call->cancelled) {
		mcp_put_result(&out, call->message.id.raw, result);
		send_lines(server, &out);
	}
	server->running--;
	call_free(call);
	start_waiting(server);
	server->ops->settled(server->ctx);
}

static void start_call(struct mcp_call *call)
{
	struct mcp_server *server = call->server;
	const struct json *args = json_get(call->message.params, "arguments");
	const char *name = json_string(json_get(call->message.params, "name"));
	const struct tool_request request = {.call_id = call->call_id,
					     .tool = name,
					     .args = args ? args : server->no_arguments,
					     .cost = call->cost.amount,
					     .unit = call->cost.unit,
					     .done = on_done,
					     .ctx = call};
	struct buf out = BUF_INIT(0);
	struct error err = {0};

	leave_queue(call);
	if (tool_call_start(server->agent, &request, &call->running, &err) == 0) {
		server->running++;
		json_free(take_ptr(call->message.doc));
		call->message.params = NULL;
		call->message.method = NULL;
		return;
	}
	mcp_put_bad_call(&out, call->message.id.raw, err.text);
	send_lines(server, &out);
	call_free(call);
}

static void start_waiting(struct mcp_server *server)
{
	struct mcp_call *call;
	struct mcp_call *next;

	if (!server->agent || server->stopped || server->failure)
		return;
	DL_FOREACH_SAFE (server->calls, call, next) {
		if (server->running >= MAX_RUNNING)
			break;
		if (!call->running)
			start_call(call);
	}
}

static struct mcp_call *find_call(const struct mcp_server *server, const char *key)
{
	struct mcp_call *call;

	DL_FOREACH (server->calls, call) {
		if (strcmp(call->message.id.key, key) == 0)
			return call;
	}
	return NULL;
}

/* ---- requests ---- */

static void on_initialize(struct mcp_server *server, const struct mcp_message *m)
{
	const char *wanted = json_string(json_get(m->params, "protocolVersion"));
	struct buf out = BUF_INIT(0);

	if (server->initialized) {
		send_error(server, m->id.raw, MCP_INVALID_REQUEST,
			   "the session is initialized already");
		return;
	}
	if (!wanted) {
		send_error(server, m->id.raw, MCP_INVALID_PARAMS,
			   "params.protocolVersion: must be a string");
		return;
	}
	server->initialized = true;
	if (server->approver)
		mcp_approver_note_client(server->approver, m->params);
	mcp_put_initialize(&out, m->id.raw, mcp_revision(wanted), server->workspace);
	send_lines(server, &out);
}

static void on_tools_list(struct mcp_server *server, const struct mcp_message *m)
{
	struct buf out = BUF_INIT(0);

	mcp_put_tools(&out, m->id.raw);
	send_lines(server, &out);
}

static void on_ping(struct mcp_server *server, const struct mcp_message *m)
{
	struct buf out = BUF_INIT(0);

	mcp_put_empty(&out, m->id.raw);
	send_lines(server, &out);
}

/* Takes the message over if the call is accepted. */
static void on_tools_call(struct mcp_server *server, struct mcp_message *m, size_t bytes)
{
	const struct json *args = json_get(m->params, "arguments");
	const char *name = json_string(json_get(m->params, "name"));
	struct mcp_call *call;
	struct mcp_cost cost;
	const char *wrong = mcp_call_cost(m->params, &cost);
	char text[160];

	if (!name) {
		send_error(server, m->id.raw, MCP_INVALID_PARAMS, "params.name: must be a string");
		return;
	}
	if (!catalogue_find(name)) {
		(void)snprintf(text, sizeof(text), "params.name: there is no tool \"%.80s\"", name);
		send_error(server, m->id.raw, MCP_INVALID_PARAMS, text);
		return;
	}
	if (args && json_type(args) != JSON_OBJECT) {
		send_error(server, m->id.raw, MCP_INVALID_PARAMS,
			   "params.arguments: must be an object");
		return;
	}
	if (wrong) {
		send_error(server, m->id.raw, MCP_INVALID_PARAMS, wrong);
		return;
	}
	if (find_call(server, m->id.key)) {
		send_error(server, m->id.raw, MCP_INVALID_REQUEST,
			   "id: belongs to a call that is not over");
		return;
	}
	if (server->failure) {
		send_error(server, m->id.raw, MCP_INTERNAL_ERROR, server->failure);
		return;
	}
	call = xcalloc(1, sizeof(*call));
	call->server = server;
	call->message = *m;
	call->cost = cost;
	call->bytes = bytes;
	*m = (struct mcp_message){.kind = MCP_INVALID};
	(void)snprintf(call->call_id, sizeof(call->call_id), "c%llu", ++server->last_call);
	DL_APPEND(server->calls, call);
	server->waiting++;
	server->waiting_bytes += bytes;
	start_waiting(server);
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
		send_error(server, m->id.raw, MCP_METHOD_NOT_FOUND, text);
	} else if (!server->initialized) {
		send_error(server, m->id.raw, MCP_INVALID_REQUEST,
			   "the first request must be initialize");
	} else if (is_list) {
		on_tools_list(server, m);
	} else {
		on_tools_call(server, m, bytes);
	}
}

static void on_cancelled(struct mcp_server *server, const char *line, size_t len)
{
	struct mcp_call *call = NULL;
	struct mcp_id id = {0};

	if (mcp_cancelled_id(line, len, &id) == 0)
		call = find_call(server, id.key);
	mcp_id_done(&id);
	if (!call)
		return; /* over already: the two messages crossed */
	call->cancelled = true;
	if (call->running) {
		tool_call_cancel(call->running);
		return;
	}
	leave_queue(call);
	call_free(call);
	server->ops->settled(server->ctx);
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
		send_error(server, NULL, MCP_PARSE_ERROR, text);
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
		send_error(server, m.id.raw, m.code, m.reason.text);
		break;
	}
	mcp_message_done(&m);
}

void mcp_server_ready(struct mcp_server *server, struct agent_session *agent)
{
	server->agent = agent;
	start_waiting(server);
	server->ops->settled(server->ctx);
}

static void drop_waiting(struct mcp_server *server, const char *reason)
{
	struct mcp_call *call;
	struct mcp_call *next;

	DL_FOREACH_SAFE (server->calls, call, next) {
		if (call->running)
			continue;
		if (reason)
			send_error(server, call->message.id.raw, MCP_INTERNAL_ERROR, reason);
		leave_queue(call);
		call_free(call);
	}
}

void mcp_server_stop(struct mcp_server *server)
{
	struct mcp_call *call;

	server->stopped = true;
	drop_waiting(server, NULL);
	DL_FOREACH (server->calls, call)
		tool_call_cancel(call->running);
}

void mcp_server_fail(struct mcp_server *server, const char *reason)
{
	if (server->failure)
		return;
	server->agent = NULL;
	server->failure = xasprintf("the session has ended: %s", reason);
	drop_waiting(server, server->failure);
}
