/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that were removed, or never had a name, take room as long as somebody holds them: the
 * measurer looks at what each thread of the session has open, at its program, and at what it has
 * mapped. Each file counts once.
 *
 * Not all of that can be measured: what is mapped alone only by root's keeper, what is on its way
 * through a UNIX socket by nobody. But it can be seen to be there, and is said to P.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "sandbox/compat/syscalls.h"
#include "sandbox/launch.h"
#include "sandbox/lite.h"

#define SEEN_BITS 16u
#define SEEN_MAX  ((size_t)1 << SEEN_BITS)

struct held {
	const struct launch *launch;
	dev_t device; /* lite: of the private folder */
	uint64_t taken, enough;

	struct inode {
		dev_t device;
		ino_t inode;
	} * seen; /* a hash table of SEEN_MAX; inode 0: empty */

	size_t seen_count;
	bool is_hidden; /* there is something that cannot be measured */
};

static size_t place_of(ino_t inode)
{
	return (size_t)(inode * UINT64_C(0x9e3779b97f4a7c15) >> (64u - SEEN_BITS));
}

/* Of a mapping the device is not told as stat(2) has it. */
static bool knows_inode(const struct held *held, ino_t inode)
{
	for (size_t at = place_of(inode); held->seen[at].inode; at = (at + 1) % SEEN_MAX)
		if (held->seen[at].inode == inode)
			return true;
	return false;
}

static bool is_seen(struct held *held, const struct stat *st)
{
	size_t at = place_of(st->st_ino);

	for (; held->seen[at].inode; at = (at + 1) % SEEN_MAX)
		if (held->seen[at].inode == st->st_ino && held->seen[at].device == st->st_dev)
			return true;
	/* Never full, so that the search ends: what is more than that is not counted. */
	if (held->seen_count == SEEN_MAX / 4 * 3)
		return true;
	held->seen_count++;
	held->seen[at] = (struct inode){st->st_dev, st->st_ino};
	return false;
}

/* Of the session's layer? In full nothing else of its view is an overlay. */
static bool is_on_layer(const struct held *held, const struct stat *st, const struct statfs *fs)
{
	return held->launch->lite ? st->st_dev == held->device
				  : fs->f_type == OVERLAYFS_SUPER_MAGIC;
}

/*
 * @path: below /proc, a link that the kernel follows to the file itself. @ret: what that is.
 * Return: false if it cannot be followed.
 */
static bool count_path(struct held *held, const char *path, struct stat *ret)
{
	struct statfs fs = {0};

	if (stat(path, ret) < 0)
		return false;
	if (ret->st_nlink || !S_ISREG(ret->st_mode) || !ret->st_blocks ||
	    (!held->launch->lite && statfs(path, &fs) < 0) || !is_on_layer(held, ret, &fs) ||
	    is_seen(held, ret))
		return true;
	held->taken += DISK_NAME_BYTES + (uint64_t)ret->st_blocks * 512u;
	return true;
}

