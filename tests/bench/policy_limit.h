/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a decision costs at least, for bench_policy: conditions like those of its rules, written in
 * C one after the other. They look back at nothing, give no reason, and the first that holds wins.
 */

#include "monitor/policy/policy.h"

enum verdict direct_10(const struct action *action);
enum verdict direct_1000(const struct action *action);
