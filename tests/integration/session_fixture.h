/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whole sessions in a supervisor of the test's own making: scripts one after the other, each a tool
 * call that policy is asked about and then an execution; what became of each, and the record.
 */

#include <uv.h>

#include "common/buf.h"
#include "common/json.h"
#include "monitor/supervisor.h"
#include "tools/toolkit/agent_session.h"

#define MAX_SCRIPTS 8u

struct run;

struct script {
	const char *text;	       /* for sh -c; NULL: no more */
	bool (*when)(struct run *run); /* asked every 2 ms until true; NULL: at once */
	bool tty;		       /* on a terminal, which nobody reads */
};

struct outcome {
	bool refused; /* the call itself: `result` is empty */
	struct denial denial;
	struct exec_result result;
};

struct run {
	const char *policy; /* JSON text */
	enum monitor_mode mode;
	enum net_mode net;
	struct script scripts[MAX_SCRIPTS];
	/* Sees each line as it is written; then none is kept. May be NULL. */
	void (*on_line)(struct run *run, const char *line);

	struct agent_session *agent;
	struct outcome outcomes[MAX_SCRIPTS];
	size_t at; /* the script whose turn it is */
	uv_timer_t timer;
	struct policy *loaded;
	struct buf lines; /* the record so far */
	bool failed;
	struct error failure;
	int tty_fd; /* the terminal's other end, until session_run_done(); 0: none */
};

/* A folder for states and records, named to the toolkit by the environment. */
int session_set_up(void **state);
int session_tear_down(void **state);

/* Runs the sessions side by side to their ends. @config: without loop and key_path. */
void session_run(struct run *const *runs, size_t count, const struct supervisor_config *config);
void session_run_done(struct run *run);

/*
 * The nth event of the kind in the record so far, NULL if there are not so many; the caller frees
 * it by json_free().
 */
struct json *session_event(const struct run *run, const char *kind, size_t nth);
/* A text among its members, or those of its fields; "" if there is none. */
const char *event_text(const struct json *event, const char *name);
int64_t event_number(const struct json *event, const char *name);
