/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The policy: (rules, state, action) -> verdict and explanation. Pure: no fd, no clock, and no
 * allocation after loading but what policy_state_new() took.
 *
 * A loaded policy is immutable and serves any number of sessions; what a session has done so far
 * is in its policy_state. The format of the files is cordon-policy(5).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json_write.h"
#include "monitor/action.h"

/* In the order of strictness: the strictest verdict of all matching rules wins. */
enum verdict {
	VERDICT_ALLOW,
	VERDICT_LOG,
	VERDICT_THROTTLE, /* it goes on, but not yet */
	VERDICT_REDACT,	  /* of a tool.result: it goes on without what is protected in it */
	VERDICT_ASK,
	VERDICT_DECOY, /* what is made up answers: stricter than ask, since nothing gets out */
	VERDICT_DENY,
	VERDICT_KILL
};

const char *verdict_name(enum verdict verdict);
/* @name: may be NULL, which is none. */
bool verdict_by_name(const char *name, enum verdict *ret);

/* What a session does once evidence or state of it was lost, in the order of strictness. */
enum on_loss {
	ON_LOSS_LOG,	  /* the loss is recorded */
	ON_LOSS_DENY_NEW, /* nothing new may begin: calls, programs, network */
	ON_LOSS_KILL	  /* what runs is ended too */
};

const char *on_loss_name(enum on_loss on_loss);

struct policy;
struct policy_state;

/* What a rule says of itself; borrowed from the policy. */
struct rule_info {
	const char *id;
	const char *category; /* "resource-acquisition", "self-replication", "exfiltration", ... */
	const char *severity; /* "low", "medium", "high", "critical" */
	const char *maturity; /* "stable", "incubating", "sandbox", "deprecated"; NULL: not said */
	const char *because;  /* text for the agent */
	const char *file;     /* where it was loaded from */
};

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
/* What can go on changed: kinds of action, as bits. */
#define REDACT_KINDS (1u << ACTION_TOOL_RESULT)

/* What such a verdict adds to: it neither allows nor stands in the way of the kind's default. */
static inline bool verdict_only_adds(enum verdict verdict)
{
	return verdict == VERDICT_LOG || verdict == VERDICT_THROTTLE || verdict == VERDICT_REDACT;
}

/* Of what the decoy internet may answer in place of refusing it: kinds of action, as bits. */
#define DECOY_KINDS ((1u << ACTION_CONNECT) | (1u << ACTION_SEND) | (1u << ACTION_DNS))
/* Who has the verdict decoy: a rule's id, or "default"; NULL: nobody. */
const char *policy_decoys(const struct policy *policy);
/* True if the rule is only observed: what it says of an action is noted and not done. */
bool policy_rule_is_observed(const struct policy *policy, size_t index);

/*
 * policy_load - reads, checks, types and compiles a set of files, and runs every rule's `match` and
 * `not_match` examples. @paths may name files or folders (every *.json in them, sorted).
 * Errors: -EINVAL "file:line:column: reason"; -EOPNOTSUPP for a deny that cannot be enforced.
 */
int policy_load(const char *const *paths, size_t count, struct policy **ret, struct error *err);
struct policy_keys;

/* What is loaded, and how; borrowed. */
struct policy_files {
	const char *const *paths;
	size_t count;
	const char *more;    /* text of one more document beside them; NULL: none */
	const char *checked; /* a policy_hash() of which somebody has run the examples, so that they
				are not run again; NULL: they are */
	const struct policy_keys *keys; /* of which one must have signed each file
					   (signature.h); NULL: none needs a signature */
};

/* Errors: as of policy_load(), and -EKEYREJECTED: not signed, or not by one of the keys. */
int policy_load_with(const struct policy_files *files, struct policy **ret, struct error *err);
/* The same from one document in memory. */
int policy_load_text(const char *name, const char *text, size_t len, struct policy **ret,
		     struct error *err);
struct policy *policy_free(struct policy *policy);

