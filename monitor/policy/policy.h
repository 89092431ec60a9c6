/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The policy: (rules, state, action) -> verdict and explanation. Pure: no fd, no clock, and no
 * allocation after loading but what policy_state_new() took.
 *
 *	policy.h	what is loaded, and what can be asked of it
 *	policy_state.h	what one session has done so far, as far as rules remember it
 *	decide.h	the verdict on one action, and its explanation
 *
 * A loaded policy is immutable and serves any number of sessions. The format of the files is
 * cordon-policy(5).
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

/* What a rule says of itself; borrowed from the policy. */
struct rule_info {
	const char *id;
	const char *category; /* "resource-acquisition", "self-replication", "exfiltration", ... */
	const char *severity; /* "low", "medium", "high", "critical" */
	const char *maturity; /* "stable", "incubating", "sandbox", "deprecated"; NULL: not said */
	const char *because;  /* text for the agent */
	const char *file;     /* where it was loaded from */
};

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
