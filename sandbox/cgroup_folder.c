/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder is locked (flock(2)) as long as keeper or init lives: one that can be locked was left by
 * a keeper that was killed, and the next one removes it. A process id would not do: it is used
 * anew.
 */
#include "sandbox/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"

#define PREFIX "cordon-"

/* Return: the folder, locked; -1 if it is held by another, or is not the one of this name. */
static int lock_folder(const char *path)
{
	_cleanup_close_ int lock_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat locked;
	struct stat named;

	if (lock_fd < 0 || flock(lock_fd, LOCK_EX | LOCK_NB) < 0)
		return -1;
	/* Removed between open and lock? */
	if (fstat(lock_fd, &locked) < 0 || stat(path, &named) < 0 || locked.st_ino != named.st_ino)
		return -1;
	return take_fd(&lock_fd);
}

void cgroup_sweep_folders(const char *parent)
{
	DIR *dir = opendir(parent);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		_cleanup_free_ char *path = NULL;
		_cleanup_close_ int lock_fd = -1;

		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		path = xasprintf("%s/%s", parent, entry->d_name);
		lock_fd = lock_folder(path);
		if (lock_fd >= 0)
			(void)rmdir(path);
	}
	if (dir)
		(void)closedir(dir);
}

char *cgroup_make_folder(const struct launch *l, const char *parent, int *ret_lock_fd)
{
	char *path = xasprintf("%s/" PREFIX "%s.%d", parent, l->spec.session, getpid());
	const struct timespec pause = {.tv_nsec = 1000000};

	/* Another's sweep may hold the new folder, and take it away, before it is locked. */
	for (unsigned tries = 0; tries < 1000; tries++) {
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			break;
		*ret_lock_fd = lock_folder(path);
		if (*ret_lock_fd >= 0)
			return path;
		(void)nanosleep(&pause, NULL);
	}
	free(path);
	return NULL;
}
