/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <utlist.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/cordon/resident/serve.h"
#include "tools/toolkit/agent_session.h"

/* A client asks as soon as it has connected. */
#define REQUEST_MS 5000

struct serve_client {
	struct server *server; /* borrowed */
	int socket_fd;
	uv_poll_t requests;
	uv_timer_t deadline;
	unsigned handles;
	struct resident_run run; /* what it asked for */
	int stdio_fds[3];
	const struct policy *policy; /* of the server's cache */
	struct command *command;     /* NULL before its session, and after */
	struct approver approver;    /* asks the client's */
	bool is_gone;
	struct serve_client *next, *prev;
};

static void on_handle_closed(uv_handle_t *handle)
{
	struct serve_client *client = handle->data;

	if (--client->handles)
		return;
	close_fd(&client->socket_fd);
	resident_run_done(&client->run);
	free(client);
}

static void let_go(struct serve_client *client)
{
	for (size_t i = 0; i < 3; i++)
		close_fd(&client->stdio_fds[i]);
	if (client->policy)
		policy_cache_put(client->server->policies, client->policy);
	client->policy = NULL;
}

/* It has left, or shall: its session ends, and this connection with it. */
static void drop(struct serve_client *client)
{
	struct server *server = client->server;

	if (client->command) {
		/* The last callback comes back here. */
		if (!client->is_gone)
			(void)uv_poll_stop(&client->requests);
		client->is_gone = true;
		command_end(client->command);
		return;
	}
	let_go(client);
	uv_close((uv_handle_t *)&client->requests, on_handle_closed);
	uv_close((uv_handle_t *)&client->deadline, on_handle_closed);
	DL_DELETE(server->clients, client);
	server->client_count--;
	serve_client_gone(server);
}

static void answer(const struct serve_client *client, enum resident_kind kind, const char *text)
{
	const struct resident_reply reply = {.kind = kind};

	(void)resident_send_reply(client->socket_fd, &reply, text, -1);
}

/* ---- its session ---- */

static void on_tty(void *ctx, int master_fd)
{
	const struct serve_client *client = ctx;
	const struct resident_reply reply = {.kind = RESIDENT_TTY};

	(void)resident_send_reply(client->socket_fd, &reply, "", master_fd);
	(void)close(master_fd);
}

static void on_closed(void *ctx, const struct command_outcome *outcome, const struct error *err)
{
	struct serve_client *client = ctx;
	const struct resident_reply reply = {
		.kind = RESIDENT_CLOSED,
		.error = err ? err->code : 0,
		.outcome = *outcome,
	};

	client->command = NULL;
	/* Before the client hears of it, so that its end of a pipe is the last one. */
	let_go(client);
	(void)resident_send_reply(client->socket_fd, &reply, err ? err->text : "", -1);
	drop(client);
}

static struct serve_client *client_of(struct approver *approver)
{
	return (struct serve_client *)((char *)approver - offsetof(struct serve_client, approver));
}

static int on_ask(struct approver *approver, const struct question *question)
{
	const struct resident_reply reply = {.kind = RESIDENT_ASK, .question = question->id};

	return resident_send_reply(client_of(approver)->socket_fd, &reply, question->text, -1);
}

static void on_cancel(struct approver *approver, uint64_t id)
{
	const struct resident_reply reply = {.kind = RESIDENT_CANCEL, .question = id};

	(void)resident_send_reply(client_of(approver)->socket_fd, &reply, "", -1);
}

static const struct approver_ops approver_ops = {.ask = on_ask, .cancel = on_cancel};

static const struct command_ops command_ops = {.tty = on_tty, .closed = on_closed};

static int get_policy(struct serve_client *client, struct error *err)
{
	const struct resident_run *run = &client->run;
	_cleanup_free_ struct label_option *labels = xcalloc(run->head.labels, sizeof(*labels));
	const struct session_options options = {
		/* Read only, though the options' own list may grow. */
		.policies = without_const(run->policies),
		.policy_count = run->head.policies,
		.policy_key = run->policy_key,
		.policy_text = without_const(run->policy_text),
		.labels = labels,
		.label_count = run->head.labels,
	};

	for (uint32_t i = 0; i < run->head.labels; i++)
		labels[i] = (struct label_option){run->labels[i].path, run->labels[i].name};
	return policy_cache_get(client->server->policies, &options, &client->policy, err);
}

static int start_command(struct serve_client *client, struct msg_fds *fds, struct error *err)
{
	const struct resident_run *run = &client->run;
	const struct command_config config = {
		.session = {.supervisor = client->server->supervisor,
			    .policy = client->policy,
			    .mode = (enum monitor_mode)run->head.mode,
			    .trace = (enum trace_mode)run->head.trace,
			    .approver = run->head.approver ? &client->approver : NULL,
			    .approver_timeout_ms = run->head.approver_timeout_ms,
			    .id = run->session,
			    .workspace = run->workspace,
			    .control_fd = take_fd(&fds->fd[RESIDENT_FD_CONTROL]),
			    .record_path = run->record_path,
			    .record_fd = take_fd(&fds->fd[RESIDENT_FD_RECORD]),
			    .labels = run->labels,
			    .label_count = run->head.labels,
			    .net = {.resolver = run->resolver,
				    .allow_private = run->allow_private,
				    .canaries = run->canaries},
			    .env = run->vars},
		.argv = run->args,
		.stdio_fds = {client->stdio_fds[0], client->stdio_fds[1], client->stdio_fds[2]},
		.tty = run->head.tty,
		.timeout_ms = run->head.timeout_ms,
		.declared = run->head.declared & DECLARED_ALL,
		.cost = run->head.cost,
	};

	return command_start(&config, &command_ops, client, &client->command, err);
}

