/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A program for each question, which has it on standard input. Exit status 0 is a yes, 1 a no, any
 * other no answer; what it prints, if anything, is the answer in full (a scope, or a no).
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tools/toolkit/approver/face.h"

struct command_approver {
	struct face face;
	char *words;			    /* owned; cut at its blanks */
	char *argv[MAX_APPROVER_WORDS + 1]; /* of them */
	struct asking *askings;
};

struct asking {
	struct command_approver *owner; /* NULL: nobody wants to know any more */
	uint64_t id;
	uv_process_t process;
	uv_pipe_t input, output;
	uv_write_t write;
	char *line; /* owned */
	struct buf answer;
	char chunk[4096];
	unsigned handles;
	struct asking *next;
};

static void on_closed(uv_handle_t *handle)
{
	struct asking *asking = handle->data;

	if (--asking->handles)
		return;
	buf_done(&asking->answer);
	free(asking->line);
	free(asking);
}

static void unlink_asking(struct asking *asking)
{
	struct asking **at = &asking->owner->askings;

	while (*at != asking)
		at = &(*at)->next;
	*at = asking->next;
	asking->owner = NULL;
}

static void close_pipe(uv_pipe_t *pipe)
{
	if (!uv_is_closing((uv_handle_t *)pipe))
		uv_close((uv_handle_t *)pipe, on_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct asking *asking = handle->data;

	(void)suggested;
	*ret = uv_buf_init(asking->chunk, sizeof(asking->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
	struct asking *asking = stream->data;

	if (n > 0)
		buf_put(&asking->answer, chunk->base, (size_t)n);
	else if (n < 0)
		close_pipe(&asking->output);
}

/* What it printed before it ended; its own children may hold the other end for long. */
static void drain(struct asking *asking)
{
	uv_os_fd_t output_fd;
	ssize_t n;

	if (uv_is_closing((uv_handle_t *)&asking->output) ||
	    uv_fileno((uv_handle_t *)&asking->output, &output_fd) < 0)
		return;
	while ((n = read(output_fd, asking->chunk, sizeof(asking->chunk))) > 0 &&
	       !asking->answer.overflow)
		buf_put(&asking->answer, asking->chunk, (size_t)n);
}

static void conclude(struct asking *asking, int64_t status, int signum)
{
	struct face *face = &asking->owner->face;
	const uint64_t id = asking->id;
	char by[MAX_APPROVER_NAME];
	char failure[64] = "";
	struct reply reply = {.by = by};

	(void)snprintf(by, sizeof(by), "command:%.120s, uid %u", asking->owner->argv[0],
		       (unsigned)getuid());
	while (asking->answer.len && strchr(" \t\r\n", asking->answer.data[asking->answer.len - 1]))
		asking->answer.data[--asking->answer.len] = '\0';
	if (asking->answer.overflow)
		(void)snprintf(failure, sizeof(failure), "its answer is too long");
	else if (signum)
		(void)snprintf(failure, sizeof(failure), "signal %d ended it", signum);
	else if (status > 1)
		(void)snprintf(failure, sizeof(failure), "it ended with status %d", (int)status);
	else if (status == 0 && asking->answer.len)
		reply.text = asking->answer.data;
	else
		reply.text = status == 0 ? "{\"verdict\":\"allow\"}" : "{\"verdict\":\"deny\"}";
	reply.failure = failure;
	unlink_asking(asking);
	face_reply(face, id, &reply);
}

static void on_exit_of(uv_process_t *process, int64_t status, int signum)
{
	struct asking *asking = process->data;

	drain(asking);
	if (asking->owner)
		conclude(asking, status, signum);
	close_pipe(&asking->input);
	close_pipe(&asking->output);
	uv_close((uv_handle_t *)&asking->process, on_closed);
}

static void on_written(uv_write_t *request, int status)
{
	struct asking *asking = request->handle->data;

	(void)status; /* it need not read the question */
	close_pipe(&asking->input);
}

static int start(struct asking *asking)
{
	struct command_approver *owner = asking->owner;
	uv_stdio_container_t stdio[3] = {
		{.flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
		 .data.stream = (uv_stream_t *)&asking->input},
		{.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
		 .data.stream = (uv_stream_t *)&asking->output},
		{.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
	};
	const uv_process_options_t options = {
		.file = owner->argv[0],
		.args = owner->argv,
		.exit_cb = on_exit_of,
		.stdio = stdio,
		.stdio_count = 3,
	};
	uv_buf_t line = uv_buf_init(asking->line, (unsigned)strlen(asking->line));
	int r;

	(void)uv_pipe_init(owner->face.host.loop, &asking->input, 0);
	(void)uv_pipe_init(owner->face.host.loop, &asking->output, 0);
	asking->input.data = asking->output.data = asking->process.data = asking;
	asking->handles = 3;
	r = uv_spawn(owner->face.host.loop, &asking->process, &options);
	if (r < 0)
		return r;
	if (uv_write(&asking->write, (uv_stream_t *)&asking->input, &line, 1, on_written) < 0)
		close_pipe(&asking->input);
	if (uv_read_start((uv_stream_t *)&asking->output, on_alloc, on_read) < 0)
		close_pipe(&asking->output);
	return 0;
}

static int ask(struct approver *approver, const struct question *question)
{
	struct command_approver *a = (struct command_approver *)approver;
	struct asking *asking;
	int r = face_note(&a->face, question->id);

	if (r < 0)
		return r;
	asking = xcalloc(1, sizeof(*asking));
	asking->owner = a;
	asking->id = question->id;
	asking->line = xasprintf("%s\n", question->text);
	asking->answer.max = MAX_ANSWER_BYTES;
	asking->next = a->askings;
	a->askings = asking;
	r = start(asking);
	if (r < 0) {
		face_tell(&a->face, uv_strerror(r));
		face_forget(&a->face, question->id);
		unlink_asking(asking);
		close_pipe(&asking->input);
		close_pipe(&asking->output);
		uv_close((uv_handle_t *)&asking->process, on_closed);
	}
	return r;
}

static void stop(struct asking *asking)
{
	unlink_asking(asking);
	(void)uv_process_kill(&asking->process, SIGKILL);
}

static void cancel(struct approver *approver, uint64_t id)
{
	struct command_approver *a = (struct command_approver *)approver;
	struct asking *asking = a->askings;

	face_forget(&a->face, id);
	while (asking && asking->id != id)
		asking = asking->next;
	if (asking)
		stop(asking);
}

static void close_command(struct face *face)
{
	struct command_approver *a = (struct command_approver *)face;

	while (a->askings)
		stop(a->askings);
	free(a->words);
	free(a);
}

struct face *approver_command_new(const char *words)
{
	static const struct approver_ops ops = {.ask = ask, .cancel = cancel};
	struct command_approver *a = xcalloc(1, sizeof(*a));
	char *rest = NULL;
	size_t count = 0;

	a->face.approver.ops = &ops;
	a->face.close = close_command;
	a->words = xstrdup(words);
	for (char *word = strtok_r(a->words, " ", &rest); word && count < MAX_APPROVER_WORDS;
	     word = strtok_r(NULL, " ", &rest))
		a->argv[count++] = word;
	return &a->face;
}
