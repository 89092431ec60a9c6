/* SPDX-License-Identifier: Apache-2.0 */

/*
 * File operations: arguments to a struct file_call. Nothing is resolved here, and nothing done:
 * the paths are walked and the operation is carried out by the hands (monitor/gate/files.h).
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "common/cleanup.h"
#include "common/release.h"
#include "monitor/gate/decode.h"
#include "monitor/gate/file_action.h"

#define MAX_XATTR_NAME 255u

struct file_call *file_call_new(void)
{
	struct file_call *call = xcalloc(1, sizeof(*call));

	call->payload = (struct buf)BUF_INIT(HANDS_MAX_BYTES);
	for (size_t i = 0; i < 3; i++)
		call->base_fd[i] = -1;
	return call;
}

void file_call_release(struct file_call *call)
{
	/* Who asked to be connected may have been already, and be gone by now. */
	if (call->request.op == HANDS_CONNECT && call->base_count)
		release_socket(&call->base_fd[--call->base_count]);
	for (size_t i = 0; i < 3; i++)
		close_fd(&call->base_fd[i]);
	call->base_count = 0;
}

struct file_call *file_call_free(struct file_call *call)
{
	if (!call)
		return NULL;
	file_call_release(call);
	file_action_free(call->about);
	buf_done(&call->payload);
	free(call->exe);
	free(call);
	return NULL;
}

static int put_base(struct decode *d, int dirfd, unsigned walk)
{
	struct file_call *call = d->file;
	const int base_fd = resolve_base(&d->target, dirfd);

	if (base_fd < 0)
		return base_fd;
	call->base_fd[call->base_count++] = base_fd;
	call->request.walk[call->request.paths - 1] = walk | HANDS_HAS_BASE;
	return 0;
}

/* The next path of the call. @flags: AT_EMPTY_PATH; whether a link at the end is followed. */
static int put_path(struct decode *d, int dirfd, __u64 at, unsigned flags)
{
	struct file_call *call = d->file;
	const size_t start = call->payload.len;
	const unsigned walk = flags & AT_SYMLINK_NOFOLLOW ? 0 : HANDS_FOLLOW;
	int r = child_mem_string(&d->mem, at, &call->payload, MAX_PATH_BYTES - 1);

	if (r < 0)
		return r;
	buf_putc(&call->payload, '\0');
	call->request.walk[call->request.paths++] = walk;
	if (call->payload.data[start] == '/')
		return 0;
	if (!call->payload.data[start] && (flags & AT_EMPTY_PATH))
		return put_base(d, dirfd, HANDS_ITSELF);
	return put_base(d, dirfd, walk);
}

/* fchmod(2) and its like: no path, the descriptor's file. */
static int put_descriptor(struct decode *d, int number)
{
	struct file_call *call = d->file;

	buf_putc(&call->payload, '\0');
	call->request.paths++;
	return number < 0 ? -EBADF : put_base(d, number, HANDS_ITSELF);
}

static int put_text(struct decode *d, __u64 at, size_t max)
{
	const int r = child_mem_string(&d->mem, at, &d->file->payload, max);

	buf_putc(&d->file->payload, '\0');
	return r;
}

static int decode_open(struct decode *d, int dirfd, __u64 path, unsigned flags, __u64 mode)
{
	const bool nofollow =
		(flags & O_NOFOLLOW) || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);

	d->file->request.op = HANDS_OPEN;
	d->file->request.flags = flags;
	d->file->request.mode = (uint32_t)mode & 07777;
	return put_path(d, dirfd, path, nofollow ? AT_SYMLINK_NOFOLLOW : 0);
}

static int decode_two_paths(struct decode *d, enum hands_op op, const __u64 from[2],
			    const __u64 to[2], unsigned from_flags)
{
	int r;

	d->file->request.op = op;
	r = put_path(d, (int)from[0], from[1], from_flags);
	return r < 0 ? r : put_path(d, (int)to[0], to[1], AT_SYMLINK_NOFOLLOW);
}

static int decode_symlink(struct decode *d, __u64 text, int dirfd, __u64 path)
{
	int r;

	d->file->request.op = HANDS_SYMLINK;
	r = put_path(d, dirfd, path, AT_SYMLINK_NOFOLLOW);
	return r < 0 ? r : put_text(d, text, MAX_PATH_BYTES - 1);
}

