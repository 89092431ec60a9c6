/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/name_server.h"

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/support/port.h"

#define QUESTION_AT 12u

static bool asks(const uint8_t *query, const char *name)
{
	return strcasecmp((const char *)query + QUESTION_AT, name) == 0;
}

static size_t put_record(uint8_t *to, unsigned type, unsigned ttl, const void *data, size_t len)
{
	const uint8_t head[12] = {0xc0, QUESTION_AT, 0, (uint8_t)type,	     0,
				  1,	0,	     0, (uint8_t)(ttl >> 8), (uint8_t)ttl,
				  0,	(uint8_t)len};

	memcpy(to, head, sizeof(head));
	memcpy(to + sizeof(head), data, len);
	return sizeof(head) + len;
}

/* Return: bytes of the answer; 0: none. */
static size_t answer(struct name_server *server, const uint8_t *query, size_t len, bool is_tcp,
		     uint8_t *out)
{
	const size_t name_len = strlen((const char *)query + QUESTION_AT) + 1;
	const unsigned type = query[QUESTION_AT + name_len + 1];
	size_t at = QUESTION_AT + name_len + 4;

	server->questions++;
	server->by_tcp += is_tcp;
	if (len < at || asks(query, "\6silent\4test"))
		return 0;
	memcpy(out, query, at);
	out[2] = 0x81;
	out[3] = 0x80;
	out[10] = out[11] = 0; /* no OPT */
	if (asks(query, "\4gone\4test")) {
		out[3] |= 3;
	} else if (asks(query, "\6broken\4test")) {
		out[3] |= 2;
	} else if (asks(query, "\3big\4test") && !is_tcp) {
		out[2] |= 2;
	} else if (asks(query, "\5alias\4test")) {
		/* One address, and it is another's: target.alias.test */
		at += put_record(out + at, 5, 300, "\6target\xc0\x0c", 9);
		if (type == 1) {
			at += put_record(out + at, 1, 600, "\xc0\0\2\x09", 4);
			out[at - 16 + 1] =
				(uint8_t)(at - 16 - 9); /* named by what the alias says */
			out[7] = 2;
		} else {
			out[7] = 1;
		}
	} else if (!asks(query, "\5empty\4test") && type == 1) {
		at += put_record(out + at, 1, asks(query, "\5brief\4test") ? 0 : 300, "\xc0\0\2\1",
				 4);
		at += put_record(out + at, 1, 300, "\xc0\0\2\2", 4);
		out[7] = 2;
	} else if (asks(query, "\1a\4test") && type == 28) {
		at += put_record(out + at, 28, 300, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		out[7] = 1;
	}
	return at;
}

static void on_datagram(uv_poll_t *poll, int status, int events)
{
	struct name_server *server = poll->data;
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint8_t query[600], out[600];
	ssize_t len;

	(void)status;
	(void)events;
	len = recvfrom(server->udp_fd, query, sizeof(query), MSG_DONTWAIT, (void *)&from,
		       &from_len);
	if (len > (ssize_t)QUESTION_AT) {
		const size_t reply = answer(server, query, (size_t)len, false, out);

		if (reply)
			(void)sendto(server->udp_fd, out, reply, 0, (void *)&from, from_len);
	}
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct name_server *server = handle->data;

	(void)suggested;
	*ret = uv_buf_init((char *)server->in + server->in_len,
			   (unsigned)(sizeof(server->in) - server->in_len));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	struct name_server *server = stream->data;
	size_t reply;
	uv_buf_t out;

	(void)buf;
	if (len < 0) {
		(void)uv_read_stop(stream);
		return;
	}
	server->in_len += (size_t)len;
	while (server->in_len > 2 && server->in_len >= 2u + server->in[1]) {
		const size_t whole = 2u + server->in[1];

		reply = answer(server, server->in + 2, server->in[1], true, server->out + 2);
		server->out[0] = 0;
		server->out[1] = (uint8_t)reply;
		out = uv_buf_init((char *)server->out, (unsigned)reply + 2);
		assert_int_equal(uv_try_write(stream, &out, 1), (int)reply + 2);
		server->in_len -= whole;
		memmove(server->in, server->in + whole, server->in_len);
	}
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct name_server *server = listener->data;

	assert_int_equal(status, 0);
	assert_int_equal(uv_tcp_init(server->loop, &server->client), 0);
	assert_int_equal(uv_accept(listener, (uv_stream_t *)&server->client), 0);
	server->client.data = server;
	assert_int_equal(uv_read_start((uv_stream_t *)&server->client, on_room, on_read), 0);
}

void name_server_start(struct name_server *server, uv_loop_t *loop)
{
	struct sockaddr_in own;
	int listener_fd;

	*server = (struct name_server){.loop = loop};
	port_for_both(&server->udp_fd, &listener_fd, &own);
	(void)snprintf(server->address, sizeof(server->address), "127.0.0.1:%u",
		       ntohs(own.sin_port));
	assert_int_equal(uv_poll_init(loop, &server->poll, server->udp_fd), 0);
	server->poll.data = server;
	assert_int_equal(uv_poll_start(&server->poll, UV_READABLE, on_datagram), 0);
	assert_int_equal(uv_tcp_init(loop, &server->listener), 0);
	server->listener.data = server;
	assert_int_equal(uv_tcp_open(&server->listener, listener_fd), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&server->listener, 4, on_connection), 0);
}
