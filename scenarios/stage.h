/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The stage of one scenario on the host: a fresh workspace, the files that are bound from beside
 * it, and the options that a session on it is opened with.
 */

#include "scenarios/scenario.h"

struct stage {
	char *dir; /* temporary folder with all of it; owned */
	char *workspace;
	struct session_options options; /* owns its arrays; strings are borrowed */
	char **made;			/* targets of binds; owned */
	size_t made_count;
};

/*
 * stage_build - @base: what the command line says of every session; its time limit is used here.
 * Errors: -errno with the file that could not be made.
 */
int stage_build(const struct scenario *scenario, const struct session_options *base,
		struct stage *ret, struct error *err);
/* Removes it from the host. */
void stage_remove(struct stage *stage);
