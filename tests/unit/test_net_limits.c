/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How long what is relayed may last: the relay between sockets of this process, with the clock in
 * the test's hand (moved_clock.h).
 */

#include "tests/support/test.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/moved_clock.h"
#include "tests/unit/relay_world.h"

#define MINUTE_MS UINT64_C(60000)
#define DAY_MS	  UINT64_C(86400000)

static void expect_idle_limit(int type, uint64_t limit_ms)
{
	struct world *w = world_set_up(type);

	join(w);
	exchange(w);
	let_pass(w, limit_ms - MINUTE_MS);
	assert_string_equal(w->reason, "");
	exchange(w); /* from here on it is counted anew */
	let_pass(w, limit_ms - MINUTE_MS);
	assert_string_equal(w->reason, "");
	let_pass_until(w, MINUTE_MS, "idle time limit");
	world_tear_down(w);
}

static void expect_total_limit(int type, uint64_t step_ms)
{
	struct world *w = world_set_up(type);

	join(w);
	exchange(w);
	while (passed_ns / NS_PER_MS + step_ms < DAY_MS) {
		passed_ns += step_ms * NS_PER_MS;
		exchange(w);
	}
	let_pass(w, 0);
	assert_string_equal(w->reason, "");
	let_pass_until(w, step_ms, "total time limit");
	world_tear_down(w);
}

static void test_idle(void **state)
{
	(void)state;
	expect_idle_limit(SOCK_STREAM, 15 * MINUTE_MS);
}

static void test_total(void **state)
{
	(void)state;
	expect_total_limit(SOCK_STREAM, 10 * MINUTE_MS);
}

static void test_idle_udp(void **state)
{
	(void)state;
	expect_idle_limit(SOCK_DGRAM, 2 * MINUTE_MS);
}

static void test_total_udp(void **state)
{
	(void)state;
	expect_total_limit(SOCK_DGRAM, MINUTE_MS);
}

/* Half a head is held, and never sent. */
static void test_half_a_head(void **state)
{
	struct world *w = world_set_up(SOCK_STREAM);
	char got[8];

	(void)state;
	join(w);
	assert_int_equal(send(w->program_fd, "GET / ", 6, 0), 6);
	let_pass(w, 0);
	let_pass(w, 5000);
	assert_string_equal(w->reason, "");
	let_pass_until(w, 6000, "first bytes incomplete");
	assert_int_equal(recv(w->server_fd, got, sizeof(got), 0), -1);
	assert_int_equal(errno, ECONNRESET);
	world_tear_down(w);
}

/* A program is let through, says all it has to say and is gone before anybody has looked again. */
static void test_last_words_of_who_has_just_arrived(void **state)
{
	struct world *w = world_set_up(SOCK_STREAM);
	char got[16];
	int error = 0;

	(void)state;
	assert_int_equal(ask(w, &error), RELAY_GOES_ON);
	assert_return_code(connect_to(w->program_fd, INSIDE, w->destination.port), errno);
	assert_int_equal(send(w->program_fd, "\1last words", 11, 0), 11);
	assert_int_equal(shutdown(w->program_fd, SHUT_WR), 0);
	w->server_fd = accept4(w->listener_fd, NULL, NULL, SOCK_CLOEXEC);
	assert_return_code(w->server_fd, errno);
	relay_take_arrivals(w->relay);
	world_stop_relay(w);
	assert_int_equal(recv(w->server_fd, got, sizeof(got), MSG_WAITALL), 11);
	assert_memory_equal(got, "\1last words", 11);
	world_tear_down(w);
}

/* Of what a listener accepts it is known where it went; so one that stands elsewhere is none. */
static void test_a_listener_that_stands_elsewhere(void **state)
{
	struct world *w = world_set_up(SOCK_STREAM);
	int error = 0;

	(void)state;
	assert_int_equal(ask_at(w, 0, &error), RELAY_FAILED);
	assert_int_equal(error, -EADDRNOTAVAIL);
	world_tear_down(w);
}

/* Nobody answers there: what is waited for has its place taken, so the kernel drops it. */
static void test_dial_times_out(void **state)
{
	struct world *w = world_set_up(SOCK_STREAM);
	int waiting_fds[4];
	int error = 0;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		waiting_fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect_to(waiting_fds[i], OUTSIDE, w->destination.port);
	}
	dial_ms = 100;
	assert_int_equal(ask(w, &error), RELAY_FAILED);
	assert_int_equal(error, -ETIMEDOUT);
	assert_string_equal(w->reason, "not connected");
	assert_int_equal(w->error, -ETIMEDOUT);
	for (size_t i = 0; i < 4; i++)
		(void)close(waiting_fds[i]);
	world_tear_down(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_total),
		cmocka_unit_test(test_idle_udp),
		cmocka_unit_test(test_total_udp),
		cmocka_unit_test(test_half_a_head),
		cmocka_unit_test(test_dial_times_out),
		cmocka_unit_test(test_a_listener_that_stands_elsewhere),
		cmocka_unit_test(test_last_words_of_who_has_just_arrived),
	};

	return cmocka_run_group_tests(tests, own_network, NULL);
}
