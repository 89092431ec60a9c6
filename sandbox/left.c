/* SPDX-License-Identifier: Apache-2.0 */
/*
 * L, when the program of its call has ended: what of the call is still running, before it is
 * killed. The leaf's own /proc tells; isolation lite has none, and tells nothing.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/launch.h"

#define TASK_NAME_BYTES 64u /* of a kernel thread; of a program, 16 */

/*
 * Its terminal session, as in proc_pid_stat(5), and its name for itself. Return: 0 if it is not
 * running any more.
 */
static pid_t session_of(pid_t pid, char name[TASK_NAME_BYTES])
{
	char path[64];
	char text[512];
	_cleanup_close_ int stat_fd = -1;
	const char *begin, *end;
	ssize_t n;
	int session;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	stat_fd = open(path, O_RDONLY | O_CLOEXEC);
	n = stat_fd < 0 ? -1 : read(stat_fd, text, sizeof(text) - 1);
	if (n < 0)
		return 0;
	text[n] = '\0';
	begin = strchr(text, '(');
	end = strrchr(text, ')'); /* its name may hold anything */
	if (!begin || !end || strlen(end) < 4 || end[2] == 'Z' || end[2] == 'X')
		return 0;
	if (name)
		(void)snprintf(name, TASK_NAME_BYTES, "%.*s", (int)(end - begin - 1), begin + 1);
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
	return sscanf(end + 3, "%*d %*d %d", &session) == 1 ? session : 0;
}

static enum left_how how_it_stands(pid_t pid, pid_t session, pid_t program)
{
	if (session == program)
		return LEFT_ATTACHED;
	return session == pid || session_of(session, NULL) ? LEFT_OWN_SESSION : LEFT_ORPHAN;
}

/* Return: false if it may not be looked up: it is not dumpable, or ending. */
static bool take_program(pid_t pid, struct left_process *ret)
{
	char path[64];
	struct statvfs fs;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, ret->program, sizeof(ret->program) - 1);
	if (n <= 0 || statvfs(path, &fs) < 0)
		return false;
	ret->program[n] = '\0';
	ret->where = (fs.f_flag & ST_RDONLY) ? LEFT_OF_IMAGE : LEFT_OF_SESSION;
	return true;
}

uint32_t left_behind(pid_t program, pid_t hands, struct left_process ret[LEFT_MAX])
{
	const struct dirent *entry;
	uint32_t count = 0;
	DIR *dir;

	/* Whoever loses its parent becomes our child: without one nobody is there. */
	if (waitpid(-1, NULL, __WALL | WNOHANG) < 0 && errno == ECHILD)
		return 0;
	dir = opendir("/proc");
	while (dir && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		struct left_process process = {.where = LEFT_UNKNOWN};
		char name[TASK_NAME_BYTES];
		const pid_t pid = isdigit((unsigned char)entry->d_name[0])
					  ? (pid_t)strtol(entry->d_name, NULL, 10)
					  : 0;
		const pid_t session = pid > 1 && pid != hands ? session_of(pid, name) : 0;

		if (!session)
			continue;
		if (!take_program(pid, &process))
			(void)snprintf(process.program, sizeof(process.program), "%s", name);
		process.how = (uint8_t)how_it_stands(pid, session, program);
		if (count < LEFT_MAX)
			ret[count] = process;
		count++;
	}
	if (dir)
		(void)closedir(dir);
	return count;
}
