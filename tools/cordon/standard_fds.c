/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/standard_fds.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"

/* There may be no /dev/null; of what is held so nothing can be read, and it takes nothing. */
static int open_nothing(int access_mode)
{
	const int null_fd = open("/dev/null", access_mode | O_CLOEXEC);

	return null_fd < 0 ? open("/", O_PATH | O_CLOEXEC) : null_fd;
}

void hold_standard_fds(int access_mode)
{
	int held_fd;

	do
		held_fd = open_nothing(access_mode);
	while (held_fd >= 0 && held_fd <= STDERR_FILENO);
	close_fd(&held_fd);
}
