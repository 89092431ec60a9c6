/* SPDX-License-Identifier: Apache-2.0 */

/*
 * fallocate(2) takes any amount of the disk at once, so it is judged before: by the room that the
 * keeper says the session's layer has (sandbox/disk.c). The keeper looks twice a second at least;
 * what was let through since is taken off here, for one to two seconds. So near its limit a session
 * may be told too early that the disk is full, never too late.
 */

#include "monitor/judge.h"
#include "monitor/session_internal.h"

void session_on_room(struct session *session, const struct msg *m)
{
	session->room.is_counted = true;
	session->room.left = m->room;
}

static void let_go_of_old(struct room *room)
{
	const uint64_t second = monotonic_ns() / 1000000000u;

	if (second == room->second)
		return;
	room->before = second == room->second + 1 ? room->now : 0;
	room->now = 0;
	room->second = second;
}

/* Where the trace sees what calls return it tells of this one as of any other. */
static void tell(struct execution *execution)
{
	struct session *session = execution->session;
	struct action action = execution_action(execution, ACTION_LIMIT);
	struct judgement judgement;
	struct denial unused;

	if (session->room.told_of == execution->id ||
	    (session->trace && trace_sees_returns(session->trace)))
		return;
	session->room.told_of = execution->id;
	action.limit = STR("disk");
	action.op = STR("fallocate");
	action.hits = 1;
	judge_traced(session, &action, &judgement, &unused);
}

bool session_may_take(struct execution *execution, uint64_t bytes)
{
	struct room *room = &execution->session->room;
	uint64_t taken;

	if (!room->is_counted)
		return true;
	let_go_of_old(room);
	taken = room->now + room->before;
	if (taken > room->left || bytes > room->left - taken) {
		tell(execution);
		return false;
	}
	room->now += bytes;
	return true;
}