size_t policy_rule_count(const struct policy *policy);
const struct rule_info *policy_rule(const struct policy *policy, size_t index);
enum verdict policy_rule_verdict(const struct policy *policy, size_t index);
/* Bit per enum action_kind that the rule is on. */
uint32_t policy_rule_kinds(const struct policy *policy, size_t index);
/* How many actions it takes, and within what time; 0: the rule does not count. */
uint32_t policy_rule_at_least(const struct policy *policy, size_t index, uint64_t *ret_window_ns);

/* How many steps must have been before, and within what time (0: any). Return 0: no sequence. */
uint32_t policy_rule_steps(const struct policy *policy, size_t index, uint64_t *ret_within_ns);

/* The rule's budget as policy_explain() writes it, but for what is used of it; nothing if none. */
void policy_put_budget(const struct policy *policy, const char *key, size_t index,
		       struct json_writer *w);

/* True if the rule waits for something that only a trace sees: a step of its sequence that is seen
 * after it happened, processes of its budget; or reads where a process comes from. */
bool policy_rule_needs_trace(const struct policy *policy, size_t index);

/* The files it was loaded from, by index; NULL past the last. Borrowed. */
const char *policy_file(const struct policy *policy, size_t index);

/* The strictest that a file asks for; ON_LOSS_DENY_NEW if none does. */
enum on_loss policy_on_loss(const struct policy *policy);
/* What it does to an action that would begin something new. */
enum verdict on_loss_verdict(enum on_loss on_loss);

/* Hash over the canonical content of all files, lower-case hex, for the record. */
const char *policy_hash(const struct policy *policy);

/* A file that is locked, so that no session may only observe; NULL: none is. */
const char *policy_locked(const struct policy *policy);

/* The ids of the keys by which its files had to be signed, by index; NULL past the last. */
const char *policy_signer(const struct policy *policy, size_t index);

/* Labels are bits: index 0..MAX_LABELS-1 in the order of first mention. */
size_t policy_label_count(const struct policy *policy);
const char *policy_label_name(const struct policy *policy, size_t index);
/* The member @key: an array of the names of these bits, as far as they have one. */
void policy_put_labels(struct json_writer *w, const char *key, const struct policy *policy,
		       uint64_t labels);
/* Return: index, or -1. */
int policy_label_index(const struct policy *policy, const char *name);
/* Labels that the policy's "labels" section gives to a path inside the view. */
uint64_t policy_labels_of_path(const struct policy *policy, struct str path);
/* The same for one whose end is the kernel's word: of what begins with "..." the last names are
 * known. */
uint64_t policy_labels_of_leaf(const struct policy *policy, struct str path);
/* All that the section gives to any path. */
uint64_t policy_labels_of_paths(const struct policy *policy);
/* Those that reading it gives a session: of a file.open that succeeded and does not write. */
uint64_t policy_labels_of_read(const struct policy *policy, const struct action *action);
/* True if some rule or step looks at the text that a tool returned. */
bool policy_reads_results(const struct policy *policy);
/* True if some rule's verdict can depend on labels. */
bool policy_uses_labels(const struct policy *policy);
/* Bits of the labels that its paths and rules can give; the others come from a session's options.
 */
uint64_t policy_labels_given(const struct policy *policy);
/* Those of what comes over the network, as far as some rule reads them. */
uint64_t policy_network_labels(const struct policy *policy);
/* Bits of the labels that some rule reads; all bits if a rule reads them in another way than by
 * naming them. What must be taken as set where reads cannot be traced. */
uint64_t policy_labels_read(const struct policy *policy);

/* How a rule holds on one kind of action. */
enum hold {
	HOLD_NONE,    /* such an action is never judged by it */
	HOLD_AFTER,   /* judged when it has happened: log, label, kill */
	HOLD_BEFORE,  /* judged before it has an effect */
	HOLD_VERIFIED /* the same, and what the kernel then runs is held against it */
};

const char *hold_name(enum hold hold);

struct rule_hold {
	enum action_kind kind;
	const char *access;   /* of file.open: "reading" or "writing"; else NULL */
	enum hold hold;	      /* where no folder of the host is bound writable */
	enum hold host_bound; /* where one is */
};

/* policy_rule_holds - for each kind the rule is on. @traced: the host has the trace. */
#define MAX_RULE_HOLDS (ACTION_KINDS + 1)
size_t policy_rule_holds(const struct policy *policy, size_t index, bool traced,
			 struct rule_hold ret[MAX_RULE_HOLDS]);

