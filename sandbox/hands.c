/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H, the hands of one execution. Theory of operation:
 *
 *	X, all walls up but the filter -> fork, as a child of L -> a filter of its own, whose
 *	listener X hands on -> receive, walk, say where it ended, wait for the verdict, do -> until
 *	the supervisor or the leaf is gone
 *
 * Same user, mounts and Landlock domain as the program, no capabilities. The program cannot get at
 * it: it is not dumpable, so neither its memory nor its descriptors can be opened. It can be
 * killed or stopped from inside; then nothing is written any more, and nobody else waits for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/packet.h"
#include "sandbox/compat/syscalls.h"
#include "sandbox/hands.h"

#define SOCKET_FD 0

static struct {
	struct hands_request request;
	struct hands_job job;
	const struct spec *lite;
	char payload[HANDS_MAX_BYTES];
} self;

static void send_or_end(const struct hands_reply *reply, const int *fds, unsigned count)
{
	struct hands_reply head = *reply;
	const struct packet packet = {.head = &head, .head_len = sizeof(head)};
	const int r = packet_send(SOCKET_FD, &packet, fds, count);

	if (r == 0 || !count)
		return;
	/* Too many descriptors on their way: the operation is refused rather than lost. */
	memset(head.place, 0, sizeof(head.place));
	head.error = r == -ETOOMANYREFS ? EMFILE : -r;
	(void)packet_send(SOCKET_FD, &packet, NULL, 0);
}

/* The next string of the payload. */
static const char *next_string(size_t *at, size_t len)
{
	const char *text = self.payload + *at;
	const char *end = *at < len ? memchr(text, 0, len - *at) : NULL;

	if (!end)
		return NULL;
	*at += (size_t)(end - text) + 1;
	return text;
}

/* What a bind needs besides a place: descriptors of a message end with it. */
static int keep_for_bind(const char *path, int base_fd, int socket_fd)
{
	struct hands_job *job = &self.job;

	job->path = path;
	job->socket_fd = fcntl(socket_fd, F_DUPFD_CLOEXEC, 0);
	if (job->socket_fd >= 0 && base_fd >= 0)
		job->base_fd = fcntl(base_fd, F_DUPFD_CLOEXEC, 0);
	return job->socket_fd < 0 || (base_fd >= 0 && job->base_fd < 0) ? -errno : 0;
}

static int walk_one(unsigned i, int base_fd, const char *path)
{
	const struct walker walker = {self.request.pid, self.request.tid};
	const unsigned how = self.request.walk[i];
	struct place *place = &self.job.place[i];
	struct stat st;

	if (!(how & HANDS_ITSELF))
		return hands_walk(&walker, base_fd, path, (how & HANDS_FOLLOW) != 0, place);
	place->target_fd = fcntl(base_fd, F_DUPFD_CLOEXEC, 0);
	if (place->target_fd < 0 || fstat(place->target_fd, &st) < 0)
		return -errno;
	place->mode = st.st_mode;
	return 0;
}

/* Return: 0 or a negative errno, -EPROTO for a message that is none. */
static int walk_all(size_t len, const struct msg_fds *fds)
{
	unsigned next_fd = 0;
	size_t at = 0;
	int r = 0;

	if (self.request.paths < 1 || self.request.paths > 2)
		return -EPROTO;
	for (unsigned i = 0; i < self.request.paths; i++) {
		const char *path = next_string(&at, len);
		int base_fd = -1;

		if (self.request.walk[i] & HANDS_HAS_BASE)
			base_fd = next_fd < fds->count ? fds->fd[next_fd++] : -1;
		if (!path)
			return -EPROTO;
		if (r == 0)
			r = walk_one(i, base_fd, path);
		if (r == 0 && self.request.op == HANDS_BIND)
			r = keep_for_bind(path, base_fd,
					  next_fd < fds->count ? fds->fd[next_fd] : -1);
	}
	self.job.text = next_string(&at, len);
	self.job.value = self.payload + at;
	if (len - at < self.request.value_len)
		return -EPROTO;
	return r;
}

