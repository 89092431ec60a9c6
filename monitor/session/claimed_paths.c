/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/session/claimed_paths.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/limits.h"
#include "monitor/gate/resolve.h"
#include "monitor/session/made_links.h"

#define NAME_ROOM  (MAX_PATH_BYTES + 16)
#define ROOTS_MOST 8
#define LINKS_DEEP 40 /* as many links of links are followed: the kernel's own bound */

struct claimed_paths {
	int root_fd;
	size_t root_len; /* of the root's name in our view of mounts; 0 if that is "/" */
	char root[NAME_ROOM];
	/* The last folder and what it came to: who removes a tree names few folders and many files.
	 */
	char folder[MAX_PATH_BYTES];
	char folder_name[NAME_ROOM];
	struct made_links links;
	char path[2][2 * NAME_ROOM];
	char expanded[2][2 * NAME_ROOM];
};

struct claimed_paths *claimed_paths_new(int root_fd)
{
	struct claimed_paths *paths = xcalloc(1, sizeof(*paths));

	paths->root_fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
	if (paths->root_fd < 0 || kernel_name(paths->root_fd, paths->root, NAME_ROOM) < 0)
		return claimed_paths_free(paths);
	if (strcmp(paths->root, "/") != 0)
		paths->root_len = strlen(paths->root);
	return paths;
}

struct claimed_paths *claimed_paths_free(struct claimed_paths *paths)
{
	if (paths && paths->root_fd >= 0)
		(void)close(paths->root_fd);
	if (paths)
		made_links_done(&paths->links);
	free(paths);
	return NULL;
}

/* Inside, /proc/PID/root is the root of the view, whoever that is; a magic link is not followed
 * here. */
static const char *without_proc_root(const char *path)
{
	for (int i = 0; i < ROOTS_MOST && strncmp(path, "/proc/", 6) == 0; i++) {
		const char *rest = path + 6;

		if (strncmp(rest, "self/", 5) == 0)
			rest += 4;
		else if (strncmp(rest, "thread-self/", 12) == 0)
			rest += 11;
		else
			rest += strspn(rest, "0123456789");
		if (rest > path + 6 && strncmp(rest, "/task/", 6) == 0)
			rest += 6 + strspn(rest + 6, "0123456789");
		if (rest == path + 6 || strncmp(rest, "/root/", 6) != 0)
			break;
		path = rest + 5;
	}
	return path;
}

/* Is it about this process? With isolation lite the session has the same /proc. */
static bool is_own(const char *path)
{
	char own[32];
	const int len = snprintf(own, sizeof(own), "/proc/%d", (int)getpid());

	return strncmp(path, own, (size_t)len) == 0 && (path[len] == '/' || !path[len]);
}

