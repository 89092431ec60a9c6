/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/standard_fds.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"

void hold_standard_fds(void)
{
	int held_fd;

	do
		held_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (held_fd >= 0 && held_fd <= STDERR_FILENO);
	close_fd(&held_fd);
}
