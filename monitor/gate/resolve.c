/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "monitor/gate/walk.h"

#define STATFS_READ_ONLY 1 /* ST_RDONLY: of the mount or of its file system */

int resolve_base(struct target *target, int dirfd)
{
	return dirfd == AT_FDCWD ? target_cwd(target) : target_fd(target, dirfd);
}

int resolve_path(struct target *target, int dirfd, const char *path, unsigned flags, int *ret_fd)
{
	const bool nofollow = flags & AT_SYMLINK_NOFOLLOW;
	const unsigned long long open_flags =
		(unsigned)O_PATH | (unsigned)O_CLOEXEC | (nofollow ? (unsigned)O_NOFOLLOW : 0);
	unsigned long long how = RESOLVE_IN_ROOT;
	_cleanup_close_ int base_fd = -1;
	int start_fd;
	int found_fd;

	if (!path[0] && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	if (path[0] == '/') {
		start_fd = target_root(target);
		if (start_fd < 0)
			return start_fd;
	} else {
		base_fd = resolve_base(target, dirfd);
		if (base_fd < 0)
			return base_fd;
		if (!path[0]) {
			*ret_fd = take_fd(&base_fd);
			return 0;
		}
		start_fd = base_fd;
		how = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
	}
	found_fd = open_beneath(start_fd, path, open_flags, how);
	/* What is missing before any link was met is missing for the child too. */
	if (found_fd == -ENOENT) {
		found_fd = open_beneath(start_fd, path, open_flags, how | RESOLVE_NO_SYMLINKS);
		if (found_fd == -ENOENT)
			return -ENOENT;
	}
	/* Whatever else the quick way could not do, or says is not there, the exact way decides. */
	if (found_fd < 0)
		return walk_path(target, base_fd, path, nofollow, ret_fd);
	*ret_fd = found_fd;
	return 0;
}

static int stat_file(int file_fd, struct statx *ret)
{
	return statx(file_fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		     STATX_TYPE | STATX_NLINK | STATX_INO | STATX_MNT_ID, ret) < 0
		       ? -errno
		       : 0;
}

static bool is_same_file(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
	       a->stx_dev_minor == b->stx_dev_minor && a->stx_mnt_id == b->stx_mnt_id;
}

/* Does the name lead to that very file, seen from the child's root? */
static bool leads_to(struct target *target, const char *path, const struct statx *expected)
{
	const int root_fd = target_root(target);
	struct statx found;

	if (root_fd < 0)
		return false;
	_cleanup_close_ int found_fd = open_beneath(
		root_fd, path, (unsigned)O_PATH | (unsigned)O_CLOEXEC | (unsigned)O_NOFOLLOW,
		RESOLVE_IN_ROOT);

	return found_fd >= 0 && stat_file(found_fd, &found) == 0 && is_same_file(&found, expected);
}

int kernel_name(int file_fd, char *path, size_t size)
{
	const size_t most = size - strlen(UNREACHABLE) - 1;
	char link[32];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", file_fd);
	const ssize_t n = readlink(link, path, most);

	if (n < 0)
		return -errno;
	if ((size_t)n == most)
		return -ENAMETOOLONG;
	path[n] = '\0';
	return 0;
}

void mark_unreachable(char *path)
{
	const size_t mark = strlen(UNREACHABLE);

	memmove(path + mark, path, strlen(path) + 1);
	for (size_t i = 0; i < mark; i++)
		path[i] = UNREACHABLE[i];
}

int resolve_name(struct target *target, int file_fd, char *path, size_t size, bool *ret_reachable,
		 bool *ret_nameless)
{
	struct statx st;
	int r = stat_file(file_fd, &st);

	if (r == 0)
		r = kernel_name(file_fd, path, size);
	if (r < 0)
		return r;
	*ret_nameless = st.stx_nlink == 0;
	*ret_reachable =
		target_strip_root(target, path) && !*ret_nameless && leads_to(target, path, &st);
	if (!*ret_reachable && !*ret_nameless)
		mark_unreachable(path);
	return 0;
}

bool path_is_below(const char *path, const char *folder)
{
	size_t len = folder ? strlen(folder) : 0;

	while (len && folder[len - 1] == '/')
		len--;
	if (!folder || !folder[0] || strncmp(path, folder, len) != 0)
		return false;
	return path[len] == '/' || path[len] == '\0';
}

const char *provenance_name(enum provenance provenance)
{
	switch (provenance) {
	case PROVENANCE_IMAGE:
		return "image";
	case PROVENANCE_WORKSPACE:
		return "workspace";
	case PROVENANCE_SESSION:
		return "session";
	case PROVENANCE_MEMFD:
		return "memfd";
	case PROVENANCE_HOST_BOUND:
		return "host-bound";
	}
	return "session";
}

static int check_image(int file_fd)
{
	struct stat st;

	if (fstat(file_fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	return S_ISREG(st.st_mode) && !is_procfs(file_fd) ? 0 : -EACCES;
}

bool is_read_only(int file_fd)
{
	struct statfs fs;

	return fstatfs(file_fd, &fs) == 0 && (fs.f_flags & STATFS_READ_ONLY);
}

bool path_is_below_any(const char *path, const char *const *folders)
{
	for (; folders && *folders; folders++)
		if (path_is_below(path, *folders))
			return true;
	return false;
}

const char *new_socket_provenance(const char *path, const char *workspace,
				  const char *const *host_bound)
{
	if (path_is_below_any(path, host_bound))
		return provenance_name(PROVENANCE_HOST_BOUND);
	return provenance_name(path_is_below(path, workspace) ? PROVENANCE_WORKSPACE
							      : PROVENANCE_SESSION);
}

bool is_of_image(const struct owners *owners, int file_fd, const char *path)
{
	return owners->writable ? !path_is_below_any(path, owners->writable)
				: is_read_only(file_fd);
}

static enum provenance find_provenance(const struct image *image, const struct owners *owners)
{
	if (path_is_below(image->path, owners->workspace))
		return PROVENANCE_WORKSPACE;
	return is_of_image(owners, image->fd, image->path) ? PROVENANCE_IMAGE : PROVENANCE_SESSION;
}

int resolve_image(struct target *target, int dirfd, const char *path, unsigned flags,
		  const struct owners *owners, struct image *image)
{
	_cleanup_close_ int file_fd = -1;
	bool reachable = false;
	bool nameless = false;
	int r = resolve_path(target, dirfd, path, flags, &file_fd);

	if (r == 0)
		r = check_image(file_fd);
	if (r == 0)
		r = resolve_name(target, file_fd, image->path, sizeof(image->path), &reachable,
				 &nameless);
	if (r < 0)
		return r;
	image->fd = take_fd(&file_fd);
	if (nameless)
		image->provenance = PROVENANCE_MEMFD;
	else if (!reachable)
		image->provenance = PROVENANCE_SESSION;
	else
		image->provenance = find_provenance(image, owners);
	return 0;
}
