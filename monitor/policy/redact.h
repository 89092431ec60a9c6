/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the member "redact" of policy files says: patterns of what is protected, by name. */

#include <stddef.h>

#include "monitor/policy/policy.h"

struct redact_span {
	size_t start;
	size_t end;
	struct str name; /* borrowed */
};

/* Owns its items. */
struct redact_spans {
	struct redact_span *items;
	size_t count;
};

#define MAX_REDACT_SPANS 65536u /* of one pattern, in one text */

void redact_spans_add(struct redact_spans *spans, struct redact_span span);
void redact_spans_done(struct redact_spans *spans);
bool policy_has_redact(const struct policy *policy);
/*
 * Adds all that the policy's patterns match. Errors: -E2BIG: there is more of one than can be told.
 */
int policy_redact_spans(const struct policy *policy, struct str text, struct redact_spans *spans);
