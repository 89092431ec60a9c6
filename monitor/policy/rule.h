/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the parts of the policy engine share: the loaded policy and what each rule became.
 *
 *	trusted.c, files.c, source.c	texts of files, errors in them
 *	policy.c		files -> struct policy
 *	policy_facts.c		what is asked of one
 *	locked.c		files that others may not weaken
 *	policy_json.c		one document: lists, labels, defaults
 *	macros.c		its macros; what expressions are typed against, places in them
 *	redact.c		what is protected in texts
 *	rule_json.c		one rule
 *	count_json.c		how often it must have been
 *	condition.c		what an action must be, of a rule and of a step
 *	why_false.c		which part of that is not so
 *	sequence*.c, keyed.c	what must have happened before
 *	budget*.c		what must be used up
 *	demand.c, hold.c	what a rule cannot do without; where it takes hold
 *	trees.c			what loading does not keep, for tools
 *	constants.c		actions that rules tell apart
 *	lint*.c			what cannot be meant
 *	format.c		the form of the files
 *	example.c, examples.c	actions as files give them; runs match and not_match
 *	guard.c, keys.c		what must hold for a rule to match
 *	policy_index.c		which rules can match an action at all
 *	state.c			labels and counters of a session
 *	decide.c, also.c, explain.c, throttle.c
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "common/limits.h"
#include "monitor/policy/budget.h"
#include "monitor/policy/cel/cel.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/keyed.h"
#include "monitor/policy/keys.h"
#include "monitor/policy/sequence.h"
#include "monitor/policy/source.h"

#define MAX_COUNT_EVENTS    65536u     /* at_least without "distinct" */
#define MAX_COUNT_DISTINCT  MAX_KEYED  /* at_least with it */
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

/* Fields of an action that are true, and that are false: bits per row of action_fields. */
struct flags {
	uint64_t set, clear;
};

/* A rule can only match (or fail) if one of its keys is there (see keys.h), and its flags. */
struct guard {
	struct key *keys; /* owned */
	size_t count;
	bool always; /* no key is known: any action may match */
	struct flags flags;
};

/* What an action must be. */
struct condition {
	uint32_t kinds;
	struct cel_program when;
	struct guard guard;
	uint64_t labels_read; /* all, if it cannot be told */
	bool only_writes;     /* it cannot match unless action.write */
	bool only_reads;      /* ... unless not action.write */
	bool only_host_bound; /* nor unless action.provenance is "host-bound" */
};

/* One action of a rule's sequence; see sequence.h. */
struct step {
	struct condition is;
	enum step_role role;
	uint32_t rule;	/* whose */
	uint32_t place; /* the first that it fills; of what must be missing, the one behind it */
	uint32_t repeat;
	uint32_t in_file; /* its number in "steps" */
};

/* It takes back what other steps made. */
static inline bool step_undoes(const struct step *step)
{
	return step->role == STEP_UNTIL || step->role == STEP_MISSING;
}

struct rule {
	struct rule_info
		info; /* owns id, category, severity, maturity, because; file is the policy's */
	uint32_t kinds;
	enum verdict verdict;
	int severity_rank;
	int errno_value;
	bool observed;		  /* "mode": "observe" */
	struct throttle throttle; /* of the verdict throttle */
	struct cel_program when;  /* the members from here to labels_read as in a condition */
	bool only_writes;
	bool only_reads;
	bool only_host_bound;
	struct guard guard;
	uint64_t labels_read; /* those of its steps among them */
	uint64_t labels;      /* set in the session on a match */
	uint64_t declassify;  /* taken from it, if the action goes on */
	struct sequence sequence;
	struct budget budget;
	struct count_spec count;
	size_t counter; /* index in the state; valid if count.at_least */
};

/* Of a pattern that labels files. */
struct label_glob {
	uint64_t labels; /* given, or with `except` taken away again */
	bool except;
	size_t group; /* an exception holds for its own group only */
};

struct kind_index;

/* Of the member "redact"; owns both. */
struct redact_pattern {
	char *name;
	struct regex *regex;
};

