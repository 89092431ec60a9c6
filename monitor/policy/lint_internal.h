/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of lint share. */

#include "monitor/policy/lint.h"
#include "monitor/policy/rule.h"

/* lint.c: a finding about a rule, at a member of it. */
void lint_add(struct lint *lint, enum finding_kind kind, const struct rule_tree *rule,
	      const char *member, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* lint_bounds.c: a rule that looks back at what can never have been. */
void lint_look_back(struct lint *lint, const struct rule_tree *rule);
