/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The decoy behind listening sockets, for tests with ordinary programs as clients:
 *
 *	decoy_server EVIDENCE_FOLDER PORT=HOST...
 *
 * Listens on 127.0.0.1, hands each connection to the decoy as one to HOST, writes the certificate
 * authority to EVIDENCE_FOLDER/ca.pem and a line "ready" and then one for each request to its
 * standard output. Ends when its standard input does.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_write.h"
#include "monitor/net/decoy/decoy.h"
#include "monitor/net/decoy/tls.h"

struct listener {
	uv_poll_t poll;
	int fd;
	const char *host;
	uint16_t port;
	struct decoy *decoy;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void on_request(void *ctx, const struct decoy_request *request)
{
	_cleanup_buf_ struct buf line = BUF_INIT(0);
	struct json_writer w = {.out = &line};

	(void)ctx;
	json_begin_object(&w, NULL);
	json_put_string(&w, "protocol", request->protocol);
	json_put_string(&w, "service", request->service);
	json_put_string(&w, "peer", request->peer->host);
	json_put_string(&w, "method", request->method);
	json_put_string(&w, "path", request->path);
	json_put_string(&w, "detail", request->detail);
	json_put_u64(&w, "bytes", request->bytes);
	json_put_string(&w, "sha256", request->sha256);
	json_put_i64(&w, "status", request->status);
	json_put_string(&w, "file", request->file);
	json_end_object(&w);
	(void)puts(line.data);
	(void)fflush(stdout);
}

static void on_ended(void *ctx, void *flow, const struct decoy_totals *totals, const char *reason)
{
	(void)ctx;
	(void)flow;
	(void)totals;
	(void)reason;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	const struct listener *l = poll->data;
	const int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)status;
	(void)events;
	if (fd >= 0)
		(void)decoy_attach(l->decoy, fd,
				   &(struct decoy_peer){.host = l->host,
							.address = "198.18.1.1",
							.port = l->port},
				   NULL);
}

static void listen_on(uv_loop_t *loop, struct decoy *decoy, char *argument)
{
	struct listener *l = xcalloc(1, sizeof(*l));
	char *host = strchr(argument, '=');
	const int yes = 1;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	if (!host)
		die(argument);
	l->host = host + 1;
	l->port = (uint16_t)strtoul(argument, NULL, 10);
	l->decoy = decoy;
	at.sin_port = htons(l->port);
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(l->fd, (const struct sockaddr *)&at, sizeof(at)) < 0 || listen(l->fd, 64) < 0)
		die(argument);
	(void)uv_poll_init(loop, &l->poll, l->fd);
	l->poll.data = l;
	(void)uv_poll_start(&l->poll, UV_READABLE, on_connection);
}

static void write_authority(const struct authority *authority, const char *folder)
{
	_cleanup_free_ char *path = xasprintf("%s/ca.pem", folder);
	FILE *file = fopen(path, "we");

	if (!file || fputs(authority_pem(authority), file) < 0 || fclose(file) != 0)
		die(path);
}

static void on_input(uv_poll_t *poll, int status, int events)
{
	(void)poll;
	(void)status;
	(void)events;
	exit(0);
}

int main(int argc, char **argv)
{
	static const struct decoy_ops ops = {.request = on_request, .ended = on_ended};
	struct authority *authority;
	struct decoy *decoy;
	struct error err;
	uv_poll_t input;
	uv_loop_t loop;

	if (argc < 3 || uv_loop_init(&loop) < 0)
		return 2;
	const int folder_fd = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (folder_fd < 0)
		die(argv[1]);
	if (authority_new(&authority, &err) < 0 ||
	    decoy_new(&(struct decoy_config){.loop = &loop,
					     .tls = &tls_module,
					     .authority = authority,
					     .evidence_fd = folder_fd,
					     .ops = &ops},
		      &decoy, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	write_authority(authority, argv[1]);
	for (int i = 2; i < argc; i++)
		listen_on(&loop, decoy, argv[i]);
	(void)uv_poll_init(&loop, &input, STDIN_FILENO);
	(void)uv_poll_start(&input, UV_READABLE, on_input);
	(void)puts("ready");
	(void)fflush(stdout);
	return uv_run(&loop, UV_RUN_DEFAULT);
}
