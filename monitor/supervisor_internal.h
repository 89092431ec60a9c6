/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the session files see of the supervisor. */

#include "common/limits.h"
#include "monitor/session/session.h"
#include "monitor/supervisor.h"

struct supervisor {
	uv_loop_t *loop; /* borrowed */
	char *key_path;
	struct trace *trace;   /* owned; NULL: no trace */
	struct error no_trace; /* why there is none */
	uv_timer_t drain;      /* runs while a session lives */
	uv_timer_t linger;     /* from the last session's end to the trace's detachment */
	uint32_t linger_ms;
	int64_t (*wall_clock)(void);
	int64_t wall_ahead_ns; /* of the clock that nobody sets, when last looked at */
	unsigned drains;
	unsigned handles;
	uint32_t session_count;
	struct session *sessions[MAX_SESSIONS]; /* by slot; borrowed */
};

/*
 * Gives the session a slot and, as far as @mode asks for it, the trace. Errors: -EMFILE, those of
 * trace_*; with TRACE_MODE_ON those of a supervisor without a trace.
 */
int supervisor_add(struct session *session, enum trace_mode mode, struct error *err);
void supervisor_remove(struct session *session);
/* Why a session of this supervisor is not traced. */
const char *supervisor_no_trace_reason(const struct supervisor *supervisor);

/* Everything the kernel has seen so far reaches its session before this returns. */
void supervisor_drain(struct supervisor *supervisor);

uint64_t monotonic_ns(void);
