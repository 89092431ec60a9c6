/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path is walked with the program's own rights: root, mounts, user and Landlock domain are the
 * same, so what the kernel says to us it would have said to the program. Only what /proc calls
 * "self" is somebody else, and is put in by hand; and what /proc has of ourselves is not asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/hands.h"

#define MAX_LINKS     40u /* MAXSYMLINKS of the kernel */
#define PROC_ROOT_INO 1u
/* A path and the text of every link that may be followed, a slash behind each: as for the kernel.
 */
#define MAX_TEXT ((size_t)(MAX_LINKS + 1) * (MAX_PATH_BYTES + 1))

struct walk {
	const struct walker *walker;
	int at_fd; /* owned: the folder where we are */
	unsigned links;
	bool follow;
	bool jumped; /* the last step was a link of /proc to an open file: at_fd is that file */
	const char *rest; /* into text */
	char *text;	  /* MAX_TEXT */
};

void place_done(struct place *place)
{
	close_fd(&place->parent_fd);
	close_fd(&place->target_fd);
	place->last[0] = '\0';
}

static int open_quick(int dir_fd, const char *path, uint64_t flags, uint64_t resolve)
{
	const struct open_how how = {.flags = flags | O_PATH | O_CLOEXEC, .resolve = resolve};
	const long r = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

	return r < 0 ? -errno : (int)r;
}

static int move_to(struct walk *w, int next_fd)
{
	if (next_fd < 0)
		return -errno;
	close_fd(&w->at_fd);
	w->at_fd = next_fd;
	return 0;
}

