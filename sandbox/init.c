/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C, pid 1 of the session. Theory of operation:
 *
 *	wait for P's go -> steps -> HELLO -> serve until the socket or the life pipe hangs up
 *
 * For EXEC it clones a leaf (new pid and mount namespace) and remembers it; KILL sends it SIGKILL.
 * EXIT goes out when the leaf says that it is empty, or when it is gone, and with it every process
 * in it, for it was their pid 1. Leaving this loop in any way ends the process, and with it the
 * whole session.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/compat/syscalls.h"
#include "sandbox/launch.h"

#define MAX_LEAVES 1024u /* executions at the same time */

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
	struct leaf leaves[MAX_LEAVES];
	size_t leaf_count;
	char payload[MAX_MESSAGE_BYTES];
	char *argv[MAX_ARGV_ITEMS + 1];
	char *env[MAX_ARGV_ITEMS + 1];
};

static struct init self;

static void send_or_end(const struct msg *m, const char *payload)
{
	if (msg_send(self.launch->control_fd, m, payload, NULL, 0) < 0)
		_exit(0); /* the supervisor is gone: so are we */
}

static void send_not_run(uint32_t exec, const char *text)
{
	const struct msg m = {.type = MSG_EXIT,
			      .exec = exec,
			      .outcome = EXEC_SETUP_ERROR,
			      .payload_len = (uint32_t)strlen(text) + 1};

	send_or_end(&m, text);
}

/* Strings of the message into argv and env. Return: -EPROTO if there are not as many as it says. */
static int take_strings(const struct msg *m, struct execution *e)
{
	size_t at = 0;

	if (m->argc < 1 || m->argc > MAX_ARGV_ITEMS || m->envc > MAX_ARGV_ITEMS)
		return -EPROTO;
	e->cwd = msg_next_string(m, self.payload, &at);
	for (uint32_t i = 0; i < m->argc + m->envc; i++) {
		const char *text = msg_next_string(m, self.payload, &at);
		char **slot = i < m->argc ? &self.argv[i] : &self.env[i - m->argc];

		if (!text)
			return -EPROTO;
		/* The payload is ours and writable; execve(2) wants it without const. */
		*slot = self.payload + (text - self.payload);
	}
	self.argv[m->argc] = NULL;
	self.env[m->envc] = NULL;
	e->argv = self.argv;
	e->env = m->envc ? self.env : self.launch->spec.env;
	return e->cwd ? 0 : -EPROTO;
}

static void start_leaf(const struct msg *m, const struct msg_fds *fds)
{
	struct execution e = {.request = m};
	struct leaf *leaf = &self.leaves[self.leaf_count];
	int report[2];
	int leaf_pidfd = -1;
	pid_t pid;

	if (take_strings(m, &e) < 0 || fds->count != 3) {
		send_not_run(m->exec, "malformed EXEC message");
		return;
	}
	if (self.leaf_count == MAX_LEAVES || pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0) {
		send_not_run(m->exec, "too many executions at the same time");
		return;
	}
	memcpy(e.stdio_fds, fds->fd, sizeof(e.stdio_fds));
	e.report_fd = report[1];
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | CLONE_PIDFD | SIGCHLD, NULL,
			     &leaf_pidfd, NULL, 0);
	if (!pid)
		leaf_run(self.launch, &e);
	(void)close(report[1]);
	if (pid < 0) {
		struct error err;

		(void)error_errno(&err, errno, "start a process for the call");
		(void)launch_lacks(&err);
		(void)close(report[0]);
		send_not_run(m->exec, err.text);
		return;
	}
	*leaf = (struct leaf){
		.exec = m->exec, .pid = pid, .pidfd = leaf_pidfd, .report_fd = report[0]};
	self.leaf_count++;
}

static void send_exit(struct leaf *leaf, const struct leaf_report *last)
{
	struct leaf_report *report = &leaf->report;
	struct msg m = {.type = MSG_EXIT, .exec = leaf->exec};

	if (!leaf->has_report)
		*report = (struct leaf_report){.outcome = EXEC_SIGNALED, .status = SIGKILL};
	report->text[sizeof(report->text) - 1] = '\0';
	m.outcome = report->outcome;
	m.status = report->status;
	m.max_rss_kib = last->max_rss_kib;
	m.user_time_us = last->user_time_us;
	m.system_time_us = last->system_time_us;
	m.payload_len = report->text[0] ? (uint32_t)strlen(report->text) + 1 : 0;
	close_fd(&leaf->report_fd);
	send_or_end(&m, report->text);
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

/* The leaf is a zombie: nothing of it runs any more, whether it could still say so or not. */
static void end_leaf(size_t i)
{
	struct leaf *leaf = &self.leaves[i];
	struct rusage used = {0};

	while (wait4(leaf->pid, NULL, __WALL, &used) < 0 && errno == EINTR)
		;
	read_reports(leaf);
	if (leaf->report_fd >= 0) {
		const struct leaf_report last = {.max_rss_kib = (uint64_t)used.ru_maxrss,
						 .user_time_us = micros(used.ru_utime),
						 .system_time_us = micros(used.ru_stime)};

		send_exit(leaf, &last);
	}
	(void)close(leaf->pidfd);
	self.leaves[i] = self.leaves[--self.leaf_count];
}

static void kill_leaf(uint32_t exec)
{
	for (size_t i = 0; i < self.leaf_count; i++)
		if (self.leaves[i].exec == exec)
			(void)kill(self.leaves[i].pid, SIGKILL);
}

static void serve_message(void)
{
	struct msg m;
	struct msg_fds fds;
	const int r = msg_recv(self.launch->control_fd, &m, self.payload, &fds);

	if (r == -EAGAIN)
		return;
	if (r != 0 || m.type == MSG_BYE)
		_exit(0);
	if (m.type == MSG_EXEC)
		start_leaf(&m, &fds);
	else if (m.type == MSG_KILL)
		kill_leaf(m.exec);
	msg_fds_close(&fds);
}

static void serve(void)
{
	static struct pollfd polled[2 * MAX_LEAVES + 2];

	for (;;) {
		const size_t leaf_count = self.leaf_count;
		struct pollfd *of_leaves = polled + 2;

		polled[0] = (struct pollfd){.fd = self.launch->control_fd, .events = POLLIN};
		polled[1] = (struct pollfd){.fd = self.launch->life_fd, .events = 0};
		for (size_t i = 0; i < leaf_count; i++) {
			const struct leaf *leaf = &self.leaves[i];

			of_leaves[2 * i] = (struct pollfd){.fd = leaf->pidfd, .events = POLLIN};
			of_leaves[2 * i + 1] = (struct pollfd){
				.fd = leaf->is_quiet ? -1 : leaf->report_fd, .events = POLLIN};
		}
		if (poll(polled, 2 * leaf_count + 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			_exit(1);
		}
		if (polled[1].revents)
			_exit(0); /* P is gone */
		/* From the back: ending one moves the last into its place. */
		for (size_t i = leaf_count; i-- > 0;) {
			if (of_leaves[2 * i + 1].revents & POLLIN)
				read_reports(&self.leaves[i]);
			else if (of_leaves[2 * i + 1].revents)
				self.leaves[i].is_quiet = true; /* its pidfd follows */
			if (of_leaves[2 * i].revents)
				end_leaf(i);
		}
		if (polled[0].revents)
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
	serve();
	_exit(0);
}
