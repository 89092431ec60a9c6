/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The view: a tmpfs as new root, everything of the spec attached below it, then the old root is
 * taken away.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "sandbox/compat/libc.h"
#include "sandbox/launch.h"

/*
 * A workbench over any folder of the host that is always there: the new root hangs in it until it
 * is one, and so do an overlay's layers while it is made. All of it goes with the host's root, by
 * one umount: each takes an RCU grace period.
 */
#define BENCH	 "/tmp"
#define NEW_ROOT BENCH "/root"
#define LOWER	 BENCH "/lower"
#define LAYERS	 BENCH "/layers"

static int add_symlink(const struct launch *l, const struct spec_mount *m, struct error *err)
{
	const char *leaf;
	_cleanup_close_ int parent_fd = mounts_open_parent(l, m->target, &leaf, err);

	if (parent_fd < 0)
		return parent_fd;
	if (symlinkat(m->text, parent_fd, leaf) < 0)
		return error_errno(err, errno, "make the symlink %s", m->target);
	return 0;
}

static int add_file(const struct launch *l, const struct spec_mount *m, struct error *err)
{
	const char *leaf;
	const size_t len = strlen(m->text);
	_cleanup_close_ int parent_fd = mounts_open_parent(l, m->target, &leaf, err);
	_cleanup_close_ int file_fd = -1;

	if (parent_fd < 0)
		return parent_fd;
	file_fd = openat(parent_fd, leaf, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, m->mode);
	if (file_fd < 0 || write(file_fd, m->text, len) != (ssize_t)len)
		return error_errno(err, errno, "write %s in the session's view", m->target);
	return 0;
}

/* What the file holds now; it may have grown since the plan. */
static int add_copy(const struct launch *l, const struct spec_mount *m, const struct source *from,
		    struct error *err)
{
	const char *leaf;
	_cleanup_close_ int parent_fd = -1;
	_cleanup_close_ int file_fd = -1;
	size_t left = SPEC_MAX_COPY;
	ssize_t n = 1;

	if (from->tree_fd < 0)
		return 0; /* optional, and not there */
	parent_fd = mounts_open_parent(l, m->target, &leaf, err);
	if (parent_fd < 0)
		return parent_fd;
	file_fd = openat(parent_fd, leaf, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, m->mode);
	while (file_fd >= 0 && left && n > 0) {
		n = sendfile(file_fd, from->tree_fd, NULL, left);
		left -= n > 0 ? (size_t)n : 0;
	}
	if (file_fd < 0 || n < 0)
		return error_errno(err, errno, "copy %s into the session's view", m->source);
	if (!left)
		return error_set(err, EFBIG, "%s is over %u bytes, too many for a copy", m->source,
				 SPEC_MAX_COPY);
	return 0;
}

static int add_bind(const struct launch *l, const struct spec_mount *m, const struct source *from,
		    struct error *err)
{
	struct stat st;

	if (from->tree_fd < 0)
		return 0; /* optional, and not there */
	if (fstat(from->tree_fd, &st) < 0)
		return error_errno(err, errno, "look at %s", m->source);
	return mounts_attach_at(l, from->tree_fd, m->target, S_ISDIR(st.st_mode), err);
}

/* A file of no bytes takes memory too: the number of them is bounded by the size. */
#define TMPFS_BYTES_PER_FILE 16384u
#define TMPFS_LEAST_FILES    1024u

int mounts_add_tmpfs(const struct launch *l, const struct spec_mount *m, struct error *err)
{
	const uint64_t files = m->size_bytes / TMPFS_BYTES_PER_FILE + TMPFS_LEAST_FILES;
	char mode[16];
	char size[32];
	char inodes[32];
	const char *const options[] = {
		"mode", mode, m->size_bytes ? "size" : NULL, size, "nr_inodes", inodes, NULL};
	_cleanup_close_ int mount_fd = -1;

	(void)snprintf(mode, sizeof(mode), "%o", m->mode ? m->mode : 0755);
	(void)snprintf(size, sizeof(size), "%" PRIu64, m->size_bytes);
	(void)snprintf(inodes, sizeof(inodes), "%" PRIu64, files);
	mount_fd = mounts_new(
		"tmpfs", options,
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (m->writable ? 0 : MOUNT_ATTR_RDONLY), err);
	return mount_fd < 0 ? mount_fd : mounts_attach_at(l, mount_fd, m->target, true, err);
}

