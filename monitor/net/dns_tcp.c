/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/dns_server_internal.h"

#define LENGTH_BYTES  2u
#define BACKLOG	      128
#define REPLIES_BYTES (8u * (LENGTH_BYTES + DNS_REPLY_BYTES))

/* While an answer waits, to be taken or for the owner, nothing more is read: who does not read is
 * not served. */
struct dns_client {
	struct dns_waiter waiter; /* of its first query, for the answer to which it may wait */
	uv_tcp_t socket;
	struct dns_server *server; /* borrowed */
	uint64_t active_ms;	   /* start, or last whole query */
	uv_write_t write;
	bool is_writing;
	bool is_closing;
	size_t in_len, out_len;
	uint8_t in[LENGTH_BYTES + MAX_DNS_QUERY_BYTES];
	uint8_t out[REPLIES_BYTES];
	struct dns_client *next, *prev;
};

static void on_client_closed(uv_handle_t *handle)
{
	struct dns_client *client = handle->data;
	struct dns_server *server = client->server;

	free(client);
	dns_server_handle_closed(server);
}

static void client_close(struct dns_client *client)
{
	struct dns_server *server = client->server;

	if (client->is_closing)
		return;
	client->is_closing = true;
	if (client->waiter.is_again)
		client->server->ops->forget(client->server->ctx, &client->waiter);
	DL_DELETE(server->clients, client);
	if (--server->client_count == 0)
		(void)uv_timer_stop(&server->idle);
	uv_close((uv_handle_t *)&client->socket, on_client_closed);
}

static void touch(struct dns_client *client)
{
	client->active_ms = uv_now(client->server->loop);
	if (!client->next)
		return; /* is the last already */
	DL_DELETE(client->server->clients, client);
	DL_APPEND(client->server->clients, client);
}

static void on_idle(uv_timer_t *timer)
{
	struct dns_server *server = timer->data;

	while (server->clients &&
	       uv_now(server->loop) - server->clients->active_ms >= server->idle_ms) {
		if (server->clients->waiter.is_again)
			touch(server->clients); /* it is not its fault */
		else
			client_close(server->clients);
	}
}

/* Answers what is whole, as far as there is room. Return: false if the client is to go: no
 * query is as long, and no answer means that it was none. */
static bool answer_whole(struct dns_client *client)
{
	size_t at = 0;

	while (client->in_len - at >= LENGTH_BYTES &&
	       client->out_len + LENGTH_BYTES + DNS_REPLY_BYTES <= sizeof(client->out)) {
		const size_t len = (size_t)client->in[at] << 8 | client->in[at + 1];
		uint8_t *out = client->out + client->out_len;
		int reply;

		if (len > MAX_DNS_QUERY_BYTES)
			return false;
		if (client->in_len - at - LENGTH_BYTES < len)
			break;
		reply = dns_server_answer(client->server, &client->waiter,
					  client->in + at + LENGTH_BYTES, len, out + LENGTH_BYTES);
		if (reply == -EAGAIN)
			break;
		if (reply == 0 || client->is_closing)
			return false;
		out[0] = (uint8_t)(reply >> 8);
		out[1] = (uint8_t)reply;
		client->out_len += LENGTH_BYTES + (size_t)reply;
		at += LENGTH_BYTES + len;
		touch(client);
	}
	client->in_len -= at;
	memmove(client->in, client->in + at, client->in_len);
	return true;
}

static bool has_whole(const struct dns_client *client)
{
	return client->in_len >= LENGTH_BYTES &&
	       client->in_len - LENGTH_BYTES >= ((size_t)client->in[0] << 8 | client->in[1]);
}

static void go_on(struct dns_client *client);

static void on_written(uv_write_t *write, int status)
{
	struct dns_client *client = write->data;

	client->is_writing = false;
	client->out_len = 0;
	if (status < 0)
		client_close(client);
	else
		go_on(client);
}

/* Return: false if the client is to go. */
static bool flush(struct dns_client *client)
{
	uv_stream_t *stream = (uv_stream_t *)&client->socket;
	uv_buf_t rest = uv_buf_init((char *)client->out, (unsigned)client->out_len);
	const int sent = uv_try_write(stream, &rest, 1);

	if (sent < 0 && sent != UV_EAGAIN)
		return false;
	if (sent > 0) {
		rest.base += sent;
		rest.len -= (size_t)sent;
	}
	if (rest.len == 0) {
		client->out_len = 0;
		return true;
	}
	client->write.data = client;
	client->is_writing = uv_write(&client->write, stream, &rest, 1, on_written) == 0;
	return client->is_writing;
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct dns_client *client = handle->data;

	(void)suggested;
	*ret = uv_buf_init((char *)client->in + client->in_len,
			   (unsigned)(sizeof(client->in) - client->in_len));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	struct dns_client *client = stream->data;

	(void)buf;
	if (len < 0) {
		client_close(client);
		return;
	}
	client->in_len += (size_t)len;
	go_on(client);
}

/* Until all that is whole is answered, or an answer has to wait. */
static void go_on(struct dns_client *client)
{
	uv_stream_t *stream = (uv_stream_t *)&client->socket;

	int r;

	if (client->is_closing)
		return;
	for (;;) {
		if (!answer_whole(client) || (client->out_len && !flush(client))) {
			client_close(client);
			return;
		}
		if (client->is_writing || client->waiter.is_again) {
			(void)uv_read_stop(stream);
			return;
		}
		if (!has_whole(client))
			break;
	}
	r = uv_read_start(stream, on_room, on_read);
	if (r < 0 && r != UV_EALREADY)
		client_close(client);
}

static void again(struct dns_waiter *waiter)
{
	struct dns_client *client = (struct dns_client *)waiter; /* its first member */

	if (!client->is_writing)
		go_on(client); /* else when that is written */
}

/* ---- listeners ---- */

static void on_connection(uv_stream_t *listener, int status)
{
	struct dns_server *server = listener->data;
	struct dns_client *client;

	if (status < 0 || server->is_stopping)
		return;
	if (server->client_count == MAX_DNS_CLIENTS)
		client_close(server->clients);
	client = xcalloc(1, sizeof(*client));
	client->server = server;
	client->waiter = (struct dns_waiter){.server = server, .again = again};
	client->active_ms = uv_now(server->loop);
	(void)uv_tcp_init(server->loop, &client->socket);
	client->socket.data = client;
	server->handles++;
	DL_APPEND(server->clients, client);
	if (server->client_count++ == 0)
		(void)uv_timer_start(&server->idle, on_idle, server->idle_ms / 8,
				     server->idle_ms / 8);
	if (uv_accept(listener, (uv_stream_t *)&client->socket) < 0)
		client_close(client);
	else
		go_on(client);
}

int dns_tcp_start(struct dns_server *server, uv_tcp_t *listener, int *listener_fd,
		  struct error *err)
{
	int r;

	(void)uv_tcp_init(server->loop, listener);
	listener->data = server;
	server->handles++;
	r = uv_tcp_open(listener, *listener_fd);
	if (r == 0) {
		*listener_fd = -1;
		r = uv_listen((uv_stream_t *)listener, BACKLOG, on_connection);
	}
	return r < 0 ? error_set(err, r, "listen at the name server's socket: %s", uv_strerror(r))
		     : 0;
}

void dns_tcp_stop(struct dns_server *server)
{
	while (server->clients)
		client_close(server->clients);
	for (unsigned i = 0; i < 2; i++) {
		if (server->listeners[i].data)
			uv_close((uv_handle_t *)&server->listeners[i], dns_server_on_closed);
	}
}
