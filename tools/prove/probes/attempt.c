/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/probes/attempt.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

int print_file(int folder_fd, const char *path)
{
	char text[4096];
	ssize_t n;
	const int file_fd = openat(folder_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (file_fd < 0)
		return errno;
	n = read(file_fd, text, sizeof(text));
	if (n > 0)
		(void)!write(STDOUT_FILENO, text, (size_t)n);
	(void)close(file_fd);
	return n < 0 ? EIO : 0;
}

static int write_to(int file_fd)
{
	const int r = file_fd < 0 ? errno : outcome(write(file_fd, "escaped\n", 8));

	if (file_fd >= 0)
		(void)close(file_fd);
	return r;
}

int overwrite(const char *path)
{
	return write_to(open(path, O_WRONLY | O_CLOEXEC));
}

int create(const char *path)
{
	return write_to(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

char *joined(char *ret, const char *folder, const char *name)
{
	(void)snprintf(ret, PATH_BYTES, "%s/%s", folder, name);
	return ret;
}

char *fresh_name(char *ret, const char *folder, const char *prefix)
{
	const char *scratch = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
	static unsigned count;

	if (scratch && strcmp(folder, "/tmp") == 0)
		folder = scratch;
	(void)snprintf(ret, PATH_BYTES, "%s/%s-%d-%u", folder, prefix, getpid(), count++);
	return ret;
}

int in_other(int (*fn)(const void *arg), const void *arg)
{
	const pid_t child = fork();
	int status = 0;

	if (child < 0)
		return ATTEMPT_BROKEN;
	if (!child)
		_exit(fn(arg));
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return ATTEMPT_BROKEN;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
