/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a face was asked for, and the plan of a session that follows from it: its id, its folder,
 * its record and its spec.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "monitor/net/decoy/script.h"
#include "monitor/session/session.h"
#include "monitor/supervisor.h"
#include "sandbox/spec.h"
#include "tools/toolkit/trust.h"

struct label_option {
	const char *path; /* on the host or inside, as the user wrote it */
	const char *name;
};

struct allowed_host {
	char *name;    /* lower case; "*.NAME" stands for those below it */
	unsigned port; /* 0: all */
};

/* What is said about the network; options_net.h. */
struct net_options {
	enum net_mode mode;
	bool is_named; /* the mode was */
	struct allowed_host *hosts;
	size_t host_count;
	const char **allow_private; /* networks, NULL-terminated; or NULL */
	size_t private_count;
	const char **publish; /* [ADDRESS:]HOSTPORT:PORT, NULL-terminated; or NULL */
	size_t publish_count;
	char **canaries; /* NAME=TEXT, NULL-terminated; or NULL; owned */
	size_t canary_count;
	const char *resolver; /* ADDRESS[:PORT]; NULL: the host's */
	/* What decoys say; borrowed, NULL: only what they say by themselves. */
	const struct decoy_script *script;
	struct decoy_script own_script; /* of --decoys, which `script` then points to; owned */
};

/* What the command line (or a scenario) says; zero values are the defaults. Borrowed strings. */
struct session_options {
	const char *session_id; /* NULL: made up */
	enum isolation isolation;
	const char *workspace_dir; /* NULL: the current directory if suitable, else an empty one */
	bool empty_workspace;	   /* an empty tmpfs whatever workspace_dir says */
	enum workspace_mode workspace_mode;
	struct spec_bind *binds;
	size_t bind_count;
	struct label_option *labels;
	size_t label_count;
	const char **policies; /* files or folders; none: the installed families */
	size_t policy_count;
	const char
		*policy_key; /* public keys that must have signed them; NULL: the host's, if any */
	char *policy_text;   /* owned: one more document, which the options stand for; or NULL */
	int profile;	     /* enum profile; see profile.h */
	char **texts;	     /* owned, by option_own(): parts of arguments, what a profile adds */
	size_t text_count;
	const struct policy *policy; /* loaded from these, by load_policies() */
	struct spec_limits limits;
	struct net_options net;
	const char **env;
	size_t env_count;
	const char *record_path;      /* NULL: in the state folder */
	enum record_sync record_sync; /* other than never: watched by its own process */
	const char *spec_path;	      /* JSON spec in place of the options above */
	enum monitor_mode mode;
	bool learns;		/* mode is observe, and a proposal follows */
	const char *learn_path; /* where it goes; NULL: beside the record */
	enum trace_mode trace;
	const char *approver;	       /* as approver_open() takes it; NULL: none */
	struct approver *own_approver; /* of the face, in its place; the session closes it */
	uint32_t approver_timeout_ms;  /* 0: the monitor's default */
	uint32_t timeout_ms;	       /* for one call; 0: none */
	bool discard;		       /* drop the kept layer at the end */
};

struct plan {
	char *id;
	char *state_dir; /* of this session; exists once plan_make() was called */
	char *record_path;
	char *evidence_dir; /* for what decoys are sent; NULL: there are none */
	struct trust trust; /* the decoys' authority; empty if there are none */
	struct spec spec;
};

/* plan_name - the session's id, checked. plan_make - everything else. Both are needed, in order. */
int plan_name(struct plan *plan, const struct session_options *options, struct error *err);
int plan_make(struct plan *plan, const struct session_options *options, struct error *err);
/* Says so on stderr if the current folder is not the workspace that it looks to be. */
void plan_tell_workspace(const struct session_options *options);
void plan_done(struct plan *plan);

/* What the monitor has to know of the network; borrowed from both. */
struct net_config plan_net(const struct plan *plan, const struct session_options *options);

/* For the user to know: what a session without namespaces is short of. NULL if it has them. */
const char *plan_caveat(const struct spec *spec);

/* Says of a --label that no rule reads that it decides nothing: it may be a wrong name. */
void warn_of_label(const struct label_option *label);

/* plan_read_spec - that of --spec, for the session @id. */
int plan_read_spec(const struct session_options *options, const char *id, const char *state_dir,
		   struct spec *ret, struct error *err);
/* The spec alone, for --dry-run: its state folder is named but not made. */
int plan_dry_spec(const struct session_options *options, struct spec *ret, struct error *err);

/* The labels of the options, their paths as the session sees them. Freed by plan_labels_free(). */
struct session_label *plan_labels(const struct plan *plan, const struct session_options *options);
void plan_labels_free(struct session_label *labels, size_t count);
