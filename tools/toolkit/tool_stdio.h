/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a tool's execution reads, and the pipe by which all that it prints comes back. */

#include <stdbool.h>

#include <uv.h>

#include "monitor/action.h"
#include "tools/toolkit/tool_output.h"

#define TOOL_PIPE_CHUNK 65536u

/*
 * tool_input_open - a descriptor that reads as @input, and is the caller's. Return: 0, or negative
 * errno.
 */
int tool_input_open(struct str input, int *ret_fd);

/*
 * The read end is on the loop from tool_pipe_open() until the other end is closed or
 * tool_pipe_close(); closed() comes once after it. Embedded in its owner, who frees `output`.
 */
struct tool_pipe {
	struct tool_output output; /* what came; owned */
	bool is_open;		   /* closed() will come */
	void (*closed)(void *ctx);
	void *ctx;
	uv_pipe_t handle;
	char chunk[TOOL_PIPE_CHUNK];
};

void tool_pipe_init(struct tool_pipe *pipe, void (*closed)(void *ctx), void *ctx);
/* @ret_write_fd: for the execution, the caller's. Return: 0, or negative errno; see is_open. */
int tool_pipe_open(struct tool_pipe *pipe, uv_loop_t *loop, int *ret_write_fd);
/* Takes what it holds now; bounded, since another call's process may hold its other end. */
void tool_pipe_drain(struct tool_pipe *pipe);
/* Nothing if it is not open. */
void tool_pipe_close(struct tool_pipe *pipe);
