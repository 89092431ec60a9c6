/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/tool_stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/limits.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

/*
 * A memfd: it takes any length at once, so that a tool that does not read cannot hold us up.
 * Sealed, since the session's process gets the same open file.
 */
int tool_input_open(struct str input, int *ret_fd)
{
	_cleanup_close_ int input_fd = -1;
	size_t done = 0;

	if (!input.len) {
		*ret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return *ret_fd < 0 ? -errno : 0;
	}
	input_fd = memfd_create("input", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (input_fd < 0 && errno == EINVAL)
		input_fd = memfd_create("input", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (input_fd < 0)
		return -errno;
	while (done < input.len) {
		const ssize_t n = write(input_fd, input.at + done, input.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	if (lseek(input_fd, 0, SEEK_SET) < 0 ||
	    fcntl(input_fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) <
		    0)
		return -errno;
	*ret_fd = take_fd(&input_fd);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	const struct tool_pipe *pipe = handle->data;

	pipe->closed(pipe->ctx);
}

void tool_pipe_close(struct tool_pipe *pipe)
{
	if (!pipe->is_open)
		return;
	pipe->is_open = false;
	uv_close((uv_handle_t *)&pipe->handle, on_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct tool_pipe *pipe = handle->data;

	(void)suggested;
	*ret = uv_buf_init(pipe->chunk, TOOL_PIPE_CHUNK);
}

static void on_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
	struct tool_pipe *pipe = stream->data;

	if (n > 0)
		tool_output_put(&pipe->output, chunk->base, (size_t)n);
	else if (n < 0)
		tool_pipe_close(pipe);
}

void tool_pipe_drain(struct tool_pipe *pipe)
{
	uv_os_fd_t pipe_fd;

	if (!pipe->is_open || uv_fileno((uv_handle_t *)&pipe->handle, &pipe_fd) < 0)
		return;
	for (size_t taken = 0; taken < MAX_OUTPUT_BYTES;) {
		const ssize_t n = read(pipe_fd, pipe->chunk, TOOL_PIPE_CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		tool_output_put(&pipe->output, pipe->chunk, (size_t)n);
		taken += (size_t)n;
	}
}

void tool_pipe_init(struct tool_pipe *pipe, void (*closed)(void *ctx), void *ctx)
{
	tool_output_init(&pipe->output);
	pipe->is_open = false;
	pipe->closed = closed;
	pipe->ctx = ctx;
}

int tool_pipe_open(struct tool_pipe *pipe, uv_loop_t *loop, int *ret_write_fd)
{
	int ends[2];
	int r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r = uv_pipe_init(loop, &pipe->handle, 0);
	pipe->handle.data = pipe;
	pipe->is_open = true;
	if (r == 0)
		r = uv_pipe_open(&pipe->handle, ends[0]);
	if (r < 0) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		return r;
	}
	*ret_write_fd = ends[1];
	return uv_read_start((uv_stream_t *)&pipe->handle, on_alloc, on_output);
}
