/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inside of `cordon policy diff`: diff_changes.c, which rules differ; diff_actions.c and
 * diff_edges.c, actions that may show it; diff.c, what each shows; diff_report.c, what is said. */

#include <stdbool.h>
#include <stddef.h>

#include "monitor/policy/constants.h"

#define MAX_TRIED 400000u

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
	bool *changed[2];	     /* of the old and the new rules: it differs; owned */
	uint32_t kinds;		     /* that these are on */
	struct constants of_side[2]; /* of changed rules of each side */
	struct constants constants;  /* of both, of what is allowed, of paths with other labels */
	struct weaker *weaker;	     /* owned */
	size_t count;
	size_t tried;
};

/* diff.c: one action on both sides; @labels_of: whose labels the example names. */
void diff_try(struct diffing *d, const struct policy *labels_of, const struct example *example);
/* diff_changes.c */
void diff_find_changes(struct diffing *d);
/* diff_edges.c: the example at the edges of what its rule looks back to. */
void diff_try_edges(struct diffing *d, const struct policy_trees *set, size_t rule,
		    const struct example *example);
/* diff_actions.c */
void diff_try_all(struct diffing *d);

/* diff_report.c */
bool diff_on_loss_is_weaker(const struct diffing *d);
void diff_print_text(const struct diffing *d);
void diff_print_json(const struct diffing *d);
