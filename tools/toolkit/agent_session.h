/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The join of floor and monitor: a spec, its launcher, and the session that watches it, started
 * together and ended together. Every face (run, mcp, scenario) opens its sessions here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "common/error.h"
#include "monitor/session.h"
#include "monitor/supervisor.h"
#include "sandbox/spec.h"

struct label_option {
	const char *path; /* on the host or inside, as the user wrote it */
	const char *name;
};

/* What the command line (or a scenario) says; zero values are the defaults. Borrowed strings. */
struct session_options {
	const char *session_id;	   /* NULL: made up */
	const char *workspace_dir; /* NULL: the current directory if suitable, else an empty one */
	bool empty_workspace;	   /* an empty tmpfs whatever workspace_dir says */
	enum workspace_mode workspace_mode;
	struct spec_bind *binds;
	size_t bind_count;
	struct label_option *labels;
	size_t label_count;
	const char **policies; /* files or folders; none: the installed three families */
	size_t policy_count;
	struct spec_limits limits;
	const char **env;
	size_t env_count;
	const char *record_path; /* NULL: in the state folder */
	const char *spec_path;	 /* JSON spec in place of the options above */
	enum monitor_mode mode;
	enum trace_mode trace;
	uint32_t timeout_ms; /* for one call; 0: none */
	bool discard;	     /* drop the kept layer at the end */
};

struct agent_session;

struct agent_session_ops {
	void (*ready)(void *ctx);
	/* Once, last; err is NULL for a clean end. */
	void (*closed)(void *ctx, const struct error *err);
	record_observer observer; /* optional: record lines, live */
};

/* Builds the spec that agent_session_open would use, for --dry-run. */
int agent_session_spec(const struct session_options *options, struct spec *ret, struct error *err);

int agent_session_open(struct supervisor *supervisor, const struct session_options *options,
		       const struct agent_session_ops *ops, void *ctx, struct agent_session **ret,
		       struct error *err);
/* Ends it; closed() follows from the loop, after which it frees itself. */
void agent_session_end(struct agent_session *agent);

struct session *agent_session_monitor(struct agent_session *agent);
const struct spec *agent_session_spec_of(const struct agent_session *agent);
const char *agent_session_record(const struct agent_session *agent);
/* Host folder with the changes, NULL if the workspace is not cow or nothing was changed. Valid in
 * the closed() callback too. */
const char *agent_session_changes(const struct agent_session *agent);

/* Loads the policy files of the options (or the default families) with their labels. */
int load_policies(const struct session_options *options, struct policy **ret, struct error *err);

/* The supervisor for the options: its mode, its trace, the host's record key. */
int start_supervisor(const struct session_options *options, uv_loop_t *loop, struct policy *policy,
		     struct supervisor **ret, struct error *err);

/* For messages: why the session cannot take a call any more. */
const char *agent_session_why_ended(const struct agent_session *agent);

uv_loop_t *agent_session_loop(const struct agent_session *agent);
/* The time limit of one call that the options named; 0: none. */
uint32_t agent_session_timeout_ms(const struct agent_session *agent);
