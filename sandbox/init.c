/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C, pid 1 of the session. Theory of operation:
 *
 *	wait for P's go -> steps -> HELLO -> serve until the socket or the life pipe hangs up
 *
 * A leaf (new pid and mount namespace) is cloned before it is wanted: at the start, and when
 * nothing runs. For EXEC it gets the message and is remembered; KILL sends it SIGKILL. EXIT goes
 * out when the leaf says that it is empty, or when it is gone, and with it every process in it, for
 * it was their pid 1. Leaving this loop in any way ends the process, and with it the whole session.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/launch.h"
#include "sandbox/lite.h"
#include "sandbox/spare.h"

#define MAX_LEAVES 1024u /* executions at the same time */
/*
 * Before a leaf is made for the next one, who may never come: whose only execution it was ends the
 * session sooner, so it pays for none, and a call that follows soon finds one that is ready.
 */
#define IDLE_NS 300000

struct leaf {
	uint32_t exec;
	pid_t pid;
	int pidfd;
	int report_fd; /* -1 once EXIT went out */
	bool has_report;
	bool is_quiet;		   /* nobody is left to report */
	struct leaf_report report; /* the first */
};

struct init {
	struct launch *launch;
	struct spare spare;
	bool no_spare; /* there was none to be had; the next EXEC tries again and says why */
	uint32_t last; /* flags of the last EXEC: a session's are all alike, but for a terminal */
	struct leaf leaves[MAX_LEAVES];
	size_t leaf_count;
	uint64_t disk_ends; /* calls that were ended for what they took of the disk */
	char payload[MAX_MESSAGE_BYTES];
};

static struct init self;

static bool keeper_is_gone(void)
{
	struct pollfd life = {.fd = self.launch->life_fd};

	return poll(&life, 1, 0) > 0;
}

/* By themselves, so that each sees to its call even if we are killed meanwhile. */
static void end_leaves(void)
{
	for (size_t i = 0; i < self.leaf_count; i++)
		if (self.leaves[i].pid)
			(void)kill(self.leaves[i].pid, SIGTERM);
	for (size_t i = 0; i < self.leaf_count; i++)
		while (self.leaves[i].pid && waitpid(self.leaves[i].pid, NULL, __WALL) < 0 &&
		       errno == EINTR)
			;
}

/*
 * In lite nothing dies with us by itself: the leaves and what they started are ended first, and
 * what P would have removed is, should it be gone.
 */
_Noreturn static void leave(int status)
{
	if (self.launch->lite) {
		end_leaves();
		lite_kill_children(NULL);
		if (keeper_is_gone())
			lite_remove_private(self.launch);
	}
	_exit(status);
}

static void send_or_end(const struct msg *m, const char *payload)
{
	if (msg_send(self.launch->control_fd, m, payload, NULL, 0) < 0)
		leave(0); /* the supervisor is gone: so are we */
}

static void send_not_run(uint32_t exec, const char *text)
{
	const struct msg m = {.type = MSG_EXIT,
			      .exec = exec,
			      .outcome = EXEC_SETUP_ERROR,
			      .payload_len = (uint32_t)strlen(text) + 1};

	send_or_end(&m, text);
}

static void start_leaf(const struct msg *m, const struct msg_fds *fds)
{
	struct error err;
	int r;

	if (self.leaf_count == MAX_LEAVES) {
		send_not_run(m->exec, "too many executions at the same time");
		return;
	}
	self.no_spare = false;
	self.last = m->flags & ~(uint32_t)EXEC_TTY;
	r = spare_order(self.launch, &self.spare, m, self.payload, fds);
	if (r < 0) {
		(void)error_errno(&err, r, "start a process for the call");
		(void)launch_lacks(&err);
		send_not_run(m->exec, err.text);
		return;
	}
	self.leaves[self.leaf_count++] = (struct leaf){.exec = m->exec,
						       .pid = self.spare.pid,
						       .pidfd = self.spare.pidfd,
						       .report_fd = self.spare.report_fd};
	self.spare.pid = 0;
}

