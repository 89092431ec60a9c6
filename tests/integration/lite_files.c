/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are not in the view, or not to be changed. */
#include <fcntl.h>
#include <linux/fs.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/integration/lite_attacks.h"

static long try_read(char **a)
{
	char byte;
	const int fd = open(a[0], O_RDONLY);

	return fd < 0 ? -1 : read(fd, &byte, 1);
}

static long try_list(char **a)
{
	return open(a[0], O_RDONLY | O_DIRECTORY);
}

static long try_write(char **a)
{
	const int fd = open(a[0], O_WRONLY | O_APPEND);

	return fd < 0 ? -1 : write(fd, "x", 1);
}

static long try_create(char **a)
{
	return open(a[0], O_WRONLY | O_CREAT | O_EXCL, 0600);
}

static long try_truncate(char **a)
{
	return truncate(a[0], 1);
}

static long try_unlink(char **a)
{
	return unlink(a[0]);
}

static long try_rename(char **a)
{
	return rename(a[0], a[1]);
}

static long try_link(char **a)
{
	return link(a[0], a[1]);
}

static long try_chmod(char **a)
{
	return chmod(a[0], 0640);
}

/* A descriptor for reading is enough for the kernel. */
static long try_fchmod(char **a)
{
	const int fd = open(a[0], O_RDONLY);

	return fd < 0 ? -1 : fchmod(fd, 0640);
}

/* By the link in /proc that a descriptor without any access has. */
static long try_chmod_fd(char **a)
{
	char path[64];
	const int fd = open(a[0], O_PATH);

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd < 0 ? -1 : chmod(path, 0640);
}

static long try_chown(char **a)
{
	return chown(a[0], getuid(), getgid());
}

static long try_utime(char **a)
{
	const struct timespec times[2] = {{1, 0}, {1, 0}};

	return utimensat(AT_FDCWD, a[0], times, 0);
}

static long try_setxattr(char **a)
{
	return setxattr(a[0], "user.attack", "x", 1, 0);
}

static long try_flags(char **a)
{
	const int fd = open(a[0], O_RDONLY);
	int flags = 0;

	if (fd < 0)
		return -1;
	(void)ioctl(fd, FS_IOC_GETFLAGS, &flags);
	flags |= FS_NOATIME_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static long try_inotify(char **a)
{
	const int fd = inotify_init1(0);

	return fd < 0 ? -1 : inotify_add_watch(fd, a[0], IN_CREATE);
}

const struct lite_attempt file_attempts[] = {
	{"read", 1, try_read},
	{"list", 1, try_list},
	{"write", 1, try_write},
	{"create", 1, try_create},
	{"truncate", 1, try_truncate},
	{"unlink", 1, try_unlink},
	{"rename", 2, try_rename},
	{"link", 2, try_link},
	{"chmod", 1, try_chmod},
	{"fchmod", 1, try_fchmod},
	{"chmod-fd", 1, try_chmod_fd},
	{"chown", 1, try_chown},
	{"utime", 1, try_utime},
	{"setxattr", 1, try_setxattr},
	{"flags", 1, try_flags},
	{"inotify", 1, try_inotify},
	{0},
};
