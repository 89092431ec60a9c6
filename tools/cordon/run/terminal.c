/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Two flows of bytes with a buffer each:
 *
 *	user's stdin -> input -> pty master		what is typed
 *	pty master -> output -> user's stdout		what is shown
 *
 * A side is read only when its buffer is empty and written only when it takes something, so a
 * terminal that was stopped, or a command that does not read, holds up its own flow and nothing
 * else: the loop has a gate to serve.
 */

#include "tools/cordon/run/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define CHUNK_BYTES 4096
/* How long a terminal may take nothing before what the command said last is given up. */
#define STUCK_MS 10000

struct flow {
	char bytes[CHUNK_BYTES];
	size_t at, len;
	bool ended; /* nothing more can be read, or written */
};

struct terminal {
	int master_fd;
	int peer_fd;   /* keeps the pty from hanging up when the command closes it for a while */
	int output_fd; /* the user's terminal, without blocking if it could be opened anew */
	struct flow input;
	struct flow output;
	struct termios saved;
	bool is_raw;
	bool is_held;
	uv_poll_t from_user;
	uv_poll_t to_user;
	uv_poll_t session;
	uv_signal_t resize;
	unsigned handles;
};

static bool is_transient(void)
{
	return errno == EINTR || errno == EAGAIN;
}

static void flow_read(struct flow *flow, int from_fd)
{
	const ssize_t n = read(from_fd, flow->bytes, sizeof(flow->bytes));

	if (n > 0) {
		flow->at = 0;
		flow->len = (size_t)n;
	} else if (n == 0 || !is_transient()) {
		flow->ended = true;
	}
}

static void flow_write(struct flow *flow, int to_fd)
{
	const ssize_t n = write(to_fd, flow->bytes + flow->at, flow->len - flow->at);

	if (n > 0)
		flow->at += (size_t)n;
	else if (n == 0 || !is_transient())
		flow->ended = true;
}

static bool is_empty(const struct flow *flow)
{
	return flow->at == flow->len;
}

static int events_to_read(const struct flow *flow)
{
	return !flow->ended && is_empty(flow) ? UV_READABLE : 0;
}

static int events_to_write(const struct flow *flow)
{
	return !flow->ended && !is_empty(flow) ? UV_WRITABLE : 0;
}

static void watch(uv_poll_t *handle, int events, uv_poll_cb callback)
{
	if (events)
		(void)uv_poll_start(handle, events, callback);
	else
		(void)uv_poll_stop(handle);
}

static void on_user_input(uv_poll_t *handle, int status, int events);
static void on_user_output(uv_poll_t *handle, int status, int events);
static void on_session(uv_poll_t *handle, int status, int events);

static void watch_all(struct terminal *terminal)
{
	if (terminal->is_held)
		return;
	watch(&terminal->from_user, events_to_read(&terminal->input), on_user_input);
	watch(&terminal->to_user, events_to_write(&terminal->output), on_user_output);
	watch(&terminal->session,
	      events_to_write(&terminal->input) | events_to_read(&terminal->output), on_session);
}

static void on_user_input(uv_poll_t *handle, int status, int events)
{
	struct terminal *terminal = handle->data;

	(void)events;
	if (status < 0)
		terminal->input.ended = true;
	else if (is_empty(&terminal->input))
		flow_read(&terminal->input, STDIN_FILENO);
	watch_all(terminal);
}

static void on_user_output(uv_poll_t *handle, int status, int events)
{
	struct terminal *terminal = handle->data;

	(void)events;
	if (status < 0)
		terminal->output.ended = true;
	else if (!is_empty(&terminal->output))
		flow_write(&terminal->output, terminal->output_fd);
	watch_all(terminal);
}

static void on_session(uv_poll_t *handle, int status, int events)
{
	struct terminal *terminal = handle->data;

	if (status < 0) {
		terminal->input.ended = true;
		terminal->output.ended = true;
	}
	if ((events & UV_WRITABLE) && !is_empty(&terminal->input))
		flow_write(&terminal->input, terminal->master_fd);
	if ((events & UV_READABLE) && is_empty(&terminal->output))
		flow_read(&terminal->output, terminal->master_fd);
	watch_all(terminal);
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

static void make_raw(struct terminal *terminal)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &terminal->saved) < 0)
		return;
	raw = terminal->saved;
	cfmakeraw(&raw);
	terminal->is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

void terminal_suspend(struct terminal *terminal)
{
	if (terminal && terminal->is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal->saved);
}

void terminal_resume(struct terminal *terminal)
{
	if (!terminal)
		return;
	make_raw(terminal);
	copy_size(terminal);
}

void terminal_hold(struct terminal *terminal, bool hold)
{
	if (!terminal || terminal->is_held == hold)
		return;
	terminal->is_held = hold;
	if (hold) {
		(void)uv_poll_stop(&terminal->from_user);
		(void)uv_poll_stop(&terminal->to_user);
		(void)uv_poll_stop(&terminal->session);
		terminal_suspend(terminal);
	} else {
		terminal_resume(terminal);
		watch_all(terminal);
	}
}

static void watch_fd(uv_loop_t *loop, struct terminal *terminal, uv_poll_t *handle, int fd)
{
	(void)uv_poll_init(loop, handle, fd);
	handle->data = terminal;
	terminal->handles++;
}

struct terminal *terminal_start(uv_loop_t *loop, int master_fd)
{
	struct terminal *terminal = xcalloc(1, sizeof(*terminal));

	terminal->master_fd = master_fd;
	(void)fcntl(master_fd, F_SETFL, O_NONBLOCK);
	terminal->peer_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	/* O_NONBLOCK on stdout itself would be set for the shell and everybody else, too. */
	terminal->output_fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (terminal->output_fd < 0)
		terminal->output_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	copy_size(terminal);
	make_raw(terminal);
	watch_fd(loop, terminal, &terminal->from_user, STDIN_FILENO);
	watch_fd(loop, terminal, &terminal->to_user, terminal->output_fd);
	watch_fd(loop, terminal, &terminal->session, master_fd);
	(void)uv_signal_init(loop, &terminal->resize);
	terminal->resize.data = terminal;
	terminal->handles++;
	(void)uv_signal_start(&terminal->resize, on_resize, SIGWINCH);
	watch_all(terminal);
	return terminal;
}

/* The command is over; what it said before still goes out, as fast as the terminal takes it. */
static void put_last_words(struct terminal *terminal)
{
	struct flow *output = &terminal->output;

	while (!output->ended) {
		struct pollfd to = {.fd = terminal->output_fd, .events = POLLOUT};
		struct pollfd from = {.fd = terminal->master_fd, .events = POLLIN};

		if (is_empty(output)) {
			if (poll(&from, 1, 0) <= 0 || !(from.revents & POLLIN))
				return;
			flow_read(output, terminal->master_fd);
			continue;
		}
		if (poll(&to, 1, STUCK_MS) == 0)
			return;
		flow_write(output, terminal->output_fd);
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct terminal *terminal = handle->data;

	if (--terminal->handles)
		return;
	close_fd(&terminal->master_fd);
	close_fd(&terminal->peer_fd);
	close_fd(&terminal->output_fd);
	free(terminal);
}

void terminal_stop(struct terminal *terminal)
{
	if (!terminal)
		return;
	put_last_words(terminal);
	terminal_suspend(terminal);
	uv_close((uv_handle_t *)&terminal->from_user, on_closed);
	uv_close((uv_handle_t *)&terminal->to_user, on_closed);
	uv_close((uv_handle_t *)&terminal->session, on_closed);
	uv_close((uv_handle_t *)&terminal->resize, on_closed);
}
