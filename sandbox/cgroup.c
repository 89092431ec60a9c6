/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits on the whole session by cgroups: v2 where its controllers are handed down to us, else v1,
 * else nothing here and rlimits.c does what it can for each process.
 *
 * The session's folder is made below the cgroup we are in, so limits of the caller stay in force.
 *
 * How the init gets in decides on most of a session's start-up time: writing a process id to
 * cgroup.procs takes the kernel's lock over all thread groups, and with it an RCU grace period
 * (5-15 ms measured). A task that writes "0" to a v1 `tasks` file moves itself alone and needs no
 * such lock; in v2 a task can be born inside (CLONE_INTO_CGROUP).
 */
#include "sandbox/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"

#define ROOT "/sys/fs/cgroup"

static const char *const controllers[LIMIT_KINDS] = {"memory", "pids", "cpu"};

static bool is_fs(const char *path, uint32_t magic)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (uint32_t)fs.f_type == magic;
}

/* Is `word` one of the separated words of `list`? */
static bool lists(const char *list, const char *word, const char *separators)
{
	const size_t len = strlen(word);

	for (const char *at = list; *at; at += strspn(at, separators)) {
		const size_t n = strcspn(at, separators);

		if (n == len && !strncmp(at, word, n))
			return true;
		at += n;
	}
	return false;
}

/* Our own cgroup for a v1 controller, or for v2 (controller NULL); NULL if there is none. */
static char *own_path(const char *controller)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[4096];
	char *found = NULL;

	while (file && !found && fgets(line, sizeof(line), file)) {
		char *names = strchr(line, ':');
		char *path = names ? strchr(names + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		if (controller ? lists(names + 1, controller, ",") : !names[1])
			found = xstrdup(strcmp(path, "/") == 0 ? "" : path);
	}
	if (file)
		(void)fclose(file);
	return found;
}

static bool wanted(const struct launch *l, enum limit_kind kind)
{
	const struct spec_limits *limits = &l->spec.limits;

	return kind == LIMIT_MEMORY ? limits->memory_bytes > 0
	       : kind == LIMIT_PIDS ? limits->pids > 0
				    : limits->cpu_millis > 0;
}

/* Does a v2 cgroup hand down any controller that we want? Making a folder to find out is dear. */
static bool hands_down(const struct launch *l, const char *parent)
{
	_cleanup_free_ char *path = xasprintf("%s/cgroup.subtree_control", parent);
	_cleanup_close_ int list_fd = open(path, O_RDONLY | O_CLOEXEC);
	char list[512];
	const ssize_t n = list_fd < 0 ? -1 : read(list_fd, list, sizeof(list) - 1);

	if (n < 0)
		return false;
	list[n] = '\0';
	for (unsigned kind = 0; kind < LIMIT_KINDS; kind++)
		if (wanted(l, kind) && lists(list, controllers[kind], " \n"))
			return true;
	return false;
}

/* v2: the nearest cgroup at or above ours that hands down a controller we want. */
static void make_v2(struct launch *l, const char *mount_point)
{
	_cleanup_free_ char *own = own_path(NULL);

	while (own) {
		_cleanup_free_ char *parent = xasprintf("%s%s", mount_point, own);
		_cleanup_close_ int lock_fd = -1;
		_cleanup_free_ char *folder =
			hands_down(l, parent) ? cgroup_make_folder(l, parent, &lock_fd) : NULL;
		unsigned held = 0;

		for (unsigned kind = 0; folder && kind < LIMIT_KINDS; kind++) {
			if (l->cgroup.dirs[kind] || !wanted(l, kind) ||
			    cgroup_set_limit(l, kind, folder, true) < 0)
				continue;
			l->cgroup.dirs[kind] = xstrdup(folder);
			l->cgroup.by[kind] = LIMIT_CGROUP2;
			if (!held++)
				l->cgroup.lock_fds[kind] = take_fd(&lock_fd);
		}
		if (held) {
			l->cgroup.folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
			return;
		}
		if (folder)
			(void)rmdir(folder);
		if (!own[0])
			return;
		*strrchr(own, '/') = '\0';
	}
}

static void make_v1(struct launch *l, enum limit_kind kind)
{
	_cleanup_free_ char *own = own_path(controllers[kind]);
	_cleanup_free_ char *parent = own ? xasprintf(ROOT "/%s%s", controllers[kind], own) : NULL;
	_cleanup_free_ char *folder = NULL;
	_cleanup_free_ char *tasks = NULL;
	_cleanup_close_ int join_fd = -1;
	_cleanup_close_ int lock_fd = -1;

	if (!parent || !is_fs(parent, CGROUP_SUPER_MAGIC))
		return;
	folder = cgroup_make_folder(l, parent, &lock_fd);
	if (!folder)
		return;
	tasks = xasprintf("%s/tasks", folder);
	join_fd = open(tasks, O_WRONLY | O_CLOEXEC);
	if (join_fd < 0 || cgroup_set_limit(l, kind, folder, false) < 0) {
		(void)rmdir(folder);
		return;
	}
	l->cgroup.join_fds[kind] = take_fd(&join_fd);
	l->cgroup.dirs[kind] = take_ptr(folder);
	l->cgroup.lock_fds[kind] = take_fd(&lock_fd);
	l->cgroup.by[kind] = LIMIT_CGROUP1;
}

