/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is right in form in a set of policy files and yet cannot be meant. A finding is always true;
 * not all that is wrong is found.
 */

#include <stddef.h>

#include "common/error.h"
#include "monitor/policy/trees.h"

enum finding_kind {
	FINDING_UNREACHABLE,   /* a rule, or a part of it, that never matches */
	FINDING_REDUNDANT,     /* a part that always holds */
	FINDING_SHADOWED,      /* a rule that never decides, since another always does */
	FINDING_CONTRADICTORY, /* the same, of two that say different things of the same */
	FINDING_UNUSED,	       /* a list or macro that no rule reads */
	FINDING_UNREAD,	       /* a label that no rule reads; a note */
	FINDING_UNSET,	       /* a label that rules read and nothing sets; a note */
	FINDING_UNASKED,       /* a rule that asks, or throttles, where nothing waits; a note */
	FINDING_KINDS
};

const char *finding_name(enum finding_kind kind);
/* What it means, for lists of them. */
const char *finding_meaning(enum finding_kind kind);
/* A note tells; anything else should be mended. */
bool finding_is_note(enum finding_kind kind);

struct finding {
	enum finding_kind kind;
	const char *file; /* borrowed, as is rule */
	unsigned line, column;
	const char *rule; /* its id; NULL: about a list or label */
	char text[400];
};

/* Owns all. */
struct lint {
	struct policy_trees set;
	struct finding *findings; /* by file and place */
	size_t count;
};

/* Loads as policy_load() does, with its errors, and looks. Free with lint_done(), also after an
 * error. */
int policy_lint(const char *const *paths, size_t count, struct lint *ret, struct error *err);
void lint_done(struct lint *lint);
