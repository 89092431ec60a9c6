/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What must stay out of a session's reach, wherever the user has put it: cordon's state may not be
 * in the view at all, and what decides over the session, or tells of it, not where the session may
 * write on the host (a live workspace, a bind with rw). That is the record, the policies, the spec,
 * who approves, and cordon itself.
 */

#include "common/error.h"
#include "tools/toolkit/plan.h"

/* Of a plan that is made otherwise. Errors: -EINVAL; the text names both and the way out. */
int reach_check(const struct plan *plan, const struct session_options *options, struct error *err);
