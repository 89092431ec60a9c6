/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A session's record: its first and its last event, what of it must be on disk, and how any event
 * gets there.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/syscall_table.h"
#include "monitor/session_internal.h"

#define NS_PER_S INT64_C(1000000000)

struct json_writer *event_begin_as(struct session *session, const struct event_head *head)
{
	session->totals.events++;
	return record_begin(session->record, head);
}

struct json_writer *event_begin(struct session *session, const char *kind, const char *call,
				uint32_t exec_id)
{
	const struct event_head head = {
		.time_ns = monotonic_ns(), .call = call, .exec_id = exec_id, .kind = kind};

	return event_begin_as(session, &head);
}

/* No record, no run: an action that cannot be told of must not happen. */
void event_failed(struct session *session, int reason)
{
	struct error err;

	(void)error_errno(&err, reason, "write the record %s", record_path(session->record));
	session_fail(session, &err);
}

void event_end(struct session *session)
{
	const int r = record_end(session->record);

	if (r < 0)
		event_failed(session, r);
}

void session_put_utc(const struct session *session, struct json_writer *w)
{
	const int64_t now_ns = session->supervisor->wall_clock();
	const time_t seconds = (time_t)(now_ns / NS_PER_S);
	struct tm parts;
	char text[40];
	size_t used;

	(void)gmtime_r(&seconds, &parts);
	used = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	(void)snprintf(text + used, sizeof(text) - used, ".%09" PRId64 "Z", now_ns % NS_PER_S);
	json_put_string(w, "utc", text);
}

void session_record_start(struct session *session)
{
	struct json_writer *w = event_begin(session, "session.start", NULL, 0);
	int r;

	json_begin_object(w, "fields");
	session_put_utc(session, w);
	json_put_string(w, "policy", policy_hash(session->policy));
	if (policy_signer(session->policy, 0)) {
		json_begin_array(w, "policy_signed_by");
		for (size_t i = 0; policy_signer(session->policy, i); i++)
			json_put_string(w, NULL, policy_signer(session->policy, i));
		json_end_array(w);
	}
	json_put_u64(w, "rules", policy_rule_count(session->policy));
	json_put_string(w, "mode", session->mode == MODE_OBSERVE ? "observe" : "enforce");
	json_put_string(w, "workspace", session->workspace);
	json_put_string(w, "isolation", session_layer(session, "isolation"));
	json_put_string(w, "trace", session->trace ? "on" : "off");
	if (session->trace)
		json_put_string(w, "trace_backend", trace_backend_name(session->trace));
	else
		json_put_string(w, "trace_reason", supervisor_no_trace_reason(session->supervisor));
	json_put_string(w, "process_labels", session->trace ? "on" : "off");
	json_put_string(w, "approver", session->approver ? "on" : "off");
	json_put_string(w, "also", "on");
	json_put_string(w, "file_gate", session->gates_files ? "on" : "off");
	json_begin_object(w, "layers");
	for (size_t i = 0; session->layers && session->layers[i]; i++) {
		_cleanup_free_ char *name = xstrdup(session->layers[i]);
		char *state = strchr(name, '=');

		if (state)
			*state++ = '\0';
		json_put_string(w, name, state ? state : "on");
	}
	json_end_object(w);
	json_end_object(w);
	event_end(session);
	/* Nothing runs before it is known that the record can be written. */
	r = record_flush(session->record);
	if (r < 0)
		event_failed(session, r);
}

/* The session has ended, and nothing was wrong with it before. */
static void record_is_cut(struct session *session, int reason, const char *path)
{
	if (reason == 0 || session->failed)
		return;
	session->failed = true;
	if (reason == -ESTALE)
		(void)error_set(&session->failure, ESTALE,
				"the record %s was removed, cut or written to by somebody else "
				"while its session ran; keep records in a folder of your own",
				path);
	else
		(void)error_errno(&session->failure, reason, "write the record %s", path);
}

static void close_record(struct session *session, const char *extra)
{
	_cleanup_free_ char *path = xstrdup(record_path(session->record));
	int r = record_flush(session->record);

	if (r < 0)
		session->record = record_abandon(session->record);
	else
		r = record_close(take_ptr(session->record), monotonic_ns(), extra);
	record_is_cut(session, r, path);
}

void session_record_end(struct session *session)
{
	struct session_totals *totals = &session->totals;
	_cleanup_buf_ struct buf extra = BUF_INIT(0);
	struct trace *trace = session->trace;
	uint64_t syscalls[TRACE_SYSCALLS];
	struct json_writer w = {.out = &extra};

	/* Ended before its init said HELLO: the record tells of that too. */
	if (!record_count(session->record))
		session_record_start(session);
	if (trace)
		trace_note_skips(trace);
	loss_check(session);
	if (trace) {
		(void)trace_session_counts(trace, session->slot, &totals->trace);
		if (trace_syscall_counts(trace, session->slot, syscalls) == 0) {
			json_begin_object(&w, "syscalls");
			for (unsigned nr = 0; nr < TRACE_SYSCALLS; nr++) {
				if (syscalls[nr] && syscall_name(nr))
					json_put_u64(&w, syscall_name(nr), syscalls[nr]);
			}
			json_end_object(&w);
		}
	}
	json_put_u64(&w, "execs", totals->execs);
	json_put_u64(&w, "gated", totals->gated);
	json_put_u64(&w, "denied", totals->denied);
	json_put_u64(&w, "killed", totals->killed);
	json_put_u64(&w, "trace_emitted", totals->trace.emitted);
	json_put_u64(&w, "trace_consumed", totals->trace.consumed);
	json_put_u64(&w, "trace_lost", totals->trace.lost);
	if (session->failed)
		json_put_string(&w, "error", session->failure.text);
	close_record(session, extra.data);
}
