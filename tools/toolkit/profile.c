/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/profile.h"

#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "tools/toolkit/option_value.h"
#include "tools/toolkit/options.h"
#include "tools/toolkit/paths.h"

static void add_policy(struct session_options *o, char *owned)
{
	o->policies = xrealloc_array(o->policies, o->policy_count + 2, sizeof(*o->policies));
	o->policies[o->policy_count++] = owned;
	o->policies[o->policy_count] = NULL;
	(void)option_own(o, owned);
}

static int add_profile(struct session_options *o, const char *name, struct error *err)
{
	_cleanup_free_ char *shipped = NULL;
	const int r = paths_policies(&shipped, err);

	if (r < 0)
		return r;
	if (!o->policy_count)
		add_policy(o, xstrdup(shipped));
	add_policy(o, xasprintf("%s/profiles/%s.json", shipped, name));
	return 0;
}

static int refuse_live(const struct session_options *o, struct error *err)
{
	bool writable = o->workspace_mode == WORKSPACE_LIVE;

	for (size_t i = 0; i < o->bind_count; i++)
		writable |= o->binds[i].writable;
	if (writable)
		return error_set(err, EINVAL,
				 "--profile=eval refuses nothing, so no folder of the host may be "
				 "writable: leave :live and :rw away, or take another profile");
	return 0;
}

int profile_apply(enum profile profile, struct session_options *options, struct error *err)
{
	switch (profile) {
	case PROFILE_NONE:
		return 0;
	case PROFILE_CONTAIN:
		return add_profile(options, "contain", err);
	case PROFILE_EVAL:
		options->mode = MODE_OBSERVE;
		if (!options->net.is_named && !options->net.host_count && !options->spec_path &&
		    options->isolation == ISOLATION_FULL)
			options->net.mode = NET_DECOY;
		return refuse_live(options, err);
	case PROFILE_OBSERVE:
		options->mode = MODE_OBSERVE;
		return 0;
	}
	return 0;
}
