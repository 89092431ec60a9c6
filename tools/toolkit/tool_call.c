/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Theory of operation. One call of a catalogue tool:
 *
 *	plan -> session_check_call() -> session_exec() -> output until the end -> render -> done()
 *
 * stdout and stderr of the execution are one pipe, so their order is kept. It is read as it comes,
 * whatever its amount (tool_output keeps what fits). The end of the execution is the end of the
 * call: what is in the pipe by then is read, what a process of another call may still hold of its
 * other end is not waited for. done() comes when the loop has looked at all that is ready, so that
 * it never comes from within tool_call_start() nor from the middle of the session's own end; and
 * before the loop closes anything: the last descriptor of a seccomp filter has the kernel free it in
 * a thread that takes our processor, and whoever waits for the result need not wait for that.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/toolkit/catalogue.h"
#include "tools/toolkit/tool_stdio.h"

struct tool_call {
	struct agent_session *agent; /* NULL once the call is over */
	const struct tool *tool;
	struct call call; /* strings below */
	char *id;
	char *args;
	char *unit;
	char *subject;
	size_t input_len;
	tool_done done;
	void *ctx;
	uint32_t exec_id;
	bool running;	       /* an execution that has not ended */
	bool waits;	       /* for an answer, or its turn */
	struct json *own_args; /* once it does; owned */
	bool denied;
	struct denial denial;
	bool has_exec;
	struct exec_result exec;
	struct error failure;  /* code != 0: the execution could not be asked for */
	struct tool_pipe pipe; /* its output */
	struct buf text;       /* what the agent gets, once it is over */
	bool is_error;
	uv_check_t finish;
	uv_idle_t soon;	  /* while finish is to come: the loop does not wait */
	unsigned handles; /* open: the two, the pipe */
};

static void call_free(struct tool_call *call)
{
	tool_output_done(&call->pipe.output);
	buf_done(&call->text);
	free(call->id);
	free(call->args);
	free(call->unit);
	json_free(call->own_args);
	free(call->subject);
	free(call);
}

static void on_closed(void *ctx)
{
	struct tool_call *call = ctx;

	if (--call->handles == 0)
		call_free(call);
}

static void on_handle_closed(uv_handle_t *handle)
{
	on_closed(handle->data);
}

/* ---- the result ---- */

static void put_denial(const struct tool_call *call, struct buf *text)
{
	const struct denial *denial = &call->denial;

	if (!call->has_exec) {
		buf_printf(text, "Denied by %s: the call was refused before anything ran. ",
			   denial->rule);
		(void)text_put_utf8(text, denial->because, strlen(denial->because));
		buf_putc(text, '\n');
		return;
	}
	buf_printf(text, "%s by %s: %s ", call->exec.killed ? "Killed" : "Denied", denial->rule,
		   denial->kind);
	(void)text_put_utf8(text, denial->subject, strlen(denial->subject));
	buf_puts(text, call->exec.killed ? ": the command was ended there. " : " was refused. ");
	(void)text_put_utf8(text, denial->because, strlen(denial->because));
	if (call->exec.denied > 1)
		buf_printf(text, " (%u actions of this call were refused; this is the last.)",
			   call->exec.denied);
	buf_puts(text, "\nThe command's own output follows.\n");
}

static bool put_result(const struct tool_call *call, struct buf *text)
{
	const struct tool_outcome outcome = {.subject = call->subject,
					     .input_len = call->input_len,
					     .exec = &call->exec,
					     .output = &call->pipe.output};

	if (call->denied)
		put_denial(call, text);
	if (call->failure.code)
		buf_printf(text, "The call could not be run: %s\n", call->failure.text);
	if (!call->has_exec)
		return true;
	return call->tool->render(&outcome, text) || call->denied;
}

static void on_soon(uv_idle_t *soon)
{
	(void)soon;
}

