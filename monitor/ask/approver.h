/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whoever answers what rules want asked (verdict `ask`): one small interface, behind which stand a
 * person at a terminal, a program, a socket (tools/toolkit/approver.h), or the client of the
 * resident supervisor. An approver serves one session.
 *
 * Question and answer are JSON texts of one line each; cordon-approver(7) says what is in them. The
 * answer comes from elsewhere and is not trusted to be well-formed: pending.c reads it, and takes
 * all that is no answer for a no. Everything is asynchronous on the supervisor's loop.
 */

#include <stddef.h>
#include <stdint.h>

#define MAX_QUESTION_BYTES (24u << 10) /* a longer one is not asked: nobody would see all of it */
#define MAX_ANSWER_BYTES   (16u << 10)
#define MAX_APPROVER_NAME  256u

struct question {
	uint64_t id;	  /* unique in the session, from 1 */
	const char *text; /* JSON without a newline, NUL-terminated; borrowed for the call */
};

/* What came of a question. Borrowed for the call. */
struct reply {
	const char *text; /* JSON, NUL-terminated; NULL: there is none, and `failure` says why */
	const char *by;	  /* who answered, as the kernel names them: "unix PATH, uid 1000" */
	const char *failure;
};

struct approver;

struct approver_ops {
	/* Asks; never answers from within. Return: 0, or a negative errno: it cannot be asked. */
	int (*ask)(struct approver *approver, const struct question *question);
	/* Nobody waits for the answer any more. */
	void (*cancel)(struct approver *approver, uint64_t id);
};

/* The head of each kind's own struct. */
struct approver {
	const struct approver_ops *ops;
	/* Set by the session; takes one reply for each question, and ignores any other. */
	void (*replied)(void *ctx, uint64_t id, const struct reply *reply);
	void *ctx;
};
