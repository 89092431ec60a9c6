/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "monitor/policy/policy.h"

enum replay_status {
	REPLAY_STATUS_SAME = 0,
	REPLAY_STATUS_CHANGED = 1,
	REPLAY_STATUS_FAILED = 2, /* the record does not hold, or cannot be judged in full */
};

/* log_replay - judges a record anew and prints what changes. Return: enum replay_status. */
int log_replay(const char *file, const struct policy *policy, bool json);
