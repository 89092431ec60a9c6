/* SPDX-License-Identifier: Apache-2.0 */

/* Calls about names and contents of files, and what all gated file operations have in common. */

#include "monitor/gate/decode_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "common/cleanup.h"

int decode_file_base(struct decode *d, int dirfd, unsigned walk)
{
	struct file_call *call = d->file;
	const int base_fd = resolve_base(&d->target, dirfd);

	if (base_fd < 0)
		return base_fd;
	call->base_fd[call->base_count++] = base_fd;
	call->request.walk[call->request.paths - 1] = walk | HANDS_HAS_BASE;
	return 0;
}

int decode_file_path(struct decode *d, int dirfd, __u64 at, unsigned flags)
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
		return decode_file_base(d, dirfd, HANDS_ITSELF);
	return decode_file_base(d, dirfd, walk);
}

int decode_file_descriptor(struct decode *d, int number)
{
	struct file_call *call = d->file;

	buf_putc(&call->payload, '\0');
	call->request.paths++;
	return number < 0 ? -EBADF : decode_file_base(d, number, HANDS_ITSELF);
}

int decode_file_text(struct decode *d, __u64 at, size_t max)
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
	return decode_file_path(d, dirfd, path, nofollow ? AT_SYMLINK_NOFOLLOW : 0);
}

static int decode_two_paths(struct decode *d, enum hands_op op, const __u64 from[2],
			    const __u64 to[2], unsigned from_flags)
{
	int r;

	d->file->request.op = op;
	r = decode_file_path(d, (int)from[0], from[1], from_flags);
	return r < 0 ? r : decode_file_path(d, (int)to[0], to[1], AT_SYMLINK_NOFOLLOW);
}

static int decode_symlink(struct decode *d, __u64 text, int dirfd, __u64 path)
{
	int r;

	d->file->request.op = HANDS_SYMLINK;
	r = decode_file_path(d, dirfd, path, AT_SYMLINK_NOFOLLOW);
	return r < 0 ? r : decode_file_text(d, text, MAX_PATH_BYTES - 1);
}

/* unlink, rmdir, mkdir, mknod: one name in its folder. */
static int decode_name(struct decode *d, enum hands_op op, int dirfd, __u64 path)
{
	d->file->request.op = op;
	return decode_file_path(d, dirfd, path, AT_SYMLINK_NOFOLLOW);
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
		return decode_file_path(d, AT_FDCWD, args[0], 0);
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

int decode_file_keep(struct decode *d, int r)
{
	if (r == 0 && !d->ops->is_valid(d->ctx))
		r = DECODE_GONE;
	if (r != 0)
		d->file = file_call_free(d->file);
	return r;
}

int decode_file_finish(struct decode *d, int r)
{
	return decode_file_keep(d, r == 0 ? fill_caller(d) : r);
}

int decode_file(struct decode *d, const struct seccomp_data *data)
{
	int r;

	d->file = file_call_new();
	r = decode_names(d, data);
	if (r == -ENOSYS)
		r = decode_file_attributes(d, data);
	return decode_file_finish(d, r);
}
