/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One relayed TCP connection: the program's side, accepted in the session's namespace, and the
 * upstream side, dialled outside. Each side sees of the other what it would see of it directly: its
 * bytes, its end of sending (half-close), its reset, and that it does not take more.
 *
 *	open --both ended--> closed in order
 *	     --error, limit, flow_reset()--> both sides reset
 */

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "monitor/net/awake.h"
#include "monitor/net/pipes.h"
#include "monitor/net/screen.h"
#include "monitor/net/turn.h"

struct flow;

struct flow_totals {
	uint64_t bytes_out, bytes_in;  /* that the receiver's kernel took; out: to upstream */
	uint64_t started_ns, moved_ns; /* CLOCK_MONOTONIC; moved: when last a byte was */
	uint64_t held_ns;	       /* since when half a head is held; 0: none */
	bool waits;		       /* for what head() left open */
};

struct flow_ops {
	/* As screen_head_cb. NULL: what goes out is not looked at. */
	const char *(*head)(void *ctx, const struct first_seen *seen,
			    const struct scan_result *searched);
	/* So many bytes more went out. Return: NULL, or why no more may, static. May be NULL. */
	const char *(*sent)(void *ctx, uint64_t bytes);
	/*
	 * Once, last: both sockets are closed. @reason: static, "closed" if in order. The flow
	 * frees itself afterwards.
	 */
	void (*ended)(void *ctx, struct flow *flow, const struct flow_totals *totals,
		      const char *reason);
};

struct flow_config {
	uv_loop_t *loop;
	int program_fd, upstream_fd;	 /* connected, non-blocking; taken over, also on failure */
	struct pipes *pipes;		 /* borrowed: outlives the flow, as does held */
	size_t *held;			 /* as screen_init() */
	struct awake *awake;		 /* likewise; NULL: nobody stays awake for it */
	struct turn *turn;		 /* likewise; NULL: an end is passed on at once */
	const struct scan_set *canaries; /* likewise */
	const struct flow_ops *ops;
	void *ctx;
};

/*
 * flow_start - joins them; what is there already is moved from here, and so it may end from here:
 * *ret is set before.
 * Errors: those of uv_poll_init(), as errno; ended() is not called then.
 */
int flow_start(const struct flow_config *config, struct flow **ret);

void flow_totals(const struct flow *flow, struct flow_totals *ret);

/* The program is silent in the middle of a head; as screen_let_go(). May end it. */
void flow_let_go(struct flow *flow);
/* head() said screen_later, and knows more now. May end it. */
void flow_resume(struct flow *flow);
/* Ends it now, both sides reset; ended() is called from here. */
void flow_reset(struct flow *flow, const char *reason);
/*
 * The program is gone: what it had sent is passed on as far as upstream takes it now, then both
 * sides are closed; reset if something is left. ended() is called from here.
 */
void flow_finish(struct flow *flow, const char *reason);
/* The same, but with time: it ends once all that was sent has been passed on. */
void flow_drain(struct flow *flow);