/* The strings of EXIT, into the buffer that no message is in now. Return: their length. */
static uint32_t put_exit_strings(const struct leaf_report *report, const struct leaf_report *last)
{
	const uint32_t told = last->left < LEFT_MAX ? last->left : LEFT_MAX;
	char *at = stpcpy(self.payload, report->text) + 1;

	if (!report->text[0] && !told)
		return 0;
	for (uint32_t i = 0; i < told; i++) {
		const struct left_process *process = &last->left_first[i];

		*at++ = (char)process->how;
		*at++ = process->where;
		at = stpcpy(at, process->program) + 1;
	}
	return (uint32_t)(at - self.payload);
}

static void send_exit(struct leaf *leaf, const struct leaf_report *last)
{
	struct leaf_report *report = &leaf->report;
	struct msg m = {.type = MSG_EXIT, .exec = leaf->exec, .left = last->left};

	if (!leaf->has_report)
		*report = (struct leaf_report){.outcome = EXEC_SIGNALED, .status = SIGKILL};
	report->text[sizeof(report->text) - 1] = '\0';
	m.outcome = report->outcome;
	m.status = report->status;
	m.max_rss_kib = last->max_rss_kib;
	m.user_time_us = last->user_time_us;
	m.system_time_us = last->system_time_us;
	m.memory_kills = cgroup_hits(self.launch, LIMIT_MEMORY);
	m.refused_forks = cgroup_hits(self.launch, LIMIT_PIDS);
	m.disk_ends = self.disk_ends;
	m.layer_bytes = self.launch->spec.limits.layer_bytes;
	m.payload_len = put_exit_strings(report, last);
	close_fd(&leaf->report_fd);
	send_or_end(&m, self.payload);
}

static void read_reports(struct leaf *leaf)
{
	struct leaf_report report;

	while (leaf->report_fd >= 0 &&
	       read(leaf->report_fd, &report, sizeof(report)) == (ssize_t)sizeof(report)) {
		if (!leaf->has_report)
			leaf->report = report;
		leaf->has_report = true;
		if (report.is_empty)
			send_exit(leaf, &report);
	}
}

static uint64_t micros(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_usec;
}

static bool is_ours(pid_t pid)
{
	for (size_t i = 0; i < self.leaf_count; i++)
		if (self.leaves[i].pid == pid)
			return true;
	return pid == self.spare.pid;
}

/*
 * The leaf is a zombie: nothing of it runs any more, whether it could still say so or not. In lite,
 * what a leaf that was killed had below it is ours now, and killed here.
 */
static void end_leaf(size_t i)
{
	struct leaf *leaf = &self.leaves[i];
	struct rusage used = {0};

	while (wait4(leaf->pid, NULL, __WALL, &used) < 0 && errno == EINTR)
		;
	leaf->pid = 0;
	read_reports(leaf);
	if (leaf->report_fd >= 0 && self.launch->lite)
		lite_kill_children(is_ours);
	if (leaf->report_fd >= 0) {
		const struct leaf_report last = {.max_rss_kib = (uint64_t)used.ru_maxrss,
						 .user_time_us = micros(used.ru_utime),
						 .system_time_us = micros(used.ru_stime)};

		send_exit(leaf, &last);
	}
	(void)close(leaf->pidfd);
	self.leaves[i] = self.leaves[--self.leaf_count];
}

static void kill_leaf(const struct leaf *leaf)
{
	if (leaf->pid)
		(void)kill(leaf->pid, self.launch->lite ? SIGTERM : SIGKILL);
}

static void kill_exec(uint32_t exec)
{
	for (size_t i = 0; i < self.leaf_count; i++)
		if (self.leaves[i].exec == exec)
			kill_leaf(&self.leaves[i]);
}

/* P has something to say, or is gone. */
static void hear_keeper(void)
{
	char note = 0;

	if (recv(self.launch->life_fd, &note, 1, MSG_DONTWAIT) != 1)
		leave(0);
	if (note != KEEPER_END_CALLS)
		return;
	for (size_t i = 0; i < self.leaf_count; i++) {
		/* Of one that has told its end there is nothing left to tell. */
		self.disk_ends += self.leaves[i].report_fd >= 0;
		kill_leaf(&self.leaves[i]);
	}
}

static void make_socket(const struct msg *asked)
{
	struct msg m = {.type = MSG_SOCKET, .exec = asked->exec};
	size_t at = 0;
	const char *address = msg_next_string(asked, self.payload, &at);
	_cleanup_close_ int socket_fd = address ? net_socket((enum socket_kind)asked->flags,
							     address, (uint16_t)asked->status)
						: -EINVAL;

	m.status = socket_fd < 0 ? socket_fd : 0;
	if (msg_send(self.launch->control_fd, &m, NULL, &socket_fd, socket_fd >= 0 ? 1 : 0) < 0)
		leave(0); /* the supervisor is gone: so are we */
}