struct policy {
	char **files;
	size_t file_count;
	struct rule *rules;
	size_t rule_count;
	size_t rule_cap;
	struct step *steps; /* of all rules, each rule's together */
	size_t step_count;
	uint32_t *sequences; /* rules that have one */
	size_t sequence_count;
	struct sequence_room rooms[MAX_SEQUENCE_WORDS + 1]; /* by the words of a row */
	const struct sources *sources; /* borrowed while it is loaded; NULL afterwards */
	struct cel_definition *macros; /* own their names and texts */
	size_t *macro_files;	       /* of each macro the file's index */
	size_t macro_count;
	struct budget_needs budgets;
	struct cel_list *lists; /* own their names */
	void *scratch; /* for the one rule that is evaluated at a time; NULL if none needs it */
	size_t list_count;
	struct str label_names[MAX_LABELS]; /* own their text */
	size_t label_count;
	struct label_glob *globs; /* a group's exceptions stand behind its others */
	struct str *patterns;	  /* as many; own their text */
	struct globs *patterns_found;
	size_t glob_count;
	size_t groups;
	uint64_t network_labels; /* of what comes over the network */
	struct redact_pattern *redacts;
	size_t redact_count;
	uint32_t *bytes_rules; /* that have a budget of bytes_out */
	size_t bytes_rule_count;
	bool has_default[ACTION_KINDS];
	enum verdict defaults[ACTION_KINDS];
	bool has_on_loss;
	enum on_loss on_loss;
	struct kind_index *index; /* ACTION_KINDS of them */
	size_t counters;
	size_t state_bytes;
	const char *locked; /* of `files`, one that is; NULL: none */
	char hash[65];
	char signers[MAX_POLICY_KEYS][KEY_ID_BYTES]; /* ids of the keys that its files needed */
	size_t signer_count;
	uint8_t hash_key[16]; /* for distinct values: not to be foreseen by the child */
};

/* policy_json.c */
/* What the expressions of all files may name: lists and macros. */
int policy_decode_names(struct policy *policy, const struct source *source, size_t file,
			struct error *err);
int policy_decode(struct policy *policy, const struct source *source, struct error *err);
/* A name of a list or macro. */
bool policy_is_name(const char *name);
/* The path of a member whose name may hold anything, as json_locate() takes it. Owned by the
 * caller. */
char *policy_member_path(const char *object, const char *name);
/* Index of the label, new if need be; -E2BIG when all bits are taken, -EINVAL for a bad name. */
int policy_label_intern(struct policy *policy, struct str name);

/* locked.c: whether a file weakens one that is locked. */
int policy_check_locked(struct policy *policy, const struct sources *s, struct error *err);

/* redact.c: the member "redact". */
int policy_decode_redact(struct policy *policy, const struct source *source,
			 const struct json *node, struct error *err);
void policy_free_redact(struct policy *policy);

/* macros.c */
int policy_decode_macros(struct policy *policy, const struct source *source, size_t file,
			 const struct json *macros, struct error *err);
/* Types each, used or not. */
int policy_check_macros(const struct policy *policy, struct error *err);
void policy_free_macros(struct policy *policy);
/* What the expressions of a rule on these kinds are typed against. */
struct cel_scope policy_scope(const struct policy *policy, uint32_t kinds);

/* A place of an expression in the files: of a macro, where it is defined. While policy->sources are
 * there. */
struct text_place {
	const struct source *source;
	size_t offset;
};
struct text_place policy_place_of(const struct policy *policy, const struct cel_tree *tree,
				  const struct source *source, const char *path, size_t at);
/*
 * The error of the expression that stands at a path: at its place, and where that is in a macro
 * also where it is used. Return: -code.
 */
int policy_expression_error(const struct policy *policy, const struct cel_tree *tree,
			    const struct source *source, const char *path,
			    const struct cel_error *why, struct error *err);

/* rule_json.c */
int rule_decode(struct policy *policy, const struct source *source, const struct json *node,
		const char *path, struct error *err);
void rule_done(struct rule *rule);
/* "500ms", "60s", "5m", "1h" */
int duration_parse(const char *text, uint64_t *ret_ns);

/* Where something of a policy file stands, for its errors. All borrowed. */
struct policy_place {
	struct policy *policy;
	const struct source *source;
	const char *path;
	struct error *err;
};

