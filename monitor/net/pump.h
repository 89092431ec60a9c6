/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One direction of a relayed connection: bytes from one socket to another, few at a time by a copy,
 * many by splice(2) without one. Knows no loop: the owner waits for what pump_run() says and runs
 * it again.
 *
 * Reads only when all that was read is written, so what the receiver does not take stays with the
 * sender, whom TCP holds up: at most one pipe full lies in between.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "monitor/net/pipes.h"

struct pump {
	int from_fd, to_fd; /* borrowed: the flow's; non-blocking */
	struct pipes *pipes;
	struct pipe_ends ends;
	uint64_t bytes; /* that to_fd took */
	size_t in_pipe;
	struct buf rest; /* of a copy: what to_fd did not take */
	bool many;	 /* were there at the last read: not copied */
	bool ended;	 /* from_fd has no more to say */
	bool shut;	 /* and to_fd was told so */
};

enum pump_state {
	PUMP_READS,  /* from_fd has to become readable */
	PUMP_WRITES, /* to_fd has to become writable */
	PUMP_ENDED,  /* to_fd has all; see pump_shut() */
	PUMP_WAITS   /* nothing but screen_resume() makes it go on */
};

void pump_init(struct pump *pump, int from_fd, int to_fd, struct pipes *pipes);
void pump_done(struct pump *pump);

/*
 * pump_run - moves what can be moved, at most about PUMP_TURN_BYTES.
 * Return: enum pump_state; or a negative errno: the connection is broken, here or there.
 */
#define PUMP_TURN_BYTES (1u << 20)
int pump_run(struct pump *pump);
/*
 * Of one that has ended: tells to_fd, unless that was told. Closing to_fd says the same.
 * Return: 0 or a negative errno.
 */
int pump_shut(struct pump *pump);
