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
#define LINKS	   512
#define LINKS_DEEP 40 /* as many links of links are followed: the kernel's own bound */

/* A symbolic link that the session was seen to make. */
struct link {
	char *path; /* NULL: a free place */
	char *text; /* what it says */
	size_t len; /* of the path */
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

static void link_move(struct link *link, char *path)
{
	free(link->path);
	link->path = path;
	link->len = strlen(path);
}

static void link_made(struct claimed_paths *paths, const char *path, const char *text)
{
	struct link *link = &paths->links[paths->next_link++ % LINKS];
	char *said = xstrdup(text); /* it may be that link's own */

	link_forget(link);
	link_move(link, xstrdup(path));
	link->text = said;
}

/* Is it what is there, or below it? */
static bool link_is_below(const struct link *link, const char *path, size_t len)
{
	return link->path && link->len >= len && strncmp(link->path, path, len) == 0 &&
	       (link->path[len] == '/' || !link->path[len]);
}

/* Something else is there now. */
static void place_taken(struct claimed_paths *paths, const char *path)
{
	for (size_t i = 0; i < LINKS; i++) {
		if (link_is_below(&paths->links[i], path, strlen(path)))
			link_forget(&paths->links[i]);
	}
}

/* What a name was renamed to, and with a folder the links below it. */
static void links_renamed(struct claimed_paths *paths, const char *from, const char *to)
{
	const size_t len = strlen(from);

	for (size_t i = 0; i < LINKS; i++) {
		struct link *link = &paths->links[i];

		if (link_is_below(link, from, len))
			link_move(link, xasprintf("%s%s", to, link->path + len));
	}
}

/* What the session's calls, in their order, have done to links. Names are settled. */
static void note_links(struct claimed_paths *paths, const struct action *action)
{
	const char *path = action->path.at, *target = action->target.at;
	const bool renames = str_eq(action->op, STR("rename"));
	struct link *link;

	if (action->result != 0 || path[0] != '/')
		return;
	link = link_find(paths, path);
	if (str_eq(action->op, STR("symlink")) && target[0]) {
		place_taken(paths, path);
		link_made(paths, path, target);
	} else if (str_eq(action->op, STR("mkdir")) || (renames && target[0] != '/')) {
		place_taken(paths, path); /* or it has gone where nobody could read */
	} else if (str_eq(action->op, STR("unlink")) && link) {
		link_forget(link);
	} else if (str_eq(action->op, STR("link")) && link && target[0] == '/') {
		link_made(paths, target, link->text);
	} else if (renames && strcmp(path, target) != 0) {
		place_taken(paths, target);
		links_renamed(paths, path, target);
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

/* A link of the session that the path leads through, with @follow also one that is all of it. */
static const struct link *link_leading(const struct claimed_paths *paths, const char *path,
				       bool follow)
{
	const size_t path_len = strlen(path);

	for (size_t i = 0; i < LINKS; i++) {
		const struct link *link = &paths->links[i];

		if (link->path && link->len <= path_len &&
		    (path[link->len] == '/' || (!path[link->len] && follow)) &&
		    memcmp(path, link->path, link->len) == 0)
			return link;
	}
	return NULL;
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
		const struct link *link;
		size_t folder = 0;

		without_empty_names(paths->expanded[deep % 2]);
		path = without_proc_root(paths->expanded[deep % 2]);
		link = link_leading(paths, path, follow);
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
	return once.at == out && link_leading(paths, out, follow)
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
	note_links(paths, action);
}
