/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is done at the end of a turn of the loop: when all that woke it has been looked at, and
 * before it waits again. Each task is run once, then it may be put in anew. libuv runs timers and
 * what closes between the two: what these put in is run right before the wait.
 */

#include <stdbool.h>

#include <uv.h>

/* A part of what it is about; all but run and ctx are zero at first. */
struct deferred_task {
	void (*run)(void *ctx);
	void *ctx;
	bool is_due;
	struct deferred_task *next, *prev;
};

struct deferred {
	uv_check_t check; /* this and the next are active while there are tasks */
	uv_prepare_t prepare;
	struct deferred_task *tasks;
};

#define DEFERRED_HANDLES 2

void deferred_init(struct deferred *deferred, uv_loop_t *loop);
/* Nothing is due any more. closed (NULL: none) is called for each handle, whose data is `data`. */
void deferred_close(struct deferred *deferred, void *data, uv_close_cb closed);
/* One that is due already stays where it is. */
void deferred_add(struct deferred *deferred, struct deferred_task *task);
/* Does nothing if it is not due. */
void deferred_drop(struct deferred *deferred, struct deferred_task *task);