static int start_at(struct walk *w, int base_fd, const char *path)
{
	if (path[0] == '/')
		return move_to(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
	return move_to(w, fcntl(base_fd, F_DUPFD_CLOEXEC, 0));
}

/* Puts a link's text before what is left. */
static int follow_text(struct walk *w, const char *text)
{
	const size_t len = strlen(text);
	const size_t rest_len = strlen(w->rest);
	/* A slash at the very end would ask for a folder. */
	const size_t slash = rest_len && w->rest[0] != '/';

	if (!len)
		return -ENOENT;
	if (len + slash + rest_len + 1 > MAX_TEXT)
		return -ENAMETOOLONG;
	memmove(w->text + len + slash, w->rest, rest_len + 1);
	memcpy(w->text, text, len);
	if (slash)
		w->text[len] = '/';
	w->rest = w->text;
	return text[0] == '/' ? start_at(w, -1, text) : 0;
}

static bool is_procfs(int file_fd)
{
	struct statfs fs;

	return fstatfs(file_fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* What the child of below is to do, in memory that is shared with it. */
static struct {
	int at_fd;
	const char *name;
	volatile int result; /* it never returns from there, as far as a compiler sees */
} jump;

/* On a stack of its own in memory that is not its own, where a sanitizer has no business: what
 * that does before a function without return it would do to its parent. */
__attribute__((no_sanitize("address"))) static int follow_for_us(void *unused)
{
	const int opened_fd = openat(jump.at_fd, jump.name, O_PATH | O_CLOEXEC);

	(void)unused;
	jump.result = opened_fd < 0 ? -errno : opened_fd;
	_exit(0);
}

/*
 * A link to what a process has open, or runs. To each process the kernel gives its own without a
 * question, ours too: a program that named our number would get our program of the host, and what
 * we hold. So another process follows it, one with our rights and our table of descriptors.
 */
static int follow_magic(int at_fd, const char *name)
{
	static char stack[16 << 10] __attribute__((aligned(16)));

	jump.at_fd = at_fd;
	jump.name = name;
	jump.result = -EACCES; /* the program can kill it */
	if (clone(follow_for_us, stack + sizeof(stack),
		  CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, NULL) < 0)
		return -EAGAIN;
	return jump.result;
}

/* "self" has text that names us; a magic link is followed by the kernel; others have text. */
static int follow_in_proc(struct walk *w, const char *name, const char *text)
{
	char self[64];
	struct stat st;
	int probe_fd;

	if (fstat(w->at_fd, &st) < 0)
		return -errno;
	if (st.st_ino == PROC_ROOT_INO && strcmp(name, "self") == 0) {
		(void)snprintf(self, sizeof(self), "%u", w->walker->pid);
		return follow_text(w, self);
	}
	if (st.st_ino == PROC_ROOT_INO && strcmp(name, "thread-self") == 0) {
		(void)snprintf(self, sizeof(self), "%u/task/%u", w->walker->pid, w->walker->tid);
		return follow_text(w, self);
	}
	probe_fd = open_quick(w->at_fd, name, 0, RESOLVE_NO_MAGICLINKS);
	if (probe_fd >= 0)
		(void)close(probe_fd);
	if (probe_fd != -ELOOP)
		/* One without text may not be looked at, and the kernel has said so. */
		return !text[0] && probe_fd < 0 ? probe_fd : follow_text(w, text);
	probe_fd = follow_magic(w->at_fd, name);
	if (probe_fd < 0)
		return probe_fd;
	w->jumped = true;
	return move_to(w, probe_fd);
}

static int follow_link(struct walk *w, int link_fd, const char *name)
{
	char text[MAX_PATH_BYTES];
	const ssize_t n = readlinkat(link_fd, "", text, sizeof(text) - 1);

	if (++w->links > MAX_LINKS)
		return -ELOOP;
	text[n < 0 ? 0 : n] = '\0';
	if (is_procfs(link_fd))
		return follow_in_proc(w, name, text);
	return n < 0 ? -errno : follow_text(w, text);
}

/* The path ends with @name, and with a slash behind it or without. */
static int end_at(struct walk *w, const char *name, bool slash, struct place *ret)
{
	(void)snprintf(ret->last, sizeof(ret->last), "%s%s", name, slash ? "/" : "");
	ret->parent_fd = take_fd(&w->at_fd);
	return 0;
}

static int take_target(int target_fd, struct place *ret)
{
	struct stat st;

	if (fstat(target_fd, &st) < 0)
		return -errno;
	ret->mode = st.st_mode;
	ret->target_fd = target_fd;
	return 0;
}

/* One component. Return: 1 when the path has ended and *ret is set. */
static int step(struct walk *w, struct place *ret)
{
	char name[NAME_MAX + 2] = "";
	const size_t len = strcspn(w->rest, "/");
	const size_t kept = len > NAME_MAX ? NAME_MAX + 1 : len;
	const char *behind = w->rest + len + strspn(w->rest + len, "/");
	const bool slash = w->rest[len] == '/';
	const bool is_last = !*behind;
	_cleanup_close_ int next_fd = -1;
	struct stat st;
	int r;

	memcpy(name, w->rest, kept);
	w->rest = behind;
	next_fd = openat(w->at_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	/* Too long nearly everywhere; what comes first, or that procfs has no limit, the kernel
	 * knows. */
	if (kept > NAME_MAX)
		return next_fd < 0 ? -errno : -ENAMETOOLONG;
	if (next_fd < 0)
		return errno == ENOENT && is_last ? (end_at(w, name, slash, ret), 1) : -errno;
	if (fstat(next_fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode) && (!is_last || w->follow)) {
		/* What is behind the link is to be a folder, if a slash followed it. */
		if (is_last && slash)
			w->rest = "/";
		return follow_link(w, next_fd, name);
	}
	if (!is_last)
		return move_to(w, take_fd(&next_fd));
	if (slash && w->follow && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	r = take_target(next_fd, ret);
	if (r < 0)
		return r;
	(void)take_fd(&next_fd);
	(void)end_at(w, name, slash, ret);
	return 1;
}

/* Nothing but slashes is left: the path is the place where we are. */
static int end_here(struct walk *w, struct place *ret)
{
	const int r = take_target(w->at_fd, ret);

	if (r < 0)
		return r;
	(void)take_fd(&w->at_fd);
	if (w->jumped)
		return *w->rest && !S_ISDIR(ret->mode) ? -ENOTDIR : 0;
	/* As last component "." and "/" are refused with the right errno by the kernel. */
	ret->parent_fd = fcntl(ret->target_fd, F_DUPFD_CLOEXEC, 0);
	memcpy(ret->last, "/", 2);
	return ret->parent_fd < 0 ? -errno : 0;
}

static int walk_slowly(struct walk *w, struct place *ret)
{
	for (;;) {
		int r;

		/* Slashes in front count only when something or a demand for a folder is left. */
		if (!w->rest[strspn(w->rest, "/")])
			return end_here(w, ret);
		w->rest += strspn(w->rest, "/");
		w->jumped = false;
		r = step(w, ret);
		if (r)
			return r < 0 ? r : 0;
	}
}

/*
 * Two system calls for what most paths are: folders without links, and a last component that is no
 * link. Return: 1 if it is not that simple.
 */
static int walk_quickly(int base_fd, const char *path, bool follow, struct place *ret)
{
	char folder[MAX_PATH_BYTES];
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;
	const size_t len = (size_t)(last - path);
	int r;

	if (!*last || strlen(last) > NAME_MAX || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		return 1;
	memcpy(folder, path, len);
	folder[len] = '\0';
	r = open_quick(base_fd, len ? folder : ".", O_DIRECTORY,
		       RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (r < 0)
		return 1; /* the slow way tells the right errno */
	ret->parent_fd = r;
	(void)snprintf(ret->last, sizeof(ret->last), "%s", last);
	r = openat(ret->parent_fd, last, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (r < 0)
		return errno == ENOENT ? 0 : -errno;
	r = take_target(r, ret);
	if (r < 0)
		return r;
	return S_ISLNK(ret->mode) && follow;
}

int hands_walk(const struct walker *walker, int base_fd, const char *path, bool follow,
	       struct place *ret)
{
	static char text[MAX_TEXT]; /* one walk at a time */
	struct walk w = {.walker = walker, .at_fd = -1, .follow = follow, .text = text};
	const size_t len = strlen(path);
	int r;

	*ret = (struct place)PLACE_NONE;
	if (!len)
		return -ENOENT;
	if (len >= MAX_PATH_BYTES)
		return -ENAMETOOLONG;
	r = walk_quickly(base_fd, path, follow, ret);
	if (r > 0) {
		place_done(ret);
		*ret = (struct place)PLACE_NONE;
		memcpy(w.text, path, len + 1);
		w.rest = w.text;
		r = start_at(&w, base_fd, path);
		if (r == 0)
			r = walk_slowly(&w, ret);
		close_fd(&w.at_fd);
	}
	if (r < 0)
		place_done(ret);
	return r;
}
