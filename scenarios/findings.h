/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Expected against got: the judgement on a scenario, from its observation and the workspace that
 * its session left.
 */

#include <stdbool.h>
#include <stddef.h>

#include "scenarios/observation.h"
#include "scenarios/scenario.h"

struct step_finding {
	enum step_verdict got;
	const struct ruling *by;    /* the kill, the first refusal or the note; borrowed from the
				       observation */
	const struct ruling *alarm; /* the most severe note of medium severity or more, or NULL */
	bool ok;
	char why[256]; /* what differs; empty if ok */
};

/* A check of the whole session, one that the file asks for or one that always holds. */
struct check_finding {
	char *what; /* "file copy/agent.py", "rule x", "label x", "record", "processes"; owned */
	char *expected;
	char *got;
	bool ok;
};

struct findings {
	struct step_finding *steps; /* one a step; owned */
	size_t step_count;
	struct check_finding *checks; /* owned */
	size_t check_count;
	bool ok; /* all of it */
};

/*
 * findings_make - judges everything.
 * @workspace_fd: the session's workspace on the host. Its files are opened without following any
 * symbolic link: whoever wrote them may have meant to lead us elsewhere.
 * @policy: to tell a rule that did not fire from one that is not loaded; NULL: not told.
 */
void findings_make(const struct scenario *scenario, const struct observation *seen,
		   const struct policy *policy, int workspace_fd, struct findings *ret);
void findings_done(struct findings *findings);

/* One step: what its call came to, and whether that was expected. */
void judge_step(const struct expectation *expect, const struct observation *seen, size_t step,
		struct step_finding *ret);
