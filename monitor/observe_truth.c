/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/observe.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/ipv4.h"
#include "monitor/session_internal.h"
#include "monitor/session_net.h"

/* @event: its comm may be NULL. */
static struct json_writer *truth_begin(struct session *session, const struct trace_event *event,
				       const char *kind)
{
	const struct execution *execution = execution_find(session, event->exec_id);
	const struct event_head head = {
		.time_ns = event->time_ns,
		.call = execution ? execution->call_id : NULL,
		.exec_id = event->exec_id,
		.pid = event->pid,
		.kind = kind,
	};
	struct json_writer *w = event_begin_as(session, &head);

	json_begin_object(w, "fields");
	if (event->comm)
		json_put_string(w, "comm", event->comm);
	return w;
}

static void truth_end(struct session *session, struct json_writer *w)
{
	json_end_object(w);
	event_end(session);
}

/* How it went, where that is known. */
static void put_result(struct json_writer *w, const struct trace_event *event)
{
	if (event->begun)
		json_put_bool(w, "begun", true);
	else
		json_put_i64(w, "result", event->result);
}

void observe_done(struct session *session, const struct trace_event *event,
		  const struct action *action)
{
	const bool is_open = action->kind == ACTION_FILE_OPEN;
	struct json_writer *w =
		truth_begin(session, event, is_open ? "file.open.done" : "file.change.done");

	if (!is_open)
		json_put_bytes(w, "op", action->op.at, action->op.len);
	json_put_bytes(w, "path", action->path.at, action->path.len);
	if (action->target.len)
		json_put_bytes(w, "target", action->target.at, action->target.len);
	json_put_bool(w, "claimed", action->claimed);
	put_result(w, event);
	truth_end(session, w);
}

/* Where it goes: @address by the network, else to @path. */
static void record_connect(struct session *session, struct json_writer *w, const char *address,
			   int64_t port, struct str path)
{
	const char *host = session_net_host(session, address);

	if (address[0]) {
		json_put_string(w, "address", address);
		if (host)
			json_put_string(w, "host", host);
		json_put_i64(w, "port", port);
	} else if (path.len) {
		json_put_bytes(w, "path", path.at, path.len);
	}
}

/* Of what was judged, where the trace tells only what the caller's memory says as it returns. */
static void record_made_connect(struct session *session, const struct trace_event *event,
				const struct action *action)
{
	struct json_writer *w = truth_begin(session, event, "connect.done");
	_cleanup_free_ char *address = xstrndup(action->address.at, action->address.len);

	json_put_bytes(w, "exe", action->exe.at, action->exe.len);
	record_connect(session, w, address, action->port, action->path);
	put_result(w, event);
	truth_end(session, w);
}

/*
 * Does the trace tell how it went? The hands are not traced. That a descriptor arrived is seen; how
 * all else went, by the caller's return alone, where returns are seen. Of connections it leaves
 * that to us where all of them are carried out, and without a trace nobody tells of others.
 */
static bool is_traced(const struct session *session, const struct action *action, int error)
{
	if (action->kind == ACTION_CONNECT && session->carries_connects)
		return false;
	return !session->trace || trace_sees_returns(session->trace) ||
	       (action->kind == ACTION_FILE_OPEN && !error);
}

void observe_carried_out(struct session *session, const struct action *action, int error)
{
	struct trace_event event = {
		.time_ns = monotonic_ns(),
		.exec_id = action->exec_id,
		.pid = action->pid,
		.result = -error,
	};

	if (!error)
		past_note(session->past, action);
	if (is_traced(session, action, error))
		return;
	if (action->kind == ACTION_CONNECT) {
		record_made_connect(session, &event, action);
	} else {
		event.comm = "cordon-hands";
		observe_done(session, &event, action);
	}
}

void observe_exec(struct session *session, const struct trace_event *event)
{
	struct json_writer *w = truth_begin(session, event, "exec.done");

	lineages_exec(session->lineages, event->exec_id, event->pid, str_of(event->path),
		      event->time_ns);
	json_put_string(w, "path", event->path);
	json_put_u64(w, "inode", event->inode);
	truth_end(session, w);
}

void observe_connect(struct session *session, const struct trace_event *event)
{
	char address[INET6_ADDRSTRLEN] = "";
	struct json_writer *w = truth_begin(session, event, "connect.done");

	if (event->family == AF_INET)
		(void)ipv4_text(event->address, address);
	else if (event->family == AF_INET6)
		(void)inet_ntop(AF_INET6, event->address, address, sizeof(address));
	record_connect(session, w, address, event->port, str_of(event->path));
	put_result(w, event);
	truth_end(session, w);
}

void observe_mismatch(struct session *session, const struct trace_event *event)
{
	const bool refused = event->kind == TRACE_EXEC_REFUSED;
	struct execution *execution = execution_find(session, event->exec_id);
	struct json_writer *w = truth_begin(session, event, "exec.mismatch");

	json_put_string(w, "path", event->path);
	json_put_string(w, "difference", trace_mismatch_text(event->result));
	json_put_bool(w, "killed", !refused);
	json_put_string(w, "because",
			refused ? "What the kernel was about to run is not what was approved; the "
				  "call was refused."
				: "What the kernel was about to run is not what was approved; it "
				  "was killed before its first instruction.");
	truth_end(session, w);
	if (refused)
		session->totals.denied++;
	else
		session->totals.killed++;
	if (execution) {
		execution->result.killed |= !refused;
		execution->result.denied++;
		execution->result.last_denial =
			(struct denial){.verdict = refused ? VERDICT_DENY : VERDICT_KILL,
					.kind = "exec",
					.rule = "exec.mismatch",
					.because = "The program changed between check and use."};
		(void)snprintf(execution->result.last_denial.subject,
			       sizeof(execution->result.last_denial.subject), "%s",
			       event->path ? event->path : "");
	}
}
