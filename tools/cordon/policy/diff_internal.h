/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inside of `cordon policy diff`: diff_changes.c, which rules differ; diff_actions.c and
 * diff_edges.c, actions that may show it; diff.c, what each shows; diff_removed.c, who refuses what
 * a rule did that is gone; diff_redact.c, which texts are redacted no more; diff_report.c, what is
 * said. */

#include <stdbool.h>
#include <stddef.h>

#include "monitor/policy/constants.h"
#include "monitor/policy/decide.h"

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

/* A rule that refused and is gone, all of whose examples that match are refused all the same. */
struct removed {
	const char *rule; /* borrowed */
	enum verdict was;
	const char **by; /* the rules that do, or "default"; owned, its items borrowed */
	size_t by_count;
	bool lets_go; /* one of them is not refused */
};

/* A pattern of "redact" that is not on the new side; all borrowed. */
struct unredacted {
	const char *name;
	const char *was;
	const char *now; /* of the same name; NULL: gone */
};

/* How much of what was to be had: nothing, what is protected, all. */
static inline int keeps_back(enum verdict verdict)
{
	if (verdict < VERDICT_REDACT)
		return 0;
	return verdict < VERDICT_ASK ? 1 : 2;
}

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
	struct removed *removed; /* owned */
	size_t removed_count;
	struct unredacted *unredacted; /* owned */
	size_t unredacted_count;
};

/* diff.c: one action on both sides; @labels_of: whose labels the example names. */
void diff_try(struct diffing *d, const struct policy *labels_of, const struct example *example);
/* The same on the new side alone. */
void diff_decide_new(struct diffing *d, const struct policy *labels_of,
		     const struct example *example, struct decision *ret);
const char *diff_rule_of(const struct decision *decision);
/* diff_changes.c */
void diff_find_changes(struct diffing *d);
/* diff_edges.c: the example at the edges of what its rule looks back to. */
void diff_try_edges(struct diffing *d, const struct policy_trees *set, size_t rule,
		    const struct example *example);
/* diff_actions.c */
/* The rule's number in the set is @rule. */
typedef void (*diff_example_cb)(struct diffing *d, const struct policy_trees *set, size_t rule,
				const struct example *example);
/* Those of a rule's "match" or "not_match". */
void diff_each_example(struct diffing *d, const struct policy_trees *set, size_t rule,
		       const char *member, diff_example_cb each);
/* A weakening is told as one of this rule. */
bool diff_is_told(const struct diffing *d, const char *id);
void diff_try_all(struct diffing *d);
/* diff_removed.c: after all was tried. */
void diff_find_removed(struct diffing *d);
void diff_removed_done(struct diffing *d);
/* diff_redact.c */
void diff_find_unredacted(struct diffing *d);

/* diff_report.c */
/* Something newly allowed, or told, was found. */
bool diff_is_weaker(const struct diffing *d);
void diff_print_text(const struct diffing *d);
void diff_print_json(const struct diffing *d);
