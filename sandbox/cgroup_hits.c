/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often the session ran into a limit that a cgroup holds. P opens the files that count it,
 * below the host's /sys/fs/cgroup; C, who has them open since it was cloned, reads them whenever an
 * execution ends. Where rlimits stand for the limits nobody counts.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/launch.h"

/* The line that counts: processes ended for want of memory; those that could not be made. */
static const struct {
	const char *v1_file, *v2_file, *line;
} counters[LIMIT_KINDS] = {
	[LIMIT_MEMORY] = {"memory.oom_control", "memory.events", "oom_kill "},
	[LIMIT_PIDS] = {"pids.events", "pids.events", "max "},
};

void cgroup_watch_hits(struct launch *l)
{
	for (unsigned kind = 0; kind < LIMIT_KINDS; kind++) {
		const char *file = l->cgroup.by[kind] == LIMIT_CGROUP1	 ? counters[kind].v1_file
				   : l->cgroup.by[kind] == LIMIT_CGROUP2 ? counters[kind].v2_file
									 : NULL;
		_cleanup_free_ char *path =
			file ? xasprintf("%s/%s", l->cgroup.dirs[kind], file) : NULL;

		l->cgroup.hits_fds[kind] = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	}
}

/* The number in the line that begins so; 0: there is none. */
static uint64_t number_of(const char *text, const char *begin)
{
	const size_t len = strlen(begin);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, begin, len) == 0)
			return strtoull(line + len, NULL, 10);
	}
	return 0;
}

uint64_t cgroup_hits(const struct launch *l, enum limit_kind kind)
{
	const int hits_fd = l->cgroup.hits_fds[kind];
	char text[512];
	const ssize_t n = hits_fd < 0 ? -1 : pread(hits_fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return 0;
	text[n] = '\0';
	return number_of(text, counters[kind].line);
}
