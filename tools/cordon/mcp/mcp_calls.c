/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "tools/cordon/mcp/mcp_reply.h"
#include "tools/cordon/mcp/mcp_server_internal.h"
#include "tools/toolkit/catalogue.h"

#define MAX_RUNNING 16u /* at once */

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

static void on_done(void *ctx, const struct tool_result *result)
{
	struct mcp_call *call = ctx;
	struct mcp_server *server = call->server;
	struct buf out = BUF_INIT(0);

	if (!call->cancelled) {
		mcp_put_result(&out, call->message.id.raw, result);
		mcp_send_lines(server, &out);
	}
	server->running--;
	call_free(call);
	mcp_calls_start(server);
	server->ops->settled(server->ctx);
}

static void start_call(struct mcp_call *call)
{
	struct mcp_server *server = call->server;
	const struct json *args = json_get(call->message.params, "arguments");
	const char *name = json_get_string(call->message.params, "name");
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
	mcp_send_lines(server, &out);
	call_free(call);
}

void mcp_calls_start(struct mcp_server *server)
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

void mcp_calls_drop_waiting(struct mcp_server *server, const char *reason)
{
	struct mcp_call *call;
	struct mcp_call *next;

	DL_FOREACH_SAFE (server->calls, call, next) {
		if (call->running)
			continue;
		if (reason)
			mcp_send_error(server, call->message.id.raw, MCP_INTERNAL_ERROR, reason);
		leave_queue(call);
		call_free(call);
	}
}

void mcp_calls_add(struct mcp_server *server, struct mcp_message *m, const struct mcp_cost *cost,
		   size_t bytes)
{
	struct mcp_call *call = xcalloc(1, sizeof(*call));

	call->server = server;
	call->message = *m;
	call->cost = *cost;
	call->bytes = bytes;
	*m = (struct mcp_message){.kind = MCP_INVALID};
	(void)snprintf(call->call_id, sizeof(call->call_id), "c%llu", ++server->last_call);
	DL_APPEND(server->calls, call);
	server->waiting++;
	server->waiting_bytes += bytes;
	mcp_calls_start(server);
}

bool mcp_calls_have(const struct mcp_server *server, const char *key)
{
	return find_call(server, key) != NULL;
}

void mcp_calls_cancel(struct mcp_server *server, const char *key)
{
	struct mcp_call *call = find_call(server, key);

	if (!call)
		return;
	call->cancelled = true;
	if (call->running) {
		tool_call_cancel(call->running);
		return;
	}
	leave_queue(call);
	call_free(call);
	server->ops->settled(server->ctx);
}

void mcp_calls_cancel_running(struct mcp_server *server)
{
	struct mcp_call *call;

	DL_FOREACH (server->calls, call)
		tool_call_cancel(call->running);
}
