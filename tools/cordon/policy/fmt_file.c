/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/policy/fmt_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/limits.h"

/* ---- which ---- */

static bool is_ours(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot &&
	       (strcmp(dot, ".json") == 0 || strcmp(dot, ".cases") == 0);
}

static void add_name(struct fmt_names *names, char *owned_path)
{
	names->paths = xrealloc_array(names->paths, names->count + 1, sizeof(char *));
	names->paths[names->count++] = owned_path;
}

static int by_path(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;

	return strcmp(*x, *y);
}

int fmt_names_find(const char *path, struct fmt_names *ret, struct error *err)
{
	const struct dirent *entry;
	struct stat st;
	DIR *dir;

	if (stat(path, &st) < 0)
		return error_errno(err, errno, "cannot open %s", path);
	if (!S_ISDIR(st.st_mode)) {
		add_name(ret, xstrdup(path));
		return 0;
	}
	dir = opendir(path);
	if (!dir)
		return error_errno(err, errno, "cannot open folder %s", path);
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		if (is_ours(entry))
			add_name(ret, xasprintf("%s/%s", path, entry->d_name));
	}
	if (errno) {
		(void)error_errno(err, errno, "cannot read folder %s", path);
		(void)closedir(dir);
		return err->code;
	}
	(void)closedir(dir);
	if (!ret->count)
		return error_set(err, ENOENT, "%s: no *.json or *.cases in it", path);
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): sorts pointers */
	qsort(ret->paths, ret->count, sizeof(char *), by_path);
	return 0;
}

void fmt_names_done(struct fmt_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->paths[i]);
	free(names->paths);
}

/* ---- reading ---- */

int fmt_read(FILE *from, const char *name, struct buf *ret, struct error *err)
{
	for (;;) {
		char *at = buf_reserve(ret, 65536);
		size_t n;

		if (!at || ret->len > MAX_JSON_BYTES)
			return error_set(err, E2BIG, "%s: more than %u bytes", name,
					 MAX_JSON_BYTES);
		n = fread(at, 1, 65536, from);
		ret->len += n;
		if (ferror(from))
			return error_errno(err, errno, "cannot read %s", name);
		if (!n)
			return 0;
	}
}

int fmt_file_read(const char *path, struct fmt_file *ret, struct error *err)
{
	FILE *stream;
	int copy;
	int r;

	*ret = (struct fmt_file){.fd = -1, .text = BUF_INIT(MAX_JSON_BYTES + 65536)};
	ret->path = realpath(path, NULL);
	if (ret->path)
		ret->fd = open(ret->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (ret->fd < 0 || fstat(ret->fd, &ret->st) < 0)
		return error_errno(err, errno, "cannot open %s", path);
	if (!S_ISREG(ret->st.st_mode))
		return error_set(err, EINVAL, "%s: not a file", path);
	copy = fcntl(ret->fd, F_DUPFD_CLOEXEC, 0);
	stream = copy < 0 ? NULL : fdopen(copy, "r");
	if (!stream)
		return error_errno(err, errno, "cannot read %s", path);
	r = fmt_read(stream, path, &ret->text, err);
	(void)fclose(stream);
	return r;
}

void fmt_file_done(struct fmt_file *file)
{
	if (file->fd >= 0)
		(void)close(file->fd);
	free(file->path);
	buf_done(&file->text);
}

/* ---- replacing ---- */

static int write_all(int fd, const struct buf *text)
{
	for (size_t at = 0; at < text->len;) {
		const ssize_t n = write(fd, text->data + at, text->len - at);

		if (n < 0 && errno != EINTR)
			return -1;
		at += n < 0 ? 0 : (size_t)n;
	}
	return 0;
}

/* Access control lists are among them. */
static int copy_attributes(int from, int to)
{
	char names[XATTR_LIST_MAX / 8];
	const ssize_t len = flistxattr(from, names, sizeof(names));

	if (len < 0)
		return errno == ENOTSUP ? 0 : -1;
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		char value[4096];
		const ssize_t n = fgetxattr(from, name, value, sizeof(value));

		/* Those of the security module are its own to give. */
		if (strncmp(name, "security.", 9) == 0)
			continue;
		if (n < 0 || fsetxattr(to, name, value, (size_t)n, 0) < 0)
			return -1;
	}
	return 0;
}

/* Owner first: giving a file away clears bits of its mode. */
static int make_alike(int new_fd, const struct fmt_file *file, struct error *err)
{
	const struct stat *st = &file->st;

	if (fchown(new_fd, st->st_uid, st->st_gid) < 0)
		return error_errno(
			err, errno,
			"cannot give the new %s to its owner %u:%u; run it as that user, or "
			"use --stdout",
			file->path, (unsigned)st->st_uid, (unsigned)st->st_gid);
	if (fchmod(new_fd, st->st_mode & 07777) < 0 || copy_attributes(file->fd, new_fd) < 0)
		return error_errno(err, errno,
				   "cannot give the new %s the mode and attributes of "
				   "the old",
				   file->path);
	return 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int put_in_place(const struct fmt_file *file, int new_fd, const char *new_path,
			const struct buf *text, struct error *err)
{
	struct stat now;
	int r;

	if (write_all(new_fd, text) < 0)
		return error_errno(err, errno, "cannot write %s", new_path);
	r = make_alike(new_fd, file, err);
	if (r < 0)
		return r;
	if (fsync(new_fd) < 0)
		return error_errno(err, errno, "cannot write %s", new_path);
	if (lstat(file->path, &now) < 0 || !is_same(&now, &file->st))
		return error_set(err, ESTALE, "%s was changed meanwhile; it is left as it is",
				 file->path);
	if (rename(new_path, file->path) < 0)
		return error_errno(err, errno, "cannot replace %s", file->path);
	return 0;
}

int fmt_file_replace(const struct fmt_file *file, const struct buf *text, struct error *err)
{
	_cleanup_free_ char *of = xstrdup(file->path);
	_cleanup_free_ char *new_path = xasprintf("%s/.cordon-fmt.XXXXXX", dirname(of));
	_cleanup_close_ int fd = -1;
	int r;

	if (file->st.st_nlink > 1)
		return error_set(err, EMLINK,
				 "%s has %u names, of which one would be replaced; use --stdout",
				 file->path, (unsigned)file->st.st_nlink);
	fd = mkostemp(new_path, O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "cannot create a file beside %s", file->path);
	r = put_in_place(file, fd, new_path, text, err);
	if (r < 0)
		(void)unlink(new_path);
	return r;
}
