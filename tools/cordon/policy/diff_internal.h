/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inside of `cordon policy diff`: diff.c, what an action shows; diff_actions.c,
 * those that are tried; diff_report.c, what is said of it. */

#include <stdbool.h>
#include <stddef.h>

#include "monitor/policy/constants.h"

#define MAX_TRIED 2000000u

/* One way in which the new side is weaker, with the first action that showed it. */
struct weaker {
	const char *label; /* not set any more; NULL: newly allowed */
	bool takes;	   /* no, newly taken away */
	enum action_kind kind;
	enum verdict was, now;
	const char *was_rule, *now_rule; /* borrowed */
	char *example;			 /* owned: JSON */
};

struct diffing {
	struct policy_trees old, new;
	struct policy_state *old_state, *new_state; /* reset before each action */
	struct constants constants;
	struct weaker *weaker; /* owned */
	size_t count;
	size_t tried;
};

/* diff.c: one action on both sides; @labels_of: whose labels the example names. */
void diff_try(struct diffing *d, const struct policy *labels_of, const struct example *example);
/* diff_actions.c */
void diff_try_all(struct diffing *d);

/* diff_report.c */
bool diff_on_loss_is_weaker(const struct diffing *d);
void diff_print_text(const struct diffing *d);
void diff_print_json(const struct diffing *d);
