/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Checks of a whole session: those that its scenario asks for, and those that always hold. */

#include "scenarios/findings.h"

/* Adds all of them to @f, which is not ok any more if one is not; the rest as findings_make(). */
void checks_make(const struct scenario *scenario, const struct observation *seen,
		 const struct policy *policy, int workspace_fd, struct findings *f);
