/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a mount is made and hung into the view. Every target is looked up inside the new root
 * (RESOLVE_IN_ROOT), so no symlink in a bound folder leads out of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "sandbox/compat/libc.h"
#include "sandbox/launch.h"

int mounts_new(const char *fs, const char *const *options, unsigned long attr, struct error *err)
{
	_cleanup_close_ int fs_fd = fsopen(fs, FSOPEN_CLOEXEC);
	int mount_fd;

	if (fs_fd < 0)
		return error_errno(err, errno, "create a %s", fs);
	for (; options && options[0]; options += 2)
		if (fsconfig(fs_fd, options[1] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
			     options[0], options[1], 0) < 0)
			return error_errno(err, errno, "create a %s with %s=%s", fs, options[0],
					   options[1] ? options[1] : "");
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return error_errno(err, errno, "create a %s", fs);
	mount_fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)attr);
	return mount_fd < 0 ? error_errno(err, errno, "mount a %s", fs) : mount_fd;
}

int mounts_attach(int mount_fd, int target_fd, const char *target, struct error *err)
{
	if (move_mount(mount_fd, "", target_fd, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return error_errno(err, errno, "mount %s in the session's view", target);
	return 0;
}

static int open_inside(const struct launch *l, const char *path, uint64_t flags, uint64_t mode)
{
	const struct open_how how = {.flags = flags | O_CLOEXEC,
				     .mode = mode,
				     .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	const int opened_fd = (int)syscall(SYS_openat2, l->root_fd, path, &how, sizeof(how));

	return opened_fd < 0 ? -errno : opened_fd;
}

int mounts_open_parent(const struct launch *l, const char *target, const char **ret_leaf,
		       struct error *err)
{
	char path[MAX_PATH_BYTES];
	_cleanup_close_ int folder_fd = -1;
	size_t at = 0;

	*ret_leaf = strrchr(target, '/') + 1;
	memcpy(path, target, (size_t)(*ret_leaf - target));
	path[*ret_leaf - target] = '\0';
	folder_fd = open_inside(l, path, O_PATH | O_DIRECTORY, 0);
	if (folder_fd >= 0)
		return take_fd(&folder_fd); /* as most are */
	folder_fd = open_inside(l, "/", O_PATH | O_DIRECTORY, 0);
	while (target[at] && target + at + 1 < *ret_leaf) {
		const size_t len = strcspn(target + at + 1, "/");
		int next_fd;

		memcpy(path, target, at + 1 + len);
		path[at + 1 + len] = '\0';
		next_fd = open_inside(l, path, O_PATH | O_DIRECTORY, 0);
		if (next_fd == -ENOENT && mkdirat(folder_fd, path + at + 1, 0755) == 0)
			next_fd = open_inside(l, path, O_PATH | O_DIRECTORY, 0);
		if (next_fd < 0)
			return error_errno(err, next_fd, "make the folder %s in the session's view",
					   path);
		(void)close(folder_fd);
		folder_fd = next_fd;
		at += 1 + len;
	}
	return folder_fd < 0 ? error_errno(err, folder_fd, "open the new root")
			     : take_fd(&folder_fd);
}

int mounts_open_target(const struct launch *l, const char *target, bool folder, struct error *err)
{
	_cleanup_close_ int parent_fd = -1;
	const char *leaf;
	int target_fd = open_inside(l, target, O_PATH, 0);
	int r = 0;

	if (target_fd >= 0)
		return target_fd;
	parent_fd = mounts_open_parent(l, target, &leaf, err);
	if (parent_fd < 0)
		return parent_fd;
	if (folder) {
		r = mkdirat(parent_fd, leaf, 0755);
	} else {
		const int made_fd =
			openat(parent_fd, leaf, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);

		r = made_fd < 0 ? -1 : close(made_fd);
	}
	if (r < 0)
		return error_errno(err, errno, "make the mount point %s", target);
	target_fd = open_inside(l, target, O_PATH, 0);
	return target_fd < 0 ? error_errno(err, target_fd, "open the mount point %s", target)
			     : target_fd;
}

int mounts_attach_at(const struct launch *l, int mount_fd, const char *target, bool folder,
		     struct error *err)
{
	_cleanup_close_ int target_fd = mounts_open_target(l, target, folder, err);

	return target_fd < 0 ? target_fd : mounts_attach(mount_fd, target_fd, target, err);
}
