/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What cordon policy explain says, as text and as JSON. */

#include <stddef.h>

#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"

/* What a rule said. */
struct answer {
	size_t rule;
	enum rule_answer answer;
};

struct explanation {
	const struct policy *policy;
	struct action action;
	struct decision decision;
	struct labels_seen labels_before;
	struct answer *answers; /* owned; room for all rules */
	size_t asked;
};

void explain_print_json(const struct explanation *e, const struct policy_state *state);
void explain_print_plainly(const struct explanation *e);
