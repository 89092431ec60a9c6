/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The approvers that a face can offer (monitor/ask/approver.h), by what --approver says:
 *
 *	none			nobody: what is to be asked is refused
 *	console			a person at the terminal of cordon itself
 *	unix:PATH		a stream socket; one JSON line a question, one an answer
 *	command:WORD...		a program started for each question; words are parted by blanks
 *	mcp			the client of `cordon mcp`, which makes this one itself
 *
 * They run in the process that was asked for the session, with its user's rights, also where the
 * resident supervisor watches.
 */

#include <stdbool.h>

#include <uv.h>

#include "common/error.h"
#include "monitor/ask/approver.h"

/* What an approver needs of its face. */
struct approver_host {
	uv_loop_t *loop;
	/* console: while held, the face neither reads nor writes its terminal. May be NULL. */
	void (*hold_terminal)(void *ctx, bool hold);
	void *ctx;
};

/* It is one that only a face of its own can make. */
bool approver_is_client(const char *text);
/* The path of unix:, the words of command:, within @text; NULL of others, and of NULL. */
const char *approver_socket(const char *text);
const char *approver_words(const char *text);
/* Whether the text names an approver, and a program is there and can be run. Of a socket that is
   not there it warns. */
int approver_check(const char *text, struct error *err);
/* *ret is NULL for "none" and for NULL. The text is borrowed for its life. */
struct approver *approver_open(const char *text, const struct approver_host *host);
/* Closes its handles on the loop and frees from there; nothing is answered any more. NULL is fine.
 */
void approver_close(struct approver *approver);