/* How many rules refuse or kill, and without a trace are asked of nothing at all. */
size_t policy_count_blind(const struct policy *policy);

/*
 * True if writing opens and path changes must be decided before they happen: some rule denies, asks
 * or kills for them, or for a bind in a folder of the host, which is carried out likewise.
 * @host_bound: folders of the host are bound writable into the session; rules that hold only for
 * these count only then.
 */
bool policy_gates_files(const struct policy *policy, bool host_bound);
/*
 * The same of whom a session connects or sends to. Where a folder of the host is bound, writable or
 * not, a path leads to the host's sockets, too, and what is asked about is carried out.
 */
bool policy_gates_connects(const struct policy *policy);

/* Whether some rule's verdict depends on the label. */
bool policy_reads_label(const struct policy *policy, const char *name);

/* Label names a face adds with --label; call before the first policy_state_new(). */
int policy_add_label(struct policy *policy, const char *name, struct error *err);

struct policy_state *policy_state_new(const struct policy *policy);
struct policy_state *policy_state_free(struct policy_state *state);
/* As if it were new, but that nothing is allocated: for tools that try many actions. */
void policy_state_reset(struct policy_state *state);
uint64_t policy_state_labels(const struct policy_state *state);
/*
 * process.labels of an action: what its process has read or got from others, of the labels that
 * the session has; and all that nobody can tell the process of. Of tool calls and results, which
 * are the agent's and no process's, as of whatever has no pid: all that the session has.
 */
uint64_t policy_state_process_labels(const struct policy_state *state, const struct action *action);
/*
 * They are taken away only by rules with "declassify". What is added is of every process, but with
 * the second, where the kernel tells which processes have them: see the member of an action.
 */
void policy_state_add_labels(struct policy_state *state, uint64_t labels);
void policy_state_add_session_labels(struct policy_state *state, uint64_t labels);
/* From here on nothing takes labels away: nobody can tell what is read. */
void policy_state_fix_labels(struct policy_state *state);

/*
 * How often a sequence was forgotten that could still have come to its end, for want of room: what
 * @ret_last is written to see may be missed from there on. It is borrowed; NULL if it never was.
 */
uint64_t policy_state_evicted(const struct policy_state *state, const struct rule_info **ret_last);
/*
 * True if one of these rules can do more than log: refuse or delay, or change labels, by which
 * other rules decide. If not, nothing is missed but an entry.
 */
bool policy_state_evicted_acts(const struct policy_state *state);
/*
 * What is seen after it happened is seen no more (or, @from_start, never was): steps of sequences
 * that need it count as having happened, except for rules that allow, or do no more than log.
 * @gates_files: writes are decided before, and so still seen. @from_start: nor is it seen which
 * process starts which; those of one execution count as one lineage.
 */
void policy_state_assume_unseen(struct policy_state *state, bool gates_files, bool from_start);

/* An execution has ended, and nothing of it lives on: what sequences kept of it is let go. With a
 * trace that is done as each process ends. */
void policy_state_end_execution(struct policy_state *state, uint32_t exec_id);

/* An execution (0: one that nobody told of) has ended that took so much processor time, of all its
 * processes; what proc.usage told of it before is part of that. */
void policy_state_note_cpu(struct policy_state *state, uint32_t exec_id, uint64_t us);
/* True if some rule asks for what only proc.usage tells: on it, in a step, or in a budget. */
bool policy_needs_usage(const struct policy *policy);

/* True if some rule or step asks for the labels of a file that is run. */
bool policy_reads_file_labels(const struct policy *policy);
/* The same of whether what is changed was there before the session. */
bool policy_reads_past(const struct policy *policy);
/* True if some rule or step looks at where a process comes from. */
bool policy_reads_lineage(const struct policy *policy);
bool policy_rule_reads_lineage(const struct policy *policy, size_t index);
/* True if some rule or step is on the kind, or its default does more than allow. */
bool policy_asks_for(const struct policy *policy, enum action_kind kind);

/* True if a budget counts bytes that leave. */
bool policy_budgets_bytes(const struct policy *policy);

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
