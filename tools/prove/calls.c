/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/calls.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HIGHEST_PID 4096 /* a call's own pid namespace starts at 1 */

int bystander_main(void)
{
	const int ready_fd = open(READY, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	(void)close(ready_fd);
	for (;;)
		(void)pause();
}

static void look(void)
{
	for (int pid = 1; pid < HIGHEST_PID; pid++) {
		char path[64];
		char line[512];
		ssize_t n;

		if (pid == getpid())
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
		const int line_fd = open(path, O_RDONLY | O_CLOEXEC);

		n = line_fd < 0 ? -1 : read(line_fd, line, sizeof(line));
		for (ssize_t i = 0; i < n; i++)
			if (!line[i])
				line[i] = ' ';
		if (n > 0)
			(void)!write(STDOUT_FILENO, line, (size_t)n);
		(void)close(line_fd);
	}
}

int attack_main(const char *kind)
{
	(void)!write(STDOUT_FILENO, ATTACKED "\n", strlen(ATTACKED "\n"));
	if (strcmp(kind, ATTACK_ALL) == 0)
		(void)kill(-1, SIGKILL);
	else if (strcmp(kind, ATTACK_LOOK) == 0)
		look();
	else
		for (int pid = 1; pid < HIGHEST_PID; pid++)
			if (pid != getpid())
				(void)kill(pid, SIGKILL);
	return 0;
}
