/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/command.h"

#include <signal.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/json_write.h"
#include "common/limits.h"

#define CALL_ID "c1"
#define TOOL	"run"

struct command {
	struct command_config config;
	const struct command_ops *ops;
	void *ctx;
	struct session *session; /* NULL once it has closed */
	uint32_t exec_id;	 /* 0: not started */
	bool starts_stopped;
	struct command_outcome outcome;
	struct error failure;
	bool failed;
	struct buf args;
};

static struct call call_of(const struct command *command)
{
	return (struct call){.id = CALL_ID,
			     .tool = TOOL,
			     .args = command->args.data,
			     .declared = command->config.declared,
			     .cost = command->config.cost.amount,
			     .unit = command->config.cost.unit};
}

static void write_args(struct command *command)
{
	struct json_writer w = {.out = &command->args, .exact = true};

	json_begin_object(&w, NULL);
	json_begin_array(&w, "argv");
	for (size_t i = 0; command->config.argv[i]; i++)
		json_put_string(&w, NULL, command->config.argv[i]);
	json_end_array(&w);
	json_end_object(&w);
}

static void on_tty(void *ctx, int master_fd)
{
	struct command *command = ctx;

	command->ops->tty(command->ctx, master_fd);
}

/* As the agent of a call sees it: anything but a clean exit is an error. */
static bool is_error(const struct exec_result *result)
{
	return result->timed_out || result->outcome != EXEC_EXITED || result->status != 0;
}

static void on_ended(void *ctx, uint32_t exec_id, const struct exec_result *result)
{
	struct command *command = ctx;
	const struct call call = call_of(command);

	(void)exec_id;
	command->outcome.ended = true;
	command->outcome.result = *result;
	/* What it returned went where it writes to, past us. */
	(void)session_end_call(command->session, &call,
			       &(struct call_result){.is_error = is_error(result)}, NULL, NULL);
	session_totals(command->session, &command->outcome.totals);
	session_end(command->session);
}

static const struct exec_ops exec_ops = {.tty = on_tty, .ended = on_ended};

static void start(void *ctx);

static bool may_start(struct command *command)
{
	const struct call call = call_of(command);
	const struct call_waiter waiter = {start, command};

	switch (session_check_call(command->session, &call, &waiter, &command->outcome.refusal)) {
	case CALL_MAY_GO_ON:
		return true;
	case CALL_IS_REFUSED:
		/* A signal that ended it while it waited is no word of policy. */
		command->outcome.refused = !command->outcome.early_signal;
		session_end(command->session);
		break;
	case CALL_WAITS:
		break;
	}
	return false;
}

static void start(void *ctx)
{
	struct command *command = ctx;
	const struct command_config *config = &command->config;
	const struct exec_request request = {
		.call_id = CALL_ID,
		.tool = TOOL,
		.argv = config->argv,
		.stdio_fds = {config->stdio_fds[0], config->stdio_fds[1], config->stdio_fds[2]},
		.tty = config->tty,
		.timeout_ms = config->timeout_ms,
		.declared = config->declared,
	};

	if (!may_start(command))
		return;
	if (session_exec(command->session, &request, &exec_ops, command, &command->exec_id,
			 &command->failure) < 0) {
		command->failed = true;
		session_end(command->session);
	} else if (command->starts_stopped) {
		session_signal_exec(command->session, command->exec_id, SIGSTOP);
	}
}

static void on_closed(void *ctx, const struct error *err)
{
	struct command *command = ctx;

	if (err && !command->failed) {
		command->failed = true;
		command->failure = *err;
	}
	command->session = NULL;
	command->ops->closed(command->ctx, &command->outcome,
			     command->failed ? &command->failure : NULL);
	buf_done(&command->args);
	free(command);
}

static const struct session_ops session_ops = {.ready = start, .closed = on_closed};

int command_start(const struct command_config *config, const struct command_ops *ops, void *ctx,
		  struct command **ret, struct error *err)
{
	struct command *command = xcalloc(1, sizeof(*command));
	int r;

	command->config = *config;
	command->config.session.ops = &session_ops;
	command->config.session.ctx = command;
	command->ops = ops;
	command->ctx = ctx;
	command->args.max = MAX_JSON_BYTES;
	write_args(command);
	r = session_start(&command->config.session, &command->session, err);
	if (r < 0) {
		buf_done(&command->args);
		free(command);
		return r;
	}
	*ret = command;
	return 0;
}

void command_signal(struct command *command, int signum)
{
	if (command->outcome.ended || !command->session)
		return;
	if (command->exec_id) {
		session_signal_exec(command->session, command->exec_id, signum);
	} else if (signum == SIGSTOP || signum == SIGCONT) {
		command->starts_stopped = signum == SIGSTOP;
	} else {
		command->outcome.early_signal = signum;
		command_end(command);
	}
}

void command_kill(struct command *command)
{
	if (command->exec_id && !command->outcome.ended)
		session_kill_exec(command->session, command->exec_id);
	else
		command_end(command);
}

void command_end(struct command *command)
{
	if (command->session)
		session_end(command->session);
}
