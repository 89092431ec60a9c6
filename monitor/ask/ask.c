/* SPDX-License-Identifier: Apache-2.0 */

/* Questions, their answers, and what holds on of these. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "monitor/ask/pending.h"

#define MAX_QUESTIONS 16u
#define MAX_GRANTS    256u

/* An answer that holds on. */
struct grant {
	const struct rule_info *rule;
	uint64_t question;
	bool allow;
	struct json *doc;	     /* owned; of the pattern */
	const struct json *pattern;  /* NULL: this very action */
	struct action_digest digest; /* of what the pattern leaves open; else of all fields */
	struct action_digest program;
	struct grant *next, *prev;
};

/* ---- answers that hold on ---- */

/* A file with other contents is another program to agree to, but no reason to be asked again. */
static bool same_program(const struct grant *g, const struct action_evidence *evidence)
{
	struct action_digest program;

	action_digest_program(evidence, &program);
	return !g->allow || action_digest_equal(&g->program, &program);
}

static bool grant_holds(const struct grant *g, const struct action_evidence *evidence)
{
	const struct action *action = evidence->action;
	struct action_digest digest;

	if (g->pattern)
		action_digest_pinned(action, &digest);
	else
		action_digest_fields(action, &digest);
	return action_digest_equal(&g->digest, &digest) && same_program(g, evidence) &&
	       (!g->pattern || approval_covers(g->pattern, action));
}

/* A no before a yes. */
static const struct grant *granted(const struct session *session, const struct rule_info *rule,
				   const struct action_evidence *evidence)
{
	const struct grant *found = NULL;
	const struct grant *g = NULL;

	DL_FOREACH (session->pendings.grants, g) {
		if (g->rule == rule && (!found || !g->allow) && grant_holds(g, evidence))
			found = g;
	}
	return found;
}

static void keep(struct pending *p, const struct action_evidence *evidence)
{
	const struct action *action = evidence->action;
	struct waiting *waiting = &p->session->pendings;
	struct grant *g;

	if (p->approval.scope == SCOPE_ONCE || p->is_kept || waiting->grant_count == MAX_GRANTS)
		return;
	p->is_kept = true;
	g = xcalloc(1, sizeof(*g));
	g->rule = p->rule;
	g->question = p->question;
	g->allow = p->approval.allow;
	action_digest_program(evidence, &g->program);
	if (p->approval.scope == SCOPE_PATTERN) {
		g->pattern = p->approval.pattern;
		g->doc = take_ptr(p->approval.doc);
		action_digest_pinned(action, &g->digest);
	} else {
		action_digest_fields(action, &g->digest);
	}
	DL_APPEND(waiting->grants, g);
	waiting->grant_count++;
}

/* ---- questions ---- */

static void record_answer(const struct pending *p, const struct reply *reply)
{
	const struct approval *approval = &p->approval;
	struct json_writer *w = event_begin(p->session, "ask.answer",
					    p->call_id[0] ? p->call_id : NULL, p->exec_id);

	json_begin_object(w, "fields");
	json_put_u64(w, "question", p->question);
	if (approval->doc)
		json_put_string(w, "scope", approval_scope_name(approval->scope));
	if (approval->pattern) {
		_cleanup_free_ char *pattern = json_print(approval->pattern);

		json_put_raw(w, "pattern", pattern, strlen(pattern));
	}
	if (reply && reply->by)
		json_put_string(w, "by", reply->by);
	json_put_u64(w, "waited_ms", (monotonic_ns() - p->since_ns) / NS_PER_MS);
	if (p->reason[0])
		json_put_string(w, "reason", p->reason);
	json_end_object(w);
	json_put_string(w, "verdict", p->state == PENDING_ALLOWED ? "allow" : "deny");
	json_put_string(w, "rule", p->rule ? p->rule->id : "default");
	event_end(p->session);
}

static void settle(struct pending *p, enum pending_state state, const struct reply *reply)
{
	p->state = state;
	p->session->pendings.questions--;
	record_answer(p, reply);
}

static void refuse(struct pending *p, const struct reply *reply, const char *reason)
{
	(void)snprintf(p->reason, sizeof(p->reason), "%s", reason);
	settle(p, PENDING_REFUSED, reply);
}

static struct pending *find_question(const struct session *session, uint64_t id)
{
	struct pending *p;

	DL_FOREACH (session->pendings.list, p)
		if (p->question == id && p->state == PENDING_OPEN)
			return p;
	return NULL;
}

