/* SPDX-License-Identifier: Apache-2.0 */

#include "monitor/policy/trusted.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define MAX_LINKS 40u /* as the kernel has it */

struct walk {
	const char *what; /* the path is of, for messages */
	const char *path; /* as the caller gave it, for messages */
	int dir_fd;	  /* checked */
	uid_t top;	  /* who owns "/" */
	char *at;	  /* owned: what dir_fd is called */
	char *rest;	  /* owned: still to go */
	unsigned links;
	int nofollow; /* O_NOFOLLOW, unless the end is the kernel's link to a pipe */
	struct error *err;
};

static void walk_done(struct walk *w)
{
	if (w->dir_fd >= 0)
		(void)close(w->dir_fd);
	free(w->at);
	free(w->rest);
}

/* ---- one object ---- */

/*
 * With a umask of 002 files are writable by their group, which is then their owner's private one
 * and has his number. An access control list shows in the group's bits, whoever is on it.
 */
static bool others_may_write(int fd, const struct stat *st)
{
	char self[64];

	if (st->st_mode & S_IWOTH)
		return true;
	if (!(st->st_mode & S_IWGRP))
		return false;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return st->st_gid != st->st_uid || getxattr(self, "system.posix_acl_access", NULL, 0) > 0;
}

/* A link's mode means nothing: who owns it may replace it, and who may write its folder. */
static int check_owner(const struct walk *w, const char *name, const struct stat *st)
{
	if (st->st_uid == 0 || st->st_uid == geteuid())
		return 0;
	/* In a user namespace root may have no number; the owner of "/" can do what root can. */
	if (S_ISDIR(st->st_mode) && st->st_uid == w->top)
		return 0;
	if (strcmp(name, w->path) == 0)
		return error_set(w->err, EPERM,
				 "%s %s: belongs to user %u, not to root or to you; chown it "
				 "or use a copy of your own",
				 w->what, w->path, (unsigned)st->st_uid);
	return error_set(w->err, EPERM,
			 "%s %s: %s on its path belongs to user %u, who can put another %s there; "
			 "chown it, or use a copy in a folder of your own",
			 w->what, w->path, name, (unsigned)st->st_uid, w->what);
}

static int check_end(const struct walk *w, int fd, const struct stat *st)
{
	if (others_may_write(fd, st))
		return error_set(w->err, EPERM,
				 "%s %s: others than its owner may write it; chmod go-w %s",
				 w->what, w->path, w->path);
	return check_owner(w, w->path, st);
}

/* In a sticky folder, as /tmp, nobody can replace what is another's. */
static int check_passed(const struct walk *w, int fd, const char *name, const struct stat *st)
{
	if (!(st->st_mode & S_ISVTX) && others_may_write(fd, st))
		return error_set(
			w->err, EPERM,
			"%s %s: others than its owner may write %s on its path, and put another "
			"%s there; chmod go-w %s, or use a copy in a folder of your own",
			w->what, w->path, name, w->what, name);
	return check_owner(w, name, st);
}

/* ---- the way ---- */

static int cannot_open(const struct walk *w, int error)
{
	return error_errno(w->err, error, "cannot open %s %s", w->what, w->path);
}

static void set_dir(struct walk *w, int *fd, const char *name)
{
	if (w->dir_fd >= 0)
		(void)close(w->dir_fd);
	w->dir_fd = take_fd(fd);
	free(w->at);
	w->at = xstrdup(name);
}

static int start_at_top(struct walk *w)
{
	_cleanup_close_ int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return cannot_open(w, errno);
	w->top = st.st_uid;
	set_dir(w, &fd, "");
	return check_passed(w, w->dir_fd, "/", &st);
}

/* A relative path goes through the folders above the current one, too. */
static int start(struct walk *w)
{
	char here[PATH_MAX];

	if (*w->path == '/') {
		w->rest = xstrdup(w->path);
		return start_at_top(w);
	}
	if (!*w->path)
		return cannot_open(w, ENOENT);
	if (!getcwd(here, sizeof(here)))
		return cannot_open(w, errno);
	w->rest = xasprintf("%s/%s", here, w->path);
	return start_at_top(w);
}

