/* SPDX-License-Identifier: Apache-2.0 */

/* The name server on loopback, with clients in the same thread: the loop runs while they wait. */

#include "tests/unit/dns_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_udp),
		TEST(test_denied),
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
