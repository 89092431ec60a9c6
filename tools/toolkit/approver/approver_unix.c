/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A stream socket: connected when there is something to ask, kept for the next questions. Whatever
 * is no answer, and the end of the connection, fails all questions that are open on it.
 *
 * In a folder where others may make files, as /tmp, another user can listen under the name before
 * the approver does, or after it ended. So who answers is root, the user that asks, or who listens
 * where none but these two could have let him; nobody else is even told what is asked.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "monitor/policy/trusted.h"
#include "tools/toolkit/approver/face.h"

/* What it has not read yet; an agent can make questions that nobody waits for any more. */
#define MAX_UNREAD ((size_t)MAX_OPEN_QUESTIONS * (MAX_QUESTION_BYTES + 1))

struct unix_approver {
	struct face face;
	char *path;
	struct connection *connection; /* NULL: none */
};

struct connection {
	struct unix_approver *owner; /* NULL: given up */
	uv_pipe_t pipe;
	uv_connect_t connect;
	struct buf input;
	char chunk[4096];
	char by[MAX_APPROVER_NAME];
};

struct sending {
	uv_write_t write;
	char *line; /* owned */
};

static void on_closed(uv_handle_t *handle)
{
	struct connection *c = handle->data;

	buf_done(&c->input);
	free(c);
}

static void give_up(struct connection *c, const char *failure)
{
	struct unix_approver *owner = c->owner;
	char by[MAX_APPROVER_NAME];

	if (!owner)
		return;
	(void)snprintf(by, sizeof(by), "%s", c->by);
	c->owner = NULL;
	owner->connection = NULL;
	uv_close((uv_handle_t *)&c->pipe, on_closed);
	face_fail_all(&owner->face, by, failure);
}

static bool take_line(struct connection *c, const char *line, size_t len)
{
	_cleanup_(json_freep) struct json *doc = NULL;
	_cleanup_free_ char *text = xstrndup(line, len);
	const struct reply reply = {.text = text, .by = c->by};
	int64_t id = 0;

	if (json_parse("answer", line, len, &doc, NULL) < 0 ||
	    json_i64(json_get(doc, "id"), 1, INT64_MAX, &id) < 0)
		return false;
	face_reply(&c->owner->face, (uint64_t)id, &reply);
	return true;
}

static void take_lines(struct connection *c)
{
	const char *end;

	while (c->owner && c->input.len && (end = memchr(c->input.data, '\n', c->input.len))) {
		const size_t len = (size_t)(end - c->input.data);

		if (!take_line(c, c->input.data, len)) {
			give_up(c, "it sent something that is no answer");
			return;
		}
		buf_consume(&c->input, len + 1);
	}
	if (c->owner && c->input.overflow)
		give_up(c, "its answer is too long");
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct connection *c = handle->data;

	(void)suggested;
	*ret = uv_buf_init(c->chunk, sizeof(c->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
	struct connection *c = stream->data;

	if (n > 0) {
		buf_put(&c->input, chunk->base, (size_t)n);
		take_lines(c);
	} else if (n < 0) {
		give_up(c, "it closed the connection");
	}
}

static uid_t name_peer(struct connection *c)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t len = sizeof(peer);
	uv_os_fd_t socket_fd;

	if (uv_fileno((uv_handle_t *)&c->pipe, &socket_fd) == 0)
		(void)getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	(void)snprintf(c->by, sizeof(c->by), "unix:%.120s, uid %d, pid %d", c->owner->path,
		       (int)peer.uid, (int)peer.pid);
	return peer.uid;
}

/* True if only root and we can make files in the folder that the socket is looked up in. */
static bool is_in_trusted_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *folder =
		slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	_cleanup_close_ int folder_fd = -1;
	struct stat st;
	struct error err;

	folder_fd = trusted_open("folder", folder, &st, &err);
	return folder_fd >= 0 && S_ISDIR(st.st_mode);
}

static bool may_answer(const struct unix_approver *a, uid_t peer)
{
	return peer == 0 || peer == geteuid() ||
	       (peer != (uid_t)-1 && is_in_trusted_folder(a->path));
}

static void on_connected(uv_connect_t *request, int status)
{
	struct connection *c = request->handle->data;
	char failure[120] = "";

	if (!c->owner)
		return;
	if (status == 0) {
		const uid_t peer = name_peer(c);

		if (!may_answer(c->owner, peer))
			(void)snprintf(failure, sizeof(failure),
				       "user %d listens there, in a folder where others than root "
				       "and you can make files",
				       (int)peer);
		else
			status = uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
	}
	if (status < 0)
		(void)snprintf(failure, sizeof(failure), "%s", uv_strerror(status));
	if (!failure[0])
		return;
	face_tell(&c->owner->face, failure);
	give_up(c, failure);
}

static void open_connection(struct unix_approver *a)
{
	struct connection *c = xcalloc(1, sizeof(*c));

	c->owner = a;
	c->input.max = MAX_ANSWER_BYTES;
	(void)snprintf(c->by, sizeof(c->by), "unix:%.120s", a->path);
	(void)uv_pipe_init(a->face.host.loop, &c->pipe, 0);
	c->pipe.data = c;
	a->connection = c;
	uv_pipe_connect(&c->connect, &c->pipe, a->path, on_connected);
}

static void on_written(uv_write_t *request, int status)
{
	struct sending *sending = (struct sending *)request;
	struct connection *c = request->handle->data;

	free(sending->line);
	free(sending);
	if (status < 0)
		give_up(c, uv_strerror(status));
}

static int ask(struct approver *approver, const struct question *question)
{
	struct unix_approver *a = (struct unix_approver *)approver;
	struct sending *sending;
	uv_buf_t line;
	int r = face_note(&a->face, question->id);

	if (r < 0)
		return r;
	if (!a->connection)
		open_connection(a);
	if (uv_stream_get_write_queue_size((uv_stream_t *)&a->connection->pipe) +
		    MAX_QUESTION_BYTES + 1 >
	    MAX_UNREAD) {
		face_tell(&a->face, "it does not read what it is asked");
		face_forget(&a->face, question->id);
		return -ENOBUFS;
	}
	sending = xcalloc(1, sizeof(*sending));
	sending->line = xasprintf("%s\n", question->text);
	line = uv_buf_init(sending->line, (unsigned)strlen(sending->line));
	r = uv_write(&sending->write, (uv_stream_t *)&a->connection->pipe, &line, 1, on_written);
	if (r < 0) {
		free(sending->line);
		free(sending);
		face_forget(&a->face, question->id);
	}
	return r;
}

static void cancel(struct approver *approver, uint64_t id)
{
	face_forget((struct face *)approver, id);
}

static void close_unix(struct face *face)
{
	struct unix_approver *a = (struct unix_approver *)face;

	if (a->connection)
		give_up(a->connection, "");
	free(a->path);
	free(a);
}

struct face *approver_unix_new(const char *path)
{
	static const struct approver_ops ops = {.ask = ask, .cancel = cancel};
	struct unix_approver *a = xcalloc(1, sizeof(*a));

	a->face.approver.ops = &ops;
	a->face.close = close_unix;
	a->path = xstrdup(path);
	return &a->face;
}
