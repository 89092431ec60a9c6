/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whoever a scenario has answer what rules want asked: an approver that says what the step says. */

#include <uv.h>

#include "monitor/ask/approver.h"
#include "scenarios/scenario.h"

/* @current: what to answer while a step runs; read when a question comes. Closed like any other,
 * by approver_close(). */
struct approver *answers_new(uv_loop_t *loop, const enum step_answer *current);
