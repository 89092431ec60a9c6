/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"

#define MAX_LINKS      40u /* MAXSYMLINKS of the kernel */
#define PROC_ROOT_INO  1u
#define MAX_REST_BYTES ((size_t)(2 * MAX_PATH_BYTES))

struct walk {
	struct target *target;
	int root_fd; /* borrowed from target */
	int at_fd;   /* owned: where we are */
	unsigned links;
	bool nofollow;
	const char *rest; /* into text */
	char text[MAX_REST_BYTES];
};

int open_beneath(int dir_fd, const char *path, unsigned long long flags, unsigned long long resolve)
{
	const struct open_how how = {.flags = flags, .resolve = resolve};
	const long r = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

	return r < 0 ? -errno : (int)r;
}

bool is_procfs(int file_fd)
{
	struct statfs fs;

	return fstatfs(file_fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

static int move_to(struct walk *walk, int next_fd)
{
	if (next_fd < 0)
		return -errno;
	close_fd(&walk->at_fd);
	walk->at_fd = next_fd;
	return 0;
}

/* The same folder on the same mount: there ".." goes nowhere. */
static bool is_root(const struct walk *walk)
{
	const unsigned mask = STATX_INO | STATX_MNT_ID;
	const int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
	struct statx a;
	struct statx b;

	return statx(walk->at_fd, "", flags, mask, &a) == 0 &&
	       statx(walk->root_fd, "", flags, mask, &b) == 0 && a.stx_ino == b.stx_ino &&
	       a.stx_dev_major == b.stx_dev_major && a.stx_dev_minor == b.stx_dev_minor &&
	       a.stx_mnt_id == b.stx_mnt_id;
}

static int step_up(struct walk *walk)
{
	if (is_root(walk))
		return 0;
	return move_to(walk, openat(walk->at_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* Puts a link's text before what is left. */
static int put_before_rest(struct walk *walk, const char *text)
{
	const size_t len = strlen(text);
	const size_t rest_len = strlen(walk->rest);

	if (!len)
		return -ENOENT;
	if (len + 1 + rest_len + 1 > sizeof(walk->text))
		return -ENAMETOOLONG;
	memmove(walk->text + len + 1, walk->rest, rest_len + 1);
	memcpy(walk->text, text, len);
	/* No slash at the very end, which would ask for a folder. */
	walk->text[len] = rest_len ? '/' : '\0';
	walk->rest = walk->text;
	if (text[0] != '/')
		return 0;
	return move_to(walk, fcntl(walk->root_fd, F_DUPFD_CLOEXEC, 0));
}

/*
 * A link on procfs: "self" is whoever looks, so it is put into the child's terms by hand; those of
 * a process's folder (exe, cwd, fd/N, ...) are followed by the kernel; others have text.
 */
static int follow_proc_link(struct walk *walk, const char *name, char *text, size_t size)
{
	const bool thread = strcmp(name, "thread-self") == 0;
	struct stat st;

	if (fstat(walk->at_fd, &st) < 0)
		return -errno;
	if (st.st_ino == PROC_ROOT_INO && (thread || strcmp(name, "self") == 0))
		return target_pid_at(walk->target, walk->at_fd, thread, text, size);
	const int plain_fd =
		open_beneath(walk->at_fd, name, O_PATH | O_CLOEXEC, RESOLVE_NO_MAGICLINKS);

	if (plain_fd >= 0)
		(void)close(plain_fd);
	if (plain_fd != -ELOOP)
		return 0;
	text[0] = '\0';
	return move_to(walk, openat(walk->at_fd, name, O_PATH | O_CLOEXEC));
}

static int follow_link(struct walk *walk, int link_fd, const char *name)
{
	char text[MAX_PATH_BYTES];
	const ssize_t n = readlinkat(link_fd, "", text, sizeof(text) - 1);

	if (++walk->links > MAX_LINKS)
		return -ELOOP;
	if (n < 0)
		text[0] = '\0';
	else
		text[n] = '\0';
	if (is_procfs(link_fd)) {
		const int r = follow_proc_link(walk, name, text, sizeof(text));

		if (r < 0 || !text[0])
			return r;
	} else if (n < 0) {
		return -errno;
	}
	return put_before_rest(walk, text);
}

static int step_name(struct walk *walk, const char *name)
{
	_cleanup_close_ int next_fd = openat(walk->at_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (next_fd < 0 || fstat(next_fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode) && (walk->rest[0] || !walk->nofollow))
		return follow_link(walk, next_fd, name);
	return move_to(walk, take_fd(&next_fd));
}

static int step(struct walk *walk)
{
	char name[NAME_MAX + 1];
	const size_t len = strcspn(walk->rest, "/");

	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, walk->rest, len);
	name[len] = '\0';
	walk->rest += len;
	if (!len || strcmp(name, ".") == 0) {
		walk->rest += strspn(walk->rest, "/");
		/* "x/" and "x/." ask for a folder. */
		return move_to(walk, openat(walk->at_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
	}
	if (walk->rest[0] == '/' && walk->rest[strspn(walk->rest, "/")] != '\0')
		walk->rest += strspn(walk->rest, "/");
	return strcmp(name, "..") == 0 ? step_up(walk) : step_name(walk, name);
}

int walk_path(struct target *target, int base_fd, const char *path, bool nofollow, int *ret_fd)
{
	const size_t len = strlen(path);
	const int root_fd = target_root(target);
	struct walk walk = {.target = target, .root_fd = root_fd, .at_fd = -1};

	if (root_fd < 0)
		return root_fd;
	if (!len)
		return -ENOENT;
	if (len >= MAX_PATH_BYTES)
		return -ENAMETOOLONG;
	memcpy(walk.text, path, len + 1);
	walk.rest = walk.text;
	walk.nofollow = nofollow;

	int r = move_to(&walk, fcntl(path[0] == '/' ? root_fd : base_fd, F_DUPFD_CLOEXEC, 0));

	while (r == 0 && walk.rest[0])
		r = step(&walk);
	if (r == 0)
		*ret_fd = take_fd(&walk.at_fd);
	close_fd(&walk.at_fd);
	return r;
}
