/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"

/* An ordinary user may have 64 MiB in all of his pipes (pipe(7)); beyond that they stay small. */
#define PIPE_BYTES (256 << 10)

int pipes_take(struct pipes *pipes, struct pipe_ends *ret)
{
	int ends[2];

	if (pipes->count) {
		*ret = pipes->kept[--pipes->count];
		return 0;
	}
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	(void)fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES);
	*ret = (struct pipe_ends){ends[0], ends[1]};
	return 0;
}

void pipes_give(struct pipes *pipes, struct pipe_ends *ends, bool is_empty)
{
	if (ends->read_fd >= 0 && is_empty && pipes->count < PIPES_KEPT) {
		pipes->kept[pipes->count++] = *ends;
		*ends = NO_PIPE;
		return;
	}
	close_fd(&ends->read_fd);
	close_fd(&ends->write_fd);
}

void pipes_done(struct pipes *pipes)
{
	while (pipes->count) {
		struct pipe_ends *last = &pipes->kept[--pipes->count];

		close_fd(&last->read_fd);
		close_fd(&last->write_fd);
	}
}
