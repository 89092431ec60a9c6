/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What musl 1.2.3 has no function for and glibc does: the system calls themselves. The launcher is
 * built with either (CMakeLists.txt).
 */

#include <sys/mount.h>

#ifndef __GLIBC__

#include <linux/fs.h>
#include <linux/mount.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static inline int fsopen(const char *fs, unsigned flags)
{
	return (int)syscall(SYS_fsopen, fs, flags);
}

static inline int fsconfig(int fs_fd, unsigned command, const char *key, const void *value, int aux)
{
	return (int)syscall(SYS_fsconfig, fs_fd, command, key, value, aux);
}

static inline int fsmount(int fs_fd, unsigned flags, unsigned attributes)
{
	return (int)syscall(SYS_fsmount, fs_fd, flags, attributes);
}

static inline int open_tree(int folder_fd, const char *path, unsigned flags)
{
	return (int)syscall(SYS_open_tree, folder_fd, path, flags);
}

static inline int move_mount(int from_fd, const char *from, int to_fd, const char *to,
			     unsigned flags)
{
	return (int)syscall(SYS_move_mount, from_fd, from, to_fd, to, flags);
}

static inline int mount_setattr(int folder_fd, const char *path, unsigned flags,
				struct mount_attr *attr, size_t size)
{
	return (int)syscall(SYS_mount_setattr, folder_fd, path, flags, attr, size);
}

static inline int renameat2(int from_fd, const char *from, int to_fd, const char *to,
			    unsigned flags)
{
	return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

#endif
