/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

#define CPU_PERIOD_US 100000u

static int write_text(const char *folder, const char *file, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder, file);
	_cleanup_close_ int file_fd = open(path, O_WRONLY | O_CLOEXEC);
	const size_t len = strlen(text);

	if (file_fd < 0 || write(file_fd, text, len) != (ssize_t)len)
		return -errno;
	return 0;
}

int cgroup_write_number(const char *folder, const char *file, uint64_t number)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRIu64, number);
	return write_text(folder, file, text);
}

/* Most that TCP may have on this host, in bytes: the last of three numbers of pages. */
static uint64_t socket_pool(void)
{
	FILE *file = fopen("/proc/sys/net/ipv4/tcp_mem", "re");
	char line[128];
	uint64_t bytes = UINT64_MAX;

	if (file && fgets(line, sizeof(line), file) && strrchr(line, '\t'))
		bytes = strtoull(strrchr(line, '\t'), NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
	if (file)
		(void)fclose(file);
	return bytes;
}

/*
 * v1 counts what waits in sockets apart from all other memory, and only where that has a limit. All
 * of it comes out of one pool of the host: of that a session gets a share only.
 */
static int limit_sockets(const struct launch *l, const char *folder)
{
	const uint64_t share = socket_pool() / LAUNCH_USER_SHARE;
	const uint64_t most = l->spec.limits.memory_bytes;
	const int r = cgroup_write_number(folder, "memory.kmem.tcp.limit_in_bytes",
					  share < most ? share : most);

	return r == -ENOENT ? 0 : r; /* a kernel without */
}

int cgroup_set_limit(const struct launch *l, enum limit_kind kind, const char *folder, bool v2)
{
	const struct spec_limits *limits = &l->spec.limits;
	const uint64_t quota_us = (uint64_t)limits->cpu_millis * (CPU_PERIOD_US / 1000);
	char text[64];
	int r;

	switch (kind) {
	case LIMIT_MEMORY:
		r = cgroup_write_number(folder, v2 ? "memory.max" : "memory.limit_in_bytes",
					limits->memory_bytes);
		/* No room in swap either, where the kernel accounts for it. */
		if (!r && v2)
			(void)cgroup_write_number(folder, "memory.swap.max", 0);
		if (!r && !v2)
			(void)cgroup_write_number(folder, "memory.memsw.limit_in_bytes",
						  limits->memory_bytes);
		if (!r && !v2)
			r = limit_sockets(l, folder);
		return r;
	case LIMIT_PIDS:
		return cgroup_write_number(folder, "pids.max", limits->pids);
	case LIMIT_CPU:
		if (!v2)
			return cgroup_write_number(folder, "cpu.cfs_quota_us", quota_us);
		(void)snprintf(text, sizeof(text), "%" PRIu64 " %u", quota_us, CPU_PERIOD_US);
		return write_text(folder, "cpu.max", text);
	case LIMIT_KINDS:
		break;
	}
	return -EINVAL;
}
