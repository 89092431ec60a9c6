/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A minimal /dev: six harmless nodes bound from the host, ptys, queues and shared memory of the
 * session's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/compat/libc.h"
#include "sandbox/launch.h"

static int bind_node(const struct launch *l, const char *name, struct error *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};
	char path[32];
	_cleanup_close_ int tree_fd = -1;
	_cleanup_close_ int target_fd = -1;

	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	tree_fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree_fd < 0)
		return error_errno(err, errno, "open the device %s", path);
	if (mount_setattr(tree_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return error_errno(err, errno, "set the mount flags of %s", path);
	target_fd = mounts_open_target(l, path, false, err);
	return target_fd < 0 ? target_fd : mounts_attach(tree_fd, target_fd, path, err);
}

static int add_pts(const struct launch *l, struct error *err)
{
	/* max: all but the host's own come out of one pool (kernel.pty.max) */
	const char *const options[] = {"ptmxmode", "0666", "mode", "0620", "max", "256", NULL};
	_cleanup_close_ int mount_fd =
		mounts_new("devpts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);
	_cleanup_close_ int target_fd = -1;

	if (mount_fd < 0)
		return mount_fd;
	target_fd = mounts_open_target(l, "/dev/pts", true, err);
	return target_fd < 0 ? target_fd : mounts_attach(mount_fd, target_fd, "/dev/pts", err);
}

static int add_shm(const struct launch *l, uint64_t size_bytes, struct error *err)
{
	char target[] = "/dev/shm";
	const struct spec_mount shm = {
		.target = target, .mode = 01777, .size_bytes = size_bytes, .writable = true};

	return mounts_add_tmpfs(l, &shm, err);
}

/*
 * The POSIX queues of the session's own IPC namespace. mq_open(2) does without this mount; it is
 * here for Landlock, which needs a folder of the view to allow them by. A kernel may be without.
 */
static int add_mqueue(const struct launch *l, struct error *err)
{
	_cleanup_close_ int mount_fd = mounts_new(
		"mqueue", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
	_cleanup_close_ int target_fd = -1;

	if (mount_fd < 0)
		return mount_fd == -ENODEV ? 0 : mount_fd;
	target_fd = mounts_open_target(l, "/dev/mqueue", true, err);
	return target_fd < 0 ? target_fd : mounts_attach(mount_fd, target_fd, "/dev/mqueue", err);
}

static int add_links(int dev_fd, struct error *err)
{
	static const char *const links[][2] = {{"pts/ptmx", "ptmx"},
					       {"/proc/self/fd", "fd"},
					       {"/proc/self/fd/0", "stdin"},
					       {"/proc/self/fd/1", "stdout"},
					       {"/proc/self/fd/2", "stderr"}};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlinkat(links[i][0], dev_fd, links[i][1]) < 0)
			return error_errno(err, errno, "make the symlink /dev/%s", links[i][1]);
	return 0;
}

/* Its own folder on the root tmpfs, which is made read-only with it at the end. */
int mounts_add_dev(struct launch *l, const struct spec_mount *m, struct error *err)
{
	static const char *const nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
	_cleanup_close_ int dev_fd = mounts_open_target(l, m->target, true, err);
	int r = dev_fd < 0 ? dev_fd : add_links(dev_fd, err);

	for (size_t i = 0; !r && i < sizeof(nodes) / sizeof(nodes[0]); i++)
		r = bind_node(l, nodes[i], err);
	if (!r)
		r = add_pts(l, err);
	if (!r)
		r = add_mqueue(l, err);
	return r ? r : add_shm(l, m->size_bytes, err);
}
