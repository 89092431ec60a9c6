/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/session/session_internal.h"

/* Messages handled in one turn of the loop, so that one session cannot hold up the others. */
#define MESSAGES_PER_TURN 16

static void outgoing_free(struct outgoing *out)
{
	msg_fds_close(&out->fds);
	free(out->payload);
	free(out);
}

static void protocol_error(struct session *session, const char *what)
{
	struct error err;

	(void)error_set(&err, EPROTO, "the session's init sent %s", what);
	session_fail(session, &err);
}

static void on_message(struct session *session, const struct msg *m, struct msg_fds *fds)
{
	switch (m->type) {
	case MSG_HELLO:
		session_on_hello(session, m, session->inbox, fds);
		break;
	case MSG_READY:
		execution_on_ready(session, m, fds);
		break;
	case MSG_EXIT:
		execution_on_exit(session, m, session->inbox);
		break;
	case MSG_SOCKET:
		session_on_socket(session, m, fds);
		break;
	case MSG_ROOM:
		session_on_room(session, m);
		break;
	case MSG_ERROR: {
		struct error err;

		(void)error_set(&err, m->status ? m->status : EIO, "%s",
				m->payload_len ? session->inbox : "the sandbox failed");
		session_fail(session, &err);
		break;
	}
	default:
		protocol_error(session, "a message of an unknown type");
		break;
	}
	msg_fds_close(fds);
}

static void flush_outbox(struct session *session)
{
	while (session->outbox) {
		struct outgoing *out = session->outbox;
		const int r = msg_send(session->control_fd, &out->head, out->payload, out->fds.fd,
				       out->fds.count);

		if (r == -EAGAIN)
			return;
		DL_DELETE(session->outbox, out);
		session->waiting -= out->head.payload_len != 0;
		outgoing_free(out);
		/* A peer that is gone shows as the end of the stream on the reading side. */
	}
}

static void on_control(uv_poll_t *handle, int status, int events);

static void watch(struct session *session)
{
	const int events = UV_READABLE | (session->outbox ? UV_WRITABLE : 0);

	if (session->control_fd >= 0)
		(void)uv_poll_start(&session->control, events, on_control);
}

static void read_messages(struct session *session)
{
	for (unsigned i = 0; i < MESSAGES_PER_TURN && session->control_fd >= 0; i++) {
		struct msg_fds fds = MSG_FDS_NONE;
		struct msg m;
		const int r = msg_recv(session->control_fd, &m, session->inbox, &fds);

		if (r == -EAGAIN)
			return;
		if (r == 0) {
			on_message(session, &m, &fds);
			continue;
		}
		if (r == MSG_EOF)
			session_on_lost_init(session);
		else
			protocol_error(session, "something that is no message");
		return;
	}
}

static void on_control(uv_poll_t *handle, int status, int events)
{
	struct session *session = handle->data;

	if (status < 0) {
		session_on_lost_init(session);
		return;
	}
	if (events & UV_WRITABLE)
		flush_outbox(session);
	if (events & UV_READABLE)
		read_messages(session);
	watch(session);
}

int control_open(struct session *session, int control_fd, struct error *err)
{
	int r;

	session->control_fd = control_fd;
	session->control.data = session;
	if (fcntl(control_fd, F_SETFL, O_NONBLOCK) < 0)
		return error_errno(err, errno, "make the control socket non-blocking");
	r = uv_poll_init(session->supervisor->loop, &session->control, control_fd);
	if (r < 0)
		return error_errno(err, r, "watch the control socket");
	session->handles++;
	session->inbox = xcalloc(1, MAX_MESSAGE_BYTES);
	watch(session);
	return 0;
}

int control_send(struct session *session, const struct msg *m, const char *payload, const int *fds,
		 unsigned fd_count)
{
	struct outgoing *out;
	int r = -EAGAIN;

	if (session->control_fd < 0)
		return -EPIPE;
	if (!session->outbox)
		r = msg_send(session->control_fd, m, payload, fds, fd_count);
	if (r != -EAGAIN)
		return r;
	if (m->payload_len && session->waiting == MAX_OUTBOX)
		return -ENOBUFS;
	out = xcalloc(1, sizeof(*out));
	out->head = *m;
	out->payload = xcalloc(1, m->payload_len);
	if (m->payload_len)
		memcpy(out->payload, payload, m->payload_len);
	memset(out->fds.fd, -1, sizeof(out->fds.fd));
	for (unsigned i = 0; i < fd_count; i++) {
		const int copy_fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);

		if (copy_fd < 0) {
			r = -errno;
			outgoing_free(out);
			return r;
		}
		out->fds.fd[out->fds.count++] = copy_fd;
	}
	DL_APPEND(session->outbox, out);
	session->waiting += m->payload_len != 0;
	watch(session);
	return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
	session_handle_closed(handle->data);
}

void control_close(struct session *session)
{
	struct outgoing *out;
	struct outgoing *next;

	if (session->control_fd < 0)
		return;
	uv_close((uv_handle_t *)&session->control, on_handle_closed);
	close_fd(&session->control_fd);
	DL_FOREACH_SAFE (session->outbox, out, next) {
		DL_DELETE(session->outbox, out);
		outgoing_free(out);
	}
}
