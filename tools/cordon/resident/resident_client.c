/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/resident/resident_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "sandbox/compat/libc.h"

/* A server that lives answers within a few milliseconds; a stopped one never does. */
#define HELLO_MS  2000
#define ANSWER_MS 10000 /* once it has the session, without which it cannot go on */

#define SERVER_FDS 1024 /* with fewer, too few sessions have room for it to be worth it */

struct resident_client {
	int socket_fd;
	bool accepted;
	const struct resident_client_ops *ops;
	void *ctx;
	struct approver *approver;
	uv_poll_t replies;
	uv_timer_t answer;
	unsigned handles;
};

static void on_handle_closed(uv_handle_t *handle)
{
	struct resident_client *client = handle->data;

	if (--client->handles)
		return;
	close_fd(&client->socket_fd);
	free(client);
}

static void finish(struct resident_client *client)
{
	uv_close((uv_handle_t *)&client->replies, on_handle_closed);
	uv_close((uv_handle_t *)&client->answer, on_handle_closed);
}

static void fail(struct resident_client *client, const char *what)
{
	const struct command_outcome nothing = {0};
	struct error err;

	(void)error_set(&err, ECONNRESET,
			"the resident supervisor %s, and the session was ended with it; "
			"`cordon serve --status` looks for it, --resident=off does without",
			what);
	finish(client);
	client->ops->closed(client->ctx, &nothing, &err);
}

static void on_no_answer(uv_timer_t *timer)
{
	fail(timer->data, "does not answer");
}

static void on_answer(void *ctx, uint64_t id, const struct reply *reply)
{
	const struct resident_client *client = ctx;

	(void)resident_send_answer(client->socket_fd, id, reply);
}

static void ask(struct resident_client *client, const struct question *question)
{
	struct approver *approver = client->approver;

	if (approver) {
		approver->replied = on_answer;
		approver->ctx = client;
	}
	if (!approver || approver->ops->ask(approver, question) < 0)
		on_answer(client, question->id,
			  &(struct reply){.failure = "the approver cannot be reached"});
}

static void on_reply(struct resident_client *client, const struct resident_reply *reply,
		     const char *text, struct msg_fds *fds)
{
	struct error err;

	switch (reply->kind) {
	case RESIDENT_ACCEPTED:
		client->accepted = true;
		(void)uv_timer_stop(&client->answer);
		client->ops->accepted(client->ctx, text, reply->unread_labels);
		break;
	case RESIDENT_DECLINED:
		finish(client);
		client->ops->declined(client->ctx);
		break;
	case RESIDENT_TTY:
		if (fds->count == 1)
			client->ops->tty(client->ctx, take_fd(&fds->fd[0]));
		break;
	case RESIDENT_ASK:
		ask(client, &(struct question){reply->question, text});
		break;
	case RESIDENT_CANCEL:
		if (client->approver)
			client->approver->ops->cancel(client->approver, reply->question);
		break;
	case RESIDENT_CLOSED:
		(void)error_set(&err, reply->error, "%s", text);
		finish(client);
		client->ops->closed(client->ctx, &reply->outcome, reply->error ? &err : NULL);
		break;
	default:
		fail(client, "sent something that is no answer");
		break;
	}
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct resident_client *client = poll->data;
	struct msg_fds fds = MSG_FDS_NONE;
	struct resident_reply reply;
	char text[MAX_REPLY_TEXT];
	int r;

	(void)events;
	r = status < 0 ? MSG_EOF : resident_recv_reply(client->socket_fd, &reply, text, &fds);
	if (r == -EAGAIN)
		return;
	if (!r) {
		on_reply(client, &reply, text, &fds);
	} else if (!client->accepted && r == MSG_EOF) {
		/* It went idle the moment we came. What it did not accept it did not touch. */
		finish(client);
		client->ops->declined(client->ctx);
	} else {
		fail(client, r == MSG_EOF ? "ended" : "sent something that is no answer");
	}
	msg_fds_close(&fds);
}

