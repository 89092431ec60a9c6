/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "monitor/session_internal.h"

/*
 * What is not known any more, and what follows from it. A loss is an event of its own, with the
 * policy's on_loss as its verdict; from there on the session refuses what could still be refused,
 * in the name of its first loss. What runs is ended at each one.
 */

#define NS_PER_MS 1000000
/* What each because ends with: of a session that refuses what is new. */
#define TO_GO_ON " Start a new session to go on."

/* In the form of a rule, so that what is refused tells of it as of any other. */
static const struct {
	const char *kind; /* of the event */
	struct rule_info rule;
} losses[LOSSES] = {
	[LOSS_EVENTS] = {"trace.lost",
			 {.id = "on_loss.trace.lost",
			  .category = "evidence",
			  .severity = "high",
			  .because = "Some of what this session did was not seen: the kernel "
				     "had no room for the events. Rules that count or look at "
				     "labels can no longer be relied on." TO_GO_ON}},
	[LOSS_CHILD] = {"trace.untraced",
			{.id = "on_loss.trace.untraced",
			 .category = "evidence",
			 .severity = "high",
			 .because = "A process of this session could not be put under trace: "
				    "the kernel had no memory for it." TO_GO_ON}},
	[LOSS_APPROVAL] = {"trace.full",
			   {.id = "on_loss.trace.full",
			    .category = "evidence",
			    .severity = "high",
			    .because = "A program could not be announced to the kernel: too many "
				       "are about to start, so what would have run could not be "
				       "checked." TO_GO_ON}},
	[LOSS_SEQUENCE] = {"state.evicted",
			   {.id = "on_loss.state.evicted",
			    .category = "evidence",
			    .severity = "high",
			    .because = "More files, hosts or processes were in the middle of a "
				       "sequence that the policy watches for than can be "
				       "remembered, and some had to be forgotten." TO_GO_ON}},
	[LOSS_CLOCK] = {"clock.step",
			{.id = "on_loss.clock.step",
			 .category = "evidence",
			 .severity = "high",
			 .because = "The host's clock was set while this session ran." TO_GO_ON}},
};

/* There must have been a loss. */
static void loss_denial(const struct session *session, const char *subject, struct denial *ret)
{
	const struct rule_info *rule = &losses[session->loss.cause].rule;

	*ret = (struct denial){.verdict = on_loss_verdict(policy_on_loss(session->policy)),
			       .seq = session->loss.seq};
	(void)snprintf(ret->kind, sizeof(ret->kind), "%s", losses[session->loss.cause].kind);
	(void)snprintf(ret->rule, sizeof(ret->rule), "%s", rule->id);
	(void)snprintf(ret->because, sizeof(ret->because), "%s", rule->because);
	(void)snprintf(ret->subject, sizeof(ret->subject), "%s", subject);
}

static void kill_executions(struct session *session)
{
	for (struct execution *execution = session->executions; execution;
	     execution = execution->next) {
		session->totals.killed++;
		execution->result.killed = true;
		loss_denial(session, "the session", &execution->result.last_denial);
		execution_kill(execution);
	}
}

/* Where nothing but an entry of the log is missed, nothing is refused for it. */
static enum verdict verdict_of(const struct session *session, enum loss_cause cause)
{
	if (cause == LOSS_SEQUENCE && !policy_state_evicted_acts(session->state))
		return VERDICT_LOG;
	return on_loss_verdict(policy_on_loss(session->policy));
}

/* Nobody needs another session where this one refuses nothing. */
static void put_because(struct json_writer *w, const char *because, enum verdict verdict)
{
	const size_t len = strlen(because);

	json_put_bytes(w, "because", because, verdict < VERDICT_ASK ? len - strlen(TO_GO_ON) : len);
}

/* Head and verdict; the caller adds "fields" and ends it with finish(). */
static struct json_writer *begin(struct session *session, enum loss_cause cause)
{
	const struct rule_info *rule = &losses[cause].rule;
	const enum verdict verdict = verdict_of(session, cause);
	const uint64_t seq = record_count(session->record);
	struct json_writer *w = event_begin(session, losses[cause].kind, NULL, 0);

