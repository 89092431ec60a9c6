/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the files about waiting actions share: pending.c, who waits and is woken; ask.c, what waits
 * for an answer; turn.c, what waits for its turn.
 */

#include "monitor/judge.h"
#include "monitor/session_internal.h"

#define NS_PER_MS UINT64_C(1000000)

enum pending_state {
	PENDING_OPEN,
	PENDING_ALLOWED,
	PENDING_REFUSED
};

struct pending {
	struct session *session;
	struct execution *execution; /* NULL: a tool call */
	uint64_t ticket;
	struct call_waiter waiter;
	uint64_t question; /* 0: throttled */
	enum pending_state state;
	struct action_digest exact;
	const struct rule_info *rule; /* borrowed from the policy; NULL: a default */
	uint32_t exec_id;
	char *call_id;
	uint64_t seq; /* its event */
	uint64_t since_ns, due_ns;
	struct approval approval; /* once answered */
	bool is_kept;		  /* a grant has been made of it */
	char reason[192];	  /* once refused */
	struct pending *next, *prev;
};

/* The one that stands for this very action; NULL: none. */
struct pending *pending_find(struct session *session, const struct stop *stop, bool is_question);
/* A new one, open; the caller counts it and calls pending_arm(). */
struct pending *pending_add(struct session *session, const struct stop *stop,
			    const struct judgement *judgement, uint64_t due_ns);
/* Those whose threads have gone on, or are gone: what nobody waits for is not asked any more, and
 * takes no other's place. */
void pending_sweep(struct session *session);
/* What it waited for is there: its owner asks about it anew, after which it may be gone. */
void pending_wake(struct pending *p);
/* The timer, to what is due first. */
void pending_arm(struct session *session);

/* ask.c: approver.replied. */
void ask_on_replied(void *ctx, uint64_t id, const struct reply *reply);
/* Nobody answered in time; or nobody wants to know any more. */
void ask_expire(struct pending *p);
void ask_withdraw(struct pending *p, const char *reason);
void ask_free_grants(struct waiting *waiting);
