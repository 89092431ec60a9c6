/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the session files see of the supervisor. */

#include "common/limits.h"
#include "monitor/session.h"
#include "monitor/supervisor.h"

struct supervisor {
	uv_loop_t *loop;	     /* borrowed */
	const struct policy *policy; /* borrowed */
	enum monitor_mode mode;
	char *key_path;
	struct trace *trace;   /* owned; NULL: no trace */
	struct error no_trace; /* why there is none */
	uv_timer_t drain;      /* runs while a session lives */
	uint32_t session_count;
	struct session *sessions[MAX_SESSIONS]; /* by slot; borrowed */
};

/* Gives the session a slot, and the first one the trace. Errors: -EMFILE, those of trace_*. */
int supervisor_add(struct supervisor *supervisor, struct session *session, uint32_t *ret_slot,
		   struct error *err);
void supervisor_remove(struct supervisor *supervisor, uint32_t slot);

/* Everything the kernel has seen so far reaches its session before this returns. */
void supervisor_drain(struct supervisor *supervisor);

uint64_t monotonic_ns(void);
