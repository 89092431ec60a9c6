/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the kernel saw of a session:
 *
 *	observe.c	turned into actions that policy may count, label or kill for
 *	observe_truth.c	told beside what the gate was asked for, and let through: "exec.done",
 *			"connect.done", "exec.mismatch" and, where files are gated,
 *			"file.open.done" and "file.change.done"
 */

struct action;
struct session;
struct trace_event;

void observe_event(struct session *session, const struct trace_event *event);
/* How what was allowed went, and not for the kernel to do: a gated file operation, a connection;
 * @error: errno or 0. */
void observe_carried_out(struct session *session, const struct action *action, int error);

/* observe_truth.c, for observe.c */
/* What was decided on before it happened is not decided again: how it went is told. */
void observe_done(struct session *session, const struct trace_event *event,
		  const struct action *action);
void observe_exec(struct session *session, const struct trace_event *event);
void observe_connect(struct session *session, const struct trace_event *event);
void observe_mismatch(struct session *session, const struct trace_event *event);