void ask_on_replied(void *ctx, uint64_t id, const struct reply *reply)
{
	struct session *session = ctx;
	struct pending *p = id ? find_question(session, id) : NULL;
	struct error err = {0};
	char reason[160];

	if (!p)
		return; /* it was too late, or came twice */
	if (!reply->text) {
		(void)snprintf(reason, sizeof(reason), "The approver did not answer: %.120s.",
			       reply->failure ? reply->failure : "it is gone");
		refuse(p, reply, reason);
	} else if (approval_read(reply->text, &p->approval, &err) < 0) {
		(void)snprintf(reason, sizeof(reason), "The approver's answer is none: %.120s.",
			       err.text);
		refuse(p, reply, reason);
	} else if (!p->approval.allow) {
		refuse(p, reply, "The approver refused it.");
	} else if (p->execution && !gate_is_waiting(p->execution->gate, p->ticket)) {
		refuse(p, reply, "Its caller was gone by then.");
	} else {
		settle(p, PENDING_ALLOWED, reply);
	}
	pending_wake(p);
	pending_arm(session);
}

/* Return: NULL, or why it cannot be asked. */
static const char *begin(struct session *session, const struct stop *stop,
			 struct judgement *judgement)
{
	_cleanup_buf_ struct buf text = BUF_INIT(MAX_QUESTION_BYTES);
	struct waiting *waiting = &session->pendings;
	const uint64_t id = waiting->last_question + 1;
	struct pending *p;

	if (!session->approver || session->stage != SESSION_READY)
		return "This has to be asked, and there is nobody to ask (--approver).";
	pending_sweep(session);
	if (waiting->questions == MAX_QUESTIONS)
		return "This has to be asked, and too many questions of this session are open.";
	question_write(session, stop->evidence.action, &judgement->decision, id, &text);
	if (text.overflow)
		return "This has to be asked, and it is too long to be shown to anybody.";
	if (session->approver->ops->ask(session->approver, &(struct question){id, text.data}) < 0)
		return "This has to be asked, and the approver cannot be reached.";
	p = pending_add(session, stop, judgement, UINT64_MAX);
	p->due_ns = p->since_ns + session->approver_timeout_ms * NS_PER_MS;
	p->question = id;
	waiting->last_question = id;
	waiting->questions++;
	judgement->question = id;
	judgement->later = true;
	pending_arm(session);
	return NULL;
}

/* It was asked about before. */
static void use_answer(struct pending *p, const struct action_evidence *evidence,
		       struct judgement *judgement)
{
	const struct approval *approval = &p->approval;

	judgement->seq = p->seq;
	judgement->question = p->question;
	judgement->is_told = true;
	if (p->state == PENDING_OPEN) {
		judgement->later = true;
		return;
	}
	if (p->state == PENDING_REFUSED)
		judgement->reason = p->reason;
	else
		judgement->proceed = true;
	if (!p->is_kept && approval->pattern &&
	    !approval_covers(approval->pattern, evidence->action)) {
		judgement->proceed = false;
		judgement->is_told = false;
		judgement->reason = "The approver's pattern does not describe what was asked.";
	} else if (approval->doc) {
		keep(p, evidence);
	}
}

void pending_ask(struct session *session, const struct stop *stop, struct judgement *judgement)
{
	struct pending *p = pending_find(session, stop, true);
	const struct grant *g;

	judgement->proceed = false;
	if (p) {
		use_answer(p, &stop->evidence, judgement);
		return;
	}
	g = granted(session, judgement->decision.rule, &stop->evidence);
	if (g) {
		judgement->approval = g->question;
		judgement->proceed = g->allow;
		judgement->reason = g->allow ? NULL : "The approver refused the same before.";
		return;
	}
	judgement->reason = begin(session, stop, judgement);
}

/* ---- no answer ---- */

void ask_expire(struct pending *p)
{
	struct session *session = p->session;
	char reason[96];

	session->approver->ops->cancel(session->approver, p->question);
	(void)snprintf(reason, sizeof(reason), "Nobody answered within %u ms.",
		       session->approver_timeout_ms);
	refuse(p, NULL, reason);
}

void ask_withdraw(struct pending *p, const char *reason)
{
	if (p->state != PENDING_OPEN || !p->question)
		return;
	p->session->approver->ops->cancel(p->session->approver, p->question);
	refuse(p, NULL, reason);
}

void ask_free_grants(struct waiting *waiting)
{
	struct grant *g = NULL;
	struct grant *next;

	DL_FOREACH_SAFE (waiting->grants, g, next) {
		json_free(g->doc);
		free(g);
	}
}
