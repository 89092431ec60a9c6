/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The tools that cordon itself offers to an agent (mcp face, scenarios): bash, python, read_file,
 * write_file, list_directory. Each is a row: its schema for the model, how its arguments become an
 * argv and a stdin for one execution inside the session, and how what came out becomes a text. No
 * tool does anything outside of the session: there is no code path with the supervisor's rights.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/json.h"
#include "monitor/action.h"
#include "tools/toolkit/agent_session.h"
#include "tools/toolkit/tool_output.h"

/* Filled in place and not copied: argv may point into `numbers`. */
struct tool_plan {
	const char *argv[12]; /* NULL-terminated; borrowed from the arguments, or static */
	struct str input;     /* for stdin; borrowed; empty: /dev/null */
	const char *command;  /* for policy: shell or code text, or NULL; borrowed */
	const char *subject;  /* path that messages name, or NULL; borrowed */
	uint32_t timeout_ms;  /* 0: the session's */
	char numbers[2][24];  /* room for arguments that are numbers */
};

/* What one execution of a tool left behind. */
struct tool_outcome {
	const char *subject; /* as in the plan */
	size_t input_len;
	const struct exec_result *exec;
	const struct tool_output *output; /* stdout and stderr, merged in order */
};

struct tool {
	const char *name;
	const char *title;
	const char *description;
	const char *input_schema; /* JSON text */
	bool read_only;
	uint32_t declared; /* bits of enum declared: what its program does not do */
	/* Fills the plan from checked arguments. Errors: -EINVAL with a text for the model. */
	int (*plan)(const struct json *args, struct tool_plan *ret, struct error *err);
	/* Appends the text for the model (UTF-8). Return: true if the call failed. */
	bool (*render)(const struct tool_outcome *outcome, struct buf *text);
};

extern const struct tool catalogue[];
extern const size_t catalogue_count;

const struct tool *catalogue_find(const char *name);

/* The longest command text that fits into an execution's arguments. */
#define MAX_COMMAND_BYTES (96u << 10)

/* ---- rendering, in catalogue_render.c ---- */

bool render_command(const struct tool_outcome *outcome, struct buf *text);
bool render_read(const struct tool_outcome *outcome, struct buf *text);
bool render_write(const struct tool_outcome *outcome, struct buf *text);
bool render_list(const struct tool_outcome *outcome, struct buf *text);

/*
 * The scripts of the path tools tell why they failed by an exit status of SCRIPT_ERRNO + errno.
 * 126 and 127 are the shell's own, so is everything from 128 on.
 */
#define SCRIPT_ERRNO 64

/* What the agent gets back. */
struct tool_result {
	bool is_error;
	bool denied;	  /* by policy: at the call, or at an action of it */
	const char *text; /* for the model; UTF-8; borrowed for the callback */
	size_t text_len;
	const struct exec_result *exec; /* NULL if no process was started */
	const struct denial *denial;	/* NULL unless denied */
};

typedef void (*tool_done)(void *ctx, const struct tool_result *result);

struct tool_call;

struct tool_request {
	const char *call_id;
	const char *tool;
	const struct json *args;
	int64_t cost;	  /* that its caller declares; 0: none */
	const char *unit; /* of the cost, or NULL */
	tool_done done;
	void *ctx; /* for done */
};

/*
 * tool_call_start - one call through policy, execution and output capture. done() comes exactly
 * once, from the loop, never before the function returns. The request is not needed after it
 * returned. Output over MAX_OUTPUT_BYTES is cut in the middle and says so. Errors: -ENOENT unknown
 * tool, -EINVAL bad arguments (text for the model), -EPIPE no session.
 */
int tool_call_start(struct agent_session *agent, const struct tool_request *request,
		    struct tool_call **ret, struct error *err);
/* Kills its execution; done() still comes. */
void tool_call_cancel(struct tool_call *call);
