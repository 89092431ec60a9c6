/* SPDX-License-Identifier: Apache-2.0 */

/* The name server's owner does not know yet. */

#include "tests/unit/dns_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_datagram_waits),
		TEST(test_a_connection_waits),
		TEST(test_many_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
