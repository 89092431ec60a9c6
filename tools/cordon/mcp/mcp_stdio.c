/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/mcp/mcp_stdio.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

/* Written but not taken by the client: above the one stdin rests, below the other it goes on. */
#define HIGH_WATER  ((size_t)4 << 20)
#define LOW_WATER   ((size_t)1 << 20)
#define CHUNK_BYTES 65536
/* After stdin's end only this tells that the client is gone altogether. */
#define WATCH_MS 100
#define FLUSH_MS 2000

union stream {
	uv_handle_t handle;
	uv_stream_t stream;
	uv_pipe_t pipe;
	uv_tty_t tty;
	uv_tcp_t tcp;
};

struct mcp_stdio {
	const struct mcp_stdio_ops *ops; /* NULL once closed */
	void *ctx;
	uv_loop_t *loop;
	union stream input;
	union stream output;
	uv_idle_t file_input; /* reads stdin where it is a file */
	uv_timer_t timer;     /* tells that stdout is lost, and looks for that after stdin's end;
				 at the close, ends the flush */
	bool input_is_stream, output_is_stream;
	bool held, choked, reading, at_end, is_lost;
	bool output_closing;
	unsigned handles;
	char chunk[CHUNK_BYTES];
};

struct write_request {
	uv_write_t request;
	struct mcp_stdio *stdio;
	struct buf bytes;
};

static void on_handle_closed(uv_handle_t *handle)
{
	struct mcp_stdio *stdio = handle->data;

	if (--stdio->handles == 0)
		free(stdio);
}

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, on_handle_closed);
}

static int open_stream(struct mcp_stdio *stdio, int std_fd, union stream *ret, bool *ret_is_stream)
{
	const uv_handle_type type = uv_guess_handle(std_fd);
	int r;

	*ret_is_stream = type == UV_NAMED_PIPE || type == UV_TTY || type == UV_TCP;
	if (!*ret_is_stream)
		return 0;
	if (type == UV_TTY) {
		r = uv_tty_init(stdio->loop, &ret->tty, std_fd, 0);
	} else if (type == UV_NAMED_PIPE) {
		r = uv_pipe_init(stdio->loop, &ret->pipe, 0);
		if (r == 0)
			r = uv_pipe_open(&ret->pipe, std_fd);
	} else {
		r = uv_tcp_init(stdio->loop, &ret->tcp);
		if (r == 0)
			r = uv_tcp_open(&ret->tcp, std_fd);
	}
	if (ret->handle.type) {
		ret->handle.data = stdio;
		stdio->handles++;
	}
	return r;
}

/* ---- input ---- */

static void on_watch(uv_timer_t *timer)
{
	struct mcp_stdio *stdio = timer->data;
	struct pollfd output = {.fd = STDOUT_FILENO};

	if (!stdio->is_lost && poll(&output, 1, 0) > 0)
		stdio->is_lost = output.revents & (POLLERR | POLLHUP | POLLNVAL);
	if (!stdio->is_lost)
		return;
	(void)uv_timer_stop(timer);
	stdio->ops->lost(stdio->ctx);
}

/* From the loop: who writes is in the middle of something, and would be told within it. */
static void lose_output(struct mcp_stdio *stdio)
{
	if (stdio->is_lost)
		return;
	stdio->is_lost = true;
	if (stdio->ops)
		(void)uv_timer_start(&stdio->timer, on_watch, 0, 0);
}

static void end_input(struct mcp_stdio *stdio)
{
	if (stdio->at_end)
		return;
	stdio->at_end = true;
	if (!stdio->is_lost)
		(void)uv_timer_start(&stdio->timer, on_watch, WATCH_MS, WATCH_MS);
	if (stdio->ops)
		stdio->ops->end(stdio->ctx);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct mcp_stdio *stdio = handle->data;

	(void)suggested;
	*ret = uv_buf_init(stdio->chunk, CHUNK_BYTES);
}

static void update_reading(struct mcp_stdio *stdio);

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
	struct mcp_stdio *stdio = stream->data;

	if (n > 0 && stdio->ops) {
		stdio->ops->bytes(stdio->ctx, chunk->base, (size_t)n);
	} else if (n < 0) {
		end_input(stdio);
		update_reading(stdio);
	}
}

static void on_file_turn(uv_idle_t *idle)
{
	struct mcp_stdio *stdio = idle->data;
	const ssize_t n = read(STDIN_FILENO, stdio->chunk, CHUNK_BYTES);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0 && stdio->ops) {
		stdio->ops->bytes(stdio->ctx, stdio->chunk, (size_t)n);
		return;
	}
	end_input(stdio);
	update_reading(stdio);
}