/* The name that what is there has inside. Return: 0, or a negative errno. */
static int name_of(const struct claimed_paths *paths, const char *path, bool is_folder, char *ret)
{
	const struct open_how how = {
		.flags = (uint64_t)(O_PATH | O_CLOEXEC | (is_folder ? O_DIRECTORY : 0)),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_close_ int found_fd =
		(int)syscall(SYS_openat2, paths->root_fd, path, &how, sizeof(how));
	int r;

	if (found_fd < 0)
		return -errno;
	r = kernel_name(found_fd, ret, NAME_ROOM);
	if (r < 0)
		return r;
	if (is_own(ret) && !is_own(path))
		return -EXDEV; /* by /proc/self, which is somebody else to who called */
	if (strncmp(ret, paths->root, paths->root_len) != 0)
		return -EXDEV;
	memmove(ret, ret + paths->root_len, strlen(ret + paths->root_len) + 1);
	return ret[0] == '/' || !ret[0] ? 0 : -EXDEV;
}

/* "//" and "/./" are "/". */
static void without_empty_names(char *path)
{
	char *to = path;

	for (const char *from = path; *from;) {
		if (from[0] == '/' && from[1] == '/')
			from++;
		else if (strncmp(from, "/./", 3) == 0)
			from += 2;
		else
			*to++ = *from++;
	}
	*to = '\0';
}

/* The path with what links of the session said in it, and without what leads nowhere else. */
static const char *expanded(struct claimed_paths *paths, const char *path, bool follow)
{
	const size_t room = sizeof(paths->expanded[0]);

	if (strlen(path) >= room)
		return path;
	(void)snprintf(paths->expanded[0], room, "%s", path);
	for (unsigned deep = 0;; deep++) {
		char *out = paths->expanded[(deep + 1) % 2];
		const struct made_link *link;
		size_t folder = 0;

		without_empty_names(paths->expanded[deep % 2]);
		path = without_proc_root(paths->expanded[deep % 2]);
		link = made_links_leading(&paths->links, path, follow);
		if (!link || deep == LINKS_DEEP)
			return path;
		if (link->text[0] != '/')
			folder = (size_t)(strrchr(link->path, '/') - link->path) + 1;
		(void)snprintf(out, room, "%.*s%s%s", (int)folder, link->path, link->text,
			       path + link->len);
	}
}

static bool is_dots(const char *name, size_t len)
{
	return len <= 2 && strspn(name, ".") >= len;
}

/*
 * The name of the deepest folder before @end that is there. Return: the length of what of the path
 * led there, or 0: it cannot be told.
 */
static size_t known_folder(struct claimed_paths *paths, const char *path, size_t end)
{
	while (end > 0 && end < sizeof(paths->folder)) {
		size_t last;

		while (end > 1 && path[end - 1] == '/')
			end--;
		if (strncmp(paths->folder, path, end) == 0 && !paths->folder[end])
			return end;
		memcpy(paths->folder, path, end);
		paths->folder[end] = '\0';
		if (name_of(paths, paths->folder, true, paths->folder_name) == 0)
			return end;
		paths->folder[0] = '\0';
		for (last = end; last > 0 && path[last - 1] != '/'; last--)
			;
		if (is_dots(path + last, end - last))
			return 0;
		end = last;
	}
	return 0;
}

/* Return: @claimed, or what is in @out. */
static struct str settled_once(struct claimed_paths *paths, struct str claimed, bool follow,
			       char *out)
{
	const char *path = expanded(paths, claimed.at ? claimed.at : "", follow);
	size_t len = strlen(path), start, known;

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (path[0] != '/' || len == 1)
		return claimed;
	if (follow && name_of(paths, path, false, out) == 0 && out[0])
		return str_of(out);
	for (start = len; path[start - 1] != '/'; start--)
		;
	if (is_dots(path + start, len - start))
		return claimed;
	known = known_folder(paths, path, start);
	if (!known)
		return claimed;
	for (known += path[known] == '/'; known < len && path[known] == '/'; known++)
		;
	(void)snprintf(out, sizeof(paths->path[0]), "%s/%.*s",
		       strcmp(paths->folder_name, "/") == 0 ? "" : paths->folder_name,
		       (int)(len - known), path + known);
	return str_of(out);
}

static struct str settled(struct claimed_paths *paths, struct str claimed, bool follow, char *out)
{
	const struct str once = settled_once(paths, claimed, follow, out);

	/* Behind a ".." there may be a link that is gone again. */
	return once.at == out && made_links_leading(&paths->links, out, follow)
		       ? settled_once(paths, once, follow, out)
		       : once;
}

/* May what was a way to a folder be another now? */
static bool moves_folders(const struct action *action)
{
	static const char *const moves[] = {"rename", "symlink", "mkdir", "rmdir"};

	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		if (str_eq(action->op, str_of(moves[i])))
			return action->result == 0;
	}
	return false;
}

void claimed_paths_settle(struct claimed_paths *paths, bool follow, struct action *action)
{
	if (!paths)
		return;
	if (moves_folders(action))
		paths->folder[0] = '\0';
	if (action->claimed) {
		action->path = settled(paths, action->path, follow, paths->path[0]);
		/* What a symbolic link says is a text. */
		if (action->target.len && !str_eq(action->op, STR("symlink")))
			action->target = settled(paths, action->target, false, paths->path[1]);
	}
	/* What the kernel told counts, too: it may be the end of a link that began as a claim. */
	made_links_note(&paths->links, action);
}
