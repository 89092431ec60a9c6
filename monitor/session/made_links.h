/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The symbolic links that a session was seen to make last: one may be gone again by the time that
 * the trace is read, and with it where a path led. Pure; all zero is empty.
 */

#include <stdbool.h>
#include <stddef.h>

#include "monitor/action.h"

#define MADE_LINKS 512

struct made_link {
	char *path; /* owned; NULL: a free place */
	char *text; /* owned: what it says */
	size_t len; /* of the path */
};

struct made_links {
	struct made_link link[MADE_LINKS];
	unsigned next;
};

void made_links_done(struct made_links *links);

/* What a change, each in the order of the session's calls, has done to links. Its names are
 * settled. */
void made_links_note(struct made_links *links, const struct action *action);

/*
 * made_links_leading - a link that the path leads through, with @follow also one that is all of it.
 * Return: NULL if there is none; else borrowed until the next change is noted.
 */
const struct made_link *made_links_leading(const struct made_links *links, const char *path,
					   bool follow);
