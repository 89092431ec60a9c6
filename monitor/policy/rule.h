/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the parts of the policy engine share: the loaded policy and what each rule became.
 *
 *	files.c, source.c	texts of files, errors in them
 *	policy.c		files -> struct policy, and the getters
 *	policy_json.c		one document: lists, labels, defaults
 *	rule_json.c		one rule
 *	demand.c, hold.c	what a rule cannot do without; where it takes hold
 *	trees.c			what loading does not keep, for tools
 *	constants.c		actions that rules tell apart
 *	lint.c, lint_tree.c	what cannot be meant
 *	example.c, examples.c	actions as files give them; runs match and not_match
 *	guard.c, keys.c		what must hold for a rule to match
 *	policy_index.c		which rules can match an action at all
 *	state.c			labels and counters of a session
 *	decide.c, explain.c, throttle.c
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "common/limits.h"
#include "monitor/policy/cel/cel.h"
#include "monitor/policy/keys.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/source.h"

#define MAX_COUNT_EVENTS    65536u     /* at_least without "distinct" */
#define MAX_COUNT_DISTINCT  512u       /* at_least with it */
#define MAX_STATE_BYTES	    (8u << 20) /* counters of one session; touched only as far as used */
#define MAX_DISTINCT_FIELDS 4u
#define MAX_NAME_BYTES	    64u
#define MAX_BECAUSE_BYTES   500u

struct count_spec {
	uint64_t window_ns;
	uint32_t at_least;		      /* 0: the rule does not count */
	uint32_t fields[MAX_DISTINCT_FIELDS]; /* rows of action_fields */
	uint32_t field_count;		      /* 0: every event counts */
};

/* A rule can only match (or fail) if one of its keys is there; see keys.h. */
struct guard {
	struct key *keys; /* owned */
	size_t count;
	bool always; /* nothing is known: the rule is a candidate for every action */
};

struct rule {
	struct rule_info info; /* owns id, category, severity, because; file is the policy's */
	uint32_t kinds;
	enum verdict verdict;
	int severity_rank;
	int errno_value;
	bool observed;		  /* "mode": "observe" */
	struct throttle throttle; /* of the verdict throttle */
	struct cel_program when;
	bool only_writes;     /* it cannot match unless action.write */
	bool only_reads;      /* ... unless not action.write */
	bool only_host_bound; /* nor unless action.provenance is "host-bound" */
	struct guard guard;
	uint64_t labels;      /* set in the session on a match */
	uint64_t labels_read; /* all, if it cannot be told */
	struct count_spec count;
	size_t counter; /* index in the state; valid if count.at_least */
};

struct label_glob {
	char *pattern;
	uint64_t labels; /* given, or with `except` taken away again */
	bool except;
	size_t group; /* an exception holds for its own group only */
};

struct kind_index;

struct policy {
	char **files;
	size_t file_count;
	struct rule *rules;
	size_t rule_count;
	size_t rule_cap;
	struct cel_list *lists; /* own their names */
	void *scratch; /* for the one rule that is evaluated at a time; NULL if none needs it */
	size_t list_count;
	struct str label_names[MAX_LABELS]; /* own their text */
	size_t label_count;
	struct label_glob *globs;
	size_t glob_count;
	size_t groups;
	bool has_default[ACTION_KINDS];
	enum verdict defaults[ACTION_KINDS];
	bool has_on_loss;
	enum on_loss on_loss;
	struct kind_index *index; /* ACTION_KINDS of them */
	size_t counters;
	size_t state_bytes;
	char hash[65];
	uint8_t hash_key[16]; /* for distinct values: not to be foreseen by the child */
};

/* policy_json.c */
int policy_decode_lists(struct policy *policy, const struct source *source, struct error *err);
int policy_decode(struct policy *policy, const struct source *source, struct error *err);
/* Index of the label, new if need be; -E2BIG when all bits are taken, -EINVAL for a bad name. */
int policy_label_intern(struct policy *policy, struct str name);

/* rule_json.c */
int rule_decode(struct policy *policy, const struct source *source, const struct json *node,
		const char *path, struct error *err);
void rule_done(struct rule *rule);
int verdict_by_name(const char *name, enum verdict *ret);
/* "500ms", "60s", "5m", "1h" */
int duration_parse(const char *text, uint64_t *ret_ns);

/* throttle.c: the member "throttle". Return: NULL, or what is wrong with it. */
const char *throttle_decode(const struct json *node, struct throttle *ret);

/* examples.c */
/* Of the file's rules; *next is the first of them, and the first behind them afterwards. */
int policy_check_examples(const struct policy *policy, const struct source *source, size_t *next,
			  struct error *err);

/* guard.c: keys of a typed tree; interns the labels that it names. */
int guard_of_tree(struct policy *policy, const struct cel_tree *tree, struct guard *ret,
		  uint64_t *ret_labels);

/*
 * demand.c: true if the expression cannot be true unless the field has the value; false if that
 * cannot be told.
 */
bool tree_demands_bool(const struct cel_tree *tree, const char *field, bool value);
bool tree_demands_text(const struct cel_tree *tree, const char *field, struct str text);

/* policy_index.c */
#define INDEX_WORDS ((MAX_RULES + 63) / 64)
void policy_index_build(struct policy *policy);
void policy_index_free(struct policy *policy);
/* Fills `bits` (by position) with the candidates. Return: the positions' rules, in rule order. */
const uint32_t *policy_index_candidates(const struct policy *policy, const struct action *action,
					uint64_t labels, uint64_t bits[INDEX_WORDS],
					size_t *ret_words);

/* state.c */
size_t count_state_bytes(const struct count_spec *count);
/* Notes one event. Return: true if the count is reached. */
bool state_count(struct policy_state *state, const struct rule *rule, const struct action *action);
/* Until it is called with false, actions are looked at and counted no more. */
void state_look_only(struct policy_state *state, bool look_only);
/* A state in which only this rule can count; for its examples. */
struct policy_state *state_new_for_rule(const struct policy *policy, const struct rule *rule);
/* Never goes back, whatever the caller's clock does. */
void state_set_time(struct policy_state *state, uint64_t time_ns);

/* decide.c */
enum verdict policy_default(const struct policy *policy, const struct action *action);
/* Of two rules that match, `rule` is the one that is named: by verdict, severity, id. */
bool rule_outranks(const struct rule *rule, const struct rule *other);
/* One rule alone, as policy_decide() sees it: matched, and counted. */
bool rule_matches(const struct policy *policy, struct policy_state *state, const struct rule *rule,
		  const struct action *action, enum cel_result *ret);
