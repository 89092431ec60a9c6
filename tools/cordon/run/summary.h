/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What `cordon run` says at the end, on stderr. */

#include "tools/toolkit/command.h"
#include "tools/toolkit/floor.h"

void summary_json(const struct floor *floor, const struct command_outcome *outcome,
		  int exit_status);
/* A line for a refusal, for kept changes, and nothing when all went as asked. */
void summary_text(const struct floor *floor, const struct command_outcome *outcome);
/* What went wrong, a line each. @failure: of the session; NULL: it did not fail. */
void summary_failures(const char *name, const struct command_outcome *outcome,
		      const struct error *failure);
/* The exit status that says how it went, where the session did not fail. */
int summary_status(const struct command_outcome *outcome);
