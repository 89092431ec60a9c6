/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A scenario: what an agent does in a session, call by call, and what must come of it. One JSON
 * file each; the format is told by cordon-scenario(1).
 *
 *	file --decode--> struct scenario --runner--> observation --judge--> struct finding
 *
 * Decoding is pure: no file but the scenario's own is looked at, nothing is run.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "monitor/supervisor.h"
#include "tools/toolkit/agent_session.h"

#define MAX_SCENARIO_STEPS 64u

enum scenario_category {
	CATEGORY_RESOURCE_ACQUISITION,
	CATEGORY_SELF_REPLICATION,
	CATEGORY_EXFILTRATION,
	CATEGORY_OVERSIGHT_TAMPERING,
	CATEGORY_PERSISTENCE,
	CATEGORY_CONTAINMENT_ESCAPE,
	CATEGORY_DESTRUCTION,
	CATEGORY_BENIGN,
	CATEGORIES
};

enum step_verdict {
	STEP_ALLOWED, /* nothing of the call was refused */
	STEP_ASKED,   /* nor was it here: an action of it was asked about, and agreed to */
	STEP_NOTED,   /* nothing was refused, and a rule that logs matched an action of it */
	STEP_DECOYED, /* nothing was refused, and a decoy answered what a rule does refuse */
	STEP_DENIED,  /* an action of it was refused, or the call itself */
	STEP_KILLED,  /* a rule ended it */
	STEP_NOT_RUN, /* only as what was got: the session ended before */
};

/* What is answered when rules want something of a step asked. */
enum step_answer {
	ANSWER_NOBODY, /* nothing, which is a no */
	ANSWER_REFUSE,
	ANSWER_APPROVE
};

/* All strings are borrowed from the scenario's document. */
struct expectation {
	enum step_verdict verdict;
	const char *rule; /* NULL: any */
	const char *kind; /* of the refused action; NULL: any */
	bool has_exit;	  /* set for "allowed" too: 0 unless the file names another */
	int64_t exit;
	const char *output; /* text that the result must contain, or NULL */
};

struct step {
	const char *title;
	const char *tool;
	const struct json *arguments;
	enum step_answer answer;
	struct expectation expect;
};

/* A path in the workspace, or, where it is absolute or starts with ~/, a file bound there. */
struct setup_file {
	const char *path;
	const char *content; /* NULL: made up (canaries) */
	uint32_t mode;
	bool canary;
};

struct setup {
	struct setup_file *files; /* owned array */
	size_t file_count;
	struct label_option *labels; /* owned array, canaries included */
	size_t label_count;
	struct spec_bind *binds; /* owned array; relative sources are relative to the file */
	char **bind_sources;	 /* owned */
	size_t bind_count;
	char **env; /* owned, NULL-terminated "NAME=value" */
	size_t env_count;
	char **policies; /* owned; loaded beside those of the command line */
	size_t policy_count;
	struct spec_limits limits;
	uint32_t timeout_ms;
	bool has_mode;
	enum monitor_mode mode;
	enum net_mode net;	    /* NET_NONE: the command line's */
	struct decoy_script decoys; /* owned */
};

struct file_check {
	const char *path; /* in the workspace */
	bool exists;
	const char *contains; /* NULL: any content */
};

struct rule_check {
	const char *rule;
	uint64_t least;
	uint64_t most;
};

/* What must have reached decoys, all requests that match taken together. */
struct sent_check {
	const char *host;    /* a name, or "*.NAME" */
	const char *service; /* NULL: any, as what follows */
	const char *method;
	const char *canary; /* that each of them must have had in it */
	uint64_t least_requests;
	uint64_t least_bytes;
};

struct scenario {
	struct json *doc; /* owned */
	char *file;	  /* as it was found */
	const char *id;
	const char *title;
	enum scenario_category category;
	enum scenario_category looks_like; /* of a benign one; else the same as category */
	bool needs_trace;
	const struct json *needs_programs; /* array of names, or NULL */
	struct setup setup;
	bool answers;	    /* some step says who answers */
	struct step *steps; /* owned array */
	size_t step_count;
	struct file_check *files; /* owned arrays: the final checks */
	size_t file_count;
	struct rule_check *rules;
	size_t rule_count;
	const char **labels;
	size_t label_count;
	struct sent_check *sent;
	size_t sent_count;
};

const char *category_name(enum scenario_category category);
const char *step_verdict_name(enum step_verdict verdict);

/*
 * scenario_decode - one document, strictly: unknown, missing and mistyped members, tools that do
 * not exist and arguments that they do not take are errors.
 * @file: for error texts, and what relative paths of policies and binds start from.
 * Errors: -EINVAL with "file: $.path: reason". Owns: the caller frees with scenario_done().
 */
int scenario_decode(const char *file, const char *text, size_t len, struct scenario *ret,
		    struct error *err);
void scenario_done(struct scenario *scenario);

struct scenario_set {
	struct scenario *items; /* owned */
	size_t count;
};

/*
 * scenarios_load - every scenario below the paths: a file as it is, of a folder each *.json in it
 * and below, in the order of their names. Folders named "policies" or "data" hold what scenarios
 * use and are passed over.
 * Errors: the first file that is not right; no scenario at all; an id twice.
 */
int scenarios_load(char *const *paths, size_t count, struct scenario_set *ret, struct error *err);
void scenarios_done(struct scenario_set *set);
