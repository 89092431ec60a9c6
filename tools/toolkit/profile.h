/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Profiles: how strict a session is, as one word (cordon-families(7)).
 *
 *	observe	nothing is refused
 *	eval	the same, and nothing that could be refused is past taking back: no folder of the
 *		host may be writable, and decoys answer whatever is connected to (--net=decoy,
 *		unless another network is named)
 *	contain	policies/profiles/contain.json beside the policies named, or the families
 */

#include "common/error.h"
#include "tools/toolkit/plan.h"

enum profile {
	PROFILE_NONE,
	PROFILE_OBSERVE,
	PROFILE_EVAL,
	PROFILE_CONTAIN
};

/*
 * profile_apply - changes what the options say, once all of them are known.
 * Errors: -EINVAL for options that go against the profile, those of paths_policies().
 */
int profile_apply(enum profile profile, struct session_options *options, struct error *err);
