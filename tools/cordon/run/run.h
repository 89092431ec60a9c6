/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One `cordon run`: its sandbox, started by us, and its supervisor, which is the resident one if
 * there is one that fits, else a part of this process.
 */

#include <stdbool.h>

#include "tools/toolkit/plan.h"

struct run_options {
	struct session_options session;
	bool dry_run;		/* print the spec instead */
	bool resident;		/* use the resident supervisor, and start one for the next runs */
	bool is_resident_named; /* by the option */
	bool json;
	bool quiet;
	uint32_t declared; /* bits of enum declared */
	struct call_cost cost;
	char **command;
};

/* Exit statuses of cordon's own, as env(1), timeout(1) and the shell use them. */
enum {
	EXIT_TIMED_OUT = 124,
	EXIT_CORDON = 125,
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127
};

/* Of `cordon run`; ends the program for options that are wrong, and for --help. */
int run_options_parse(int argc, char **argv, struct run_options *ret);
/* Ends the process with the command's status; returns one only if nothing was started. */
int run_command(struct run_options *options);
