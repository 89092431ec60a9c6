/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* What the first loop of a process opens: its epoll, an eventfd, and two pipes for signals. */
#define LOOP_FDS 6

/* libuv ends the program where it finds no descriptors for the pipe that its signals share. */
static int check_room(void)
{
	int fds[LOOP_FDS];
	int count = 0;
	int r = 0;

	for (; r == 0 && count < LOOP_FDS; count++) {
		fds[count] = open("/", O_PATH | O_CLOEXEC);
		if (fds[count] < 0)
			r = -errno;
	}
	while (count--) {
		if (fds[count] >= 0)
			(void)close(fds[count]);
	}
	return r;
}

int loop_init(uv_loop_t *loop, struct error *err)
{
	int r = check_room();

	if (r == 0)
		r = uv_loop_init(loop);
	return r < 0 ? error_errno(err, r,
				   "set up the event loop (`ulimit -n` tells how many files may be "
				   "open, and sets it)")
		     : 0;
}
