/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/session/claimed_paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

#define NAME_ROOM  (MAX_PATH_BYTES + 16)
#define ROOTS_MOST 8
#define LINKS	   32
#define LINKS_DEEP 8 /* as many links of links are followed */

/* A symbolic link that the session was seen to make. */
struct link {
	char *path; /* NULL: a free place */
	char *text; /* what it says */
};

struct claimed_paths {
	int root_fd;
	size_t root_len; /* of the root's name in our view of mounts; 0 if that is "/" */
	char root[NAME_ROOM];
	/* The last folder and what it came to: who removes a tree names few folders and many files.
	 */
	char folder[MAX_PATH_BYTES];
	char folder_name[NAME_ROOM];
	/* The last ones made: it may be gone again by the time that the trace is read. */
	struct link links[LINKS];
	unsigned next_link;
	char path[2][2 * NAME_ROOM];
	char expanded[2][2 * NAME_ROOM];
};

static void link_forget(struct link *link)
{
	free(link->path);
	free(link->text);
	*link = (struct link){0};
}

static struct link *link_find(struct claimed_paths *paths, const char *path)
{
	for (size_t i = 0; i < LINKS; i++) {
		if (paths->links[i].path && strcmp(paths->links[i].path, path) == 0)
			return &paths->links[i];
	}
	return NULL;
}

static bool is_below(const char *path, const char *folder, size_t len)
{
	return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* Something else is there now, of which nothing is known. */
static void place_taken(struct claimed_paths *paths, const char *path)
{
	const size_t len = strlen(path);

	for (size_t i = 0; i < LINKS; i++) {
		struct link *link = &paths->links[i];

		if (link->path &&
		    (strcmp(link->path, path) == 0 || is_below(link->path, path, len)))
			link_forget(link);
	}
}

static void link_made(struct claimed_paths *paths, const char *path, const char *text)
{
	struct link *link = &paths->links[paths->next_link++ % LINKS];

	link_forget(link);
	link->path = xstrdup(path);
	link->text = xstrdup(text);
}

/* The link itself, or the folder that it is in. */
static void links_moved(struct claimed_paths *paths, const char *from, const char *to)
{
	const size_t len = strlen(from);

	for (size_t i = 0; i < LINKS; i++) {
		struct link *link = &paths->links[i];
		char *old = link->path;

		if (!old || (strcmp(old, from) != 0 && !is_below(old, from, len)))
			continue;
		link->path = xasprintf("%s%s", to, old + len);
		free(old);
	}
}

/* What the session's calls, in their order, have done to links. Names are settled. */
static void note_links(struct claimed_paths *paths, const struct action *action)
{
	const char *path = action->path.at;
	const char *target = action->target.at;
	struct link *link;

	if (action->result != 0 || path[0] != '/')
		return;
	if (str_eq(action->op, STR("symlink")) && target[0]) {
		place_taken(paths, path);
		link_made(paths, path, target);
	} else if (str_eq(action->op, STR("mkdir"))) {
		place_taken(paths, path);
	} else if (str_eq(action->op, STR("rename")) && target[0] != '/') {
		place_taken(paths, path);
	} else if (str_eq(action->op, STR("rename")) && strcmp(path, target) != 0) {
		place_taken(paths, target);
		links_moved(paths, path, target);
	} else if (str_eq(action->op, STR("unlink")) && (link = link_find(paths, path))) {
		link_forget(link);
	}
}

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
	for (size_t i = 0; paths && i < LINKS; i++)
		link_forget(&paths->links[i]);
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

/* The path with what links of the session said in it. Return: that, or @path itself. */
static const char *expanded(struct claimed_paths *paths, const char *path, bool follow)
{
	for (unsigned deep = 0, i = 0; deep < LINKS_DEEP && i < LINKS; i++) {
		const struct link *link = &paths->links[i];
		const size_t len = link->path ? strlen(link->path) : 0;

		if (!len || strncmp(path, link->path, len) != 0 ||
		    (path[len] != '/' && (path[len] || !follow)))
			continue;
		char *out = paths->expanded[deep++ % 2];
		const int folder =
			link->text[0] == '/' ? 0 : (int)(strrchr(link->path, '/') - link->path) + 1;

		(void)snprintf(out, sizeof(paths->expanded[0]), "%.*s%s%s", folder, link->path,
			       link->text, path + len);
		path = out;
		i = UINT_MAX; /* from the first one again */
	}
	return path;
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

static struct str settled(struct claimed_paths *paths, struct str claimed, bool follow, char *out)
{
	const char *path = expanded(paths, without_proc_root(claimed.at ? claimed.at : ""), follow);
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
	/* What the kernel tells counts, too: of links it may have told only how they began. */
	note_links(paths, action);
}
