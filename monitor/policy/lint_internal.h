/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of lint share. */

#include "monitor/policy/lint.h"
#include "monitor/policy/rule.h"

/* lint.c: a finding about a rule, at a member of it. */
void lint_add(struct lint *lint, enum finding_kind kind, const struct rule_tree *rule,
	      const char *member, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The same about something else that a file names, at a path in it. */
void lint_add_named(struct lint *lint, enum finding_kind kind, const struct source *source,
		    const char *path, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* One whose text is still to be written. */
struct finding *lint_add_at(struct lint *lint, enum finding_kind kind, const struct source *source,
			    size_t offset);

/* lint_rules.c */
void lint_rules(struct lint *lint);
/* lint_names.c: what a file names; labels that rules read, of all files. */
void lint_names(struct lint *lint, const struct source *source);
void lint_unset(struct lint *lint);
/* lint_bounds.c: a rule that looks back at what can never have been. */
void lint_look_back(struct lint *lint, const struct rule_tree *rule);
