/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define CHUNK	   4096
#define LAST_WORDS 64 /* chunks passed on after the command has ended */

struct terminal {
	int master_fd;
	struct termios saved;
	bool is_raw;
	uv_poll_t from_user;
	uv_poll_t from_session;
	uv_signal_t resize;
	unsigned handles;
};

static void write_all(int to_fd, const char *bytes, size_t len)
{
	while (len) {
		const ssize_t n = write(to_fd, bytes, len);

		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd wait = {.fd = to_fd, .events = POLLOUT};

			/* The other end is the user's terminal or our own pty; both drain. */
			if (poll(&wait, 1, 1000) <= 0)
				return;
		} else if (n == 0 || errno != EINTR) {
			return;
		}
	}
}

static bool pass_on(int from_fd, int to_fd)
{
	char chunk[CHUNK];
	const ssize_t n = read(from_fd, chunk, sizeof(chunk));

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	write_all(to_fd, chunk, (size_t)n);
	return true;
}

static void on_from_user(uv_poll_t *handle, int status, int events)
{
	struct terminal *terminal = handle->data;

	(void)events;
	if (status < 0 || !pass_on(STDIN_FILENO, terminal->master_fd))
		(void)uv_poll_stop(handle);
}

static void on_from_session(uv_poll_t *handle, int status, int events)
{
	struct terminal *terminal = handle->data;

	(void)events;
	/* EIO: the last process has closed its side. */
	if (status < 0 || !pass_on(terminal->master_fd, STDOUT_FILENO))
		(void)uv_poll_stop(handle);
}

static void copy_size(const struct terminal *terminal)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(terminal->master_fd, TIOCSWINSZ, &size);
}

static void on_resize(uv_signal_t *handle, int signum)
{
	(void)signum;
	copy_size(handle->data);
}

struct terminal *terminal_start(uv_loop_t *loop, int master_fd)
{
	struct terminal *terminal = xcalloc(1, sizeof(*terminal));
	struct termios raw;

	terminal->master_fd = master_fd;
	(void)fcntl(master_fd, F_SETFL, O_NONBLOCK);
	copy_size(terminal);
	if (tcgetattr(STDIN_FILENO, &terminal->saved) == 0) {
		raw = terminal->saved;
		cfmakeraw(&raw);
		terminal->is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
	}
	(void)uv_poll_init(loop, &terminal->from_user, STDIN_FILENO);
	(void)uv_poll_init(loop, &terminal->from_session, master_fd);
	(void)uv_signal_init(loop, &terminal->resize);
	terminal->from_user.data = terminal;
	terminal->from_session.data = terminal;
	terminal->resize.data = terminal;
	terminal->handles = 3;
	(void)uv_poll_start(&terminal->from_user, UV_READABLE, on_from_user);
	(void)uv_poll_start(&terminal->from_session, UV_READABLE, on_from_session);
	(void)uv_signal_start(&terminal->resize, on_resize, SIGWINCH);
	return terminal;
}

static void on_closed(uv_handle_t *handle)
{
	struct terminal *terminal = handle->data;

	if (--terminal->handles)
		return;
	close_fd(&terminal->master_fd);
	free(terminal);
}

void terminal_stop(struct terminal *terminal)
{
	if (!terminal)
		return;
	for (unsigned i = 0; i < LAST_WORDS && pass_on(terminal->master_fd, STDOUT_FILENO); i++) {
		struct pollfd more = {.fd = terminal->master_fd, .events = POLLIN};

		if (poll(&more, 1, 0) <= 0 || !(more.revents & POLLIN))
			break;
	}
	if (terminal->is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal->saved);
	uv_close((uv_handle_t *)&terminal->from_user, on_closed);
	uv_close((uv_handle_t *)&terminal->from_session, on_closed);
	uv_close((uv_handle_t *)&terminal->resize, on_closed);
}
