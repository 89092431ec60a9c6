/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operation itself, on the descriptors that were judged: a file that is there by its own
 * descriptor, whatever its name leads to by now; a name in its folder without following a link.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/hands.h"
#include "sandbox/spec.h"

#define MAX_LINK_TEXT 32

/* The way to a descriptor's file that also works for O_PATH ones. */
static const char *link_to(int file_fd, char text[MAX_LINK_TEXT])
{
	(void)snprintf(text, MAX_LINK_TEXT, "/proc/self/fd/%d", file_fd);
	return text;
}

static bool is_below(const char *path, const char *folder)
{
	const size_t len = strlen(folder);

	return !strncmp(path, folder, len) && (path[len] == '/' || !path[len]);
}

/*
 * By the name that the kernel has for it now. Nothing inside can bring a file from outside below a
 * writable folder: Landlock refuses to rename or link it there.
 */
bool hands_may_mark(const struct spec *lite, int target_fd)
{
	char link[MAX_LINK_TEXT];
	char path[MAX_PATH_BYTES];
	const ssize_t n = readlinkat(AT_FDCWD, link_to(target_fd, link), path, sizeof(path) - 1);

	if (n <= 0)
		return false;
	path[n] = '\0';
	for (size_t i = 0; i < lite->mount_count; i++)
		if (lite->mounts[i].writable && is_below(path, lite->mounts[i].target))
			return true;
	return false;
}

static int result_of(long r)
{
	return r < 0 ? -errno : 0;
}

static bool has(unsigned flags, unsigned flag)
{
	return (flags & flag) == flag;
}

static int fd_or_error(int file_fd)
{
	return file_fd < 0 ? -errno : file_fd;
}

static int open_new(const struct hands_job *job, unsigned flags)
{
	const struct place *at = &job->place[0];
	int file_fd = openat(at->parent_fd, at->last,
			     (int)(flags | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY),
			     job->request->mode);

	/* Another one made it since the walk, and the caller does not mind. */
	if (file_fd < 0 && errno == EEXIST && !has(flags, O_EXCL))
		return -ERESTART;
	return fd_or_error(file_fd);
}

static int open_there(const struct hands_job *job, unsigned flags)
{
	const struct place *at = &job->place[0];
	char text[MAX_LINK_TEXT];

	if (has(flags, O_CREAT | O_EXCL))
		return -EEXIST;
	if (S_ISLNK(at->mode))
		return -ELOOP;
	if (has(flags, O_TMPFILE))
		return fd_or_error(
			openat(at->target_fd, ".", (int)(flags | O_CLOEXEC), job->request->mode));
	if (S_ISDIR(at->mode) && has(flags, O_CREAT))
		return -EISDIR;
	flags &= ~(unsigned)(O_CREAT | O_EXCL | O_NOFOLLOW);
	return fd_or_error(open(link_to(at->target_fd, text), (int)(flags | O_CLOEXEC | O_NOCTTY)));
}

static int do_open(const struct hands_job *job)
{
	const unsigned flags = job->request->flags;

	if (job->place[0].target_fd >= 0)
		return open_there(job, flags);
	return has(flags, O_CREAT) && job->place[0].parent_fd >= 0 ? open_new(job, flags) : -ENOENT;
}

static int do_link(const struct hands_job *job)
{
	const struct place *from = &job->place[0];
	const struct place *to = &job->place[1];
	char text[MAX_LINK_TEXT];

	if (from->target_fd < 0)
		return -ENOENT;
	/* A symbolic link cannot be had by its descriptor; its name is not followed. */
	if (S_ISLNK(from->mode))
		return result_of(linkat(from->parent_fd, from->last, to->parent_fd, to->last, 0));
	return result_of(linkat(AT_FDCWD, link_to(from->target_fd, text), to->parent_fd, to->last,
				AT_SYMLINK_FOLLOW));
}

static int do_mode(const struct hands_job *job)
{
	const mode_t mode = job->request->mode;
	char text[MAX_LINK_TEXT];

	if (S_ISLNK(job->place[0].mode))
		return -EOPNOTSUPP;
	/* As the filter has it, which cannot tell what the descriptor can: whether it is a folder.
	 */
	if ((mode & S_ISUID) || ((mode & S_ISGID) && !S_ISDIR(job->place[0].mode)))
		return -EPERM;
	return result_of(chmod(link_to(job->place[0].target_fd, text), mode));
}

