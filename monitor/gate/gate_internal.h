/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of a gate, shared by its files:
 *
 *	gate.c		from a received call to its answer; start and end
 *	gate_wait.c	when to receive: on the loop, and beside it
 */

#include "monitor/gate/decode.h"
#include "monitor/gate/files.h"
#include "monitor/gate/gate.h"
#include "monitor/gate/kept_fds.h"
#include "monitor/gate/notify.h"

struct stopped_call;

struct gate {
	uv_poll_t poll;	     /* of the listener */
	uv_poll_t bell_poll; /* of the hands' bell */
	struct notify notify;
	uint64_t current;	      /* the call that is looked at */
	struct stopped_call *stopped; /* undecided */
	struct decode decode;
	struct files *files;	    /* owned; NULL: not gated */
	unsigned handles;	    /* open on the loop; the last one's close frees */
	const struct gate_ops *ops; /* borrowed */
	void *ctx;
	uint64_t count;
	bool answered;	      /* the call that was looked at last: another may follow at once */
	uint64_t answered_ms; /* when, by the loop's clock */
	bool stopping;
	struct kept_fds kept;
};

/* gate.c */
/* Of a listener that is readable. Return: false when it is of no use any more. */
bool gate_serve_next(struct gate *gate);
/* The listener tells of no more calls. */
void gate_gone(struct gate *gate);
void gate_free(struct gate *gate);

/* gate_wait.c */
/* Return: a negative errno; handles may be open all the same. */
int gate_watch(struct gate *gate, const struct gate_config *config, struct error *err);
/* Closes the handles; the gate is freed with the last one. */
void gate_unwatch(struct gate *gate);