void cgroup_make(struct launch *l)
{
	for (unsigned kind = 0; kind < LIMIT_KINDS; kind++)
		l->cgroup.lock_fds[kind] = -1;
	if (l->spec.cgroup && is_fs(ROOT, CGROUP2_SUPER_MAGIC))
		make_v2(l, ROOT);
	else if (l->spec.cgroup && is_fs(ROOT "/unified", CGROUP2_SUPER_MAGIC))
		make_v2(l, ROOT "/unified");
	for (unsigned kind = 0; kind < LIMIT_KINDS; kind++) {
		if (!wanted(l, kind) || l->cgroup.by[kind] != LIMIT_NONE)
			continue;
		if (l->spec.cgroup)
			make_v1(l, kind);
		if (l->cgroup.by[kind] == LIMIT_NONE && kind != LIMIT_CPU)
			l->cgroup.by[kind] = LIMIT_RLIMIT;
	}
	for (unsigned kind = 0; kind < LIMIT_KINDS; kind++) {
		static const char *const by[] = {"none", "cgroup1", "cgroup2", "rlimit"};

		launch_say(l, "limit.%s=%s", controllers[kind], by[l->cgroup.by[kind]]);
	}
	cgroup_watch_hits(l);
}

int cgroup_check(const struct launch *l, struct error *err)
{
	if (!wanted(l, LIMIT_CPU) || l->cgroup.by[LIMIT_CPU] != LIMIT_NONE)
		return 0;
	return error_set(err, EOPNOTSUPP,
			 "a limit of CPUs needs a cgroup with that controller, and none can be "
			 "made here: run as root, or in a delegated cgroup (systemd-run --user "
			 "--scope -p Delegate=yes cordon ...), or leave --cpus out");
}

/* The folders of others beside ours. Once the session is under way: it has no part in them. */
void cgroup_sweep(const struct launch *l)
{
	const char *last = NULL;

	for (unsigned kind = 0; kind < LIMIT_KINDS; kind++) {
		const char *folder = l->cgroup.dirs[kind];
		_cleanup_free_ char *parent = NULL;

		/* v2: all the same */
		if (!folder || (last && strcmp(folder, last) == 0))
			continue;
		parent = xstrndup(folder, (size_t)(strrchr(folder, '/') - folder));
		cgroup_sweep_folders(parent);
		last = folder;
	}
}

/* For a kernel or a container that did not let the init be born inside. */
int cgroup_add(const struct launch *l, pid_t pid, struct error *err)
{
	for (unsigned kind = 0; kind < LIMIT_KINDS; kind++) {
		const char *folder =
			l->cgroup.by[kind] == LIMIT_CGROUP2 ? l->cgroup.dirs[kind] : NULL;
		const int r =
			folder ? cgroup_write_number(folder, "cgroup.procs", (uint64_t)pid) : 0;

		if (r < 0)
			return error_errno(err, r, "move the session into its cgroup %s", folder);
	}
	return 0;
}

int cgroup_join(struct launch *l, struct error *err)
{
	for (unsigned kind = 0; kind < LIMIT_KINDS; kind++) {
		if (l->cgroup.join_fds[kind] < 0)
			continue;
		if (write(l->cgroup.join_fds[kind], "0", 1) != 1)
			return error_errno(err, errno, "move the session into its cgroup %s",
					   l->cgroup.dirs[kind]);
		close_fd(&l->cgroup.join_fds[kind]);
	}
	close_fd(&l->cgroup.folder_fd);
	return 0;
}

void cgroup_remove(struct launch *l)
{
	const struct timespec pause = {.tv_nsec = 2000000};

	for (unsigned kind = 0; kind < LIMIT_KINDS; kind++) {
		char *folder = take_ptr(l->cgroup.dirs[kind]);

		/* The last task was reaped, yet its cgroup may stay busy for a moment. */
		for (unsigned tries = 0; folder && tries < 200; tries++) {
			if (rmdir(folder) == 0 || errno != EBUSY)
				break;
			(void)nanosleep(&pause, NULL);
		}
		free(folder);
		close_fd(&l->cgroup.lock_fds[kind]);
	}
}