static void on_finish(uv_check_t *finish)
{
	struct tool_call *call = finish->data;
	const struct tool_result result = {
		.is_error = call->is_error,
		.denied = call->denied,
		.text = call->text.len ? call->text.data : "",
		.text_len = call->text.len,
		.exec = call->has_exec ? &call->exec : NULL,
		.denial = call->denied ? &call->denial : NULL,
	};

	call->done(call->ctx, &result);
	uv_close((uv_handle_t *)&call->finish, on_handle_closed);
	uv_close((uv_handle_t *)&call->soon, on_handle_closed);
}

/* What was refused before is told beside the text, too. */
static void redact_denial(struct session *session, struct denial *denial)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);

	if (!session_redact_text(session, str_of(denial->subject), &out)) {
		buf_clear(&out);
		buf_puts(&out, "[redacted]");
	}
	(void)snprintf(denial->subject, sizeof(denial->subject), "%s", out.len ? out.data : "");
}

/* What policy keeps from the agent is replaced by the reason. */
static void show_result(struct session *session, struct tool_call *call)
{
	const struct str text = {call->text.len ? call->text.data : "", call->text.len};
	struct denial denial;

	switch (session_end_call(session, &call->call, &(struct call_result){&text, call->is_error},
				 &call->text, &denial)) {
	case RESULT_IS_SHOWN:
		return;
	case RESULT_IS_CHANGED:
		redact_denial(session, &call->denial);
		return;
	case RESULT_IS_WITHHELD:
		break;
	}
	call->denied = true;
	call->denial = denial;
	call->is_error = true;
	buf_done(&call->text);
	call->text = (struct buf)BUF_INIT(0);
	buf_printf(&call->text, "Denied by %s: what the call returned is withheld. ", denial.rule);
	(void)text_put_utf8(&call->text, denial.because, strlen(denial.because));
	buf_putc(&call->text, '\n');
}

/* The call is over. From here on the session is not touched: it may be gone when done() comes. */
static void settle(struct tool_call *call)
{
	struct session *session = agent_session_monitor(call->agent);

	call->is_error = put_result(call, &call->text);
	if (session)
		show_result(session, call);
	call->agent = NULL;
	(void)uv_check_start(&call->finish, on_finish);
	(void)uv_idle_start(&call->soon, on_soon);
}

static void on_ended(void *ctx, uint32_t exec_id, const struct exec_result *result)
{
	struct tool_call *call = ctx;

	(void)exec_id;
	call->running = false;
	call->has_exec = true;
	call->exec = *result;
	if (result->denied || result->killed) {
		call->denied = true;
		call->denial = result->last_denial;
	}
	tool_pipe_drain(&call->pipe);
	tool_pipe_close(&call->pipe);
	settle(call);
}

static const struct exec_ops exec_ops = {.ended = on_ended};

/* ---- start ---- */

static uint32_t timeout_of(const struct tool_call *call, const struct tool_plan *plan)
{
	const uint32_t limit = agent_session_timeout_ms(call->agent);

	if (!limit)
		return plan->timeout_ms;
	return plan->timeout_ms && plan->timeout_ms < limit ? plan->timeout_ms : limit;
}

static int start_execution(struct tool_call *call, const struct tool_plan *plan, struct error *err)
{
	_cleanup_close_ int input_fd = -1;
	_cleanup_close_ int output_fd = -1;
	struct session *session = agent_session_monitor(call->agent);
	int r;

	r = tool_input_open(plan->input, &input_fd);
	if (r < 0)
		return error_errno(err, r, "make the input of %s", call->tool->name);
	r = tool_pipe_open(&call->pipe, agent_session_loop(call->agent), &output_fd);
	call->handles += call->pipe.is_open;
	if (r < 0)
		return error_errno(err, r, "make the output pipe of %s", call->tool->name);
	return session_exec(session,
			    &(struct exec_request){.call_id = call->id,
						   .tool = call->tool->name,
						   .declared = call->tool->declared,
						   .argv = plan->argv,
						   .stdio_fds = {input_fd, output_fd, output_fd},
						   .timeout_ms = timeout_of(call, plan)},
			    &exec_ops, call, &call->exec_id, err);
}