	if (session->loss.cause == LOSS_NONE && verdict >= VERDICT_ASK)
		session->loss = (struct loss){.cause = cause,
					      .seq = seq,
					      .events = session->loss.events,
					      .children = session->loss.children,
					      .sequences = session->loss.sequences};
	json_put_string(w, "verdict", verdict_name(verdict));
	if (session->mode == MODE_OBSERVE && verdict >= VERDICT_ASK)
		json_put_bool(w, "enforced", false);
	json_put_string(w, "rule", rule->id);
	json_put_string(w, "category", rule->category);
	json_put_string(w, "severity", rule->severity);
	put_because(w, rule->because, verdict);
	json_begin_object(w, "fields");
	json_put_string(w, "on_loss", on_loss_name(policy_on_loss(session->policy)));
	return w;
}

static void finish(struct session *session, enum loss_cause cause, struct json_writer *w)
{
	json_end_object(w);
	event_end(session);
	if (verdict_of(session, cause) == VERDICT_KILL && session->mode == MODE_ENFORCE)
		kill_executions(session);
}

static void note_count(struct session *session, enum loss_cause cause, uint64_t total,
		       uint64_t *recorded)
{
	const uint64_t fresh = total - *recorded;
	struct json_writer *w = begin(session, cause);

	json_put_u64(w, "lost", fresh);
	json_put_u64(w, "lost_total", total);
	*recorded = total;
	finish(session, cause, w);
	/* A read may be among what was not seen. */
	session_assume_labels(session);
	session_assume_steps(session, false);
}

void loss_check(struct session *session)
{
	struct trace_counts counts;
	uint64_t events;

	if (!session->trace || !record_count(session->record) ||
	    trace_session_counts(session->trace, session->slot, &counts) < 0)
		return;
	/* A child counts as lost a moment before it counts as untraced. */
	events = counts.lost > counts.untraced ? counts.lost - counts.untraced : 0;
	if (events > session->loss.events)
		note_count(session, LOSS_EVENTS, events, &session->loss.events);
	if (counts.untraced > session->loss.children)
		note_count(session, LOSS_CHILD, counts.untraced, &session->loss.children);
}

void loss_check_sequences(struct session *session)
{
	const struct rule_info *rule;
	const uint64_t total = policy_state_evicted(session->state, &rule);
	struct json_writer *w;

	if (total == session->loss.sequences)
		return;
	w = begin(session, LOSS_SEQUENCE);
	json_put_string(w, "of_rule", rule->id);
	json_put_u64(w, "lost", total - session->loss.sequences);
	json_put_u64(w, "lost_total", total);
	session->loss.sequences = total;
	finish(session, LOSS_SEQUENCE, w);
}

void loss_of_approval(struct session *session, const struct action *action)
{
	struct json_writer *w = begin(session, LOSS_APPROVAL);

	json_put_bytes(w, "path", action->path.at, action->path.len);
	finish(session, LOSS_APPROVAL, w);
}

void loss_of_clock(struct session *session, int64_t step_ns)
{
	struct json_writer *w;

	/* Before its start is on record a session has no time that could be wrong. */
	if (!record_count(session->record) || session->stage == SESSION_CLOSED)
		return;
	w = begin(session, LOSS_CLOCK);
	json_put_i64(w, "step_ms", step_ns / NS_PER_MS);
	session_put_utc(session, w);
	finish(session, LOSS_CLOCK, w);
}

bool loss_overrules(const struct session *session, const struct action *action,
		    struct decision *decision)
{
	const enum verdict verdict = on_loss_verdict(policy_on_loss(session->policy));

	if (session->loss.cause == LOSS_NONE || verdict < VERDICT_ASK ||
	    !action_begins(action->kind) || decision->verdict >= verdict)
		return false;
	decision->verdict = verdict;
	decision->errno_value = EPERM;
	decision->rule = &losses[session->loss.cause].rule;
	return true;
}

void loss_explain(const struct session *session, struct json_writer *w)
{
	const struct rule_info *rule = &losses[session->loss.cause].rule;

	json_put_string(w, "rule", rule->id);
	json_put_string(w, "category", rule->category);
	json_put_string(w, "severity", rule->severity);
	json_put_string(w, "because", rule->because);
	json_begin_object(w, "matched");
	json_put_string(w, "loss", losses[session->loss.cause].kind);
	json_put_u64(w, "loss.seq", session->loss.seq);
	json_end_object(w);
}
