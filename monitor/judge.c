/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "monitor/judge.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "monitor/redact.h"
#include "monitor/session_internal.h"
#include "monitor/session_net.h"

/*
 * Every decision takes this one way. The trace is drained first: an open(2) that returned before
 * the action was asked for has set its labels, moved its counters and been a step of sequences
 * before policy looks at them.
 */

/* What a rule took away is set anew by the next read, in the kernel too. */
static void clear_labels(struct session *session, const struct action *action, uint64_t labels)
{
	char call[ACTION_CALL_BYTES];
	struct json_writer *w;

	if (!labels)
		return;
	if (session->trace)
		trace_session_clear_labels(session->trace, session->slot, labels);
	session->labels_recorded &= ~labels;
	session->everywhere_recorded &= ~labels;
	w = event_begin(session, "label.cleared", judge_call_of(action, call), action->exec_id);
	json_begin_object(w, "fields");
	policy_put_labels(w, "labels", session->policy, labels);
	json_end_object(w);
	event_end(session);
}

/* On the network there may be no place to wait in, or none left. Of other kinds that cannot wait,
 * it has happened already. */
static bool may_not_pass(const struct action *action)
{
	return action->kind == ACTION_DNS || action->kind == ACTION_REQUEST;
}

static void decide(struct session *session, const struct action *action, const struct stop *stop,
		   struct judgement *ret)
{
	*ret = (struct judgement){0};
	if (stop && pending_knows(session, stop))
		policy_decide_again(session->policy, session->state, action, &ret->decision);
	else
		policy_decide(session->policy, session->state, action, &ret->decision);
	ret->by_loss = loss_overrules(session, action, &ret->decision);
	ret->proceed = ret->decision.verdict < VERDICT_ASK || session->mode == MODE_OBSERVE;
	if (ret->decision.errno_value <= 0)
		ret->decision.errno_value = EPERM;
	if (session->mode == MODE_ENFORCE && !session->failed) {
		if (ret->decision.verdict == VERDICT_ASK && stop)
			pending_ask(session, stop, ret);
		else if (ret->decision.verdict == VERDICT_THROTTLE &&
			 (stop || may_not_pass(action)))
			pending_throttle(session, stop, ret);
	}
	/* What went past us cannot be changed any more. */
	if (ret->decision.verdict == VERDICT_REDACT && session->mode == MODE_ENFORCE &&
	    action->text.at) {
		ret->redaction = redaction_new(session, action);
		ret->reason = ret->redaction->withheld;
		ret->proceed = !ret->reason;
	}
	ret->by_decoy = !session->failed && session_decoy_answers(session, action, ret);
	ret->proceed |= ret->by_decoy;
	if (ret->proceed && ret->decision.verdict >= VERDICT_ASK)
		policy_note_let_through(session->policy, session->state, action);
	if (!ret->is_told)
		judge_record(session, action, ret);
	clear_labels(session, action, ret->decision.labels_removed);
	judge_note_labels(session, action);
	loss_check_sequences(session);
	/* A session that is failing lets nothing through, whatever the policy says. */
	if (session->failed) {
		ret->proceed = false;
		ret->later = false;
	}
}

/* From here on rules cannot tell one process from another: that is news. */
static void note_everywhere(struct session *session)
{
	const uint64_t labels = trace_everywhere_labels(session->trace, session->slot);
	const uint64_t added = labels & ~session->everywhere_recorded;
	struct json_writer *w;

	if (!added)
		return;
	session->everywhere_recorded |= labels;
	w = event_begin(session, "label.everywhere", NULL, 0);
	json_begin_object(w, "fields");
	policy_put_labels(w, "labels", session->policy, added);
	json_end_object(w);
	event_end(session);
}