static int do_xattr(const struct hands_job *job)
{
	const struct hands_request *request = job->request;
	const struct place *at = &job->place[0];
	char path[MAX_LINK_TEXT + HANDS_MAX_NAME];
	char text[MAX_LINK_TEXT];

	if (S_ISLNK(at->mode))
		(void)snprintf(path, sizeof(path), "%s/%s", link_to(at->parent_fd, text), at->last);
	else
		(void)snprintf(path, sizeof(path), "%s", link_to(at->target_fd, text));
	if (request->op == HANDS_REMOVEXATTR)
		return result_of(S_ISLNK(at->mode) ? lremovexattr(path, job->text)
						   : removexattr(path, job->text));
	return result_of(S_ISLNK(at->mode) ? lsetxattr(path, job->text, job->value,
						       request->value_len, (int)request->flags)
					   : setxattr(path, job->text, job->value,
						      request->value_len, (int)request->flags));
}

static int do_times(const struct hands_job *job)
{
	const struct hands_request *request = job->request;
	const struct place *at = &job->place[0];
	const struct timespec *times = request->has_times ? request->times : NULL;
	char text[MAX_LINK_TEXT];

	if (S_ISLNK(at->mode))
		return result_of(utimensat(at->parent_fd, at->last, times, AT_SYMLINK_NOFOLLOW));
	return result_of(utimensat(AT_FDCWD, link_to(at->target_fd, text), times, 0));
}

static int do_in_folder(const struct hands_job *job)
{
	const struct hands_request *request = job->request;
	const struct place *a = &job->place[0];
	const struct place *b = &job->place[1];

	switch (request->op) {
	case HANDS_RENAME:
		return result_of(syscall(SYS_renameat2, a->parent_fd, a->last, b->parent_fd,
					 b->last, request->flags));
	case HANDS_SYMLINK:
		return result_of(symlinkat(job->text, a->parent_fd, a->last));
	case HANDS_UNLINK:
		return result_of(unlinkat(a->parent_fd, a->last, (int)request->flags));
	case HANDS_MKDIR:
		return result_of(mkdirat(a->parent_fd, a->last, request->mode));
	case HANDS_MKNOD:
		return result_of(mknodat(a->parent_fd, a->last, request->mode, request->device));
	case HANDS_BIND:
		return hands_bind(job);
	default:
		return -ENOSYS;
	}
}

static int do_to_target(const struct hands_job *job)
{
	const struct hands_request *request = job->request;
	const struct place *at = &job->place[0];
	char text[MAX_LINK_TEXT];

	if (at->target_fd < 0)
		return -ENOENT;
	switch (request->op) {
	case HANDS_TRUNCATE:
		return result_of(truncate(link_to(at->target_fd, text), request->size));
	case HANDS_CHMOD:
		return do_mode(job);
	case HANDS_CHOWN:
		return result_of(
			fchownat(at->target_fd, "", request->uid, request->gid, AT_EMPTY_PATH));
	case HANDS_SETXATTR:
	case HANDS_REMOVEXATTR:
		return do_xattr(job);
	case HANDS_UTIME:
		return do_times(job);
	default:
		return -ENOSYS;
	}
}

int hands_do(const struct hands_job *job)
{
	(void)umask(job->request->umask);
	switch (job->request->op) {
	case HANDS_OPEN:
		return do_open(job);
	case HANDS_LINK:
		return do_link(job);
	case HANDS_CONNECT:
		return hands_connect_wait(job);
	case HANDS_RENAME:
	case HANDS_SYMLINK:
	case HANDS_UNLINK:
	case HANDS_MKDIR:
	case HANDS_MKNOD:
	case HANDS_BIND:
		/* Where a path ends in an open file there is no name to change. */
		if (job->place[0].parent_fd < 0)
			return -ENOENT;
		return do_in_folder(job);
	default:
		return do_to_target(job);
	}
}
