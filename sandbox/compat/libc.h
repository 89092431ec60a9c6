/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where musl 1.2.3 and glibc differ; the launcher is built with either, the front with musl
 * (cmake/LaunchLibc.cmake). What the former has no function for is the system call itself.
 */

#include <sys/mount.h>

#ifdef __GLIBC__
#define RLIMIT_TYPE __rlimit_resource_t /* of a resource's number */
#else
#define RLIMIT_TYPE int

#include <errno.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* Why a program cannot be run, in the same words: these differ. */
static inline const char *strerrordesc_np(int code)
{
	switch (code) {
	case ELOOP:
		return "Too many levels of symbolic links";
	case ENAMETOOLONG:
		return "File name too long";
	case ENOMEM:
		return "Cannot allocate memory";
	case EMFILE:
		return "Too many open files";
	case EIO:
		return "Input/output error";
	default:
		return strerror(code);
	}
}

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