/* On the workbench, outside the view. */
static int hang(int mount_fd, const char *path, struct error *err)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_errno(err, errno, "make %s to work in", path);
	if (move_mount(mount_fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_errno(err, errno, "hang a mount at %s", path);
	return 0;
}

static int add_overlay(const struct launch *l, const struct spec_mount *m,
		       const struct source *from, struct error *err)
{
	char upper[MAX_PATH_BYTES];
	char work[MAX_PATH_BYTES];
	/*
	 * volatile: without it the end of every session syncs the whole file system of the state
	 * folder and waits for it. The layer is as durable as any file that nobody synced.
	 */
	/* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): joined on purpose */
	const char *const options[] = {"lowerdir",  LOWER, "upperdir", upper, "workdir", work,
				       "userxattr", NULL,  "volatile", NULL,  NULL};
	_cleanup_close_ int mount_fd = -1;
	int r;

	/* The overlay keeps a hold of its own on its layers. */
	(void)snprintf(upper, sizeof(upper), LAYERS "/%s", strrchr(m->upper, '/') + 1);
	(void)snprintf(work, sizeof(work), LAYERS "/%s", strrchr(m->work, '/') + 1);
	r = hang(from->tree_fd, LOWER, err);
	if (!r)
		r = hang(from->layers_fd, LAYERS, err);
	if (r < 0)
		return r;
	mount_fd = mounts_new("overlay", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
	if (mount_fd < 0)
		return error_prefix(err,
				    "copy-on-write workspace %s (its file system or the state "
				    "folder's cannot be layered? use :ro or :live)",
				    m->source);
	return mounts_attach_at(l, mount_fd, m->target, true, err);
}

static int add_proc(const struct launch *l, const struct spec_mount *m, struct error *err)
{
	_cleanup_close_ int mount_fd = mounts_new(
		"proc", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);

	if (mount_fd == -EPERM)
		return error_prefix(
			err, "a fresh /proc is refused because parts of this one are covered "
			     "(a container with masked paths?); start that container with "
			     "an unmasked /proc");
	return mount_fd < 0 ? mount_fd : mounts_attach_at(l, mount_fd, m->target, true, err);
}

static int add_mount(struct launch *l, const struct spec_mount *m, const struct source *from,
		     struct error *err)
{
	switch (m->kind) {
	case MOUNT_BIND:
		return add_bind(l, m, from, err);
	case MOUNT_OVERLAY:
		return add_overlay(l, m, from, err);
	case MOUNT_TMPFS:
		return mounts_add_tmpfs(l, m, err);
	case MOUNT_PROC:
		return add_proc(l, m, err);
	case MOUNT_DEV:
		return mounts_add_dev(l, m, err);
	case MOUNT_SYMLINK:
		return add_symlink(l, m, err);
	case MOUNT_FILE:
		return add_file(l, m, err);
	case MOUNT_COPY:
		return add_copy(l, m, from, err);
	}
	return error_set(err, EINVAL, "mount of unknown kind %d", (int)m->kind);
}

int mounts_make_root(struct launch *l, struct error *err)
{
	const char *const options[] = {"mode", "0755", "size", "16m", NULL};
	_cleanup_close_ int bench_fd = -1;
	_cleanup_close_ int mount_fd = -1;
	int r;

	/* Nothing that is mounted here may travel back, and nothing from outside in. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_errno(err, errno, "make the session's mounts private");
	if (!l->range) {
		r = sources_open(l, err);
		if (r < 0)
			return r;
	}
	bench_fd = mounts_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
	if (bench_fd < 0)
		return bench_fd;
	if (move_mount(bench_fd, "", AT_FDCWD, BENCH, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_errno(err, errno, "hang the new root in %s", BENCH);
	mount_fd = mounts_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
	if (mount_fd < 0)
		return mount_fd;
	r = hang(mount_fd, NEW_ROOT, err);
	if (!r)
		l->root_fd = take_fd(&mount_fd);
	return r;
}

/* Return: length of the one of these folders that @path is or is below; 0 if none. */
static size_t system_folder(const char *path)
{
	static const char *const folders[] = {"/usr", "/etc",	"/bin",	  "/sbin",
					      "/lib", "/lib32", "/lib64", "/libx32"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		const size_t len = strlen(folders[i]);

		if (!strncmp(path, folders[i], len) && (path[len] == '/' || !path[len]))
			return len;
	}
	return 0;
}

/* Programs and settings of the host: none but its root makes a socket there. What is below one of
 * these folders may be a link that leads elsewhere, as /usr/tmp does. */
static bool is_system(const char *source)
{
	const size_t len = system_folder(source);
	_cleanup_free_ char *path = NULL;

	if (!len || !source[len])
		return len;
	path = realpath(source, NULL);
	return path && system_folder(path);
}

/*
 * A socket is found by its path, whatever the network namespace, and no mount is read-only to who
 * connects. An overlay has inodes of its own, behind which nobody listens.
 */
static bool may_hold_sockets(const struct spec_mount *m, int tree_fd)
{
	struct stat st;

	return m->kind == MOUNT_BIND && !is_system(m->source) &&
	       (fstat(tree_fd, &st) < 0 || !S_ISREG(st.st_mode));
}

int mounts_build_view(struct launch *l, struct error *err)
{
	unsigned bound = 0;
	unsigned shown = 0;

	for (size_t i = 0; i < l->spec.mount_count; i++) {
		const struct spec_mount *m = &l->spec.mounts[i];
		const int r = add_mount(l, m, &l->sources[i], err);

		if (r < 0)
			return r;
		/* What is written there, the host has at once. */
		if (l->sources[i].tree_fd < 0)
			continue;
		if (m->kind == MOUNT_BIND && m->writable)
			launch_say(l, "bound.%u=%s", ++bound, m->target);
		else if (may_hold_sockets(m, l->sources[i].tree_fd))
			launch_say(l, "shown.%u=%s", ++shown, m->target);
	}
	sources_close(l);
	return 0;
}

int mounts_pivot(struct launch *l, struct error *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	if (fchdir(l->root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return error_errno(err, errno, "change to the session's root");
	/* The old root now covers the new one; without it nothing of the host is left. */
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return error_errno(err, errno, "take the host's root out of the view");
	if (mount_setattr(l->root_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return error_errno(err, errno, "make the session's root read-only");
	close_fd(&l->root_fd);
	launch_say(l, "mount=on");
	return 0;
}

int mounts_fresh_proc(struct error *err)
{
	_cleanup_close_ int mount_fd = mounts_new(
		"proc", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
	_cleanup_close_ int target_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (mount_fd < 0)
		return mount_fd;
	return mounts_attach(mount_fd, target_fd, "/proc", err);
}