/* The next component of the path; false at its end. Owned by the caller. */
static bool next_name(struct walk *w, char **ret)
{
	const char *name;
	size_t n;
	char *rest;

	assert(w->rest); /* from start() on */
	name = w->rest + strspn(w->rest, "/");
	n = strcspn(name, "/");
	if (!n)
		return false;
	*ret = xstrndup(name, n);
	rest = xstrdup(name + n);
	free(w->rest);
	w->rest = rest;
	return true;
}

static bool is_at_end(const struct walk *w)
{
	return !w->rest[strspn(w->rest, "/")];
}

/* What /proc/PID/fd has for a pipe without a name leads there, though there is no such path. */
static bool is_pipe(const struct walk *w, const char *target)
{
	struct statfs fs;

	return is_at_end(w) && strncmp(target, "pipe:[", 6) == 0 && fstatfs(w->dir_fd, &fs) == 0 &&
	       fs.f_type == PROC_SUPER_MAGIC;
}

/* Return: 0 to go on, 1 if the link itself is to be opened. */
static int follow(struct walk *w, int link_fd)
{
	char target[PATH_MAX];
	const ssize_t n = readlinkat(link_fd, "", target, sizeof(target) - 1);
	char *rest;

	if (n < 0)
		return cannot_open(w, errno);
	target[n] = '\0';
	if (is_pipe(w, target)) {
		w->nofollow = 0;
		return 1;
	}
	if (++w->links > MAX_LINKS || (size_t)n + strlen(w->rest) > 2 * (size_t)PATH_MAX)
		return cannot_open(w, ELOOP);
	rest = xasprintf("%s/%s", target, w->rest);
	free(w->rest);
	w->rest = rest;
	return *target == '/' ? start_at_top(w) : 0;
}

/* Opens `name` of the folder at hand for reading: the end of the path. */
static int open_end(struct walk *w, const char *name, struct stat *ret_st)
{
	_cleanup_close_ int fd =
		openat(w->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | w->nofollow);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return cannot_open(w, errno);
	if (!w->nofollow && !S_ISFIFO(st.st_mode))
		return cannot_open(w, ELOOP); /* another descriptor has that number by now */
	/* Before there is talk of its mode, which is as it has to be. */
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISFIFO(st.st_mode))
		return error_set(w->err, EINVAL, "%s %s: neither a file, a folder nor a pipe",
				 w->what, w->path);
	r = check_end(w, fd, &st);
	if (r < 0)
		return r;
	*ret_st = st;
	return take_fd(&fd);
}

/* Return: 0 to go on, 1 if `name` is the end. */
static int step(struct walk *w, const char *name)
{
	_cleanup_close_ int fd = openat(w->dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *full = xasprintf("%s/%s", w->at, name);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return cannot_open(w, errno);
	if (S_ISLNK(st.st_mode)) {
		r = check_owner(w, full, &st);
		return r < 0 ? r : follow(w, fd);
	}
	if (is_at_end(w))
		return 1;
	if (!S_ISDIR(st.st_mode))
		return cannot_open(w, ENOTDIR);
	r = check_passed(w, fd, full, &st);
	if (r == 0)
		set_dir(w, &fd, full);
	return r;
}

int trusted_open(const char *what, const char *path, struct stat *ret_st, struct error *err)
{
	_cleanup_(walk_done) struct walk w = {
		.what = what, .path = path, .dir_fd = -1, .nofollow = O_NOFOLLOW, .err = err};
	int r = start(&w);

	while (r == 0) {
		_cleanup_free_ char *name = NULL;

		if (!next_name(&w, &name))
			return open_end(&w, ".", ret_st);
		r = step(&w, name);
		if (r == 1)
			return open_end(&w, name, ret_st);
	}
	return r;
}