static bool is_same_file(int a_fd, int b_fd)
{
	struct stat a;
	struct stat b;

	return fstat(a_fd, &a) == 0 && fstat(b_fd, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

/*
 * A path is walked for what the program may not walk through. Where that ends elsewhere by now, the
 * caller is told what it is told of a server that has no time: it tries again, and is judged anew.
 */
static int take_connect(size_t len, const struct msg_fds *fds)
{
	struct hands_job *job = &self.job;
	const bool has_base = self.request.walk[0] & HANDS_HAS_BASE;
	size_t at = 0;
	const char *path = self.request.paths ? next_string(&at, len) : NULL;
	const unsigned expected = 1 + (path != NULL) + has_base;

	if (fds->count != expected || len - at != self.request.value_len ||
	    self.request.value_len > sizeof(struct sockaddr_storage) ||
	    (self.request.paths && !path))
		return -EPROTO;
	job->value = self.payload + at;
	job->socket_fd = fcntl(fds->fd[expected - 1], F_DUPFD_CLOEXEC, 0);
	if (job->socket_fd < 0)
		return -errno;
	if (!path)
		return 0;

	const int r = walk_one(0, has_base ? fds->fd[0] : -1, path);

	if (r < 0)
		return r;
	if (job->place[0].target_fd < 0)
		return -ENOENT;
	return is_same_file(job->place[0].target_fd, fds->fd[expected - 2]) ? 0 : -EAGAIN;
}

static void say_where(int error)
{
	struct hands_reply reply = {.id = self.request.id, .step = HANDS_WALKED, .error = -error};
	int fds[4];
	unsigned count = 0;

	for (unsigned i = 0; error == 0 && i < self.request.paths; i++) {
		const struct place *from = &self.job.place[i];
		struct hands_place *to = &reply.place[i];

		memcpy(to->last, from->last, sizeof(to->last));
		to->mode = from->mode;
		to->has_parent = from->parent_fd >= 0;
		to->has_target = from->target_fd >= 0;
		if (to->has_parent)
			fds[count++] = from->parent_fd;
		if (to->has_target)
			fds[count++] = from->target_fd;
	}
	send_or_end(&reply, fds, count);
}

static void say_done(int result)
{
	struct hands_reply reply = {.id = self.request.id, .step = HANDS_DONE};
	_cleanup_close_ int file_fd = -1;

	if (result == -ERESTART)
		reply.step = HANDS_AGAIN;
	else if (result < 0)
		reply.error = -result;
	else if (self.request.op == HANDS_OPEN)
		file_fd = result;
	send_or_end(&reply, &file_fd, file_fd >= 0);
}

/* Opening a FIFO for writing waits for a reader: a process of its own does that. */
static bool may_block(void)
{
	const struct hands_request *request = &self.request;

	return request->op == HANDS_OPEN && self.job.place[0].target_fd >= 0 &&
	       S_ISFIFO(self.job.place[0].mode) && (request->flags & O_ACCMODE) == O_WRONLY &&
	       !(request->flags & O_NONBLOCK);
}

static void do_elsewhere(void)
{
	const struct hands_reply deferred = {.id = self.request.id, .step = HANDS_DEFERRED};
	/* Not fork(3): what else that calls is the C library's affair, and the filter's. */
	const pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);

	if (pid < 0) {
		say_done(-EAGAIN);
		return;
	}
	if (!pid) {
		say_done(hands_do(&self.job));
		/* The bell: see common/hands.h. */
		(void)syscall(SYS_recvmsg, -1, NULL, 0);
		_exit(0);
	}
	send_or_end(&deferred, NULL, 0);
}

/* A mark is what Landlock does not ask about. */
static bool is_kept_out(void)
{
	switch ((enum hands_op)self.request.op) {
	case HANDS_CHMOD:
	case HANDS_CHOWN:
	case HANDS_SETXATTR:
	case HANDS_REMOVEXATTR:
	case HANDS_UTIME:
		return self.lite && !hands_may_mark(self.lite, self.job.place[0].target_fd);
	case HANDS_OPEN:
	case HANDS_TRUNCATE:
	case HANDS_RENAME:
	case HANDS_LINK:
	case HANDS_SYMLINK:
	case HANDS_UNLINK:
	case HANDS_MKDIR:
	case HANDS_MKNOD:
	case HANDS_BIND:
	case HANDS_CONNECT:
	case HANDS_OPS:
		break;
	}
	return false;
}

static void drop_job(void)
{
	place_done(&self.job.place[0]);
	place_done(&self.job.place[1]);
	close_fd(&self.job.socket_fd);
	close_fd(&self.job.base_fd);
}

static void serve_connect(size_t len, const struct msg_fds *fds)
{
	int r = take_connect(len, fds);

	if (r == 0)
		r = hands_connect(&self.job);
	if (r == HANDS_WAITS)
		do_elsewhere();
	else
		say_done(r);
	drop_job();
}

static void serve_one(void)
{
	struct hands_request request;
	struct packet packet = {.head = &request,
				.head_len = sizeof(request),
				.payload = self.payload,
				.payload_len = sizeof(self.payload)};
	struct msg_fds fds;
	const int r = packet_recv(SOCKET_FD, &packet, &fds);

	if (r)
		_exit(0); /* nobody asks any more */
	if (request.step == HANDS_WALK) {
		drop_job();
		self.request = request;
		if (request.op == HANDS_CONNECT)
			serve_connect(packet.payload_len, &fds);
		else
			say_where(walk_all(packet.payload_len, &fds));
	} else if (request.id != self.request.id) {
		_exit(1);
	} else if (may_block()) {
		do_elsewhere();
		drop_job();
	} else {
		if (self.request.op == HANDS_BIND)
			self.request.flags = request.flags;
		say_done(is_kept_out() ? -EPERM : hands_do(&self.job));
		drop_job();
	}
	msg_fds_close(&fds);
}

/* The first message is for X. */
static int announce(int bell_fd)
{
	struct hands_reply reply = {.error = bell_fd < 0 ? -bell_fd : 0};
	const struct packet packet = {.head = &reply, .head_len = sizeof(reply)};
	const int r = packet_send(SOCKET_FD, &packet, &bell_fd, bell_fd >= 0);

	(void)close(bell_fd);
	return bell_fd < 0 ? bell_fd : r;
}

_Noreturn static void serve(int socket_fd)
{
	sigset_t all;

	(void)setsid(); /* not of the program's group: no signal of a terminal */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	(void)signal(SIGCHLD, SIG_IGN); /* whoever waited for a FIFO is reaped by the kernel */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)prctl(PR_SET_NAME, "cordon-hands");
	/* Nothing of the program's: stdio, the supervisor's sockets, a working directory. */
	if (chdir("/") < 0 || dup2(socket_fd, SOCKET_FD) < 0 ||
	    syscall(SYS_close_range, SOCKET_FD + 1u, ~0u, 0) < 0)
		_exit(1);
	if (announce(hands_filter()) < 0)
		_exit(1);
	self.job = (struct hands_job){.request = &self.request,
				      .socket_fd = -1,
				      .base_fd = -1,
				      .place = {PLACE_NONE, PLACE_NONE}};
	for (;;)
		serve_one();
}

int hands_start(const struct spec *lite, int *ret_fd, struct error *err)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(err, errno, "make a socket for file operations");
	/* Never dumpable, not even until it gets to run: the program may be there first. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	self.lite = lite;
	pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0);
	if (!pid)
		serve(ends[1]);
	(void)prctl(PR_SET_DUMPABLE, 1);
	(void)close(ends[1]);
	if (pid < 0) {
		(void)close(ends[0]);
		return error_errno(err, errno, "start a process for file operations");
	}
	*ret_fd = ends[0];
	return pid;
}

int hands_take_bell(int socket_fd, int *ret_bell_fd, struct error *err)
{
	struct hands_reply reply = {0};
	struct packet packet = {.head = &reply, .head_len = sizeof(reply)};
	struct msg_fds fds = MSG_FDS_NONE;
	int r = packet_recv(socket_fd, &packet, &fds);

	if (r == 0)
		r = -reply.error;
	if (r == 0 && fds.count == 1)
		*ret_bell_fd = take_fd(&fds.fd[0]);
	else
		r = error_errno(err, r < 0 ? r : -EPIPE,
				"wait for the process for file operations");
	msg_fds_close(&fds);
	return r;
}
