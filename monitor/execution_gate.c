/* SPDX-License-Identifier: Apache-2.0 */

/* What an execution's gate asks, answered by judge(). */

#include <errno.h>
#include <stdio.h>

#include "monitor/file_labels.h"
#include "monitor/judge.h"
#include "monitor/observe.h"
#include "monitor/session_internal.h"
#include "monitor/session_net.h"

/* An image that the kernel cannot be told to expect must not run, whatever policy said of it. */
static void refuse_unapproved(struct execution *execution, const struct action *action, int reason,
			      struct gate_answer *ret)
{
	static const char because[] =
		"The kernel could not be told what this program must be, so it was not started.";
	struct session *session = execution->session;
	struct denial denial = {.verdict = VERDICT_DENY,
				.kind = "exec",
				.rule = "exec.unapproved",
				.seq = record_count(session->record)};
	struct json_writer *w;

	*ret = (struct gate_answer){.errno_value = EPERM};
	execution->result.denied++;
	session->totals.denied++;
	(void)snprintf(denial.because, sizeof(denial.because), "%s", because);
	(void)snprintf(denial.subject, sizeof(denial.subject), "%.*s", (int)action->path.len,
		       action->path.len ? action->path.at : "");
	execution->result.last_denial = denial;
	w = event_begin(session, "exec.refused", execution->call_id, execution->id);
	json_begin_object(w, "fields");
	json_put_bytes(w, "path", action->path.at, action->path.len);
	json_put_i64(w, "result", reason);
	json_end_object(w);
	json_put_string(w, "verdict", verdict_name(VERDICT_DENY));
	json_put_string(w, "rule", denial.rule);
	json_put_string(w, "because", because);
	event_end(session);
	if (reason == -ENOSPC)
		loss_of_approval(session, action);
	ret->kill_execution = execution->result.killed;
}

/* Let through, and answered here all the same: whom it is for cannot be reached. */
static void tell_answer(struct session *session, const struct action *action,
			const struct gate_answer *answer)
{
	if (action->kind == ACTION_CONNECT && !answer->proceed && !answer->later)
		observe_carried_out(session, action, answer->errno_value);
}

static void on_decide(void *ctx, const struct gate_request *request, struct gate_answer *ret)
{
	struct execution *execution = ctx;
	struct session *session = execution->session;
	struct action full = *request->action;
	const struct stop stop = {
		.execution = execution,
		.ticket = request->id,
		.evidence = {&full, request->image, request->held_fds, request->held},
	};
	struct denial *denial = &execution->result.last_denial; /* untouched by a yes */
	struct judgement judgement;
	struct file_labels names;
	int r;

	if (session_net_answers(execution, request, ret)) {
		tell_answer(session, &full, ret);
		return;
	}
	session_net_name(session, &full);
	full.call_id = str_of(execution->call_id);
	full.call_tool = str_of(execution->tool);
	full.declared = declared_list(execution->declared);
	full.time_ns = monotonic_ns();
	if (session->trace)
		trace_forget_refusal(session->trace, session->slot, request->tid);
	if (full.kind == ACTION_EXEC && session->tells_file_labels)
		file_labels_of_exec(session, request, &names, &full);
	judge(session, &full, &stop, &judgement, denial);
	*ret = (struct gate_answer){.proceed = judgement.proceed,
				    .later = judgement.later,
				    .errno_value = judgement.decision.errno_value};
	if (judgement.later)
		return;
	if (!judgement.proceed) {
		if (full.kind == ACTION_CONNECT && session->trace)
			trace_note_refusal(session->trace, session->slot, request->tid,
					   ret->errno_value);
		execution_refused(execution, denial);
		ret->kill_execution = denial->verdict == VERDICT_KILL;
		return;
	}
	session_net_carry_out(execution, request, &full, judgement.by_decoy, ret);
	tell_answer(session, &full, ret);
	if (!request->image || !session->trace)
		return;
	r = trace_approve_exec(session->trace, session->slot, execution->id, request->tid,
			       request->image);
	if (r < 0)
		refuse_unapproved(execution, &full, r, ret);
}

static void on_unanswered(void *ctx, uint32_t tid)
{
	const struct execution *execution = ctx;

	if (execution->session->trace)
		trace_revoke_exec(execution->session->trace, tid);
}

static void on_carried_out(void *ctx, const struct action *action, int error)
{
	const struct execution *execution = ctx;

	observe_carried_out(execution->session, action, error);
}

static bool on_may_take(void *ctx, uint64_t bytes)
{
	struct execution *execution = ctx;

	return session_may_take(execution, bytes);
}

static void on_gone(void *ctx)
{
	(void)ctx; /* EXIT follows from the init, which saw the leaf end. */
}

const struct gate_ops execution_gate_ops = {.decide = on_decide,
					    .carried_out = on_carried_out,
					    .unanswered = on_unanswered,
					    .may_take = on_may_take,
					    .gone = on_gone};