/* rule_json.c: an error at a member of it: ".on". Return: -code. */
int policy_error_at(const struct policy_place *place, int code, const char *member,
		    char *owned_text);
#define POLICY_ERROR(_place, _code, _member, ...) \
	policy_error_at((_place), (_code), (_member), xasprintf(__VA_ARGS__))

/* count_json.c */
int count_decode(const struct policy_place *place, struct rule *rule, const struct json *node);
/* condition.c: the members "on" and "when" of the object at the place. */
int condition_decode(const struct policy_place *place, const struct json *on, const char *when,
		     struct condition *ret);
int condition_decode_kinds(const struct policy_place *place, const struct json *on,
			   struct condition *ret);
/* @ret: its kinds are there. */
int condition_compile(const struct policy_place *place, const char *when, struct condition *ret);
/* The typed tree alone. */
int condition_type(const struct policy *policy, uint32_t kinds, const char *when,
		   struct cel_tree *ret, struct cel_reads *reads, struct cel_error *why);
void condition_done(struct condition *condition);
/* explain.c: those that the action has. */
void policy_put_fields(struct json_writer *w, const struct action *action, struct field_set fields);
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
 * demand.c: true if the expression is false unless the field has the value; false if that cannot be
 * told.
 */
bool tree_demands_bool(const struct cel_tree *tree, const char *field, bool value);
bool tree_demands_text(const struct cel_tree *tree, const char *field, struct str text);
/* Without which it is false, not even an error. */
struct flags tree_flags(const struct cel_tree *tree);

/* counter.c */
size_t count_state_bytes(const struct count_spec *count);
/* Notes one event. Return: true if the count is reached. */
bool state_count(struct policy_state *state, const struct rule *rule, const struct action *action);
/* So far, in the window as it was last looked at. */
uint32_t state_counted(const struct policy_state *state, const struct rule *rule);

/* state.c: until it is called with false, actions are looked at and counted no more. */
void state_look_only(struct policy_state *state, bool look_only);
/* A state in which only this rule can count; for its examples. */
struct policy_state *state_new_for_rule(const struct policy *policy, const struct rule *rule);
/* Return: those that were there and may go. */
uint64_t state_remove_labels(struct policy_state *state, uint64_t labels);
/* Never goes back, whatever the caller's clock does. */
void state_set_time(struct policy_state *state, uint64_t time_ns);

/* policy_facts.c: when all is there, what is looked up later. */
void policy_facts_build(struct policy *policy);
void policy_facts_free(struct policy *policy);
/* action.text, what a tool returned. */
bool reads_text(const struct cel_reads *reads);

/* also.c */
/* One more that was found than there is room for: the least severe of them is not named. */
void found_keep_worst(const struct policy *policy, uint32_t index, struct decision *ret);

/* decide.c */
enum verdict policy_default(const struct policy *policy, const struct action *action);
/* Of two rules that match, `rule` is the one that is named: by verdict, severity, id. */
bool rule_outranks(const struct rule *rule, const struct rule *other);

struct rule_match {
	enum cel_result result; /* of its expression */
	bool in_sequence;	/* what must be before has been; else it was not counted */
	bool over_budget;	/* or it has none; else it was not counted */
	uint64_t began_ns;	/* when the first step was; 0: there is none */
	uint64_t used;		/* of its budget */
};

/* It does not match whenever its expression is true. */
static inline bool rule_looks_back(const struct rule *rule)
{
	return rule->count.at_least || rule->sequence.step_count || rule->budget.is_set;
}

/* What expressions see of the action, until a label of the state changes. @memo: may be NULL. */
struct cel_env policy_env(const struct policy *policy, const struct policy_state *state,
			  const struct action *action, struct cel_memo *memo);
/* One rule alone, as policy_decide() sees it: true, in sequence, and counted. */
bool rule_matches(const struct policy *policy, struct policy_state *state, const struct rule *rule,
		  const struct cel_env *env, struct rule_match *ret);
/* After the verdict: the action as a step, if its expression is true of it. */
void step_take(const struct policy *policy, struct policy_state *state, const struct step *step,
	       const struct cel_env *env, bool refused);
