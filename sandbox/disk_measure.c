/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session's folder takes of the disk, names included. Whoever filled it is at work in it
 * meanwhile: nothing that it does may lead out of it, or make us give up. One folder is open at a
 * time, so depth and length of paths do not matter; the way back is "..", or, if the folder was
 * moved, down again from the top. No link is followed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "sandbox/compat/libc.h"
#include "sandbox/launch.h"

#define LARGE_SHARE 64u /* of what is looked for: a file that is counted by its inode, once */
#define LARGE_MAX   256u

struct level {
	dev_t device;
	ino_t inode;
	size_t names; /* where its folders that are still to be visited begin */
	size_t name;  /* its own name, in the one above */
};

struct walk {
	int folder_fd; /* where we are */
	int top_fd;
	uint64_t taken, enough;
	struct level *levels;
	size_t depth, capacity;
	struct buf names; /* each with its NUL */
	ino_t large[LARGE_MAX];
	size_t large_count;
};

/* One that was moved while we looked, from a folder that we have seen to one that we have not. */
static bool is_seen(struct walk *walk, ino_t inode)
{
	for (size_t i = 0; i < walk->large_count; i++)
		if (walk->large[i] == inode)
			return true;
	if (walk->large_count < LARGE_MAX)
		walk->large[walk->large_count++] = inode;
	return false;
}

/* A file with several names is a part of each: all of them are in here. */
static void count(struct walk *walk, const struct stat *st)
{
	const bool has_names = !S_ISDIR(st->st_mode) && st->st_nlink > 1;
	const uint64_t bytes = (uint64_t)st->st_blocks * 512u / (has_names ? st->st_nlink : 1u);

	walk->taken += DISK_NAME_BYTES;
	if (bytes > walk->enough / LARGE_SHARE && !has_names && is_seen(walk, st->st_ino))
		return;
	walk->taken += bytes;
}

/* Its owner may have shut it. In lite there is no other way than to open it; elsewhere we may. */
static int open_folder(int at_fd, const char *name)
{
	const int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int path_fd = -1;
	int folder_fd = openat(at_fd, name, O_RDONLY | flags);
	char by_fd[32];
	struct stat st;

	if (folder_fd >= 0 && fstatat(folder_fd, ".", &st, 0) == 0)
		return folder_fd;
	close_fd(&folder_fd);
	path_fd = openat(at_fd, name, O_PATH | flags);
	if (path_fd < 0 || fstat(path_fd, &st) < 0)
		return -1;
	(void)snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", path_fd);
	if (chmod(by_fd, (st.st_mode & 07777) | 0700) < 0)
		return -1;
	return open(by_fd, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Looks at all that is in it, and notes its folders. */
static void read_folder(struct walk *walk)
{
	const int list_fd = openat(walk->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const dev_t device = walk->levels[0].device;
	const struct dirent *entry;
	struct stat st;
	DIR *dir;

	if (list_fd < 0)
		return;
	dir = fdopendir(list_fd);
	if (!dir) {
		(void)close(list_fd);
		return;
	}
	while (walk->taken <= walk->enough &&
	       (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(walk->folder_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    st.st_dev != device)
			continue;
		count(walk, &st);
		if (S_ISDIR(st.st_mode))
			buf_put(&walk->names, entry->d_name, strlen(entry->d_name) + 1);
	}
	(void)closedir(dir);
}

/* Takes the descriptor over. @name: where it begins among the names. */
static void enter(struct walk *walk, int folder_fd, size_t name)
{
	struct stat st = {0};

	(void)fstat(folder_fd, &st);
	if (walk->depth == walk->capacity) {
		walk->capacity = walk->capacity ? walk->capacity * 2 : 64;
		walk->levels = xrealloc_array(walk->levels, walk->capacity, sizeof(*walk->levels));
	}
	walk->levels[walk->depth++] = (struct level){st.st_dev, st.st_ino, walk->names.len, name};
	if (walk->folder_fd >= 0)
		(void)close(walk->folder_fd);
	walk->folder_fd = folder_fd;
	read_folder(walk);
}

static bool is_level(const struct walk *walk, int folder_fd, size_t i)
{
	struct stat st;

	return folder_fd >= 0 && fstat(folder_fd, &st) == 0 &&
	       st.st_dev == walk->levels[i].device && st.st_ino == walk->levels[i].inode;
}

/* From the top to where we should be, or as far as that is still there: the rest was moved. */
static void find_again(struct walk *walk)
{
	size_t depth = 1;

	(void)close(walk->folder_fd);
	walk->folder_fd = openat(walk->top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (; depth < walk->depth; depth++) {
		int next_fd = openat(walk->folder_fd, walk->names.data + walk->levels[depth].name,
				     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (!is_level(walk, next_fd, depth)) {
			close_fd(&next_fd);
			break;
		}
		(void)close(walk->folder_fd);
		walk->folder_fd = next_fd;
	}
	if (depth < walk->depth)
		walk->names.len = walk->levels[depth].name;
	walk->depth = depth;
}

static void leave(struct walk *walk)
{
	int up_fd;

	walk->depth--;
	if (!walk->depth)
		return;
	up_fd = openat(walk->folder_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (is_level(walk, up_fd, walk->depth - 1)) {
		(void)close(walk->folder_fd);
		walk->folder_fd = up_fd;
		return;
	}
	close_fd(&up_fd);
	find_again(walk);
}

/*
 * The name that was noted last. It stays among the names as long as we are below it, as the last of
 * its level's: whoever comes back takes it off.
 */
static size_t last_name(const struct walk *walk)
{
	size_t at = walk->names.len - 1;

	while (at > walk->levels[walk->depth - 1].names && walk->names.data[at - 1])
		at--;
	return at;
}

static void measure_below(struct walk *walk)
{
	while (walk->depth && walk->taken <= walk->enough) {
		const struct level *level = &walk->levels[walk->depth - 1];
		size_t name;
		int next_fd;

		if (walk->names.len == level->names) {
			name = level->name;
			leave(walk);
			/* Only if we are where it was noted: else it went with what was moved. */
			if (walk->depth && walk->names.len > name)
				walk->names.len = name;
			continue;
		}
		name = last_name(walk);
		next_fd = open_folder(walk->folder_fd, walk->names.data + name);
		if (next_fd < 0)
			walk->names.len = name; /* gone */
		else
			enter(walk, next_fd, name);
	}
}

void disk_measure(const struct launch *l, uint64_t enough, int report_fd)
{
	const struct disk *disk = &l->disk;
	struct walk walk = {
		.folder_fd = -1, .top_fd = disk->folder_fd, .enough = enough, .names = BUF_INIT(0)};
	struct disk_report report = {0};

	/* An ordinary user's rights over the session's files and processes, whatever their modes.
	 */
	if (disk->users_fd >= 0)
		(void)setns(disk->users_fd, CLONE_NEWUSER);
	enter(&walk, openat(walk.top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0);
	measure_below(&walk);
	report.taken = walk.taken;
	if (walk.taken <= enough)
		disk_held(l, enough - walk.taken, &report);
	_exit(write(report_fd, &report, sizeof(report)) == (ssize_t)sizeof(report) ? 0 : 1);
}
