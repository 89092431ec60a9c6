/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Runs scenarios, each in a session of its own, through the code that serves real calls.
 *
 * Scenarios that need the same policies and mode share one supervisor, in which up to `jobs` of
 * their sessions live at once. One after the other within a session, its steps are tool calls.
 */

#include "scenarios/findings.h"
#include "scenarios/observation.h"
#include "scenarios/scenario.h"

enum trial_outcome {
	TRIAL_NOT_RUN, /* interrupted before */
	TRIAL_AS_EXPECTED,
	TRIAL_MISMATCH,
	TRIAL_SKIPPED, /* this host lacks something that it needs: reason */
	TRIAL_FAILED,  /* cordon could not run it: reason */
};

/* What came of one scenario. */
struct trial {
	const struct scenario *scenario; /* borrowed */
	enum trial_outcome outcome;
	struct error reason;
	struct observation seen;
	struct findings findings;
	uint64_t wall_ns;
	char *record; /* path, NULL if it was not kept; owned */
};

struct runner_ops {
	/* Before a step's call, and once more with step == step_count when all are made. */
	void (*step)(void *ctx, const struct trial *trial, size_t step);
	/* A trial has its outcome. */
	void (*done)(void *ctx, const struct trial *trial);
};

struct runner_config {
	const struct session_options *base; /* policies, mode, trace, timeout */
	size_t jobs;
	bool keep; /* records of all; those of mismatches and failures are kept anyway */
	const struct runner_ops *ops;
	void *ctx;
};

/*
 * runner_run - all scenarios of the set, in its order.
 * @ret: as many trials as scenarios, owned by the caller, freed with trials_done(); valid on
 * failure too. Errors: those of policies and trace, -EINTR if a signal ended it.
 */
int runner_run(const struct scenario_set *set, const struct runner_config *config,
	       struct trial **ret, struct error *err);
void trials_done(struct trial *trials, size_t count);