int resident_hail(void)
{
	struct resident_place place;
	const int r = resident_place_open(&place, NULL);
	int socket_fd;

	if (r < 0)
		return r;
	socket_fd = resident_connect(&place);
	resident_place_done(&place);
	return socket_fd;
}

int resident_hear(int socket_fd)
{
	struct pollfd wait = {.fd = socket_fd, .events = POLLIN};
	struct msg_fds fds = MSG_FDS_NONE;
	struct resident_reply reply;
	char text[MAX_REPLY_TEXT];
	int r;

	while ((r = resident_recv_reply(socket_fd, &reply, text, &fds)) == -EAGAIN) {
		const int ready = poll(&wait, 1, HELLO_MS);

		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready == 0)
			return -ETIMEDOUT;
	}
	msg_fds_close(&fds);
	if (r)
		return r == MSG_EOF ? -ECONNRESET : r;
	return reply.kind == RESIDENT_HELLO ? 0 : -EPROTO;
}

int resident_client_start(const struct resident_owner *owner, int socket_fd,
			  const struct resident_run *run, const int fds[RESIDENT_FDS],
			  struct resident_client **ret)
{
	struct resident_client *client = xcalloc(1, sizeof(*client));
	int r;

	client->socket_fd = socket_fd;
	client->ops = owner->ops;
	client->ctx = owner->ctx;
	client->approver = owner->approver;
	r = resident_send_run(socket_fd, run, fds);
	if (!r)
		r = uv_poll_init(owner->loop, &client->replies, socket_fd);
	if (r < 0) {
		close_fd(&client->socket_fd);
		free(client);
		return r;
	}
	(void)uv_timer_init(owner->loop, &client->answer);
	client->replies.data = client;
	client->answer.data = client;
	client->handles = 2;
	(void)uv_poll_start(&client->replies, UV_READABLE, on_readable);
	(void)uv_timer_start(&client->answer, on_no_answer, ANSWER_MS, 0);
	*ret = client;
	return 0;
}

void resident_client_signal(struct resident_client *client, int signum)
{
	(void)resident_send_signal(client->socket_fd, signum);
}

void resident_client_kill(struct resident_client *client)
{
	(void)resident_send(client->socket_fd, RESIDENT_KILL);
}

/*
 * What bounds the server would end the sessions of others, or their records: file-size, CPU time,
 * memory. Descriptors only bound their number.
 */
static bool is_unlimited(void)
{
	static const int kinds[] = {RLIMIT_AS, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE};
	struct rlimit limit;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (getrlimit((RLIMIT_TYPE)kinds[i], &limit) < 0 || limit.rlim_cur != RLIM_INFINITY)
			return false;
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max >= SERVER_FDS;
}

/*
 * Our priority and limits would be the server's, for all that come after us. And with Yama's
 * restriction only an ancestor may read a process's memory, which the gate must: an ordinary user's
 * server, which is nobody's ancestor, could not watch anything.
 */
static bool can_serve_others(void)
{
	_cleanup_close_ int scope_fd =
		open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	char scope = '0';

	if (scope_fd >= 0 && read(scope_fd, &scope, 1) != 1)
		return false;
	return getpriority(PRIO_PROCESS, 0) <= 0 && sched_getscheduler(0) == SCHED_OTHER &&
	       is_unlimited() && (scope == '0' || geteuid() == 0);
}

/*
 * Whoever is held to some processors (taskset(1)) would hold the server to them, and with it the
 * sessions of all that come after. The kernel takes from these what our cpuset has.
 */
static void allow_all_processors(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	(void)sched_setaffinity(0, sizeof(all), &all);
}

void resident_spawn(void)
{
	char name[] = "cordon";
	char serve[] = "serve";
	char detach[] = "--detach";
	char *args[] = {name, serve, detach, NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;

	if (!can_serve_others())
		return;
	allow_all_processors();
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
	(void)posix_spawn(&pid, "/proc/self/exe", &actions, NULL, args, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
}