/* unlink, rmdir, mkdir, mknod: one name in its folder. */
static int decode_name(struct decode *d, enum hands_op op, int dirfd, __u64 path)
{
	d->file->request.op = op;
	return put_path(d, dirfd, path, AT_SYMLINK_NOFOLLOW);
}

static int decode_xattr(struct decode *d, const struct seccomp_data *data, bool set)
{
	struct hands_request *request = &d->file->request;
	const __u64 *args = data->args;
	char *value;
	int r;

	request->op = set ? HANDS_SETXATTR : HANDS_REMOVEXATTR;
	if (data->nr == SYS_fsetxattr || data->nr == SYS_fremovexattr)
		r = put_descriptor(d, (int)args[0]);
	else
		r = put_path(d, AT_FDCWD, args[0],
			     data->nr == SYS_lsetxattr || data->nr == SYS_lremovexattr
				     ? AT_SYMLINK_NOFOLLOW
				     : 0);
	if (r == 0)
		r = put_text(d, args[1], MAX_XATTR_NAME);
	if (r < 0)
		return r == -ENAMETOOLONG ? -ERANGE : r;
	if (!set)
		return 0;
	if (args[3] > HANDS_MAX_VALUE)
		return -E2BIG;
	request->flags = (uint32_t)args[4];
	request->value_len = (uint32_t)args[3];
	value = buf_reserve(&d->file->payload, request->value_len);
	if (!value)
		return -E2BIG;
	d->file->payload.len += request->value_len;
	return child_mem_read(&d->mem, args[2], value, request->value_len);
}

/* utime(2) has seconds, utimes(2) and futimesat(2) microseconds, utimensat(2) nanoseconds. */
static int read_times(struct decode *d, int nr, __u64 at)
{
	struct hands_request *request = &d->file->request;
	struct timeval micro[2];
	struct utimbuf seconds;
	int r;

	request->op = HANDS_UTIME;
	request->has_times = at != 0;
	if (!at)
		return 0;
	if (nr == SYS_utimensat)
		return child_mem_read(&d->mem, at, request->times, sizeof(request->times));
	if (nr == SYS_utime) {
		r = child_mem_read(&d->mem, at, &seconds, sizeof(seconds));
		request->times[0].tv_sec = seconds.actime;
		request->times[1].tv_sec = seconds.modtime;
		return r;
	}
	r = child_mem_read(&d->mem, at, micro, sizeof(micro));
	for (unsigned i = 0; r == 0 && i < 2; i++) {
		if (micro[i].tv_usec < 0 || micro[i].tv_usec >= 1000000)
			return -EINVAL;
		request->times[i].tv_sec = micro[i].tv_sec;
		request->times[i].tv_nsec = micro[i].tv_usec * 1000;
	}
	return r;
}

static int decode_times(struct decode *d, const struct seccomp_data *data)
{
	const __u64 *args = data->args;
	const bool at = data->nr == SYS_futimesat || data->nr == SYS_utimensat;
	const int dirfd = at ? (int)args[0] : AT_FDCWD;
	const __u64 path = at ? args[1] : args[0];
	const unsigned flags = data->nr == SYS_utimensat ? (unsigned)args[3] : 0;
	const int r = read_times(d, data->nr, at ? args[2] : args[1]);

	if (r < 0)
		return r;
	if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!path && at && dirfd != AT_FDCWD)
		return flags ? -EINVAL : put_descriptor(d, dirfd);
	return put_path(d, dirfd, path, flags);
}

static int decode_chmod(struct decode *d, int dirfd, __u64 path, __u64 mode, unsigned flags)
{
	if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	d->file->request.op = HANDS_CHMOD;
	d->file->request.mode = (uint32_t)mode & 07777;
	return put_path(d, dirfd, path, flags);
}

static int decode_chown(struct decode *d, int dirfd, const __u64 *path_and_ids, unsigned flags)
{
	if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	d->file->request.op = HANDS_CHOWN;
	d->file->request.uid = (uint32_t)path_and_ids[1];
	d->file->request.gid = (uint32_t)path_and_ids[2];
	return put_path(d, dirfd, path_and_ids[0], flags);
}

