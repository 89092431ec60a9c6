/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One action of a session, decided and told:
 *
 *	judge.c		action -> drained trace -> policy -> record -> answer
 *	judge_told.c	the event of a verdict, and what who was refused is told
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json_write.h"
#include "monitor/action.h"
#include "monitor/ask/approval.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy.h"
#include "monitor/session.h"

struct execution;
struct redaction;

/* judge.c */
struct judgement {
	struct decision decision;
	bool proceed;
	bool later;	   /* not decided yet: it will be asked about again, see struct stop */
	bool by_loss;	   /* not policy: something was lost */
	bool by_decoy;	   /* it proceeds, and a decoy answers in place of whom it is meant for */
	bool is_told;	   /* the record has it: asked about, it waited, and nothing has changed */
	uint64_t question; /* that it waits for; 0: none */
	uint64_t approval; /* the question whose answer holds here too; 0: none */
	uint64_t delay_ms; /* that it is held up for */
	struct redaction *redaction; /* of a result that is to be changed; owned; or NULL */
	const char *reason;	     /* why what asks is refused; static or of the pending's */
	uint64_t seq;
};

/* An action that can wait where it is: in a system call, or before a tool call. */
struct stop {
	struct execution *execution; /* NULL: a tool call */
	uint64_t ticket;	     /* of its gate */
	const struct call_waiter *waiter;
	struct action_evidence evidence;
};

/*
 * Decides, records and counts one action; *ret_denial (may be NULL) is filled if it is refused.
 * @stop: NULL if it cannot wait; then what is to be asked is refused, and so is on the network what
 * is to wait for its turn. A result, which is there already, goes on.
 */
void judge(struct session *session, const struct action *action, const struct stop *stop,
	   struct judgement *ret, struct denial *ret_denial);
/* The same without the drain, for actions that come from the trace itself. */
void judge_traced(struct session *session, const struct action *action, struct judgement *ret,
		  struct denial *ret_denial);
/* Labels that are new in the session go to the record as an event of their own. */
void judge_note_labels(struct session *session, const struct action *cause);
/* What was done until now counts: its events are taken from the trace, and labels of reads go to
 * the session's state, those of the action's process to the action. */
void judge_catch_up(struct session *session, struct action *action);

/* judge_told.c */
#define ACTION_CALL_BYTES 96
/* The call that an action belongs to, for an event; NULL: none. */
const char *judge_call_of(const struct action *action, char text[ACTION_CALL_BYTES]);
/* The event of an action; its number goes to the judgement. */
void judge_record(struct session *session, const struct action *action,
		  struct judgement *judgement);
void judge_fill_denial(const struct session *session, const struct action *action,
		       const struct judgement *judgement, struct denial *ret);
/* Takes out of a denial's texts what is protected. */
void judge_redact_denial(const struct session *session, struct denial *denial);
/* The member "fields" of an action. */
void judge_put_fields(struct json_writer *w, const struct action *action);
