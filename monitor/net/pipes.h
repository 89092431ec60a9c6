/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Pipes for splice(2), lent to whoever has bytes in flight. A direction whose receiver takes all at
 * once gives its pipe back in the same turn, so a thousand flows need a handful.
 */

#include <stdbool.h>

#define PIPES_KEPT	 8u
#define PIPES_ROOM_BYTES (32u << 10)

struct pipe_ends {
	int read_fd, write_fd; /* -1: none */
};

#define NO_PIPE ((struct pipe_ends){-1, -1})

struct pipes {
	struct pipe_ends kept[PIPES_KEPT];
	unsigned count;
	char room[PIPES_ROOM_BYTES]; /* for what is copied; nobody's from one call to the next */
};

/* Empty, non-blocking. Errors: -EMFILE, -ENFILE. */
int pipes_take(struct pipes *pipes, struct pipe_ends *ret);
/* Takes it back, and marks it none. @is_empty: else it is closed, with what is in it. */
void pipes_give(struct pipes *pipes, struct pipe_ends *ends, bool is_empty);
void pipes_done(struct pipes *pipes);
