/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What `cordon run` says at the end, on stderr. */

#include "tools/toolkit/agent_session.h"

/* @result: NULL if nothing was started. */
void summary_json(const struct agent_session *agent, const struct session_totals *totals,
		  const struct exec_result *result, int exit_status);
/* A line for a refusal, for kept changes, and nothing when all went as asked. */
void summary_text(const struct agent_session *agent, const struct exec_result *result);
