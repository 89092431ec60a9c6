/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal is open for both directions whichever stream it is, and the kernel asks nobody's
 * leave to read from it who is in a session (setsid(2)) of his own, as a sandboxed command is: it
 * would get what is typed for the shell.
 */
#include "tools/cordon/run/handed_terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "common/cleanup.h"

static struct {
	bool there;
	int fd;
	struct termios modes;
} before;

/* By its own name, else by that of the caller's terminal: after su(1) it is somebody else's. */
static int open_again(int stream, int access_mode)
{
	const int flags = access_mode | O_NOCTTY | O_CLOEXEC;
	unsigned mine = 0;
	unsigned callers = 0;
	char path[32];
	int again_fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", stream);
	again_fd = open(path, flags);
	if (again_fd >= 0)
		return again_fd;
	again_fd = open("/dev/tty", flags);
	if (again_fd >= 0 && ioctl(stream, TIOCGDEV, &mine) == 0 &&
	    ioctl(again_fd, TIOCGDEV, &callers) == 0 && mine == callers)
		return again_fd;
	close_fd(&again_fd);
	return -EACCES;
}

/* As its caller opened it: nothing can be read that is not to be, and nothing is added to that. */
static bool is_kept_to(int stream, int access_mode)
{
	const int now = fcntl(stream, F_GETFL) & O_ACCMODE;

	return now == O_WRONLY || now == access_mode;
}

static int keep_to(int stream, int access_mode, struct error *err)
{
	_cleanup_close_ int again_fd = -1;

	if (is_kept_to(stream, access_mode))
		return 0;
	again_fd = open_again(stream, access_mode);
	if (again_fd < 0)
		return error_set(err, EACCES,
				 "standard %s is a terminal that this user may not open, and the "
				 "session could read what is typed there; redirect it",
				 stream == STDIN_FILENO ? "input" : "output or error");
	return dup2(again_fd, stream) < 0
		       ? error_errno(err, errno, "keep the terminal to one direction")
		       : 0;
}

static bool is_in_background(void)
{
	const pid_t foreground = tcgetpgrp(STDIN_FILENO);

	return foreground >= 0 && foreground != getpgrp();
}

/* As shells do for who is in the background. */
static int read_nothing(struct error *err)
{
	_cleanup_close_ int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0
		       ? error_errno(err, errno, "open /dev/null")
		       : 0;
}

int handed_terminal_take(struct error *err)
{
	static const int access_modes[] = {O_RDONLY, O_WRONLY, O_WRONLY};
	int r = 0;

	for (int stream = 0; stream < 3 && !r; stream++) {
		if (!isatty(stream))
			continue;
		before.fd = stream;
		before.there = tcgetattr(stream, &before.modes) == 0;
		r = stream == STDIN_FILENO && is_in_background()
			    ? read_nothing(err)
			    : keep_to(stream, access_modes[stream], err);
	}
	return r;
}

/* One that shows what we say, page by page, has changed the modes for itself. */
static bool somebody_reads_us(void)
{
	struct stat st;

	for (int stream = 1; stream < 3; stream++)
		if (fstat(stream, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
			return true;
	return false;
}

void handed_terminal_give_back(void)
{
	if (!before.there || tcgetpgrp(before.fd) != getpgrp() || somebody_reads_us())
		return;
	(void)tcflow(before.fd, TCOON);
	(void)tcsetattr(before.fd, TCSANOW, &before.modes);
}
