/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"

static bool is_self_or_parent(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

bool layer_has_changes(const char *upper_dir)
{
	DIR *dir = opendir(upper_dir);
	const struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = !is_self_or_parent(entry->d_name);
	(void)closedir(dir);
	return found;
}

/*
 * A folder that is taken away: what is deeper moves up into it, a level at a time, until nothing
 * is. So depth and length of a path do not matter, which are chosen by whoever filled it: nftw(3)
 * of one libc goes no deeper than the descriptors that it is given, and takes no path beyond
 * PATH_MAX.
 */
struct removal {
	int top_fd;
	dev_t device; /* what is mounted in there stays */
	uint64_t moved;
};

/* A folder, after it was made ours to read, empty and move; -1 for all else, and other devices. */
static int open_folder(int at_fd, const char *name, dev_t device)
{
	_cleanup_close_ int path_fd =
		openat(at_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char by_fd[32];
	struct stat st;

	if (path_fd < 0 || fstat(path_fd, &st) < 0 || (device && st.st_dev != device))
		return -1;
	(void)snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", path_fd);
	if ((st.st_mode & 0700) != 0700)
		(void)chmod(by_fd, 0700);
	return openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool remove_one(int at_fd, const char *name)
{
	return unlinkat(at_fd, name, 0) == 0 || unlinkat(at_fd, name, AT_REMOVEDIR) == 0;
}

/* By a name that is free there, or an empty folder's. Return: did it go? */
static bool move_up(struct removal *removal, int from_fd, const char *name)
{
	const int folder_fd = open_folder(from_fd, name, removal->device);
	char fresh[32];

	if (folder_fd < 0)
		return false;
	(void)close(folder_fd);
	do {
		(void)snprintf(fresh, sizeof(fresh), ".%" PRIu64, removal->moved++);
		if (renameat(from_fd, name, removal->top_fd, fresh) == 0)
			return true;
	} while (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR);
	return false;
}

/* Each of a folder by @take, which says whether it went. Owns the descriptor. Return: did any go?
 */
static bool for_each(struct removal *removal, int folder_fd,
		     bool (*take)(struct removal *removal, int at_fd, const char *name))
{
	DIR *dir = fdopendir(folder_fd);
	const struct dirent *entry;
	bool went = false;

	if (!dir) {
		close_fd(&folder_fd);
		return false;
	}
	while ((entry = readdir(dir))) /* NOLINT(concurrency-mt-unsafe) */
		if (!is_self_or_parent(entry->d_name))
			went |= take(removal, dirfd(dir), entry->d_name);
	(void)closedir(dir);
	return went;
}

static bool take_inner(struct removal *removal, int at_fd, const char *name)
{
	return remove_one(at_fd, name) || move_up(removal, at_fd, name);
}

static bool take_outer(struct removal *removal, int at_fd, const char *name)
{
	int folder_fd;
	bool went;

	if (remove_one(at_fd, name))
		return true;
	folder_fd = open_folder(at_fd, name, removal->device);
	if (folder_fd < 0)
		return false;
	went = for_each(removal, folder_fd, take_inner);
	return remove_one(at_fd, name) || went;
}

void layer_remove(const char *dir)
{
	_cleanup_close_ int top_fd = open_folder(AT_FDCWD, dir, 0);
	struct removal removal = {.top_fd = top_fd};
	struct stat st;

	if (top_fd >= 0 && fstat(top_fd, &st) == 0) {
		removal.device = st.st_dev;
		while (for_each(&removal, openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
				take_outer))
			;
	}
	(void)remove(dir);
}

static char *layers_of(const char *upper_dir)
{
	char *layers = xstrdup(upper_dir);

	*strrchr(layers, '/') = '\0';
	return layers;
}

void layer_settle(const char *upper_dir, const char *workspace, bool discard)
{
	_cleanup_free_ char *layers = layers_of(upper_dir);
	_cleanup_free_ char *work = xasprintf("%s/work", layers);
	_cleanup_free_ char *of = xasprintf("%s/of", layers);
	const bool kept = !discard && layer_has_changes(upper_dir);

	/* It is there already, of a session that had kept changes. */
	if (kept && workspace)
		(void)!symlink(workspace, of);
	layer_remove(kept ? work : layers);
}

int layer_check_owner(const char *upper_dir, const char *workspace, struct error *err)
{
	_cleanup_free_ char *layers = layers_of(upper_dir);
	_cleanup_free_ char *of = xasprintf("%s/of", layers);
	char owner[PATH_MAX] = "";

	if (readlink(of, owner, sizeof(owner) - 1) < 0 || strcmp(owner, workspace) == 0)
		return 0;
	return error_set(
		err, EEXIST,
		"a session of this name has kept changes of the workspace %s, which cannot be "
		"laid over %s; name that workspace, another session, or remove %s",
		owner, workspace, layers);
}