static void check_and_start(struct tool_call *call, const struct tool_plan *plan);

/* It waited for an answer, or for its turn; its arguments are our own by now. */
static void on_again(void *ctx)
{
	struct tool_call *call = ctx;
	struct tool_plan plan = {.subject = NULL};

	call->waits = false;
	if (call->tool->plan(call->own_args, &plan, &call->failure) < 0)
		settle(call);
	else
		check_and_start(call, &plan);
}

static void check_and_start(struct tool_call *call, const struct tool_plan *plan)
{
	struct session *session = agent_session_monitor(call->agent);
	const struct call_waiter waiter = {on_again, call};

	call->call.command = plan->command; /* borrowed from the arguments */
	switch (session_check_call(session, &call->call, &waiter, &call->denial)) {
	case CALL_MAY_GO_ON:
		if (start_execution(call, plan, &call->failure) == 0) {
			call->running = true;
			break;
		}
		tool_pipe_close(&call->pipe);
		settle(call);
		break;
	case CALL_IS_REFUSED:
		call->denied = true;
		settle(call);
		break;
	case CALL_WAITS:
		call->waits = true;
		if (!call->own_args)
			(void)json_parse("arguments", call->args, strlen(call->args),
					 &call->own_args, NULL);
		break;
	}
	call->call.command = NULL;
}

static struct tool_call *call_new(struct agent_session *agent, const char *id,
				  const struct tool *tool, const struct tool_plan *plan)
{
	struct tool_call *call = xcalloc(1, sizeof(*call));

	call->agent = agent;
	call->tool = tool;
	call->id = xstrdup(id);
	call->subject = plan->subject ? xstrdup(plan->subject) : NULL;
	call->input_len = plan->input.len;
	call->call = (struct call){.id = call->id, .tool = tool->name, .declared = tool->declared};
	tool_pipe_init(&call->pipe, on_closed, call);
	(void)uv_check_init(agent_session_loop(agent), &call->finish);
	(void)uv_idle_init(agent_session_loop(agent), &call->soon);
	call->finish.data = call;
	call->soon.data = call;
	call->handles = 2;
	return call;
}

int tool_call_start(struct agent_session *agent, const struct tool_request *request,
		    struct tool_call **ret, struct error *err)
{
	const struct tool *tool = catalogue_find(request->tool);
	struct session *session = agent_session_monitor(agent);
	struct tool_plan plan = {.subject = NULL};
	struct tool_call *call;
	int r;

	if (!tool)
		return error_set(err, ENOENT, "there is no tool \"%s\"", request->tool);
	r = tool->plan(request->args, &plan, err);
	if (r < 0)
		return r;
	if (!session)
		return error_set(err, EPIPE, "the session has ended: %s",
				 agent_session_why_ended(agent));
	call = call_new(agent, request->call_id, tool, &plan);
	call->done = request->done;
	call->ctx = request->ctx;
	call->args = json_print(request->args);
	call->call.args = call->args;
	call->unit = request->unit ? xstrdup(request->unit) : NULL;
	call->call.cost = request->cost;
	call->call.unit = call->unit;
	check_and_start(call, &plan);
	*ret = call;
	return 0;
}

void tool_call_cancel(struct tool_call *call)
{
	const struct call_waiter waiter = {on_again, call};

	if (call->running)
		session_kill_exec(agent_session_monitor(call->agent), call->exec_id);
	if (!call->waits)
		return;
	call->waits = false;
	session_forget_call(agent_session_monitor(call->agent), &waiter);
	(void)error_set(&call->failure, ECANCELED, "it was cancelled");
	settle(call);
}
