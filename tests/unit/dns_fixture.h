/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The name server on loopback, with clients in the same thread: the loop runs while they wait. */

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <uv.h>

#include "monitor/net/dns_server.h"
#include "monitor/net/endpoint.h"

#define HEAD	    "\x12\x34\x01\0\0\1\0\0\0\0\0\0"
#define HEAD_OPT    "\x12\x34\x01\0\0\1\0\0\0\0\0\1"
#define OPT	    "\0\0\x29\x10\0\0\0\0\0\0\0"
#define A_EXAMPLE   "\1a\7example\0\0\1\0\1"
#define DENIED	    "\6denied\7example\0\0\1\0\1"
#define ASKED	    "\5asked\7example\0\0\1\0\1"
#define MAX_WAITERS 64u
#define BYTES(_s)   (_s), sizeof(_s) - 1

static struct {
	uv_loop_t loop;
	struct names *names;
	struct dns_server *server;
	uint16_t udp_ports[2], tcp_ports[2];
	unsigned decided, full;
	struct dns_waiter *waiters[MAX_WAITERS]; /* that asked.example waits with */
	unsigned waiting, forgotten;
	unsigned left; /* who still waits when the server ends */
	bool is_answered, yes;
	bool is_closed;
} t;

static inline enum dns_outcome on_decide(void *ctx, const struct dns_query *query,
					 struct dns_waiter *waiter, const char **ret_reason)
{
	assert_ptr_equal(ctx, &t);
	t.decided++;
	*ret_reason = "by rule x";
	if (strcmp(query->name, "asked.example") == 0 && waiter && !t.is_answered) {
		t.waiters[t.waiting++ % MAX_WAITERS] = waiter;
		return DNS_WAITS;
	}
	return strcmp(query->name, "denied.example") == 0 || (t.is_answered && !t.yes)
		       ? DNS_IS_REFUSED
		       : DNS_MAY_BE_ANSWERED;
}

static inline void on_forget(void *ctx, struct dns_waiter *waiter)
{
	(void)ctx;
	assert_true(waiter->is_again);
	t.forgotten++;
}

static inline void on_full(void *ctx)
{
	(void)ctx;
	t.full++;
}

static const struct dns_server_ops ops = {
	.decide = on_decide, .forget = on_forget, .full = on_full};

static inline socklen_t address_of(int family, const char *text, uint16_t port,
				   union socket_address *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->generic.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		ret->in.sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, text, &ret->in.sin_addr), 1);
		return sizeof(ret->in);
	}
	ret->in6.sin6_port = htons(port);
	assert_int_equal(inet_pton(AF_INET6, text, &ret->in6.sin6_addr), 1);
	return sizeof(ret->in6);
}

/* As the session's init makes them, but for the port. */
static inline int open_socket(int family, int type, uint16_t *ret_port)
{
	const int socket_fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	union socket_address address;
	socklen_t len = address_of(family, family == AF_INET ? "0.0.0.0" : "::", 0, &address);
	const int on = 1;

	assert_return_code(socket_fd, errno);
	if (family == AF_INET6)
		(void)setsockopt(socket_fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	(void)setsockopt(socket_fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
			 family == AF_INET ? IP_PKTINFO : IPV6_RECVPKTINFO, &on, sizeof(on));
	assert_return_code(bind(socket_fd, &address.generic, len), errno);
	assert_return_code(getsockname(socket_fd, &address.generic, &len), errno);
	*ret_port = ntohs(address.in.sin_port);
	return socket_fd;
}

static inline int start(unsigned idle_ms)
{
	struct dns_server_config config = {
		.loop = &t.loop, .idle_ms = idle_ms, .ops = &ops, .ctx = &t};
	struct error err;

	memset(&t, 0, sizeof(t));
	assert_int_equal(uv_loop_init(&t.loop), 0);
	config.names = t.names = names_new();
	for (unsigned i = 0; i < 2; i++) {
		config.udp_fds[i] =
			open_socket(i ? AF_INET6 : AF_INET, SOCK_DGRAM, &t.udp_ports[i]);
		config.listener_fds[i] =
			open_socket(i ? AF_INET6 : AF_INET, SOCK_STREAM, &t.tcp_ports[i]);
	}
	return dns_server_start(&config, &t.server, &err);
}

/* However slow the machine is, nobody is idle. */
static inline int set_up(void **state)
{
	(void)state;
	return start(600000);
}

static inline void on_closed(void *ctx)
{
	(void)ctx;
	t.is_closed = true;
}

static inline int tear_down(void **state)
{
	(void)state;
	dns_server_stop(t.server, on_closed, NULL);
	(void)uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_true(t.is_closed);
	assert_int_equal(t.forgotten, t.left);
	assert_int_equal(uv_loop_close(&t.loop), 0);
	(void)names_free(t.names);
	return 0;
}

static inline int client(int family, int type, const char *to, uint16_t port)
{
	const int socket_fd = socket(family, type | SOCK_CLOEXEC, 0);
	union socket_address address;
	const socklen_t len = address_of(family, to, port, &address);

	assert_return_code(connect(socket_fd, &address.generic, len), errno);
	return socket_fd;
}

static inline int tcp_client(void)
{
	return client(AF_INET, SOCK_STREAM, "127.0.0.1", t.tcp_ports[0]);
}

/* What arrives, with the loop running meanwhile; 0: the end of the stream. */
static inline size_t receive(int socket_fd, uint8_t *to, size_t size)
{
	for (;;) {
		const ssize_t len = recv(socket_fd, to, size, MSG_DONTWAIT);

		if (len >= 0)
			return (size_t)len;
		if (errno == ECONNRESET)
			return 0;
		assert_int_equal(errno, EAGAIN);
		(void)uv_run(&t.loop, UV_RUN_NOWAIT);
	}
}

static inline void receive_all(int socket_fd, uint8_t *to, size_t len)
{
	for (size_t at = 0; at < len;) {
		const size_t got = receive(socket_fd, to + at, len - at);

		assert_int_not_equal(got, 0);
		at += got;
	}
}

static inline void send_all(int socket_fd, const char *bytes, size_t len)
{
	assert_int_equal(send(socket_fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, set_up, tear_down)
