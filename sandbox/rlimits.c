/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of each process: descriptors, file size, core files, priority; and memory and processes
 * where no cgroup holds them. What the kernel counts by user is counted for the user who made the
 * session's namespace too, root or not: of that a session gets a share only.
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

static int lower_to_share(int resource, const char *what, struct error *err)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return error_errno(err, errno, "read the limit of %s", what);
	return limit.rlim_max == RLIM_INFINITY
		       ? 0
		       : lower(resource, limit.rlim_max / LAUNCH_USER_SHARE, what, err);
}

/*
 * A core_pattern(5) that is a pipe starts a program of the host, as root, whose input the session
 * chooses. It does so with a limit of 0 as well: 1 is what keeps it from it, and too little for a
 * file. The filter sees to it that it stays. Where the caller has a hard limit of 0, that stands.
 */
#define CORE_NOWHERE 1

static int lower_priority(struct error *err)
{
	const int r = lower(RLIMIT_RTPRIO, 0, "real-time priority", err);

	return r < 0 ? r : lower(RLIMIT_NICE, 0, "priority", err);
}

int rlimits_apply(const struct launch *l, struct error *err)
{
	const struct spec_limits *limits = &l->spec.limits;
	int r = lower(RLIMIT_CORE, CORE_NOWHERE, "core files", err);

	if (!r)
		r = lower_priority(err);
	if (!r)
		r = lower_to_share(RLIMIT_SIGPENDING, "pending signals", err);
	if (!r)
		r = lower_to_share(RLIMIT_MSGQUEUE, "message queues", err);
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
