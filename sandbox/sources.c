/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources of binds and overlays, as detached mounts with their flags and ids already set.
 *
 * For root P opens them: the init runs as an id that may not enter the host's folders. For an
 * ordinary user the init does, since detaching needs the capabilities of its own namespaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/compat/libc.h"
#include "sandbox/launch.h"

/* The folder that holds upper and work; one mount must hold both. */
static int layers_folder(const struct spec_mount *m, char **ret, struct error *err)
{
	const char *upper_end = strrchr(m->upper, '/');
	const char *work_end = strrchr(m->work, '/');

	if (upper_end - m->upper != work_end - m->work || upper_end == m->upper ||
	    strncmp(m->upper, m->work, (size_t)(upper_end - m->upper)) != 0)
		return error_set(err, EINVAL,
				 "overlay %s: upper %s and work %s must be in one folder",
				 m->target, m->upper, m->work);
	*ret = xstrndup(m->upper, (size_t)(upper_end - m->upper));
	return 0;
}

static int make_folder(const char *path, const struct stat *like, mode_t mode, bool owned,
		       struct error *err)
{
	struct stat made;

	if ((mkdir(path, mode) < 0 && errno != EEXIST) || lstat(path, &made) < 0)
		return error_errno(err, errno, "create %s for the session's changes", path);
	/* Only what differs: each of these is a write to the disk. */
	if (owned && (made.st_uid != like->st_uid || made.st_gid != like->st_gid) &&
	    lchown(path, like->st_uid, like->st_gid) < 0)
		return error_errno(err, errno, "give %s to the owner of the workspace", path);
	if ((made.st_mode & 07777) != mode && chmod(path, mode) < 0)
		return error_errno(err, errno, "set the mode of %s", path);
	return 0;
}

static int make_layers_of(const struct launch *l, const struct spec_mount *m, struct error *err)
{
	_cleanup_free_ char *folder = NULL;
	struct stat lower;
	int r = layers_folder(m, &folder, err);

	if (!folder)
		return r;
	if (stat(m->source, &lower) < 0)
		return error_errno(err, errno, "workspace %s", m->source);
	r = make_folder(folder, &lower, 0700, l->range, err);
	if (!r)
		r = make_folder(m->upper, &lower, lower.st_mode & 0777, l->range, err);
	if (!r)
		r = make_folder(m->work, &lower, 0700, l->range, err);
	return r;
}

int sources_make_layers(const struct launch *l, struct error *err)
{
	for (size_t i = 0; i < l->spec.mount_count; i++) {
		int r;

		if (l->spec.mounts[i].kind != MOUNT_OVERLAY)
			continue;
		r = make_layers_of(l, &l->spec.mounts[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int set_attributes(struct launch *l, int tree_fd, const char *path,
			  const struct spec_mount *m, bool writable, struct error *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
	int map_fd = -1; /* borrowed */
	unsigned flags = AT_EMPTY_PATH | AT_RECURSIVE;
	struct stat st;

	if (!writable)
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	if (m->idmap && l->range) {
		if (fstat(tree_fd, &st) < 0)
			return error_errno(err, errno, "look at %s", path);
		map_fd = userns_idmap(l, st.st_uid, st.st_gid, err);
		if (map_fd < 0)
			return map_fd;
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (unsigned)map_fd;
		flags = AT_EMPTY_PATH;
	}
	if (mount_setattr(tree_fd, "", flags, &attr, sizeof(attr)) == 0)
		return 0;
	if (map_fd >= 0 && errno == EINVAL)
		return error_set(
			err, EOPNOTSUPP,
			"%s: its file system cannot map ids, so its files would not belong "
			"to the session's user; run cordon as the owner of %s instead of "
			"root, or use a copy on a local disk",
			path, path);
	return error_errno(err, errno, "set the mount flags of %s", path);
}

static int open_tree_of(struct launch *l, const char *path, const struct spec_mount *m,
			bool writable, struct error *err)
{
	/* An id map cannot be put on everything that may be mounted below; those stay outside. */
	const unsigned recursive = m->idmap && l->range ? 0 : AT_RECURSIVE;
	_cleanup_close_ int tree_fd =
		open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
	int r;

	if (tree_fd < 0)
		return m->optional && errno == ENOENT
			       ? -ENOENT
			       : error_errno(err, errno, "open %s for the session's view", path);
	r = set_attributes(l, tree_fd, path, m, writable, err);
	return r < 0 ? r : take_fd(&tree_fd);
}

/* Of a copy: the file itself. Never blocks, also if something else has taken its place. */
static int open_file(const struct spec_mount *m, int *ret_fd, struct error *err)
{
	_cleanup_close_ int file_fd =
		open(m->source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (file_fd < 0 && errno == ENOENT && m->optional)
		return 0;
	if (file_fd < 0 || fstat(file_fd, &st) < 0)
		return error_errno(err, errno, "open %s for the session's view", m->source);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "%s is no file that can be copied", m->source);
	*ret_fd = take_fd(&file_fd);
	return 0;
}

static int open_one(struct launch *l, size_t i, struct error *err)
{
	const struct spec_mount *m = &l->spec.mounts[i];
	_cleanup_free_ char *folder = NULL;
	int r;

	if (m->kind == MOUNT_COPY)
		return open_file(m, &l->sources[i].tree_fd, err);
	if (m->kind != MOUNT_BIND && m->kind != MOUNT_OVERLAY)
		return 0;
	r = open_tree_of(l, m->source, m, m->kind == MOUNT_BIND && m->writable, err);
	if (r == -ENOENT && m->optional)
		return 0;
	if (r < 0)
		return r;
	l->sources[i].tree_fd = r;
	if (m->kind == MOUNT_BIND)
		return 0;
	r = layers_folder(m, &folder, err);
	if (!r)
		r = open_tree_of(l, folder, m, true, err);
	if (r < 0)
		return r;
	l->sources[i].layers_fd = r;
	return 0;
}

int sources_open(struct launch *l, struct error *err)
{
	for (size_t i = 0; i < l->spec.mount_count; i++) {
		const int r = open_one(l, i, err);

		if (r < 0)
			return r;
	}
	return 0;
}

void sources_close(struct launch *l)
{
	for (size_t i = 0; i < l->spec.mount_count; i++) {
		close_fd(&l->sources[i].tree_fd);
		close_fd(&l->sources[i].layers_fd);
	}
	close_fd(&l->id_map.ns_fd);
}
