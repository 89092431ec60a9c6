/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verdict redact: what the agent gets of a tool's result. */

#include "common/buf.h"
#include "common/json_write.h"
#include "monitor/action.h"

struct session;

struct redacted {
	struct str name; /* of a canary or of a pattern of the policy; owned */
	uint64_t times;
};

struct redaction {
	struct buf text;	/* what is shown in place of the result */
	struct redacted *items; /* owned */
	size_t count;
	const char *withheld; /* why nothing of it may be shown, static; NULL: `text` may */
};

/* Of a tool.result that a rule wants redacted. Never NULL. */
struct redaction *redaction_new(struct session *session, const struct action *action);
struct redaction *redaction_free(struct redaction *redaction);
/* The members "redacted" and "withheld" of its event. */
void redaction_record(const struct redaction *redaction, struct json_writer *w);
