/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/session/made_links.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

static void link_forget(struct made_link *link)
{
	free(link->path);
	free(link->text);
	*link = (struct made_link){0};
}

void made_links_done(struct made_links *links)
{
	for (size_t i = 0; i < MADE_LINKS; i++)
		link_forget(&links->link[i]);
}

static struct made_link *link_find(struct made_links *links, const char *path)
{
	for (size_t i = 0; i < MADE_LINKS; i++) {
		if (links->link[i].path && strcmp(links->link[i].path, path) == 0)
			return &links->link[i];
	}
	return NULL;
}

static void link_move(struct made_link *link, char *path)
{
	free(link->path);
	link->path = path;
	link->len = strlen(path);
}

static void link_made(struct made_links *links, const char *path, const char *text)
{
	struct made_link *link = &links->link[links->next++ % MADE_LINKS];
	char *said = xstrdup(text); /* it may be that link's own */

	link_forget(link);
	link_move(link, xstrdup(path));
	link->text = said;
}

/* Is it what is there, or below it? */
static bool link_is_below(const struct made_link *link, const char *path, size_t len)
{
	return link->path && link->len >= len && strncmp(link->path, path, len) == 0 &&
	       (link->path[len] == '/' || !link->path[len]);
}

/* Something else is there now. */
static void place_taken(struct made_links *links, const char *path)
{
	for (size_t i = 0; i < MADE_LINKS; i++) {
		if (link_is_below(&links->link[i], path, strlen(path)))
			link_forget(&links->link[i]);
	}
}

/* What a name was renamed to, and with a folder the links below it. */
static void links_renamed(struct made_links *links, const char *from, const char *to)
{
	const size_t len = strlen(from);

	for (size_t i = 0; i < MADE_LINKS; i++) {
		struct made_link *link = &links->link[i];

		if (link_is_below(link, from, len))
			link_move(link, xasprintf("%s%s", to, link->path + len));
	}
}

void made_links_note(struct made_links *links, const struct action *action)
{
	const char *path = action->path.at, *target = action->target.at;
	const bool renames = str_eq(action->op, STR("rename"));
	struct made_link *link;

	if (action->result != 0 || path[0] != '/')
		return;
	link = link_find(links, path);
	if (str_eq(action->op, STR("symlink")) && target[0]) {
		place_taken(links, path);
		link_made(links, path, target);
	} else if (str_eq(action->op, STR("mkdir")) || (renames && target[0] != '/')) {
		place_taken(links, path); /* or it has gone where nobody could read */
	} else if (str_eq(action->op, STR("unlink")) && link) {
		link_forget(link);
	} else if (str_eq(action->op, STR("link")) && link && target[0] == '/') {
		link_made(links, target, link->text);
	} else if (renames && strcmp(path, target) != 0) {
		place_taken(links, target);
		links_renamed(links, path, target);
	}
}

const struct made_link *made_links_leading(const struct made_links *links, const char *path,
					   bool follow)
{
	const size_t path_len = strlen(path);

	for (size_t i = 0; i < MADE_LINKS; i++) {
		const struct made_link *link = &links->link[i];

		if (link->path && link->len <= path_len &&
		    (path[link->len] == '/' || (!path[link->len] && follow)) &&
		    memcmp(path, link->path, link->len) == 0)
			return link;
	}
	return NULL;
}
