/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "monitor/policy/cel/cel_value.h"

/* Time zones by name, as the host's files have them; sets TZ of this process. */
int eval_zone_offset(struct str name, int64_t seconds, int32_t *ret_offset);