static void serve_message(void)
{
	struct msg m;
	struct msg_fds fds;
	const int r = msg_recv(self.launch->control_fd, &m, self.payload, &fds);

	if (r == -EAGAIN)
		return;
	if (r != 0 || m.type == MSG_BYE)
		leave(0);
	if (m.type == MSG_EXEC)
		start_leaf(&m, &fds);
	else if (m.type == MSG_KILL)
		kill_exec(m.exec);
	else if (m.type == MSG_SOCKET)
		make_socket(&m);
	msg_fds_close(&fds);
}

enum {
	POLL_CONTROL,
	POLL_LIFE,
	POLL_SPARE,
	POLL_LEAVES
};

static size_t fill_poll(struct pollfd *polled)
{
	polled[POLL_CONTROL] = (struct pollfd){.fd = self.launch->control_fd, .events = POLLIN};
	polled[POLL_LIFE] = (struct pollfd){.fd = self.launch->life_fd, .events = POLLIN};
	polled[POLL_SPARE] =
		(struct pollfd){.fd = self.spare.pid ? self.spare.pidfd : -1, .events = POLLIN};
	for (size_t i = 0; i < self.leaf_count; i++) {
		const struct leaf *leaf = &self.leaves[i];

		polled[POLL_LEAVES + 2 * i] = (struct pollfd){.fd = leaf->pidfd, .events = POLLIN};
		polled[POLL_LEAVES + 2 * i + 1] = (struct pollfd){
			.fd = leaf->is_quiet ? -1 : leaf->report_fd, .events = POLLIN};
	}
	return POLL_LEAVES + 2 * self.leaf_count;
}

static void serve(void)
{
	static struct pollfd polled[POLL_LEAVES + 2 * MAX_LEAVES];
	static const struct timespec idle = {.tv_nsec = IDLE_NS};

	for (;;) {
		const struct pollfd *of_leaves = polled + POLL_LEAVES;
		const size_t leaf_count = self.leaf_count;
		const bool is_idle = !leaf_count && !self.spare.pid && !self.no_spare;
		const int n = ppoll(polled, fill_poll(polled), is_idle ? &idle : NULL, NULL);

		if (n < 0 && errno != EINTR)
			leave(1);
		if (n < 0)
			continue;
		if (n == 0)
			self.no_spare = spare_make(self.launch, self.last, &self.spare) < 0;
		if (polled[POLL_LIFE].revents)
			hear_keeper();
		/* From the back: ending one moves the last into its place. */
		for (size_t i = leaf_count; i-- > 0;) {
			if (of_leaves[2 * i + 1].revents & POLLIN)
				read_reports(&self.leaves[i]);
			else if (of_leaves[2 * i + 1].revents)
				self.leaves[i].is_quiet = true; /* its pidfd follows */
			if (of_leaves[2 * i].revents)
				end_leaf(i);
		}
		if (polled[POLL_SPARE].revents) {
			spare_drop(&self.spare);
			self.no_spare = true;
		}
		if (polled[POLL_CONTROL].revents)
			serve_message();
	}
}

static void say_hello(struct launch *l)
{
	const struct msg m = {.type = MSG_HELLO, .payload_len = (uint32_t)l->layers.len};
	/* The supervisor resolves the paths of labelled files through this. */
	_cleanup_close_ int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root_fd < 0 || msg_send(l->control_fd, &m, l->layers.data, &root_fd, 1) < 0)
		_exit(1);
	buf_done(&l->layers);
}

void init_run(struct launch *l)
{
	struct error err = {0};
	char go;

	self.launch = l;
	close_fd(&l->keeper_end_fd);
	while (read(l->life_fd, &go, 1) != 1)
		if (errno != EINTR)
			_exit(0); /* P did not get that far and has said why */
	if (cgroup_join(l, &err) < 0 || steps_apply(l, &err) < 0)
		launch_fail(l, &err);
	say_hello(l);
	self.no_spare =
		spare_make(self.launch, 0, &self.spare) < 0; /* while the supervisor reads that */
	serve();
	_exit(0);
}