void judge_catch_up(struct session *session, struct action *action)
{
	supervisor_drain(session->supervisor);
	loss_check(session);
	if (session->trace)
		policy_state_add_session_labels(
			session->state, trace_session_labels(session->trace, session->slot));
	judge_note_labels(session, action);
	if (session->trace)
		note_everywhere(session);
	if (session->trace && action->pid)
		action->labels = trace_process_labels(session->trace, session->slot, action->pid);
	lineages_fill(session->lineages, action);
	action->lineage_told = session->tells_lineage;
	past_fill(session->past, action);
}

void judge(struct session *session, const struct action *action, const struct stop *stop,
	   struct judgement *ret, struct denial *ret_denial)
{
	struct action full = *action;

	judge_catch_up(session, &full);
	decide(session, &full, stop, ret);
	if (ret->proceed || ret->later)
		return;
	session->totals.denied++;
	if (ret->decision.verdict == VERDICT_KILL)
		session->totals.killed++;
	if (ret_denial)
		judge_fill_denial(session, &full, ret, ret_denial);
}

void judge_traced(struct session *session, const struct action *action, struct judgement *ret,
		  struct denial *ret_denial)
{
	decide(session, action, NULL, ret);
	if (!ret->proceed)
		judge_fill_denial(session, action, ret, ret_denial);
}

void judge_note_labels(struct session *session, const struct action *cause)
{
	const uint64_t labels = policy_state_labels(session->state);
	const uint64_t added = labels & ~session->labels_recorded;
	char call[ACTION_CALL_BYTES];
	struct json_writer *w;

	if (!added)
		return;
	session->labels_recorded |= labels;
	session->totals.labels = labels;
	w = event_begin(session, "label.set", cause ? judge_call_of(cause, call) : NULL,
			cause ? cause->exec_id : 0);
	json_begin_object(w, "fields");
	policy_put_labels(w, "labels", session->policy, added);
	if (cause && cause->path.len)
		json_put_bytes(w, "path", cause->path.at, cause->path.len);
	json_end_object(w);
	event_end(session);
}

enum call_check session_check_call(struct session *session, const struct call *call,
				   const struct call_waiter *waiter, struct denial *ret)
{
	const struct action action = {
		.kind = ACTION_TOOL_CALL,
		.time_ns = monotonic_ns(),
		.call_id = str_of(call->id),
		.call_tool = str_of(call->tool),
		.tool = str_of(call->tool),
		.args = str_of(call->args),
		.command = str_of(call->command),
		.declared = declared_list(call->declared),
		.cost = call->cost,
		.unit = str_of(call->unit),
	};
	const struct stop stop = {.waiter = waiter, .evidence = {.action = &action}};
	struct judgement judgement;

	judge(session, &action, waiter ? &stop : NULL, &judgement, ret);
	if (judgement.later)
		return CALL_WAITS;
	if (waiter)
		session_forget_call(session, waiter);
	return judgement.proceed ? CALL_MAY_GO_ON : CALL_IS_REFUSED;
}

enum result_check session_end_call(struct session *session, const struct call *call,
				   const struct call_result *result, struct buf *ret_text,
				   struct denial *ret)
{
	const struct action action = {
		.kind = ACTION_TOOL_RESULT,
		.time_ns = monotonic_ns(),
		.call_id = str_of(call->id),
		.call_tool = str_of(call->tool),
		.tool = str_of(call->tool),
		.declared = declared_list(call->declared),
		.text = result->text ? *result->text : (struct str){0},
		.is_error = result->is_error,
	};
	struct judgement judgement;
	struct redaction *redaction;
	enum result_check check = RESULT_IS_SHOWN;

	judge(session, &action, NULL, &judgement, ret);
	redaction = judgement.redaction;
	/* What is there already may be told even if the session is failing. */
	if (redaction && !redaction->withheld) {
		check = RESULT_IS_CHANGED;
		buf_done(ret_text);
		*ret_text = redaction->text;
		redaction->text = (struct buf)BUF_INIT(0);
	} else if (redaction || (!judgement.proceed && judgement.decision.verdict >= VERDICT_ASK)) {
		check = RESULT_IS_WITHHELD;
	}
	redaction_free(redaction);
	return check;
}
