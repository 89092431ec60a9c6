/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/floor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "sandbox/spec_wire.h"

const char *floor_launcher(void)
{
	static char path[4096];
	const char *given = getenv("CORDON_LAUNCH"); /* NOLINT(concurrency-mt-unsafe) */
	ssize_t n;
	char *slash;

	if (given)
		return given;
	n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	path[n > 0 ? n : 0] = '\0';
	for (int up = 0; up < 2; up++) {
		slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
	}
	(void)strcat(path, "/cordon-launch"); /* NOLINT: room is left above */
	return path;
}

/* In the child: descriptors 3 and 4 are what the launcher expects. */
_Noreturn static void become_launcher(int spec_fd, int control_fd)
{
	const int spec_high = fcntl(spec_fd, F_DUPFD, 10);
	const int control_high = fcntl(control_fd, F_DUPFD, 10);

	if (dup2(spec_high, LAUNCH_SPEC_FD) < 0 || dup2(control_high, LAUNCH_CONTROL_FD) < 0)
		_exit(126);
	(void)execl(floor_launcher(), "cordon-launch", (char *)NULL);
	_exit(127);
}

int floor_next(struct floor_session *f)
{
	struct pollfd p = {.fd = f->control_fd, .events = POLLIN};
	int n;

	msg_fds_close(&f->fds);
	do
		n = poll(&p, 1, FLOOR_WAIT_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return -ETIME;
	return msg_recv(f->control_fd, &f->last, f->payload, &f->fds);
}

int floor_launch(struct floor_session *f, int *ret_spec_fd, struct error *err)
{
	_cleanup_close_ int spec_fd = -1;
	_cleanup_close_ int their_spec_fd = -1;
	_cleanup_close_ int child_fd = -1;
	int control[2];
	int spec[2];

	*f = (struct floor_session){.control_fd = -1, .fds = MSG_FDS_NONE};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
		return error_errno(err, errno, "socketpair");
	f->control_fd = control[0];
	child_fd = control[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, spec) < 0)
		return error_errno(err, errno, "socketpair");
	spec_fd = spec[0];
	their_spec_fd = spec[1];
	f->keeper_pid = fork();
	if (f->keeper_pid < 0)
		return error_errno(err, errno, "fork");
	if (!f->keeper_pid)
		become_launcher(their_spec_fd, child_fd);
	*ret_spec_fd = take_fd(&spec_fd);
	return 0;
}

int floor_start(struct floor_session *f, const struct spec *spec, struct error *err)
{
	_cleanup_close_ int spec_fd = -1;
	int r = floor_launch(f, &spec_fd, err);

	if (!r)
		r = spec_send(spec_fd, spec, -1, err);
	if (r < 0)
		return r;
	do
		r = floor_next(f);
	while (r == 0 && f->last.type == MSG_ROOM);
	if (r == 0 && f->last.type == MSG_HELLO)
		return 0;
	if (r == 0 && f->last.type == MSG_ERROR)
		r = error_set(err, f->last.status, "%s", f->payload);
	else
		r = error_set(err, r < 0 ? r : -EPIPE, "no HELLO from %s", floor_launcher());
	(void)floor_end(f);
	return r;
}

int floor_exec_start(struct floor_session *f, const struct floor_exec *e)
{
	_cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int out_fd = e->stdout_fd ? e->stdout_fd : null_fd;
	const int fds[3] = {e->stdin_fd ? e->stdin_fd : null_fd, out_fd, out_fd};
	_cleanup_buf_ struct buf text = BUF_INIT(MAX_MESSAGE_BYTES);
	struct msg m = {.type = MSG_EXEC, .exec = ++f->last_exec, .flags = e->flags};
	const char *cwd = e->cwd ? e->cwd : "/tmp";

	buf_put(&text, cwd, strlen(cwd) + 1);
	for (; e->argv[m.argc]; m.argc++)
		buf_put(&text, e->argv[m.argc], strlen(e->argv[m.argc]) + 1);
	m.payload_len = (uint32_t)text.len;
	return msg_send(f->control_fd, &m, text.data, fds, 3);
}

int floor_exec_wait(struct floor_session *f, unsigned type)
{
	for (;;) {
		const int r = floor_next(f);

		if (r)
			return r < 0 ? r : -EPIPE;
		if (f->last.type == type)
			return 0;
		if (f->last.type == MSG_EXIT || f->last.type == MSG_ERROR)
			return -ESRCH;
	}
}

/* What a pipe holds until its last writer is gone. */
static void drain(int pipe_fd, char *ret, size_t size)
{
	size_t len = 0;

	for (;;) {
		struct pollfd p = {.fd = pipe_fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, FLOOR_WAIT_MS) <= 0)
			break;
		n = read(pipe_fd, ret + len, size - 1 - len);
		if (n <= 0 || len + (size_t)n == size - 1)
			break;
		len += (size_t)n;
	}
	ret[len] = '\0';
}

int floor_run(struct floor_session *f, const char *const *argv, struct floor_result *ret)
{
	_cleanup_close_ int read_fd = -1;
	int output[2];
	int r;

	memset(ret, 0, sizeof(*ret));
	if (pipe2(output, O_CLOEXEC) < 0)
		return -errno;
	read_fd = output[0];
	r = floor_exec_start(f, &(struct floor_exec){.argv = argv, .stdout_fd = output[1]});
	(void)close(output[1]);
	if (r < 0)
		return r;
	drain(read_fd, ret->output, sizeof(ret->output));
	r = floor_exec_wait(f, MSG_EXIT);
	if (r < 0)
		return r;
	ret->outcome = f->last.outcome;
	ret->status = f->last.status;
	if (f->last.payload_len)
		(void)snprintf(ret->text, sizeof(ret->text), "%.*s", (int)sizeof(ret->text) - 1,
			       f->payload);
	return 0;
}

int floor_end(struct floor_session *f)
{
	const struct timespec nap = {.tv_nsec = 2000000};
	int status = 0;

	msg_fds_close(&f->fds);
	close_fd(&f->control_fd);
	for (int waited = 0; waited < FLOOR_WAIT_MS; waited += 2) {
		if (waitpid(f->keeper_pid, &status, WNOHANG) == f->keeper_pid)
			return status;
		(void)nanosleep(&nap, NULL);
	}
	return -ETIME;
}
