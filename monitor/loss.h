/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a session has lost of what its rules rest on -> policy's on_loss -> record, and what is
 * refused from then on.
 */

#include <stdbool.h>
#include <stdint.h>

struct action;
struct decision;
struct json_writer;
struct session;

enum loss_cause {
	LOSS_NONE,
	LOSS_EVENTS,   /* the trace's ring was full */
	LOSS_CHILD,    /* no memory to mark a child as traced */
	LOSS_APPROVAL, /* no room for what a program must be */
	LOSS_CLOCK,    /* the wall clock was set */
	LOSS_SEQUENCE, /* policy had no room to remember what a sequence was about */
	LOSSES
};

struct loss {
	enum loss_cause cause;	   /* the first one; the session goes by it */
	uint64_t seq;		   /* its event */
	uint64_t events, children; /* lost so far, as the record tells it */
	uint64_t sequences;
};

/* Asks the trace what it has lost since, and notes it. */
void loss_check(struct session *session);
/* Asks the policy's state the same. */
void loss_check_sequences(struct session *session);
/* @action is an exec that there was no room to approve. */
void loss_of_approval(struct session *session, const struct action *action);
void loss_of_clock(struct session *session, int64_t step_ns);
/* After a loss: makes the decision one to refuse, if on_loss is stricter. Return: true if it did.
 */
bool loss_overrules(const struct session *session, const struct action *action,
		    struct decision *decision);
/* As policy_explain(), for such a decision. */
void loss_explain(const struct session *session, struct json_writer *w);
