/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of each process: descriptors, file size, core files; and memory and processes where no
 * cgroup holds them.
 */
#include <errno.h>
#include <sys/resource.h>

#include "sandbox/launch.h"

/* Lowers only: raising a hard limit needs a privilege of the host. */
static int lower(int resource, uint64_t value, const char *what, struct error *err)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return error_errno(err, errno, "read the limit of %s", what);
	if (value < limit.rlim_max)
		limit.rlim_max = value;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(resource, &limit) < 0)
		return error_errno(err, errno, "limit %s", what);
	return 0;
}

int rlimits_apply(const struct launch *l, struct error *err)
{
	const struct spec_limits *limits = &l->spec.limits;
	int r = lower(RLIMIT_CORE, 0, "core files", err);

	if (!r && limits->open_files)
		r = lower(RLIMIT_NOFILE, limits->open_files, "open files", err);
	if (!r && limits->file_size_bytes)
		r = lower(RLIMIT_FSIZE, limits->file_size_bytes, "file size", err);
	if (!r && l->cgroup.by[LIMIT_MEMORY] == LIMIT_RLIMIT)
		r = lower(RLIMIT_AS, limits->memory_bytes, "memory", err);
	if (!r && l->cgroup.by[LIMIT_PIDS] == LIMIT_RLIMIT)
		r = lower(RLIMIT_NPROC, limits->pids, "processes", err);
	return r;
}
