/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What one trial (trial.c) and the group that it runs in (runner.c) know of each other. */

#include <uv.h>

#include "scenarios/answers.h"
#include "scenarios/runner.h"
#include "scenarios/stage.h"
#include "tools/toolkit/agent_session.h"
#include "tools/toolkit/options.h"

/* One trial while its session lives. */
struct run {
	struct trial *trial;
	struct group *group;
	struct stage stage;
	struct agent_session *agent; /* NULL before and after */
	size_t step;
	enum step_answer answer; /* of this step */
	char call_id[16];
	uint64_t started_ns;
	uint64_t step_started_ns;
};

/* Scenarios with the same policies and mode, under one supervisor. */
struct group {
	const struct runner_config *config;
	struct session_options options; /* of the supervisor */
	struct policy *policy;
	struct supervisor *supervisor;
	uv_loop_t loop;
	struct run *runs; /* owned */
	size_t count, next, live;
	uv_signal_t signals[3];
	bool interrupted;
};

/* Makes the trial's session and its steps, or says in the trial why not. */
void run_start(struct run *run);
/* A trial is over: begins others, or ends the group. */
void group_start_more(struct group *group);
