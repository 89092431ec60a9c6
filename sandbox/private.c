/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/compat/libc.h"
#include "sandbox/spec.h"

#define OPEN_FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define MAX_DEPTH   64u /* each level holds a descriptor; what is deeper is moved up first */

/* One that its owner may not read is opened up; nobody of the session is left to swap it. */
static int open_folder(int at_fd, const char *name)
{
	const int folder_fd = openat(at_fd, name, OPEN_FOLDER);
	struct stat st;

	if (folder_fd >= 0 || errno != EACCES ||
	    fstatat(at_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return folder_fd;
	return fchmodat(at_fd, name, 0700, 0) < 0 ? -1 : openat(at_fd, name, OPEN_FOLDER);
}

/* Too deep for recursion: to a name of its own in the top folder, for a later round. */
static void lift(int at_fd, const char *name, int top_fd)
{
	static unsigned lifted;
	char other[32];

	do
		(void)snprintf(other, sizeof(other), "lifted-%u", ++lifted);
	while (renameat2(at_fd, name, top_fd, other, RENAME_NOREPLACE) < 0 && errno == EEXIST);
}

/* Takes @folder_fd over. */
/* NOLINTNEXTLINE(misc-no-recursion): MAX_DEPTH deep */
static void empty(int folder_fd, int top_fd, unsigned depth)
{
	DIR *dir;
	const struct dirent *entry;

	(void)fchmod(folder_fd, 0700);
	dir = fdopendir(folder_fd);
	if (!dir) {
		(void)close(folder_fd);
		return;
	}
	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		int below_fd;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    unlinkat(folder_fd, entry->d_name, 0) == 0)
			continue;
		below_fd = open_folder(folder_fd, entry->d_name);
		if (below_fd < 0)
			continue;
		if (depth == MAX_DEPTH) {
			(void)close(below_fd);
			lift(folder_fd, entry->d_name, top_fd);
			continue;
		}
		empty(below_fd, top_fd, depth + 1);
		(void)unlinkat(folder_fd, entry->d_name, AT_REMOVEDIR);
	}
	(void)closedir(dir);
}

void private_remove(const char *folder)
{
	_cleanup_close_ int top_fd = open(folder, OPEN_FOLDER);
	struct stat st;

	/* Another user's who took the name? For root it must be a session's. */
	if (top_fd < 0 || fstat(top_fd, &st) < 0 ||
	    (st.st_uid != geteuid() && (geteuid() != 0 || st.st_uid < SPEC_FIRST_ID)))
		return;
	/* Folders that were lifted, and more of them, take rounds of their own. */
	for (unsigned round = 0; round < 10000 && rmdir(folder) < 0 && errno == ENOTEMPTY;
	     round++) {
		const int round_fd = openat(top_fd, ".", OPEN_FOLDER);

		if (round_fd < 0)
			return;
		empty(round_fd, top_fd, 1);
	}
}