static int decode_mknod(struct decode *d, int dirfd, const __u64 *path_mode_device)
{
	d->file->request.mode = (uint32_t)path_mode_device[1] & (S_IFMT | 07777);
	d->file->request.device = path_mode_device[2] & UINT32_MAX;
	return decode_name(d, HANDS_MKNOD, dirfd, path_mode_device[0]);
}

static int decode_mkdir(struct decode *d, int dirfd, __u64 path, __u64 mode)
{
	d->file->request.mode = (uint32_t)mode & 07777;
	return decode_name(d, HANDS_MKDIR, dirfd, path);
}

static int decode_unlink(struct decode *d, int dirfd, __u64 path, unsigned flags)
{
	if (flags & ~(unsigned)AT_REMOVEDIR)
		return -EINVAL;
	d->file->request.flags = flags;
	return decode_name(d, HANDS_UNLINK, dirfd, path);
}

static int decode_rename(struct decode *d, const __u64 from[2], const __u64 to[2], __u64 flags)
{
	d->file->request.flags = (uint32_t)flags;
	return decode_two_paths(d, HANDS_RENAME, from, to, AT_SYMLINK_NOFOLLOW);
}

static int decode_link(struct decode *d, const __u64 from[2], const __u64 to[2], unsigned flags)
{
	if (flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return decode_two_paths(d, HANDS_LINK, from, to,
				(flags & AT_EMPTY_PATH) |
					(flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW));
}

/* Names and contents. Return: -ENOSYS for what is none of these. */
static int decode_names(struct decode *d, const struct seccomp_data *data)
{
	const __u64 *args = data->args;
	const __u64 here[2][2] = {{(__u64)AT_FDCWD, args[0]}, {(__u64)AT_FDCWD, args[1]}};
	const int dirfd = (int)args[0];

	switch (data->nr) {
	case SYS_open:
		return decode_open(d, AT_FDCWD, args[0], (unsigned)args[1], args[2]);
	case SYS_openat:
		return decode_open(d, dirfd, args[1], (unsigned)args[2], args[3]);
	case SYS_creat:
		return decode_open(d, AT_FDCWD, args[0], O_CREAT | O_WRONLY | O_TRUNC, args[1]);
	case SYS_truncate:
		d->file->request.op = HANDS_TRUNCATE;
		d->file->request.size = (int64_t)args[1];
		return put_path(d, AT_FDCWD, args[0], 0);
	case SYS_rename:
		return decode_rename(d, here[0], here[1], 0);
	case SYS_renameat:
		return decode_rename(d, args, args + 2, 0);
	case SYS_renameat2:
		return decode_rename(d, args, args + 2, args[4]);
	case SYS_link:
		return decode_link(d, here[0], here[1], 0);
	case SYS_linkat:
		return decode_link(d, args, args + 2, (unsigned)args[4]);
	case SYS_symlink:
		return decode_symlink(d, args[0], AT_FDCWD, args[1]);
	case SYS_symlinkat:
		return decode_symlink(d, args[0], (int)args[1], args[2]);
	case SYS_unlink:
		return decode_unlink(d, AT_FDCWD, args[0], 0);
	case SYS_rmdir:
		return decode_unlink(d, AT_FDCWD, args[0], AT_REMOVEDIR);
	case SYS_unlinkat:
		return decode_unlink(d, dirfd, args[1], (unsigned)args[2]);
	case SYS_mkdir:
		return decode_mkdir(d, AT_FDCWD, args[0], args[1]);
	case SYS_mkdirat:
		return decode_mkdir(d, dirfd, args[1], args[2]);
	case SYS_mknod:
		return decode_mknod(d, AT_FDCWD, args);
	case SYS_mknodat:
		return decode_mknod(d, dirfd, args + 1);
	default:
		return -ENOSYS;
	}
}

static int decode_attributes(struct decode *d, const struct seccomp_data *data)
{
	const __u64 *args = data->args;
	struct hands_request *request = &d->file->request;

	switch (data->nr) {
	case SYS_chmod:
		return decode_chmod(d, AT_FDCWD, args[0], args[1], 0);
	case SYS_fchmodat:
		return decode_chmod(d, (int)args[0], args[1], args[2], 0);
	case 452: /* fchmodat2, Linux 6.6 */
		return decode_chmod(d, (int)args[0], args[1], args[2], (unsigned)args[3]);
	case SYS_fchmod:
		request->op = HANDS_CHMOD;
		request->mode = (uint32_t)args[1] & 07777;
		return put_descriptor(d, (int)args[0]);
	case SYS_chown:
		return decode_chown(d, AT_FDCWD, args, 0);
	case SYS_lchown:
		return decode_chown(d, AT_FDCWD, args, AT_SYMLINK_NOFOLLOW);
	case SYS_fchownat:
		return decode_chown(d, (int)args[0], args + 1, (unsigned)args[4]);
	case SYS_fchown:
		request->op = HANDS_CHOWN;
		request->uid = (uint32_t)args[1];
		request->gid = (uint32_t)args[2];
		return put_descriptor(d, (int)args[0]);
	case SYS_setxattr:
	case SYS_lsetxattr:
	case SYS_fsetxattr:
		return decode_xattr(d, data, true);
	case SYS_removexattr:
	case SYS_lremovexattr:
	case SYS_fremovexattr:
		return decode_xattr(d, data, false);
	case SYS_utime:
	case SYS_utimes:
	case SYS_futimesat:
	case SYS_utimensat:
		return decode_times(d, data);
	default:
		return -ENOSYS;
	}
}

static int fill_caller(struct decode *d)
{
	struct file_call *call = d->file;
	const struct target_self *who = &d->target.self;
	const uint32_t op = call->request.op;
	const bool makes_files =
		op == HANDS_MKDIR || op == HANDS_MKNOD || op == HANDS_BIND ||
		(op == HANDS_OPEN && (call->request.flags & (O_CREAT | O_TMPFILE)));
	const int r = target_self(&d->target, makes_files);

	if (r < 0)
		return r;
	/* Names are told from the root, which is asked for while its owner is at hand. */
	if (target_root(&d->target) < 0)
		return -ESRCH;
	call->exe = xstrdup(target_exe(&d->target));
	call->tid = d->target.tid;
	call->pid = d->target.pid;
	call->request.pid = who->pid;
	call->request.tid = who->tid;
	call->request.umask = who->umask;
	return 0;
}

static int keep_valid(struct decode *d, int r)
{
	if (r == 0 && !d->ops->is_valid(d->ctx))
		r = DECODE_GONE;
	if (r != 0)
		d->file = file_call_free(d->file);
	return r;
}

/* @r: what reading the arguments came to. */
static int finish(struct decode *d, int r)
{
	return keep_valid(d, r == 0 ? fill_caller(d) : r);
}

int decode_file(struct decode *d, const struct seccomp_data *data)
{
	int r;

	d->file = file_call_new();
	r = decode_names(d, data);
	if (r == -ENOSYS)
		r = decode_attributes(d, data);
	return finish(d, r);
}

int decode_connect(struct decode *d, const struct connection *to)
{
	struct file_call *call = d->file = file_call_new();
	int r = 0;

	call->request.op = HANDS_CONNECT;
	call->about = to->about;
	if (to->path) {
		call->request.paths = 1;
		call->request.walk[0] = HANDS_FOLLOW;
		buf_puts(&call->payload, to->path);
		buf_putc(&call->payload, '\0');
		if (to->path[0] != '/')
			r = put_base(d, AT_FDCWD, HANDS_FOLLOW);
		call->base_fd[call->base_count++] = take_fd(to->file_fd);
		r = r < 0 ? r : target_self(&d->target, false);
		call->request.pid = d->target.self.pid;
		call->request.tid = d->target.self.tid;
	} else {
		call->request.value_len = to->len;
		buf_put(&call->payload, to->bytes, to->len);
	}
	call->base_fd[call->base_count++] = take_fd(to->socket_fd);
	if (r < 0 && call->about)
		decode_answered(d, &call->about->action, -r);
	return keep_valid(d, r);
}

int decode_bind(struct decode *d, const char *path, int *socket_fd)
{
	struct file_call *call = d->file = file_call_new();
	int r = 0;

	call->request.op = HANDS_BIND;
	call->request.paths = 1;
	buf_puts(&call->payload, path);
	buf_putc(&call->payload, '\0');
	if (path[0] != '/')
		r = put_base(d, AT_FDCWD, 0);
	if (r == 0)
		call->base_fd[call->base_count++] = take_fd(socket_fd);
	return finish(d, r);
}
