/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The tools that cordon itself offers to an agent (mcp face, scenarios): bash, python, read_file,
 * write_file, list_directory. Each is a row: its schema for the model, and how its arguments become
 * an argv and a stdin for one execution inside the session. No tool does anything outside of it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/json.h"
#include "tools/toolkit/agent_session.h"

struct tool_plan {
	const char *argv[12]; /* NULL-terminated; strings borrowed from the arguments or static */
	struct str input;     /* for stdin; borrowed */
	const char *command;  /* for policy: shell or code text, or NULL */
	uint32_t timeout_ms;  /* 0: the session's */
};

struct tool {
	const char *name;
	const char *title;
	const char *description;
	const char *input_schema; /* JSON text */
	bool read_only;
	/* Fills the plan from checked arguments. Errors: -EINVAL with a text for the model. */
	int (*plan)(const struct json *args, struct tool_plan *ret, struct error *err);
};

extern const struct tool catalogue[];
extern const size_t catalogue_count;

const struct tool *catalogue_find(const char *name);

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

/*
 * tool_call_start - one call through policy, execution and output capture. @done comes exactly
 * once, from the loop, never before the function returns. @args_text: the arguments' JSON for
 * policy and record. Output over MAX_OUTPUT_BYTES is cut in the middle and says so. Errors: -ENOENT
 * unknown tool, -EINVAL bad arguments (text for the model).
 */
int tool_call_start(struct agent_session *agent, const char *call_id, const char *tool,
		    const struct json *args, tool_done done, void *ctx, struct tool_call **ret,
		    struct error *err);
/* Kills its execution; done() still comes. */
void tool_call_cancel(struct tool_call *call);