static void update_reading(struct mcp_stdio *stdio)
{
	const bool wanted = stdio->ops && !stdio->held && !stdio->choked && !stdio->at_end;

	if (wanted == stdio->reading)
		return;
	stdio->reading = wanted;
	if (!stdio->input_is_stream)
		(void)(wanted ? uv_idle_start(&stdio->file_input, on_file_turn)
			      : uv_idle_stop(&stdio->file_input));
	else if (wanted)
		(void)uv_read_start(&stdio->input.stream, on_alloc, on_read);
	else
		(void)uv_read_stop(&stdio->input.stream);
}

void mcp_stdio_hold(struct mcp_stdio *stdio, bool held)
{
	stdio->held = held;
	update_reading(stdio);
}

/* ---- output ---- */

static void close_output(struct mcp_stdio *stdio)
{
	if (stdio->output_closing)
		return;
	stdio->output_closing = true;
	if (stdio->output_is_stream)
		close_handle(&stdio->output.handle);
	close_handle((uv_handle_t *)&stdio->timer);
}

static void on_written(uv_write_t *request, int status)
{
	struct write_request *write = (struct write_request *)(void *)request;
	struct mcp_stdio *stdio = write->stdio;
	const size_t left = stdio->output.stream.write_queue_size;

	buf_done(&write->bytes);
	free(write);
	if (stdio->choked && left <= LOW_WATER) {
		stdio->choked = false;
		update_reading(stdio);
	}
	if (status < 0 && status != UV_ECANCELED)
		lose_output(stdio);
	if (!stdio->ops && (!left || status < 0))
		close_output(stdio);
}

/* A file takes what it is given, or has no room: then the answer cannot be delivered. */
static void write_file(struct mcp_stdio *stdio, const struct buf *bytes)
{
	size_t done = 0;

	while (done < bytes->len) {
		const ssize_t n = write(STDOUT_FILENO, bytes->data + done, bytes->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			lose_output(stdio);
			return;
		}
		done += (size_t)n;
	}
}

void mcp_stdio_write(struct mcp_stdio *stdio, struct buf *bytes)
{
	struct write_request *write;
	uv_buf_t part;

	if (stdio->is_lost || !bytes->len)
		return;
	if (!stdio->output_is_stream) {
		write_file(stdio, bytes);
		return;
	}
	write = xcalloc(1, sizeof(*write));
	write->stdio = stdio;
	write->bytes = *bytes;
	*bytes = (struct buf)BUF_INIT(0);
	part = uv_buf_init(write->bytes.data, (unsigned)write->bytes.len);
	if (uv_write(&write->request, &stdio->output.stream, &part, 1, on_written) < 0) {
		buf_done(&write->bytes);
		free(write);
		lose_output(stdio);
		return;
	}
	if (stdio->output.stream.write_queue_size > HIGH_WATER) {
		stdio->choked = true;
		update_reading(stdio);
	}
}

bool mcp_stdio_is_choked(const struct mcp_stdio *stdio)
{
	return stdio->choked;
}

/* ---- life ---- */

int mcp_stdio_start(uv_loop_t *loop, const struct mcp_stdio_ops *ops, void *ctx,
		    struct mcp_stdio **ret, struct error *err)
{
	struct mcp_stdio *stdio = xcalloc(1, sizeof(*stdio));
	int r;

	stdio->loop = loop;
	stdio->ops = ops;
	stdio->ctx = ctx;
	stdio->handles = 2;
	(void)uv_timer_init(loop, &stdio->timer);
	(void)uv_idle_init(loop, &stdio->file_input);
	stdio->timer.data = stdio;
	stdio->file_input.data = stdio;
	r = open_stream(stdio, STDIN_FILENO, &stdio->input, &stdio->input_is_stream);
	if (r == 0)
		r = open_stream(stdio, STDOUT_FILENO, &stdio->output, &stdio->output_is_stream);
	if (r < 0) {
		mcp_stdio_close(stdio);
		return error_set(err, r, "take stdin and stdout into use: %s", uv_strerror(r));
	}
	update_reading(stdio);
	*ret = stdio;
	return 0;
}

static void on_flush_over(uv_timer_t *timer)
{
	close_output(timer->data);
}

void mcp_stdio_close(struct mcp_stdio *stdio)
{
	if (!stdio)
		return;
	stdio->ops = NULL;
	update_reading(stdio);
	close_handle((uv_handle_t *)&stdio->file_input);
	if (stdio->input.handle.type)
		close_handle(&stdio->input.handle);
	if (stdio->output.handle.type && !stdio->is_lost && stdio->output.stream.write_queue_size)
		(void)uv_timer_start(&stdio->timer, on_flush_over, FLUSH_MS, 0);
	else
		close_output(stdio);
}
