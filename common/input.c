/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Theory of operation: an open with O_NONBLOCK does not wait, and neither do reads of files. Of a
 * pipe, poll(2) tells that there is something, or that its writers are gone. Where it tells
 * neither, there may be a writer who has written nothing yet, or none: of a FIFO that had no
 * writer since the open, Linux tells no hang-up. Those two a tee(2) tells apart, which takes
 * nothing out of the pipe. A writer that waits in its own open counts as one (fifo_open() in
 * fs/pipe.c), so who opens first does not matter.
 */

#include "common/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

/* A writer that is started beside us may not have come to its open yet. */
#define WRITER_MS 2000
/* Whoever writes a document has begun, and goes on. */
#define SILENCE_MS 30000

/* Return: whether poll(2) has something to tell before the time is over. */
static bool is_told(int fd, int timeout_ms)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	int r;

	do {
		r = poll(&pollfd, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	return r > 0;
}

static bool has_writer(int fifo_fd)
{
	int scratch_fds[2];
	ssize_t n;
	int error;

	if (pipe2(scratch_fds, O_CLOEXEC) < 0)
		return false;
	n = tee(fifo_fd, scratch_fds[1], 1, SPLICE_F_NONBLOCK);
	error = errno;
	(void)close(scratch_fds[0]);
	(void)close(scratch_fds[1]);
	return n > 0 || (n < 0 && error == EAGAIN);
}

static int look_at(int fd, const char *what, const char *path, bool *ret_is_pipe, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "cannot look at %s%s", what, path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, EISDIR, "%s%s: a folder, not a file", what, path);
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
		return error_set(err, EINVAL, "%s%s: neither a file nor a pipe", what, path);
	*ret_is_pipe = S_ISFIFO(st.st_mode);
	return 0;
}

int input_check(int fd, const char *what, const char *path, struct error *err)
{
	bool is_pipe = false;
	const int r = look_at(fd, what, path, &is_pipe, err);

	if (is_pipe && !is_told(fd, WRITER_MS) && !has_writer(fd))
		return error_set(err, EPIPE,
				 "%s%s: a FIFO that nobody writes to; start its writer first, or "
				 "name a file",
				 what, path);
	return r;
}

static int open_either(const char *what, const char *path, struct error *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	return fd < 0 ? error_errno(err, errno, "cannot open %s%s", what, path) : fd;
}

int input_open(const char *what, const char *path, struct error *err)
{
	_cleanup_close_ int fd = open_either(what, path, err);
	const int r = fd < 0 ? fd : input_check(fd, what, path, err);

	return r < 0 ? r : take_fd(&fd);
}

int input_open_file(const char *what, const char *path, struct error *err)
{
	_cleanup_close_ int fd = open_either(what, path, err);
	bool is_pipe = false;
	int r = fd < 0 ? fd : look_at(fd, what, path, &is_pipe, err);

	if (is_pipe)
		r = error_set(err, ESPIPE,
			      "%s%s: a pipe can be read only once, and this is read more often; "
			      "save it as a file",
			      what, path);
	return r < 0 ? r : take_fd(&fd);
}

int input_read_document(int fd, const char *name, size_t most, struct buf *out, struct error *err)
{
	for (;;) {
		char *at = buf_reserve(out, INPUT_ROOM);
		const ssize_t n = at ? read(fd, at, INPUT_ROOM) : 0;

		if (!at || (n > 0 && out->len + (size_t)n > most))
			return error_set(err, E2BIG, "%s: more than %zu bytes", name, most);
		if (n < 0 && errno == EAGAIN && !is_told(fd, SILENCE_MS))
			return error_set(err, ETIME,
					 "%s: its writer neither wrote nor closed it for %d "
					 "seconds",
					 name, SILENCE_MS / 1000);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return error_errno(err, errno, "cannot read %s", name);
		out->len += n < 0 ? 0 : (size_t)n;
		out->data[out->len] = '\0';
		if (n == 0)
			return 0;
	}
}
