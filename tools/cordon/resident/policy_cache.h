/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Policies that were loaded before, for the resident supervisor. One is used again only if every
 * file and folder that it came from is untouched: same device, inode, size, times, owner and mode.
 * Anything else is loaded anew, with all checks of a first load.
 */

#include "common/error.h"
#include "tools/toolkit/plan.h"

struct policy_cache;

struct policy_cache *policy_cache_new(void);
/* No policy may be in use. NULL is fine. */
void policy_cache_free(struct policy_cache *cache);

/*
 * The policy for the files and labels of the options, as load_policies() would load it. Each get is
 * matched by a put, until which the policy stays as it is.
 */
int policy_cache_get(struct policy_cache *cache, const struct session_options *options,
		     const struct policy **ret, struct error *err);
void policy_cache_put(struct policy_cache *cache, const struct policy *policy);
