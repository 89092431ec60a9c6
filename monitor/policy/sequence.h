/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Sequences: a rule that matches its action only after certain others have been, in order.
 *
 * All steps lie in the past when an action is judged, so a sequence needs no look ahead: of each
 * beginning of it that has been seen (its first step, its first two, ...) only the latest start is
 * kept, since whatever an earlier start could still lead to, the later one leads to as well. A
 * repeated step is as many steps. An event that must be missing takes away the beginning behind
 * which it must not come. That is exact, and each event costs as much as its own step has
 * repetitions.
 *
 * One such row of starts is kept for each key ("by"): for the session, for each process and what it
 * started, each file, each host. A row follows what it is about: a fork copies it to the child, a
 * rename moves it to the file's new name, a link copies it.
 *
 * All memory for rows is taken when a session begins. Rules whose rows are as long share one room.
 * When it is full, the rule that has most of it gives up the key untouched for longest. Unless that
 * could no longer come to an end, it counts as an eviction, since the rule may then miss what it
 * was written to see. So nobody makes one rule forget by what only another one remembers.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_SEQUENCE_STEPS  16u	  /* of one rule */
#define MAX_SEQUENCE_PLACES 32u	  /* ... each repetition counted */
#define MAX_POLICY_STEPS    4096u /* of all rules, "since" and "until" among them */
#define MAX_SEQUENCE_WORDS  (MAX_SEQUENCE_PLACES + 2) /* of a row; see sequence_row.h */
#define SEQUENCE_BYTES	    (12u << 10) /* of one session, for the rows of all rules */
#define MIN_SEQUENCE_KEYS   16u		/* of rules whose rows are as long, even if they are few */

enum sequence_key {
	BY_SESSION,
	BY_LINEAGE, /* a process, and those that it has started since */
	BY_FILE,
	BY_HOST,
	SEQUENCE_KEYS
};

const char *sequence_key_name(enum sequence_key by);

enum step_role {
	STEP_DONE,    /* must have happened */
	STEP_MISSING, /* must not have happened between its neighbours */
	STEP_SINCE,   /* nothing counts that was before it */
	STEP_UNTIL    /* nothing counts that was before it; all begins anew */
};

struct sequence {
	uint64_t within_ns; /* from the first step to the action judged; 0: any time */
	enum sequence_key by;
	uint32_t places;     /* steps that must have happened, each repetition counted */
	uint32_t step_count; /* 0: the rule has no sequence */
	size_t first_step;   /* in policy->steps; in the order in which an event is shown them */
	bool since;
	bool missing_first; /* there is one that must not have been before the first step */
	size_t table;	    /* index in the state */
};

/* What rules whose rows are as long have in common. */
struct sequence_room {
	uint32_t tables;
	uint32_t sharing; /* of these: not by session, which needs one key only */
	uint32_t keys;
};

struct action;
struct json;
struct keyed;
struct policy;
struct policy_state;
struct rule;
struct source;
struct step;
struct error;

/* sequence_json.c: the member "sequence" of a rule at @path. */
int sequence_decode(struct policy *policy, const struct source *source, struct rule *rule,
		    const struct json *node, const char *path, struct error *err);

/* When all rules are there: shares the memory out. Errors: -E2BIG. */
int sequences_share(struct policy *policy, struct error *err);

/* In the session's rooms; @alone: where @rule is the only one, with no more than it needs. */
struct keyed *sequence_table_new(struct policy_state *state, const struct rule *rule, bool alone);

/* Whether all steps of the rule have been for the key of this action. @ret_began: when the first
 * was, 0 if there is none to tell of. */
bool sequence_holds(const struct policy *policy, const struct policy_state *state,
		    const struct rule *rule, const struct action *action, uint64_t *ret_began);

/* How many of its places are filled, whatever "within" says. */
uint32_t sequence_reached(const struct policy *policy, const struct policy_state *state,
			  const struct rule *rule, const struct action *action);

/*
 * After the verdict on an action: that it was the one of a step. @refused: it did not happen, so
 * that it undoes nothing ("until", "missing"); as a step the attempt counts.
 */
void sequence_step(const struct policy *policy, struct policy_state *state, const struct step *step,
		   const struct action *action, bool refused);
/* And of every action: where what rows are about was copied, moved or ended. */
void sequences_follow(const struct policy *policy, struct policy_state *state,
		      const struct action *action, bool refused);
