/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is protected, the session's canaries and what the policy's patterns match, cut out of what
 * others get to read: of a tool's result by the verdict redact; always of the record, and of what
 * an agent is told of a refusal (redact_record.c).
 */

#include "common/buf.h"
#include "common/json_write.h"
#include "monitor/action.h"
#include "monitor/policy/policy.h"

struct session;
struct canaries;     /* monitor/net/canary.h */
struct redact_spans; /* monitor/policy/redact.h */

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

/* Plain ones, not in an encoding. */
void redact_find_canaries(const struct canaries *canaries, struct str text,
			  struct redact_spans *spans);
/* By where they start; of those that start together the longest first. */
void redact_sort(struct redact_spans *spans);

/* ---- redact_record.c ---- */

/* What a session's record and its refusals are redacted by. */
struct redactor;

/*
 * Of the patterns and of the canaries that were given (--canary may name a secret); both borrowed.
 * What decoys give away was made up for the session, and is told: it is evidence, no secret.
 * *ret is NULL where there is nothing to redact. Errors: those of canaries_add_given().
 */
int redactor_new(const struct policy *policy, const char *const *canaries, struct redactor **ret,
		 struct error *err);
struct redactor *redactor_free(struct redactor *redactor);
/* A record_redactor; its context is the redactor. */
size_t redactor_mask(void *ctx, const unsigned char *key, struct str text, size_t most,
		     struct buf *out);
/* @text into @to, cut to @size with its NUL, the marks without a hash. NULL: as it is. */
void redactor_copy(struct redactor *redactor, struct str text, char *to, size_t size);
