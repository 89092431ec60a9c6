/* SPDX-License-Identifier: Apache-2.0 */

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

static enum dns_outcome on_decide(void *ctx, const struct dns_query *query,
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

static void on_forget(void *ctx, struct dns_waiter *waiter)
{
	(void)ctx;
	assert_true(waiter->is_again);
	t.forgotten++;
}

static void on_full(void *ctx)
{
	(void)ctx;
	t.full++;
}

static const struct dns_server_ops ops = {
	.decide = on_decide, .forget = on_forget, .full = on_full};

static socklen_t address_of(int family, const char *text, uint16_t port, union socket_address *ret)
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
static int open_socket(int family, int type, uint16_t *ret_port)
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

static int start(unsigned idle_ms)
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
static int set_up(void **state)
{
	(void)state;
	return start(600000);
}

static void on_closed(void *ctx)
{
	(void)ctx;
	t.is_closed = true;
}

static int tear_down(void **state)
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

static int client(int family, int type, const char *to, uint16_t port)
{
	const int socket_fd = socket(family, type | SOCK_CLOEXEC, 0);
	union socket_address address;
	const socklen_t len = address_of(family, to, port, &address);

	assert_return_code(connect(socket_fd, &address.generic, len), errno);
	return socket_fd;
}

static int tcp_client(void)
{
	return client(AF_INET, SOCK_STREAM, "127.0.0.1", t.tcp_ports[0]);
}

/* What arrives, with the loop running meanwhile; 0: the end of the stream. */
static size_t receive(int socket_fd, uint8_t *to, size_t size)
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

static void receive_all(int socket_fd, uint8_t *to, size_t len)
{
	for (size_t at = 0; at < len;) {
		const size_t got = receive(socket_fd, to + at, len - at);

		assert_int_not_equal(got, 0);
		at += got;
	}
}

static void send_all(int socket_fd, const char *bytes, size_t len)
{
	assert_int_equal(send(socket_fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* ---- datagrams ---- */

static void expect_udp(int family, const char *to)
{
	uint8_t reply[600];
	const int socket_fd = client(family, SOCK_DGRAM, to, t.udp_ports[family == AF_INET6]);

	/* A connected socket takes an answer from nobody else. */
	send_all(socket_fd, BYTES(HEAD A_EXAMPLE));
	assert_int_equal(receive(socket_fd, reply, sizeof(reply)), sizeof(HEAD A_EXAMPLE) - 1 + 16);
	assert_memory_equal(reply, "\x12\x34\x81\x80\0\1\0\1", 8);
	assert_memory_equal(reply + 12, A_EXAMPLE, sizeof(A_EXAMPLE) - 1);
	(void)close(socket_fd);
}

static void test_udp(void **state)
{
	(void)state;
	expect_udp(AF_INET, "127.0.0.1");
	expect_udp(AF_INET, "127.0.0.77");
	expect_udp(AF_INET6, "::1");
	assert_int_equal(t.decided, 3);
}

static void test_denied(void **state)
{
	uint8_t reply[600];
	const int socket_fd = client(AF_INET, SOCK_DGRAM, "127.0.0.1", t.udp_ports[0]);
	const size_t question = sizeof(HEAD DENIED) - 1;

	(void)state;
	send_all(socket_fd, BYTES(HEAD_OPT DENIED OPT));
	assert_int_equal(receive(socket_fd, reply, sizeof(reply)), question + 11 + 6 + 9);
	assert_memory_equal(reply + 2, "\x81\x83\0\1\0\0\0\0\0\1", 10);
	assert_memory_equal(reply + question + 15,
			    "\0\x11"
			    "by rule x",
			    11);
	assert_int_equal(names_count(t.names), 0);
	(void)close(socket_fd);
}

/* ---- what waits ---- */

static void run_until_waiting(unsigned count)
{
	while (t.waiting < count)
		(void)uv_run(&t.loop, UV_RUN_NOWAIT);
}

static void answer(unsigned which, bool yes)
{
	t.is_answered = true;
	t.yes = yes;
	dns_server_again(t.waiters[which]);
	t.is_answered = false;
}

static void test_a_datagram_waits(void **state)
{
	uint8_t reply[600];
	const int asks = client(AF_INET6, SOCK_DGRAM, "::1", t.udp_ports[1]);
	const int other = client(AF_INET, SOCK_DGRAM, "127.0.0.1", t.udp_ports[0]);

	(void)state;
	send_all(asks, BYTES(HEAD ASKED));
	run_until_waiting(1);
	/* Sent again it is the same one, and others are answered meanwhile. */
	send_all(asks, BYTES(HEAD ASKED));
	send_all(other, BYTES(HEAD A_EXAMPLE));
	assert_true(receive(other, reply, sizeof(reply)) > DNS_HEADER_BYTES);
	assert_int_equal(t.waiting, 1);
	dns_server_again(t.waiters[0]); /* nobody knows yet */
	assert_int_equal(t.waiting, 2);
	answer(0, true);
	assert_int_equal(receive(asks, reply, sizeof(reply)), sizeof(HEAD ASKED) - 1 + 16);
	send_all(asks, BYTES(HEAD ASKED));
	run_until_waiting(3);
	answer(2, false);
	assert_int_equal(receive(asks, reply, sizeof(reply)), sizeof(HEAD ASKED) - 1);
	assert_int_equal(reply[3] & 0xf, DNS_NXDOMAIN);
	assert_int_equal(t.forgotten, 0);
	(void)close(asks);
	(void)close(other);
}

static void test_a_connection_waits(void **state)
{
	const size_t len = sizeof(HEAD ASKED) - 1;
	uint8_t reply[600];
	const int asks = tcp_client();

	(void)state;
	/* In order, whatever came behind it. */
	send_all(asks, BYTES("\0\x1f" HEAD ASKED "\0\x1b" HEAD A_EXAMPLE));
	run_until_waiting(1);
	assert_int_equal(t.decided, 1);
	answer(0, true);
	receive_all(asks, reply, 2 + len + 16 + 2 + sizeof(HEAD A_EXAMPLE) - 1 + 16);
	assert_memory_equal(reply + 2 + 12, ASKED, sizeof(ASKED) - 1);
	assert_int_equal(t.decided, 3);
	/* The server ends while one waits: its owner is told. */
	send_all(asks, BYTES("\0\x1f" HEAD ASKED));
	run_until_waiting(2);
	t.left = 1;
	(void)close(asks);
}

/* More than may wait are decided at once. */
static void test_many_wait(void **state)
{
	uint8_t reply[600];
	const int asks = client(AF_INET, SOCK_DGRAM, "127.0.0.1", t.udp_ports[0]);

	(void)state;
	for (unsigned i = 0; i <= MAX_DNS_HELD; i++) {
		char query[] = HEAD ASKED;

		query[1] = (char)i;
		send_all(asks, query, sizeof(query) - 1);
	}
	assert_int_equal(receive(asks, reply, sizeof(reply)), sizeof(HEAD ASKED) - 1 + 16);
	assert_int_equal(reply[1], MAX_DNS_HELD);
	assert_int_equal(t.waiting, MAX_DNS_HELD);
	for (unsigned i = 1; i < MAX_DNS_HELD; i++)
		answer(i, true);
	t.left = 1;
	assert_true(receive(asks, reply, sizeof(reply)) > DNS_HEADER_BYTES);
	(void)close(asks);
}

/* Rubbish is not shown to the owner, and what is no query gets no answer. */
static void test_rubbish(void **state)
{
	uint8_t reply[600], large[4000] = {0x12, 0x34, 0x01};
	const int socket_fd = client(AF_INET, SOCK_DGRAM, "127.0.0.1", t.udp_ports[0]);

	(void)state;
	send_all(socket_fd, BYTES("\x12\x34"));
	send_all(socket_fd, BYTES("\x12\x34\x81\x80\0\1\0\0\0\0\0\0" A_EXAMPLE));
	send_all(socket_fd, "", 0);
	send_all(socket_fd, (const char *)large, sizeof(large));
	send_all(socket_fd, BYTES(HEAD "\xc0\x0c\0\1\0\1"));
	assert_int_equal(receive(socket_fd, reply, sizeof(reply)), DNS_HEADER_BYTES);
	assert_int_equal(reply[3] & 0xf, DNS_FORMERR);
	assert_int_equal(t.decided, 0);
	/* More than one batch at a time. */
	for (unsigned i = 0; i < 100; i++)
		send_all(socket_fd, BYTES(HEAD A_EXAMPLE));
	for (unsigned i = 0; i < 100; i++)
		assert_true(receive(socket_fd, reply, sizeof(reply)) > DNS_HEADER_BYTES);
	assert_int_equal(t.decided, 100);
	(void)close(socket_fd);
}

static void test_full(void **state)
{
	uint8_t reply[600], address[16];
	char name[16];
	const int socket_fd = client(AF_INET, SOCK_DGRAM, "127.0.0.1", t.udp_ports[0]);

	(void)state;
	for (unsigned i = 0; i < MAX_NET_NAMES; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(names_mint(t.names, name, AF_INET, address), 0);
	}
	send_all(socket_fd, BYTES(HEAD A_EXAMPLE));
	(void)receive(socket_fd, reply, sizeof(reply));
	assert_int_equal(reply[3] & 0xf, DNS_SERVFAIL);
	assert_int_equal(t.full, 1);
	(void)close(socket_fd);
}

/* ---- connections ---- */

#define FRAMED	     "\0\x1b" HEAD A_EXAMPLE
#define FRAMED_BYTES (2u + sizeof(HEAD A_EXAMPLE) - 1)
#define REPLY_BYTES  (FRAMED_BYTES + 16)

_Static_assert(sizeof(HEAD A_EXAMPLE) - 1 == 0x1b, "as FRAMED says");

static void expect_served(int socket_fd)
{
	uint8_t reply[REPLY_BYTES];

	send_all(socket_fd, BYTES(FRAMED));
	receive_all(socket_fd, reply, sizeof(reply));
	assert_int_equal(reply[1], REPLY_BYTES - 2);
	assert_memory_equal(reply + 2, "\x12\x34\x81\x80\0\1\0\1", 8);
}

static void test_tcp(void **state)
{
	const int socket_fd = tcp_client();
	const int six_fd = client(AF_INET6, SOCK_STREAM, "::1", t.tcp_ports[1]);

	(void)state;
	expect_served(socket_fd);
	expect_served(six_fd);
	expect_served(socket_fd);
	/* A byte at a time. */
	for (size_t i = 0; i < FRAMED_BYTES - 1; i++) {
		send_all(socket_fd, &FRAMED[i], 1);
		(void)uv_run(&t.loop, UV_RUN_NOWAIT);
	}
	send_all(socket_fd, &FRAMED[FRAMED_BYTES - 1], 1);
	uint8_t reply[REPLY_BYTES];

	receive_all(socket_fd, reply, sizeof(reply));
	(void)close(socket_fd);
	(void)close(six_fd);
}

static void test_pipelined(void **state)
{
	enum {
		COUNT = 1000
	};

	const int socket_fd = tcp_client();
	char *queries = calloc(COUNT, FRAMED_BYTES);
	uint8_t reply[REPLY_BYTES];

	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		memcpy(queries + i * FRAMED_BYTES, FRAMED, FRAMED_BYTES);
		queries[i * FRAMED_BYTES + 2] = (char)(i >> 8);
		queries[i * FRAMED_BYTES + 3] = (char)i;
	}
	send_all(socket_fd, queries, COUNT * FRAMED_BYTES);
	for (unsigned i = 0; i < COUNT; i++) {
		receive_all(socket_fd, reply, sizeof(reply));
		assert_int_equal(reply[2] << 8 | reply[3], i);
	}
	(void)close(socket_fd);
	free(queries);
}

static void expect_closed(const char *bytes, size_t len)
{
	uint8_t reply[REPLY_BYTES];
	const int socket_fd = tcp_client();

	send_all(socket_fd, bytes, len);
	assert_int_equal(receive(socket_fd, reply, sizeof(reply)), 0);
	(void)close(socket_fd);
}

static void test_tcp_rubbish(void **state)
{
	(void)state;
	expect_closed(BYTES("\xff\xff" HEAD));
	expect_closed(BYTES("\5\1" HEAD)); /* one more than is taken */
	expect_closed(BYTES("\0\0"));
	expect_closed(BYTES("\0\x1b\x12\x34\x81\x80\0\1\0\0\0\0\0\0" A_EXAMPLE));
	expect_closed(BYTES("GET / HTTP/1.1\r\n\r\n"));
	assert_int_equal(t.decided, 0);
}

/* One connection too many ends the one that is idle longest, and no other. */
static void test_many_clients(void **state)
{
	int clients[MAX_DNS_CLIENTS + 1];
	uint8_t byte;

	(void)state;
	for (unsigned i = 0; i < MAX_DNS_CLIENTS; i++) {
		clients[i] = tcp_client();
		expect_served(clients[i]);
	}
	expect_served(clients[0]);
	clients[MAX_DNS_CLIENTS] = tcp_client();
	expect_served(clients[MAX_DNS_CLIENTS]);
	assert_int_equal(receive(clients[1], &byte, 1), 0);
	for (unsigned i = 0; i <= MAX_DNS_CLIENTS; i++) {
		if (i != 1)
			expect_served(clients[i]);
		(void)close(clients[i]);
	}
}

/* Who does not read is not read from, and keeps nobody else from answers. */
static void test_slow_reader(void **state)
{
	enum {
		CHUNK = 64 * FRAMED_BYTES
	};

	const int slow_fd = tcp_client();
	char queries[CHUNK];
	uint8_t reply[REPLY_BYTES];
	unsigned refused = 0;
	size_t at = 0;

	(void)state;
	assert_return_code(fcntl(slow_fd, F_SETFL, O_NONBLOCK), errno);
	for (size_t i = 0; i < CHUNK; i += FRAMED_BYTES)
		memcpy(queries + i, FRAMED, FRAMED_BYTES);
	while (refused < 100) {
		const ssize_t sent =
			send(slow_fd, queries + at % CHUNK, CHUNK - at % CHUNK, MSG_NOSIGNAL);

		if (sent < 0)
			assert_int_equal(errno, EAGAIN);
		refused = sent < 0 ? refused + 1 : 0;
		at += sent > 0 ? (size_t)sent : 0;
		(void)uv_run(&t.loop, UV_RUN_NOWAIT);
	}
	const int other_fd = tcp_client();

	expect_served(other_fd);
	/* And goes on as soon as it reads, with the answers that it owes. */
	for (unsigned i = 0; i < 1000; i++) {
		receive_all(slow_fd, reply, sizeof(reply));
		assert_memory_equal(reply + 2, "\x12\x34\x81\x80", 4);
	}
	(void)close(slow_fd);
	(void)close(other_fd);
}

/* Bytes that make no query do not keep a connection. */
static void test_idle(void **state)
{
	const int drip_fd = tcp_client();
	const int silent_fd = tcp_client();
	uint8_t byte;

	(void)state;
	send_all(drip_fd, BYTES("\4\0")); /* of a query of 1,024 bytes */
	do {
		(void)send(drip_fd, "x", 1, MSG_NOSIGNAL);
		(void)uv_run(&t.loop, UV_RUN_NOWAIT);
		(void)usleep(20000);
	} while (recv(drip_fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	assert_int_equal(receive(silent_fd, &byte, 1), 0);
	(void)close(drip_fd);
	(void)close(silent_fd);
}

static int set_up_short(void **state)
{
	(void)state;
	return start(400);
}

#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_udp),
		TEST(test_denied),
		TEST(test_a_datagram_waits),
		TEST(test_a_connection_waits),
		TEST(test_many_wait),
		TEST(test_rubbish),
		TEST(test_full),
		TEST(test_tcp),
		TEST(test_pipelined),
		TEST(test_tcp_rubbish),
		TEST(test_many_clients),
		TEST(test_slow_reader),
		cmocka_unit_test_setup_teardown(test_idle, set_up_short, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
