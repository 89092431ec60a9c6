/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Signals that `cordon run` gets and that are meant for its command.
 */

#include <uv.h>

struct run_signals;

struct run_signals_ops {
	void (*pass)(void *ctx, int signum); /* for the command to do with as it likes */
	void (*end)(void *ctx, int signum);  /* asked to end once more: end it */
	void (*suspend)(void *ctx);	     /* we are about to be stopped, */
	void (*resume)(void *ctx);	     /* and were continued */
};

/*
 * run_signals_start - what is ignored now (nohup(1), a background job of a script) stays ignored.
 * @ops: borrowed until run_signals_stop(), which frees from the loop; NULL is fine there.
 */
struct run_signals *run_signals_start(uv_loop_t *loop, const struct run_signals_ops *ops,
				      void *ctx);
void run_signals_stop(struct run_signals *signals);
