/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#define CHUNK_BYTES (256u << 10)
#define SHORT_BYTES (16u << 10) /* after so little there is hardly more: not asked for again */

_Static_assert(SHORT_BYTES <= PIPES_ROOM_BYTES, "a copy has room");

void pump_init(struct pump *pump, int from_fd, int to_fd, struct pipes *pipes)
{
	*pump = (struct pump){.from_fd = from_fd, .to_fd = to_fd, .pipes = pipes, .ends = NO_PIPE};
}

void pump_done(struct pump *pump)
{
	pipes_give(pump->pipes, &pump->ends, pump->in_pipe == 0);
	buf_done(&pump->rest);
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

static int fill_pipe(struct pump *pump, size_t *ret_read)
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
	*ret_read = pump->in_pipe = (size_t)n;
	pump->ended = n == 0;
	return 0;
}

/* Return: how many to_fd took, or a negative errno. */
static ssize_t send_bytes(struct pump *pump, const char *bytes, size_t len)
{
	ssize_t n;

	do {
		n = send(pump->to_fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	pump->bytes += (size_t)n;
	return n;
}

static int send_rest(struct pump *pump)
{
	while (pump->rest.len) {
		const ssize_t n = send_bytes(pump, pump->rest.data, pump->rest.len);

		if (n < 0)
			return (int)n;
		buf_consume(&pump->rest, (size_t)n);
	}
	buf_done(&pump->rest);
	return 0;
}

/* Sends what it reads; what is not taken is the rest. */
static int copy(struct pump *pump, size_t *ret_read)
{
	const char *room = pump->pipes->room;
	ssize_t n;
	ssize_t sent;

	do {
		n = recv(pump->from_fd, pump->pipes->room, SHORT_BYTES, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*ret_read = (size_t)n;
	pump->ended = n == 0;
	if (pump->ended)
		return 0;
	sent = send_bytes(pump, room, (size_t)n);
	if (sent < 0 && sent != -EAGAIN)
		return (int)sent;
	if (sent < 0)
		sent = 0;
	if (sent < n)
		buf_put(&pump->rest, room + sent, (size_t)(n - sent));
	return 0;
}

int pump_shut(struct pump *pump)
{
	/* Who has gone altogether need not be told that nothing follows. */
	if (!pump->shut && shutdown(pump->to_fd, SHUT_WR) < 0 && errno != ENOTCONN)
		return -errno;
	pump->shut = true;
	return 0;
}

static int send_held(struct pump *pump)
{
	const int r = send_rest(pump);

	return r < 0 ? r : drain_pipe(pump);
}

static int run(struct pump *pump)
{
	const uint64_t limit = pump->bytes + PUMP_TURN_BYTES;
	int r = send_held(pump);

	while (r == 0 && !pump->ended && pump->bytes < limit) {
		size_t read = 0;

		r = pump->many ? fill_pipe(pump, &read) : copy(pump, &read);
		if (r < 0)
			return r == -EAGAIN ? PUMP_READS : r;
		pump->many = read >= SHORT_BYTES;
		r = send_held(pump);
		if (!pump->many)
			break;
	}
	if (r < 0)
		return r == -EAGAIN ? PUMP_WRITES : r;
	return pump->ended ? PUMP_ENDED : PUMP_READS;
}

int pump_run(struct pump *pump)
{
	const int r = run(pump);

	if (pump->in_pipe == 0)
		pipes_give(pump->pipes, &pump->ends, true);
	return r;
}
