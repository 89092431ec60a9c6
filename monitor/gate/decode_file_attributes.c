/* SPDX-License-Identifier: Apache-2.0 */

/* What changes a file's mode, owner, times or extended attributes. */

#include "monitor/gate/decode_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <utime.h>

#define MAX_XATTR_NAME 255u

static int decode_xattr(struct decode *d, const struct seccomp_data *data, bool set)
{
	struct hands_request *request = &d->file->request;
	const __u64 *args = data->args;
	char *value;
	int r;

	request->op = set ? HANDS_SETXATTR : HANDS_REMOVEXATTR;
	if (data->nr == SYS_fsetxattr || data->nr == SYS_fremovexattr)
		r = decode_file_descriptor(d, (int)args[0]);
	else
		r = decode_file_path(d, AT_FDCWD, args[0],
				     data->nr == SYS_lsetxattr || data->nr == SYS_lremovexattr
					     ? AT_SYMLINK_NOFOLLOW
					     : 0);
	if (r == 0)
		r = decode_file_text(d, args[1], MAX_XATTR_NAME);
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
		return flags ? -EINVAL : decode_file_descriptor(d, dirfd);
	return decode_file_path(d, dirfd, path, flags);
}

static int decode_chmod(struct decode *d, int dirfd, __u64 path, __u64 mode, unsigned flags)
{
	if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	d->file->request.op = HANDS_CHMOD;
	d->file->request.mode = (uint32_t)mode & 07777;
	return decode_file_path(d, dirfd, path, flags);
}

static int decode_chown(struct decode *d, int dirfd, const __u64 *path_and_ids, unsigned flags)
{
	if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	d->file->request.op = HANDS_CHOWN;
	d->file->request.uid = (uint32_t)path_and_ids[1];
	d->file->request.gid = (uint32_t)path_and_ids[2];
	return decode_file_path(d, dirfd, path_and_ids[0], flags);
}

int decode_file_attributes(struct decode *d, const struct seccomp_data *data)
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
		return decode_file_descriptor(d, (int)args[0]);
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
		return decode_file_descriptor(d, (int)args[0]);
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
