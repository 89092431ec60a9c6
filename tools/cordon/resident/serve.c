/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/resident/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/toolkit/loop.h"
#include "tools/toolkit/paths.h"

/* Descriptors that one session may need at the same time, a few executions' listeners included. */
#define FDS_PER_CLIENT 16u
#define MAX_CLIENTS    1024u
/*
 * The trace costs every process of the host a little while it is attached, and attaching it anew
 * costs a run some milliseconds: it stays for runs that follow each other, not for an idle server.
 */
#define LINGER_MS 2000
/* Out of descriptors: there need not be a client whose end would tell that there are some. */
#define RETRY_MS 100

/* In this order: uv_close() takes the number out of the loop's epoll set, whoever has it by then.
 */
static void close_listener(struct server *server)
{
	if (!uv_is_closing((uv_handle_t *)&server->listener))
		uv_close((uv_handle_t *)&server->listener, NULL);
	close_fd(&server->listen_fd);
}

static void close_server(struct server *server)
{
	if (server->is_closing)
		return;
	server->is_closing = true;
	/* Once told to stop, the place may be another's already. */
	if (server->listen_fd >= 0)
		resident_unlisten(&server->place);
	close_listener(server);
	uv_close((uv_handle_t *)&server->idle, NULL);
	uv_close((uv_handle_t *)&server->retry, NULL);
	for (size_t i = 0; i < sizeof(server->signals) / sizeof(server->signals[0]); i++)
		uv_close((uv_handle_t *)&server->signals[i], NULL);
	supervisor_free(server->supervisor);
}

static void on_idle(uv_timer_t *timer)
{
	close_server(timer->data);
}

static void on_connection(uv_poll_t *poll, int status, int events);

void serve_client_gone(struct server *server)
{
	if (server->is_closing)
		return;
	if (server->listen_fd >= 0)
		(void)uv_poll_start(&server->listener, UV_READABLE, on_connection);
	if (server->client_count)
		return;
	if (server->listen_fd < 0)
		close_server(server);
	else
		(void)uv_timer_start(&server->idle, on_idle, server->idle_ms, 0);
}

void serve_stop(struct server *server)
{
	if (server->is_closing || server->listen_fd < 0)
		return;
	resident_unlisten(&server->place);
	close_listener(server);
	serve_client_gone(server);
}

void serve_fill_status(const struct server *server, struct resident_status *ret)
{
	const char *reason;

	*ret = (struct resident_status){
		.pid = getpid(),
		.sessions = supervisor_session_count(server->supervisor),
		.served = server->served,
		.uptime_ms = uv_now(&server->loop) - server->started_ms,
		.idle_ms = server->idle_ms,
		.traced = supervisor_has_trace(server->supervisor, &reason),
	};
}

static void on_retry(uv_timer_t *timer)
{
	struct server *server = timer->data;

	if (server->listen_fd >= 0)
		(void)uv_poll_start(&server->listener, UV_READABLE, on_connection);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	struct server *server = poll->data;
	bool is_poor = false;

	(void)status;
	(void)events;
	while (server->client_count < server->max_clients) {
		const int client_fd =
			accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client_fd < 0 && errno == EAGAIN)
			return;
		is_poor = client_fd < 0;
		if (is_poor)
			break;
		if (!resident_peer_is_ours(client_fd)) {
			(void)close(client_fd);
			continue;
		}
		(void)uv_timer_stop(&server->idle);
		serve_client_add(server, client_fd);
	}
	/* No room: they wait in the socket's queue for one to end. */
	(void)uv_poll_stop(&server->listener);
	if (is_poor)
		(void)uv_timer_start(&server->retry, on_retry, RETRY_MS, 0);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct server *server = handle->data;

	(void)signum;
	serve_stop(server);
	serve_clients_end(server);
}

static void watch(struct server *server)
{
	static const int numbers[] = {SIGINT, SIGTERM};

	(void)uv_poll_init(&server->loop, &server->listener, server->listen_fd);
	(void)uv_timer_init(&server->loop, &server->idle);
	(void)uv_timer_init(&server->loop, &server->retry);
	server->listener.data = server;
	server->idle.data = server;
	server->retry.data = server;
	(void)uv_poll_start(&server->listener, UV_READABLE, on_connection);
	(void)uv_timer_start(&server->idle, on_idle, server->idle_ms, 0);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		(void)uv_signal_init(&server->loop, &server->signals[i]);
		server->signals[i].data = server;
		(void)uv_signal_start(&server->signals[i], on_signal, numbers[i]);
	}
}

/* Sessions are bounded by descriptors; the soft limit is for programs that still use select(2). */
static unsigned raise_limits(void)
{
	struct rlimit files;
	uint64_t clients = MAX_CLIENTS;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return 1;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur / FDS_PER_CLIENT < clients)
		clients = files.rlim_cur / FDS_PER_CLIENT;
	return clients ? (unsigned)clients : 1;
}

static int open_server(struct server *server, struct error *err)
{
	_cleanup_free_ char *key_path = NULL;
	int r;

	r = resident_place_open(&server->place, err);
	if (r < 0)
		return r;
	server->listen_fd = resident_listen(&server->place, &server->lock_fd, err);
	if (server->listen_fd < 0)
		return server->listen_fd;
	r = resident_identity_get(&server->identity);
	if (r < 0)
		return error_errno(err, r, "look at our own namespaces");
	r = paths_record_key(&key_path, err);
	if (r == 0)
		r = supervisor_new(&(struct supervisor_config){.loop = &server->loop,
							       .trace = TRACE_MODE_AUTO,
							       .linger_ms = LINGER_MS,
							       .key_path = key_path},
				   &server->supervisor, err);
	if (r < 0)
		resident_unlisten(&server->place);
	return r;
}

int serve_run(uint32_t idle_ms, void (*ready)(void *ctx), void *ctx, struct error *err)
{
	struct server server = {
		.lock_fd = -1, .listen_fd = -1, .place.folder_fd = -1, .idle_ms = idle_ms};
	int r;

	/* What it holds of many sessions is not for a debugger of the same user. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	r = loop_init(&server.loop, err);
	if (r < 0)
		return r;
	server.max_clients = raise_limits();
	server.started_ms = uv_now(&server.loop);
	r = open_server(&server, err);
	if (r == 0) {
		server.policies = policy_cache_new();
		watch(&server);
		ready(ctx);
		(void)uv_run(&server.loop, UV_RUN_DEFAULT);
		policy_cache_free(server.policies);
	}
	(void)uv_loop_close(&server.loop);
	close_fd(&server.listen_fd);
	resident_place_done(&server.place);
	close_fd(&server.lock_fd);
	return r;
}
