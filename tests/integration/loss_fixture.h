/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A session that loses something, and what must come of it for each on_loss. */

#include "monitor/session/session_internal.h"
#include "tests/integration/session_fixture.h"

static const enum on_loss loss_choices[] = {ON_LOSS_LOG, ON_LOSS_DENY_NEW, ON_LOSS_KILL};

#define LOSS_POLICY(_on_loss) "{\"policy\":\"t\",\"version\":1" _on_loss "}"

const char *loss_policy(enum on_loss on_loss);
void loss_run(struct run *run, const struct supervisor_config *config);

/* The first loss as the record tells it. Return: its seq. */
int64_t check_loss(const struct run *run, const char *kind, enum on_loss on_loss);
/* A call after the loss: refused in the name of it, with the event that it rests on. */
void check_refused(const struct run *run, size_t script, const char *kind, int64_t seq);
void check_exited(const struct run *run, size_t script, int status);
