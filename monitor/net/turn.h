/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is done at the end of a turn of the loop: when all that woke it has been looked at, and
 * before it waits again. Each task is run once, then it may be put in anew.
 */

#include <stdbool.h>

#include <uv.h>

/* A part of what it is about; all but run and ctx are zero at first. */
struct turn_task {
	void (*run)(void *ctx);
	void *ctx;
	bool is_due;
	struct turn_task *next, *prev;
};

struct turn {
	uv_check_t check; /* active while there are tasks */
	struct turn_task *tasks;
};

void turn_init(struct turn *turn, uv_loop_t *loop);
/* One that is due already stays where it is. */
void turn_add(struct turn *turn, struct turn_task *task);
/* Does nothing if it is not due. */
void turn_drop(struct turn *turn, struct turn_task *task);
