/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An answer to a question, read, and what it holds for. Pure.
 *
 *	once	 the one action that was asked about
 *	session	 that action, whenever it comes again in the session; a yes to a program, here
 *		 and below, only for what was in its file when it was asked about
 *	pattern	 what the approver describes: {"argv": [...]}, {"path": GLOB}, {"host": HOST}
 *		 with or without "port", {"tool": NAME}; only things like the one that was
 *		 asked about
 *
 * It belongs to the rule that asked: another rule asks for itself, and a stricter verdict is never
 * asked about.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "common/json_write.h"
#include "monitor/action.h"
#include "monitor/exec_image.h"

enum approval_scope {
	SCOPE_ONCE,
	SCOPE_SESSION,
	SCOPE_PATTERN
};

const char *approval_scope_name(enum approval_scope scope);

struct approval {
	bool allow;
	enum approval_scope scope;
	struct json *doc;	    /* owned */
	const struct json *pattern; /* of doc; NULL unless SCOPE_PATTERN */
};

/* Errors: -EINVAL with what is wrong. */
int approval_read(const char *text, struct approval *ret, struct error *err);
void approval_done(struct approval *approval);

/* True if the pattern describes the action. It may be anything. */
bool approval_covers(const struct json *pattern, const struct action *action);
/* Writes the member "pattern" that an approver might want for actions like this one. */
void approval_suggest(const struct action *action, struct json_writer *w);

struct action_digest {
	unsigned char bytes[32];
};

/* What makes two actions the same thing: all fields but those of one occurrence. */
void action_digest_fields(const struct action *action, struct action_digest *ret);
/* What a pattern does not say and must be the same: program, operation, protocol. */
void action_digest_pinned(const struct action *action, struct action_digest *ret);

/*
 * The very action that was looked at: its fields, the files it would act on (for a program also
 * their contents, as far as their times tell), and all strings of a new image.
 */
struct action_evidence {
	const struct action *action;
	const struct exec_image *image;
	const int *held_fds;
	unsigned held;
};

void action_digest_exact(const struct action_evidence *evidence, struct action_digest *ret);
/* Of these the files of a program, with their contents; of what is no program nothing. */
void action_digest_program(const struct action_evidence *evidence, struct action_digest *ret);
bool action_digest_equal(const struct action_digest *a, const struct action_digest *b);