/* As the client would say it; empty if its session is traced. The caller's. */
static char *no_trace_of(const struct serve_client *client)
{
	const char *reason;

	if (client->run.head.trace == TRACE_MODE_OFF)
		reason = "turned off by --trace=off";
	else if (supervisor_has_trace(client->server->supervisor, &reason))
		return xstrdup("");
	return no_trace_text(client->policy, reason);
}

static void accept_run(const struct serve_client *client)
{
	struct resident_reply reply = {.kind = RESIDENT_ACCEPTED};
	_cleanup_free_ char *no_trace = no_trace_of(client);

	for (uint32_t i = 0; i < client->run.head.labels; i++) {
		if (!policy_reads_label(client->policy, client->run.labels[i].name))
			reply.unread_labels |= UINT64_C(1) << i;
	}
	(void)resident_send_reply(client->socket_fd, &reply, no_trace, -1);
}

/* A pipe or socket takes lines when its reader likes, and every session would wait for that. */
static int check_record(int record_fd, struct error *err)
{
	struct stat st;

	if (fstat(record_fd, &st) < 0)
		return error_errno(err, errno, "look at the client's record");
	return S_ISREG(st.st_mode) ? 0 : error_set(err, EINVAL, "the client's record is no file");
}

/* Whatever stands in the way, the client can do it all by itself, and says what is wrong. */
static void on_run(struct serve_client *client, struct msg_fds *fds)
{
	struct server *server = client->server;
	struct error err = {0};

	(void)uv_timer_stop(&client->deadline);
	for (size_t i = 0; i < 3; i++)
		client->stdio_fds[i] = take_fd(&fds->fd[RESIDENT_FD_STDIO + i]);
	if (memcmp(&client->run.head.identity, &server->identity, sizeof(server->identity)) != 0)
		(void)error_set(&err, EXDEV,
				"the client is in other namespaces than the server, or wants "
				"another back end of the trace");
	else if (check_record(fds->fd[RESIDENT_FD_RECORD], &err) == 0 &&
		 get_policy(client, &err) == 0 && start_command(client, fds, &err) == 0) {
		server->served++;
		accept_run(client);
		return;
	}
	answer(client, RESIDENT_DECLINED, err.text);
	drop(client);
}

static void on_status(struct serve_client *client)
{
	struct resident_reply reply = {.kind = RESIDENT_STATUS};
	const char *reason;

	(void)supervisor_has_trace(client->server->supervisor, &reason);
	serve_fill_status(client->server, &reply.status);
	(void)resident_send_reply(client->socket_fd, &reply, reason, -1);
	drop(client);
}

static void on_request(struct serve_client *client, struct resident_run *run, struct msg_fds *fds)
{
	switch (run->head.kind) {
	case RESIDENT_RUN:
		if (client->run.payload) {
			drop(client); /* a second one */
			break;
		}
		client->run = *run;
		*run = (struct resident_run){0};
		on_run(client, fds);
		break;
	case RESIDENT_SIGNAL:
		if (run->head.signal < 1 || run->head.signal >= NSIG)
			drop(client);
		else if (client->command)
			command_signal(client->command, (int)run->head.signal);
		break;
	case RESIDENT_KILL:
		if (client->command)
			command_kill(client->command);
		break;
	case RESIDENT_ANSWER:
		if (client->command && client->approver.replied)
			client->approver.replied(client->approver.ctx, run->head.question,
						 &run->reply);
		break;
	case RESIDENT_STATUS:
		on_status(client);
		break;
	case RESIDENT_STOP:
		serve_stop(client->server);
		on_status(client);
		break;
	default:
		drop(client);
		break;
	}
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct serve_client *client = poll->data;
	struct resident_run run = {0};
	struct msg_fds fds = MSG_FDS_NONE;
	const int r = status < 0 ? MSG_EOF : resident_recv_request(client->socket_fd, &run, &fds);

	(void)events;
	if (!r)
		on_request(client, &run, &fds);
	else if (r != -EAGAIN)
		drop(client); /* left, or sent something malformed: nobody else is concerned */
	msg_fds_close(&fds);
	resident_run_done(&run);
}

static void on_deadline(uv_timer_t *timer)
{
	drop(timer->data);
}

void serve_client_add(struct server *server, int socket_fd)
{
	struct serve_client *client = xcalloc(1, sizeof(*client));

	client->server = server;
	client->socket_fd = socket_fd;
	client->approver.ops = &approver_ops;
	for (size_t i = 0; i < 3; i++)
		client->stdio_fds[i] = -1;
	/* Watches of epoll(7) are counted by user: what is not ours may have used them up. */
	if (uv_poll_init(&server->loop, &client->requests, socket_fd) < 0) {
		close_fd(&client->socket_fd);
		free(client);
		serve_client_gone(server);
		return;
	}
	(void)uv_timer_init(&server->loop, &client->deadline);
	client->requests.data = client;
	client->deadline.data = client;
	client->handles = 2;
	(void)uv_poll_start(&client->requests, UV_READABLE, on_readable);
	(void)uv_timer_start(&client->deadline, on_deadline, REQUEST_MS, 0);
	DL_APPEND(server->clients, client);
	server->client_count++;
	answer(client, RESIDENT_HELLO, "");
}

void serve_clients_end(struct server *server)
{
	struct serve_client *client;
	struct serve_client *next;

	DL_FOREACH_SAFE (server->clients, client, next)
		drop(client);
}
