/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Two folders to build specs of, and specs that are built without an error. */

#include "tests/support/test.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "sandbox/spec.h"

/* The spec: built from options, printed, read back, sent, and refused where it is wrong. */

static char base[] = "/tmp/cordon-spec-XXXXXX";
static char *work;  /* a workspace */
static char *state; /* a state folder beside it */

static inline int make_folders(void **unused)
{
	(void)unused;
	if (!mkdtemp(base))
		return -1;
	work = xasprintf("%s/work", base);
	state = xasprintf("%s/state", base);
	return mkdir(work, 0755) || mkdir(state, 0700) ? -1 : 0;
}

static inline int remove_folders(void **unused)
{
	(void)unused;
	(void)rmdir(work);
	(void)rmdir(state);
	free(work);
	free(state);
	return rmdir(base);
}

static inline struct spec build(const struct spec_options *options)
{
	struct spec spec = {0};
	struct error err = {0};

	if (spec_build(options, &spec, &err) < 0)
		fail_msg("%s", err.text);
	return spec;
}

/* A copy-on-write workspace, unless /tmp is itself an overlay (as in a container). */
static inline enum workspace_mode best_mode(void)
{
	const struct spec_options options = {
		.session = "s1", .state_dir = state, .workspace_dir = work};
	_cleanup_(spec_done) struct spec spec = {0};

	return spec_build(&options, &spec, NULL) == -EOPNOTSUPP ? WORKSPACE_RO : WORKSPACE_COW;
}

static inline const struct spec_mount *mount_at(const struct spec *spec, const char *target)
{
	static const struct spec_mount none;

	for (size_t i = 0; i < spec->mount_count; i++) {
		if (!strcmp(spec->mounts[i].target, target))
			return &spec->mounts[i];
	}
	fail_msg("no mount at %s", target);
	return &none;
}
