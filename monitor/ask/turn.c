/* SPDX-License-Identifier: Apache-2.0 */

/* The verdict throttle: what waits for its turn. */

#include <errno.h>

#include "monitor/ask/pending.h"
#include "monitor/policy/decide.h"

#define MAX_THROTTLED 64u

/*
 * Return: when it may go on, having taken the turn; UINT64_MAX if too many turns are taken, or if
 * what cannot wait would have to.
 */
static uint64_t take_turn(struct session *session, const struct judgement *judgement, bool can_wait)
{
	const struct throttle *throttle = policy_throttle(session->policy, &judgement->decision);
	const uint64_t now = monotonic_ns();
	struct waiting *waiting = &session->pendings;
	uint64_t *turn;
	uint64_t due;

	if (!throttle->is_rate)
		return can_wait ? now + throttle->interval_ns : UINT64_MAX;
	if (!waiting->turn_ns)
		waiting->turn_ns =
			xcalloc(policy_rule_count(session->policy), sizeof(*waiting->turn_ns));
	turn = &waiting->turn_ns[judgement->decision.rule_index];
	due = *turn > now ? *turn : now;
	/* Turns of calls that were ended meanwhile are not given back. */
	if (due - now > (can_wait ? MAX_THROTTLED * throttle->interval_ns : 0))
		return UINT64_MAX;
	*turn = due + throttle->interval_ns;
	return due;
}

static void refuse(struct judgement *judgement)
{
	judgement->proceed = false;
	judgement->decision.errno_value = EAGAIN;
	judgement->reason = "Too many actions of this session wait for their turn.";
}

void pending_throttle(struct session *session, const struct stop *stop, struct judgement *judgement)
{
	struct waiting *waiting = &session->pendings;
	const struct pending *p = stop ? pending_find(session, stop, false) : NULL;
	uint64_t now;
	uint64_t due;

	if (p) {
		judgement->seq = p->seq;
		judgement->is_told = true;
		judgement->later = p->state == PENDING_OPEN;
		judgement->proceed = p->state == PENDING_ALLOWED;
		return;
	}
	due = waiting->throttled < MAX_THROTTLED ? take_turn(session, judgement, stop != NULL)
						 : UINT64_MAX;
	if (due == UINT64_MAX) {
		refuse(judgement);
		return;
	}
	now = monotonic_ns();
	if (due <= now)
		return;
	judgement->proceed = false;
	judgement->later = true;
	judgement->delay_ms = (due - now) / NS_PER_MS + 1;
	(void)pending_add(session, stop, judgement, due);
	waiting->throttled++;
	pending_arm(session);
}
