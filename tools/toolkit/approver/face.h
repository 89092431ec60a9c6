/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the kinds of approvers share. */

#include "common/buf.h"
#include "tools/toolkit/approver/approver.h"

#define MAX_OPEN_QUESTIONS 32u /* of one approver; the monitor asks fewer at a time */
#define MAX_APPROVER_WORDS 64u

struct face {
	struct approver approver; /* first */
	struct approver_host host;
	const char *name; /* as --approver has it; borrowed */
	bool is_told;
	void (*close)(struct face *face);
	uint64_t open[MAX_OPEN_QUESTIONS];
	unsigned open_count;
};

struct face *approver_console_new(void);
struct face *approver_unix_new(const char *path);
struct face *approver_command_new(const char *words);

/* Return: 0, or -ENOBUFS. */
int face_note(struct face *face, uint64_t id);
/* That it cannot be reached, to who can mend that: once, since an agent can ask without end. */
void face_tell(struct face *face, const char *reason);
void face_forget(struct face *face, uint64_t id);
/* Passes on what came, if the question is open. */
void face_reply(struct face *face, uint64_t id, const struct reply *reply);
/* No answer to any of them will come. */
void face_fail_all(struct face *face, const char *by, const char *failure);
