/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verdict on one action, what it rests on, and how that is told. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json_write.h"
#include "monitor/action.h"
#include "monitor/policy/policy.h"

struct policy_state;

/* So many rules are told beside the one that decided, the most severe; found are two more, since
 * that one and what is told as "would" may be among them. */
#define MAX_ALSO  8u
#define MAX_FOUND (MAX_ALSO + 2)

struct decision {
	enum verdict verdict;
	int errno_value;	      /* for deny and ask: positive errno for the caller */
	const struct rule_info *rule; /* deciding rule; NULL: the kind's default decided */
	unsigned rule_index;	      /* for policy_explain() */
	unsigned matched;	      /* number of rules that matched */
	uint64_t process_labels;      /* that it was asked with */
	uint64_t labels_added;	      /* bits newly set in the session by this action */
	uint64_t labels_removed;      /* bits that a rule took from it */
	uint64_t used;	   /* of a rule with a budget: how much of it, this action included */
	uint64_t began_ns; /* of a rule with a sequence: when its first step was; else 0 */
	/* The strictest rule that matched and is only observed; NULL: none. It decided nothing. */
	const struct rule_info *would;
	enum verdict would_verdict;
	unsigned would_index;
	/* Rules that matched and do more than allow, those that are only observed among them, and
	 * the one that decided; policy_also() tells of the others. */
	unsigned found;
	uint16_t found_rules[MAX_FOUND]; /* the most severe of them, in no order; set as far */
};

/* Rules that matched beside the one whose verdict holds: a strict rule hides no severe one. */
struct also {
	uint32_t rules[MAX_ALSO]; /* the most severe first */
	size_t count;
	unsigned omitted; /* that there was no room for; none is more severe than these */
};

/* What a rule with the verdict throttle asks for. */
struct throttle {
	uint64_t interval_ns;
	bool is_rate; /* at most one an interval; else each one is held up for so long */
};

/* Of the rule that decided; NULL unless it throttles. */
const struct throttle *policy_throttle(const struct policy *policy,
				       const struct decision *decision);

/*
 * policy_count_bytes - so many bytes more have left the session by the flow that @action began: the
 * net.connect or net.send as it was let through, with the time of now. To be called as they go,
 * with what went since the last call. *ret: VERDICT_ALLOW, or what a rule says whose budget of
 * bytes_out, of the session, the call or the host, has more in it than its limit; from VERDICT_ASK
 * up the flow is to be stopped. policy_explain() takes it.
 */
void policy_count_bytes(const struct policy *policy, struct policy_state *state,
			const struct action *action, uint64_t bytes, struct decision *ret);

/* policy_decide - the verdict on one action; updates counters, sequences, budgets and labels in
 * @state. */
void policy_decide(const struct policy *policy, struct policy_state *state,
		   const struct action *action, struct decision *ret);

/* The same of an action that was decided before and has not happened yet: it counts no second time.
 */
void policy_decide_again(const struct policy *policy, struct policy_state *state,
			 const struct action *action, struct decision *ret);

/*
 * Of a tool.result as it is after it was redacted: true if it still must not be shown, since it is
 * refused now, or a rule that redacts and looks at the text matches it. It counts no second time.
 */
bool policy_still_redacts(const struct policy *policy, struct policy_state *state,
			  const struct action *action);

/* It goes on though the verdict is to refuse it: an approver said yes, or the session observes.
 * Sequences then see what it undoes, and files that it renames; budgets what it uses. */
void policy_note_let_through(const struct policy *policy, struct policy_state *state,
			     const struct action *action);

/* What a rule said of an action that it was asked about. */
enum rule_answer {
	RULE_FALSE,	  /* its expression was false */
	RULE_MATCHED,	  /* true, and counted enough */
	RULE_BELOW_COUNT, /* true, but not often enough yet */
	RULE_NO_SEQUENCE, /* true, but what must have been before has not */
	RULE_IN_BUDGET,	  /* true, but no more is used than it allows */
	RULE_FAILED, /* ended in an error, which counts as a match (once it is counted enough) */
	RULE_FAILED_ALLOW /* ended in an error, which allows nothing */
};

struct rule_teller {
	void (*tell)(void *ctx, size_t rule_index, enum rule_answer answer);
	void *ctx;
};

/* The same, and says of each rule that was asked what it said, in the order of rules. Rules on the
 * action's kind that are not told of were not asked: nothing that they look for is in the action.
 */
void policy_decide_told(const struct policy *policy, struct policy_state *state,
			const struct action *action, struct decision *ret,
			const struct rule_teller *teller);

/* The text for the agent: the rule's own, or what the default that decided means. Static or
 * borrowed. */
const char *policy_because(const struct policy *policy, const struct action *action,
			   const struct decision *decision);

/* True if the rule that decided waited for what nobody saw (policy_state_assume_unseen()). */
bool policy_decided_unseen(const struct policy *policy, const struct policy_state *state,
			   const struct decision *decision);

/* True if the rule that decided reads session.labels or process.labels. */
bool policy_decided_by_labels(const struct policy *policy, const struct decision *decision);

/*
 * policy_explain - writes the members "rule", "category", "severity", "because" and "matched" (the
 * fields that the deciding rule reads, with the values they had; labels among them), and
 * for a rule that has them "count", "sequence" and "budget", into an object that the
 * caller has begun. Where the kind's default decided, "rule" is "default".
 */
void policy_explain(const struct policy *policy, const struct policy_state *state,
		    const struct action *action, const struct decision *decision,
		    struct json_writer *w);

/* What a rule that is only observed said is told as "would": it is stricter than what holds. */
bool policy_tells_would(const struct decision *decision);
/* Writes the member "would". */
void policy_explain_would(const struct policy *policy, const struct policy_state *state,
			  const struct action *action, const struct decision *decision,
			  struct json_writer *w);

/* policy_also - the others of the decision: neither its rule nor what is told as "would". */
void policy_also(const struct policy *policy, const struct decision *decision, struct also *ret);
/*
 * Writes the members "also", an array of objects with "rule", "category", "severity", "verdict",
 * "mode" where the rule is only observed, and "because"; and "also_omitted". Each only where there
 * is something to tell.
 */
void policy_put_also(const struct policy *policy, const struct decision *decision,
		     struct json_writer *w);

/* As rules saw them. */
struct labels_seen {
	uint64_t session, process;
};

/* Writes an object with the fields that a rule reads, as they are in @action, and "session.labels"
 * and "process.labels" if it reads those. */
void policy_put_reads(const struct policy *policy, const char *key, size_t rule_index,
		      const struct action *action, const struct labels_seen *labels,
		      struct json_writer *w);
