/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The supervisor: one libuv loop, one set of BPF programs, many sessions, each with a policy of its
 * own.
 */

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "common/error.h"
#include "monitor/trace/trace.h"

enum monitor_mode {
	MODE_ENFORCE,
	MODE_OBSERVE
};

enum trace_mode {
	TRACE_MODE_ON,
	TRACE_MODE_AUTO,
	TRACE_MODE_OFF
};

struct supervisor_config {
	uv_loop_t *loop;
	enum trace_mode trace;
	uint32_t linger_ms;   /* the trace stays attached so long after the last session */
	const char *key_path; /* record signing key; copied */
	/* For tests; zeros are what everybody else has. */
	struct trace_room trace_room;
	int64_t (*wall_clock)(void); /* ns since 1970; NULL: the host's */
};

struct supervisor;

/*
 * supervisor_new - loads the trace programs (unless off).
 * Errors: with TRACE_MODE_ON those of trace_open(); the text says what --trace=auto would do.
 */
int supervisor_new(const struct supervisor_config *config, struct supervisor **ret,
		   struct error *err);
/* No session may be left. Closes handles on the loop: run it once more afterwards. */
void supervisor_free(struct supervisor *supervisor);

uv_loop_t *supervisor_loop(const struct supervisor *supervisor);

/* True if there is a trace; else the reason is at *ret_reason (borrowed, never NULL). */
bool supervisor_has_trace(const struct supervisor *supervisor, const char **ret_reason);
uint32_t supervisor_session_count(const struct supervisor *supervisor);
