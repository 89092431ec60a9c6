/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#define CHUNK_BYTES (256u << 10)
#define SHORT_BYTES (16u << 10) /* after so little there is hardly more: not asked for again */

void pump_init(struct pump *pump, int from_fd, int to_fd, struct pipes *pipes)
{
	*pump = (struct pump){.from_fd = from_fd, .to_fd = to_fd, .pipes = pipes, .ends = NO_PIPE};
}

void pump_done(struct pump *pump)
{
	pipes_give(pump->pipes, &pump->ends, pump->in_pipe == 0);
}

/* Return: bytes, 0 at the end, or a negative errno. */
static ssize_t move_bytes(int from_fd, int to_fd, size_t bytes)
{
	ssize_t n;

	do {
		n = splice(from_fd, NULL, to_fd, NULL, bytes, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int drain_pipe(struct pump *pump)
{
	while (pump->in_pipe) {
		const ssize_t n = move_bytes(pump->ends.read_fd, pump->to_fd, pump->in_pipe);

		if (n <= 0)
			return n < 0 ? (int)n : -EPIPE;
		pump->in_pipe -= (size_t)n;
		pump->bytes += (size_t)n;
	}
	return 0;
}

static int fill_pipe(struct pump *pump)
{
	ssize_t n;

	if (pump->ends.read_fd < 0) {
		const int r = pipes_take(pump->pipes, &pump->ends);

		if (r < 0)
			return r;
	}
	n = move_bytes(pump->from_fd, pump->ends.write_fd, CHUNK_BYTES);
	if (n < 0)
		return (int)n;
	pump->in_pipe = (size_t)n;
	pump->ended = n == 0;
	return 0;
}

static int shut(struct pump *pump)
{
	/* Who has gone altogether need not be told that nothing follows. */
	if (!pump->shut && shutdown(pump->to_fd, SHUT_WR) < 0 && errno != ENOTCONN)
		return -errno;
	pump->shut = true;
	return PUMP_ENDED;
}

static int run(struct pump *pump)
{
	const uint64_t limit = pump->bytes + PUMP_TURN_BYTES;
	int r = drain_pipe(pump);

	if (r < 0)
		return r == -EAGAIN ? PUMP_WRITES : r;
	while (!pump->ended && pump->bytes < limit) {
		size_t read;

		r = fill_pipe(pump);
		if (r < 0)
			return r == -EAGAIN ? PUMP_READS : r;
		read = pump->in_pipe;
		r = drain_pipe(pump);
		if (r < 0)
			return r == -EAGAIN ? PUMP_WRITES : r;
		if (read < SHORT_BYTES)
			break;
	}
	return pump->ended ? shut(pump) : PUMP_READS;
}

int pump_run(struct pump *pump)
{
	const int r = run(pump);

	if (pump->in_pipe == 0)
		pipes_give(pump->pipes, &pump->ends, true);
	return r;
}
