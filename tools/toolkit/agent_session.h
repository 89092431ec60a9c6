/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The join of floor and monitor in one process: a floor and the session that watches it, started
 * together and ended together. Faces whose sessions live across many calls open them here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

#include "common/error.h"
#include "monitor/session/session.h"
#include "monitor/supervisor.h"
#include "tools/toolkit/plan.h"

struct agent_session;

struct agent_session_ops {
	void (*ready)(void *ctx);
	/* Once, last; err is NULL for a clean end. */
	void (*closed)(void *ctx, const struct error *err);
	record_observer observer; /* optional: record lines, live */
};

/* @options: with a loaded policy. */
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
/* The same, signed by one of these keys whatever options and host say; NULL: unsigned, for tools
 * that only look. */
struct policy_keys;
int load_policies_signed(const struct session_options *options, const struct policy_keys *keys,
			 struct policy **ret, struct error *err);

/* warn_of_label() of all those of the options that no rule reads. */
void warn_of_labels(const struct session_options *options, const struct policy *policy);

/* What to say of a session without a trace, and of rules that need one; the caller's. */
char *no_trace_text(const struct policy *policy, const char *reason);

/* The supervisor for the options: its trace, the host's record key. */
int start_supervisor(const struct session_options *options, uv_loop_t *loop,
		     struct supervisor **ret, struct error *err);

/*
 * load_and_supervise - both of the above at once, for they take long and need nothing of each
 * other: the supervisor in a thread, which has ended when this returns, where the kernel checks
 * the programs of the trace.
 * @policy: NULL, or one that is loaded already. What is there after an error too is the caller's.
 */
int load_and_supervise(const struct session_options *options, uv_loop_t *loop,
		       struct policy **policy, struct supervisor **ret, struct error *err);

/* The launcher on the host: the session's processes stand below it. */
pid_t agent_session_pid(const struct agent_session *agent);
/* For messages: why the session cannot take a call any more. */
const char *agent_session_why_ended(const struct agent_session *agent);

uv_loop_t *agent_session_loop(const struct agent_session *agent);
/* The time limit of one call that the options named; 0: none. */
uint32_t agent_session_timeout_ms(const struct agent_session *agent);
