/* SPDX-License-Identifier: Apache-2.0 */

/* A flow whose owner cannot say yet whether what was seen may be sent. */

#include "tests/unit/flow_fixture.h"

#include <string.h>
#include <sys/socket.h>

#define HEAD "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static void expect_nothing(struct fixture *f)
{
	char c;

	do {
		wait_until_held(f);
		some_turns(f);
		flow_totals(f->flow, &f->totals);
	} while (!f->totals.waits);
	assert_int_equal(recv(f->upstream_fd, &c, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(f->totals.held_ns == 0); /* it is not the program that is slow */
}

static void answer(struct fixture *f, const char *refuse)
{
	f->refuse = refuse;
	f->refuse_found = NULL;
	flow_resume(f->flow);
}

static void test_nothing_goes_before_the_answer(void **state)
{
	struct fixture *f = *state;

	f->refuse = screen_later;
	say(f->program_fd, HEAD);
	expect_nothing(f);
	say(f->program_fd, HEAD);
	expect_nothing(f);
	assert_int_equal(f->heads, 1);
	flow_resume(f->flow); /* still not known */
	expect_nothing(f);
	say(f->upstream_fd, "meanwhile");
	hear(f, f->program_fd, "meanwhile");
	answer(f, NULL);
	hear(f, f->upstream_fd, HEAD HEAD);
	assert_int_equal(f->heads, 4);
	say(f->program_fd, HEAD);
	hear(f, f->upstream_fd, HEAD);
}

static void test_the_next_one_is_held_again(void **state)
{
	struct fixture *f = *state;

	say(f->program_fd, HEAD);
	hear(f, f->upstream_fd, HEAD);
	f->refuse = screen_later;
	say(f->program_fd, HEAD HEAD);
	expect_nothing(f);
	answer(f, NULL);
	hear(f, f->upstream_fd, HEAD HEAD);
}

static void test_a_no(void **state)
{
	struct fixture *f = *state;

	f->refuse = screen_later;
	say(f->program_fd, HEAD HEAD);
	expect_nothing(f);
	answer(f, "no");
	run_to_its_end(f, "no");
	assert_int_equal(f->totals.bytes_out, 0);
	assert_int_equal(f->heads, 2);
	assert_int_equal(errno_of_recv(f, f->program_fd), ECONNRESET);
}

static void test_a_word_alone(void **state)
{
	struct fixture *f = *state;

	f->refuse = screen_later;
	say(f->program_fd, "ping");
	wait_until_held(f);
	flow_let_go(f->flow);
	expect_nothing(f);
	answer(f, NULL);
	hear(f, f->upstream_fd, "ping");
	assert_string_equal(f->protocol, "other");
}

static void test_the_program_is_done(void **state)
{
	struct fixture *f = *state;

	f->refuse = screen_later;
	say(f->program_fd, "\1binary");
	assert_int_equal(shutdown(f->program_fd, SHUT_WR), 0);
	expect_nothing(f);
	answer(f, NULL);
	hear(f, f->upstream_fd, "\1binary");
	assert_int_equal(errno_of_recv(f, f->upstream_fd), 0);
}

static void test_the_program_is_gone(void **state)
{
	const struct linger at_once = {.l_onoff = 1};
	struct fixture *f = *state;

	f->refuse = screen_later;
	say(f->program_fd, HEAD);
	expect_nothing(f);
	(void)setsockopt(f->program_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	(void)close(f->program_fd);
	f->program_fd = -1;
	run_to_its_end(f, "reset");
	assert_int_equal(f->totals.bytes_out, 0);
}

static void test_a_text_found_later(void **state)
{
	struct fixture *f = *state;

	f->refuse_found = screen_later;
	say(f->program_fd, "\1binary");
	hear(f, f->upstream_fd, "\1binary");
	say(f->program_fd, "..." CANARY);
	expect_nothing(f);
	assert_int_equal(f->finds, 1);
	answer(f, NULL);
	hear(f, f->upstream_fd, "..." CANARY);
	assert_int_equal(f->finds, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FLOW(test_nothing_goes_before_the_answer),
		WITH_FLOW(test_the_next_one_is_held_again),
		WITH_FLOW(test_a_no),
		WITH_FLOW(test_a_word_alone),
		WITH_FLOW(test_the_program_is_done),
		WITH_FLOW(test_the_program_is_gone),
		WITH_CANARIES(test_a_text_found_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
