/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Actions of a session that wait: for an approver's answer, or for their turn; as its other files
 * see it. The inside is ask/pending.h.
 */

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct action;
struct buf;
struct decision;
struct execution;
struct judgement;
struct session;
struct stop;

struct waiting {
	struct pending *list;
	unsigned questions, throttled; /* open ones */
	uint64_t last_question;
	struct grant *grants;
	unsigned grant_count;
	uint64_t *turn_ns; /* by rule: when the next one may go on; NULL until one throttles */
	uv_timer_t timer;
};

void pending_start(struct session *session);
/* True if this very action was decided before and waits since. */
bool pending_knows(struct session *session, const struct stop *stop);
/* Of a decision to ask, or to throttle: proceed, later and what the record is to say of it. @stop
 * of what is throttled may be NULL: it is refused where it would have to wait. */
void pending_ask(struct session *session, const struct stop *stop, struct judgement *judgement);
void pending_throttle(struct session *session, const struct stop *stop,
		      struct judgement *judgement);
/* It is over, and what of it waits with it. */
void pending_drop_execution(struct execution *execution);
/* Nobody is asked any more; tool calls that wait are refused. */
void pending_end(struct session *session);
void pending_free(struct session *session);

/* ask/question.c: the text of a question, into a buffer with a ceiling. */
void question_write(const struct session *session, const struct action *action,
		    const struct decision *decision, uint64_t id, struct buf *out);