/* @info: of a descriptor, as in proc_pid_fdinfo(5). Does a socket have some waiting in it? */
static bool has_descriptors(const char *info)
{
	_cleanup_close_ int info_fd = open(info, O_RDONLY | O_CLOEXEC);
	char text[512];
	const char *line;
	ssize_t n;

	n = info_fd < 0 ? -1 : read(info_fd, text, sizeof(text) - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	line = strstr(text, "scm_fds:");
	return line && strtoul(line + strlen("scm_fds:"), NULL, 10);
}

static void count_descriptor(struct held *held, const char *fd_path, const char *info_path)
{
	struct stat st;

	if (count_path(held, fd_path, &st) && S_ISSOCK(st.st_mode) && has_descriptors(info_path))
		held->is_hidden = true;
}

/*
 * A process that may not be looked at, since it said so of itself (PR_SET_DUMPABLE) or its program
 * may not be read: its /proc/PID/fd is root's, but it can be asked for one descriptor after the
 * other.
 */
static void count_one_by_one(struct held *held, pid_t pid)
{
	const int process_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	const uint32_t asked = held->launch->spec.limits.open_files;

	for (uint32_t i = 0; process_fd >= 0 && i < (asked ? asked : 65536u); i++) {
		const int copy_fd = (int)syscall(SYS_pidfd_getfd, process_fd, i, 0);
		char path[64];
		char info[64];

		if (copy_fd < 0 && errno != EBADF)
			break;
		if (copy_fd < 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", copy_fd);
		(void)snprintf(info, sizeof(info), "/proc/self/fdinfo/%d", copy_fd);
		count_descriptor(held, path, info);
		(void)close(copy_fd);
	}
	if (process_fd >= 0)
		(void)close(process_fd);
}

static void count_descriptors(struct held *held, pid_t pid, const char *tid)
{
	const struct dirent *entry;
	char path[128];
	char info[128];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%.20s/fd", pid, tid);
	dir = opendir(path);
	if (!dir) {
		if (errno == EACCES && strtol(tid, NULL, 10) == pid)
			count_one_by_one(held, pid);
		return;
	}
	while (held->taken <= held->enough &&
	       (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/task/%.20s/fd/%.20s", pid, tid,
			       entry->d_name);
		(void)snprintf(info, sizeof(info), "/proc/%d/task/%.20s/fdinfo/%.20s", pid, tid,
			       entry->d_name);
		count_descriptor(held, path, info);
	}
	(void)closedir(dir);
}

/* Of one line of proc_pid_maps(5). */
static void count_mapping(struct held *held, pid_t pid, const char *line)
{
	unsigned long from;
	unsigned long to;
	unsigned long inode;
	char path[96];
	struct stat st;
	int name = 0;
	int found;

	if (!strstr(line, " (deleted)"))
		return;
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
	found = sscanf(line, "%lx-%lx %*s %*s %*s %lu %n", &from, &to, &inode, &name);
	if (found != 3 || strncmp(line + name, "/memfd:", strlen("/memfd:")) == 0 ||
	    strncmp(line + name, "/dev/", strlen("/dev/")) == 0 ||
	    strncmp(line + name, "/SYSV", strlen("/SYSV")) == 0 || knows_inode(held, inode))
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", pid, from, to);
	if (!count_path(held, path, &st))
		held->is_hidden = true;
}

static void count_mappings(struct held *held, pid_t pid)
{
	char path[64];
	char *line = NULL;
	size_t size = 0;
	FILE *maps;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (maps && held->taken <= held->enough && getline(&line, &size, maps) > 0)
		count_mapping(held, pid, line);
	free(line);
	if (maps)
		(void)fclose(maps);
}

static void count_process(struct held *held, pid_t pid)
{
	const struct dirent *entry;
	struct stat st;
	char path[64];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	(void)count_path(held, path, &st);
	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	/* Threads may have tables of their own; that of a first one that has ended is empty. */
	while (dir && held->taken <= held->enough &&
	       (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		if (entry->d_name[0] != '.')
			count_descriptors(held, pid, entry->d_name);
	}
	if (dir)
		(void)closedir(dir);
	count_mappings(held, pid);
}

void disk_held(const struct launch *l, uint64_t enough, struct disk_report *report)
{
	struct held held = {.launch = l, .enough = enough};
	const pid_t *pids;
	const size_t count = lite_list_below(l->disk.init_pid, &pids);
	struct stat st;

	if (fstat(l->disk.folder_fd, &st) == 0)
		held.device = st.st_dev;
	held.seen = xcalloc(SEEN_MAX, sizeof(*held.seen));
	for (size_t i = 0; i < count && held.taken <= enough; i++)
		count_process(&held, pids[i]);
	free(held.seen);
	report->taken += held.taken;
	report->is_hidden = held.is_hidden;
}
