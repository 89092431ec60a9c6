/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "monitor/policy/policy.h"

/* Rules that are loaded: so many, and whether those that ship are among them. */
struct rule_set {
	const char *name;
	unsigned count; /* 0: no others */
	bool shipped;
};

/* @ret_ms: what loading takes; may be NULL. */
struct policy *rule_set_load(const struct rule_set *set, double *ret_ms);

_Noreturn void bench_stop(const char *what, const struct error *err);
