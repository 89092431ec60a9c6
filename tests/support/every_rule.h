/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The oracle for the policy's index: the same decision made by asking every rule, and actions to
 * ask about.
 */

#include "monitor/policy/decide.h"
#include "monitor/policy/policy.h"

/* What policy_decide() must come to; counters and labels in @state move as there. */
void every_rule_decide(const struct policy *policy, struct policy_state *state,
		       const struct action *action, struct decision *ret);

/* Actions of every kind; each text of them can be replaced by the one given. */
#define EVERY_ACTION_COUNT 44u
/* @items: room for the argv, 4 strings. */
void every_action(unsigned index, struct str text, struct str items[4], struct action *ret);
