/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Theory of operation
 *
 * An action that rules want asked about, or slowed down, is left where it is: its thread in the
 * system call, its tool call before any process. A pending stands for it until an answer, the
 * deadline or its turn comes. Then the owner is told to ask about it again, and it comes back
 * through judge() as it is by then: read, resolved and decided anew. What was answered holds for it
 * only if it is the very action that was asked about (action_digest_exact); if it has become
 * another one meanwhile, that one is judged as if nothing had been said. And it holds for `ask`
 * only: a rule that denies by now, since the session has read something, denies.
 *
 * Everything that is no clear yes in time is a no. What waits is bounded; more is refused.
 */

#include "monitor/ask/pending.h"

#include <stdlib.h>

#include "common/cleanup.h"

/* The kernel does not say that a thread which waits was killed: open questions are looked at. */
#define LOOK_NS (250 * NS_PER_MS)

/* ---- the list ---- */

static void drop(struct pending *p)
{
	struct waiting *waiting = &p->session->pendings;

	if (p->state == PENDING_OPEN && p->question)
		waiting->questions--;
	else if (p->state == PENDING_OPEN)
		waiting->throttled--;
	DL_DELETE(waiting->list, p);
	approval_done(&p->approval);
	free(p->call_id);
	free(p);
}

static bool is_of(const struct pending *p, const struct stop *stop)
{
	if (p->execution != stop->execution)
		return false;
	return stop->execution ? p->ticket == stop->ticket : p->waiter.ctx == stop->waiter->ctx;
}

struct pending *pending_find(struct session *session, const struct stop *stop, bool is_question)
{
	struct action_digest digest;
	bool has_digest = false;
	struct pending *p;

	DL_FOREACH (session->pendings.list, p) {
		if (!is_of(p, stop) || (p->question != 0) != is_question)
			continue;
		if (!has_digest)
			action_digest_exact(&stop->evidence, &digest);
		has_digest = true;
		if (action_digest_equal(&p->exact, &digest))
			return p;
	}
	return NULL;
}

bool pending_knows(struct session *session, const struct stop *stop)
{
	return session->pendings.list &&
	       (pending_find(session, stop, true) || pending_find(session, stop, false));
}

void pending_sweep(struct session *session)
{
	struct pending *p;
	struct pending *next;

	DL_FOREACH_SAFE (session->pendings.list, p, next) {
		if (!p->execution || gate_is_waiting(p->execution->gate, p->ticket))
			continue;
		ask_withdraw(p, "Its caller was gone by then.");
		drop(p);
	}
}

static void on_timer(uv_timer_t *timer);

void pending_arm(struct session *session)
{
	const uint64_t now = monotonic_ns();
	uint64_t due = UINT64_MAX;
	struct pending *p;

	DL_FOREACH (session->pendings.list, p) {
		if (p->state == PENDING_OPEN && p->due_ns < due)
			due = p->due_ns;
		if (p->state == PENDING_OPEN && p->question && p->execution && now + LOOK_NS < due)
			due = now + LOOK_NS;
	}
	if (due == UINT64_MAX || session->stage == SESSION_CLOSED)
		(void)uv_timer_stop(&session->pendings.timer);
	else
		(void)uv_timer_start(&session->pendings.timer, on_timer,
				     due > now ? (due - now) / NS_PER_MS + 1 : 0, 0);
}

struct pending *pending_add(struct session *session, const struct stop *stop,
			    const struct judgement *judgement, uint64_t due_ns)
{
	const struct action *action = stop->evidence.action;
	struct pending *p = xcalloc(1, sizeof(*p));

	pending_sweep(session);
	p->session = session;
	p->execution = stop->execution;
	p->ticket = stop->ticket;
	if (!stop->execution)
		p->waiter = *stop->waiter;
	action_digest_exact(&stop->evidence, &p->exact);
	p->rule = judgement->decision.rule;
	p->exec_id = action->exec_id;
	p->call_id = xstrndup(action->call_id.len ? action->call_id.at : "", action->call_id.len);
	p->seq = record_count(session->record);
	p->since_ns = monotonic_ns();
	p->due_ns = due_ns;
	DL_APPEND(session->pendings.list, p);
	return p;
}

void pending_wake(struct pending *p)
{
	if (!p->execution)
		p->waiter.again(p->waiter.ctx);
	else if (gate_is_waiting(p->execution->gate, p->ticket))
		gate_resume(p->execution->gate, p->ticket);
	else
		drop(p);
}

/* ---- time, and the end ---- */

static void on_due(struct pending *p)
{
	if (p->question) {
		ask_expire(p);
	} else {
		p->state = PENDING_ALLOWED;
		p->session->pendings.throttled--;
	}
	pending_wake(p);
}

static struct pending *find_due(const struct session *session, uint64_t now)
{
	struct pending *first = NULL;
	struct pending *p;

	DL_FOREACH (session->pendings.list, p)
		if (p->state == PENDING_OPEN && p->due_ns <= now &&
		    (!first || p->due_ns < first->due_ns))
			first = p;
	return first;
}

static void on_timer(uv_timer_t *timer)
{
	struct session *session = timer->data;
	const uint64_t now = monotonic_ns();
	struct pending *p;

	pending_sweep(session);
	/* Waking one may do anything to the list. */
	while ((p = find_due(session, now)))
		on_due(p);
	pending_arm(session);
}

void pending_drop_execution(struct execution *execution)
{
	struct pending *p;
	struct pending *next;

	DL_FOREACH_SAFE (execution->session->pendings.list, p, next) {
		if (p->execution != execution)
			continue;
		ask_withdraw(p, "The execution ended while it was asked about.");
		drop(p);
	}
}

void session_forget_call(struct session *session, const struct call_waiter *waiter)
{
	struct pending *p;
	struct pending *next;

	DL_FOREACH_SAFE (session->pendings.list, p, next) {
		if (p->execution || p->waiter.ctx != waiter->ctx)
			continue;
		ask_withdraw(p, "It was given up while it was asked about.");
		drop(p);
	}
}

static struct pending *find_call(const struct session *session)
{
	struct pending *p;

	/* The analyzer does not follow DL_DELETE() in drop().
	 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	DL_SEARCH_SCALAR(session->pendings.list, p, execution, NULL);
	return p;
}

static void ignore(void *ctx, uint64_t id, const struct reply *reply)
{
	(void)ctx;
	(void)id;
	(void)reply;
}

void pending_end(struct session *session)
{
	struct pending *p;

	DL_FOREACH (session->pendings.list, p)
		ask_withdraw(p, "The session ended while it was asked about.");
	if (session->approver)
		session->approver->replied = ignore;
	session->approver = NULL;
	while ((p = find_call(session))) {
		const struct call_waiter waiter = p->waiter;

		if (p->state == PENDING_OPEN)
			session->pendings.throttled--;
		p->state = PENDING_REFUSED;
		waiter.again(waiter.ctx);
		session_forget_call(session, &waiter);
	}
}

void pending_start(struct session *session)
{
	struct waiting *waiting = &session->pendings;

	(void)uv_timer_init(session->supervisor->loop, &waiting->timer);
	waiting->timer.data = session;
	session->handles++;
	if (session->approver) {
		session->approver->replied = ask_on_replied;
		session->approver->ctx = session;
	}
}

void pending_free(struct session *session)
{
	ask_free_grants(&session->pendings);
	free(session->pendings.turn_ns);
}
