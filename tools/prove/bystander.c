/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/bystander.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tools/prove/calls.h"

#define LONGEST_MS 60000

static ssize_t read_of(pid_t pid, const char *name, char *ret, size_t size)
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	_cleanup_close_ int file_fd = open(path, O_RDONLY | O_CLOEXEC);

	n = file_fd < 0 ? -1 : read(file_fd, ret, size - 1);
	ret[n > 0 ? n : 0] = '\0';
	for (ssize_t i = 0; i < n; i++)
		if (!ret[i])
			ret[i] = ' ';
	return n;
}

/* Host pid of this arena's bystander, 0 if it is not there. */
static pid_t find_bystander(const struct outside *o)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	char line[512];
	char want[160];
	pid_t found = 0;

	(void)snprintf(want, sizeof(want), "%s/escape " BYSTANDER, o->arena.bin);
	while (dir && !found && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && read_of(pid, "cmdline", line, sizeof(line)) > 0 &&
		    strncmp(line, want, strlen(want)) == 0)
			found = pid;
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

pid_t bystander_wait(const struct outside *o)
{
	for (unsigned waited = 0; waited < LONGEST_MS; waited += 20) {
		const pid_t pid = find_bystander(o);

		if (pid)
			return pid;
		(void)usleep(20000);
	}
	return 0;
}

bool bystander_was_hit(pid_t pid)
{
	char status[4096];
	const char *at;
	const unsigned long long deadly = 1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1);

	if (read_of(pid, "status", status, sizeof(status)) <= 0)
		return true;
	at = strstr(status, "State:\t");
	if (!at || strchr("TZX", at[7]))
		return true;
	at = strstr(status, "SigPnd:\t");
	if (at && (strtoull(at + 8, NULL, 16) & deadly))
		return true;
	at = strstr(status, "ShdPnd:\t");
	return at && (strtoull(at + 8, NULL, 16) & deadly);
}
