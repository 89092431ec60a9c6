/* SPDX-License-Identifier: Apache-2.0 */

/* What is relayed, both ways, and how a flow ends. */

#include "tests/unit/flow_fixture.h"

#include <signal.h>
#include <sys/socket.h>

#include "common/limits.h"

static void test_both_ways_and_half_close(void **state)
{
	struct fixture *f = *state;

	say(f->upstream_fd, "220 first\r\n");
	hear(f, f->program_fd, "220 first\r\n");
	assert_int_equal(f->heads, 0);
	say(f->program_fd, "\1binary");
	hear(f, f->upstream_fd, "\1binary");
	assert_string_equal(f->protocol, "other");
	assert_int_equal(shutdown(f->program_fd, SHUT_WR), 0);
	assert_int_equal(errno_of_recv(f, f->upstream_fd), 0);
	say(f->upstream_fd, "still");
	hear(f, f->program_fd, "still");
	assert_int_equal(shutdown(f->upstream_fd, SHUT_WR), 0);
	run_to_its_end(f, "closed");
	assert_int_equal(f->totals.bytes_out, 7);
	assert_int_equal(f->told, 7);
	assert_int_equal(f->totals.bytes_in, 16);
	assert_int_equal(f->heads, 1);
}

static void note_no_end(void *ctx)
{
	struct fixture *f = ctx;
	char byte;

	assert_int_equal(recv(f->upstream_fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* Whatever else the turn is about comes before it: here, who was there first. */
static void test_an_end_comes_last_in_its_turn(void **state)
{
	struct fixture *f = *state;
	struct turn_task first = {.run = note_no_end, .ctx = f};

	say(f->program_fd, "\1");
	hear(f, f->upstream_fd, "\1");
	assert_int_equal(shutdown(f->program_fd, SHUT_WR), 0);
	turn_add(&f->end_of_turn, &first);
	assert_int_equal(errno_of_recv(f, f->upstream_fd), 0);
}

static void test_reset_is_carried_over(void **state)
{
	const struct linger at_once = {.l_onoff = 1};
	struct fixture *f = *state;

	say(f->program_fd, "\1");
	hear(f, f->upstream_fd, "\1");
	(void)setsockopt(f->upstream_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	(void)close(f->upstream_fd);
	f->upstream_fd = -1;
	run_to_its_end(f, "reset");
	assert_int_equal(errno_of_recv(f, f->program_fd), ECONNRESET);
}

static void test_last_words_before_a_reset(void **state)
{
	const struct linger at_once = {.l_onoff = 1};
	struct fixture *f = *state;

	say(f->program_fd, "\1");
	hear(f, f->upstream_fd, "\1");
	say(f->upstream_fd, "why");
	(void)setsockopt(f->upstream_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	(void)close(f->upstream_fd);
	f->upstream_fd = -1;
	hear(f, f->program_fd, "why");
	run_to_its_end(f, "reset");
	assert_int_equal(errno_of_recv(f, f->program_fd), ECONNRESET);
}

/* While the other side takes nothing, a reset is seen all the same. */
static void test_reset_under_back_pressure(void **state)
{
	static char block[1 << 16] = "\1";
	const struct linger at_once = {.l_onoff = 1};
	struct fixture *f = *state;
	unsigned idle = 0;
	uint64_t sent = 0;

	while (idle < 50) {
		const ssize_t n = send(f->program_fd, block, sizeof(block), MSG_NOSIGNAL);

		idle = n > 0 ? 0 : idle + 1;
		sent += n > 0 ? (uint64_t)n : 0;
		some_turns(f);
	}
	flow_totals(f->flow, &f->totals);
	assert_true(f->totals.bytes_out > 0 && f->totals.bytes_out < sent);
	(void)setsockopt(f->upstream_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	(void)close(f->upstream_fd);
	f->upstream_fd = -1;
	run_to_its_end(f, "reset");
}

/* Urgent data, which nobody reads, does not keep the loop busy. */
static void test_urgent_data(void **state)
{
	struct fixture *f = *state;
	unsigned turns = 0;

	assert_int_equal(send(f->program_fd, "\1!", 2, MSG_OOB), 2);
	some_turns(f);
	set_limit(f, 300);
	while (!f->timed_out) {
		(void)uv_run(&f->loop, UV_RUN_ONCE);
		turns++;
	}
	assert_in_range(turns, 1, 50);
	say(f->upstream_fd, "goes on");
	set_limit(f, LIMIT_MS);
	hear(f, f->program_fd, "goes on");
}

static void test_head_is_held_until_it_is_whole(void **state)
{
	struct fixture *f = *state;
	char c;

	say(f->program_fd, "GET / HTTP/1.1\r\nHost: ");
	wait_until_held(f);
	some_turns(f);
	assert_int_equal(recv(f->upstream_fd, &c, 1, 0), -1);
	flow_let_go(f->flow); /* more than a word: not even now */
	some_turns(f);
	assert_int_equal(recv(f->upstream_fd, &c, 1, 0), -1);
	say(f->program_fd, "h\r\n\r\n");
	hear(f, f->upstream_fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_string_equal(f->protocol, "http");
	flow_totals(f->flow, &f->totals);
	assert_true(f->totals.held_ns == 0);
	say(f->program_fd, "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy");
	hear(f, f->upstream_fd, "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy");
	assert_int_equal(f->heads, 2);
}

static void test_refused_head(void **state)
{
	struct fixture *f = *state;
	char c;

	f->refuse = "no";
	say(f->program_fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	run_to_its_end(f, "no");
	assert_int_equal(f->totals.bytes_out, 0);
	assert_int_equal(errno_of_recv(f, f->program_fd), ECONNRESET);
	assert_true(recv(f->upstream_fd, &c, 1, 0) < 0 && errno == ECONNRESET);
}

static void test_word_is_let_go_once_asked(void **state)
{
	struct fixture *f = *state;

	say(f->program_fd, "ping");
	wait_until_held(f);
	assert_int_equal(f->heads, 0);
	flow_let_go(f->flow);
	hear(f, f->upstream_fd, "ping");
	assert_string_equal(f->protocol, "other");
	f->refuse = "no";
	say(f->program_fd, "pong");
	wait_until_held(f);
	flow_let_go(f->flow);
	run_to_its_end(f, "no");
	assert_int_equal(f->totals.bytes_out, 4);
}

/* Others hold as much as all may. */
static void test_no_room_to_hold(void **state)
{
	struct fixture *f = *state;

	f->held = MAX_NET_HELD_BYTES;
	say(f->program_fd, "GET / HTTP/1.1\r\n");
	run_to_its_end(f, "too much held");
	assert_int_equal(f->totals.bytes_out, 0);
	f->held -= MAX_NET_HELD_BYTES;
}

static void test_half_a_head_at_the_end(void **state)
{
	struct fixture *f = *state;

	f->refuse = "half";
	say(f->program_fd, "GET / HTTP/1.1\r\nHost");
	assert_int_equal(shutdown(f->program_fd, SHUT_WR), 0);
	run_to_its_end(f, "half");
	assert_int_equal(f->totals.bytes_out, 0);
}

static void test_finish_passes_on_what_was_said(void **state)
{
	struct fixture *f = *state;

	say(f->program_fd, "\1last words");
	(void)close(f->program_fd);
	f->program_fd = -1;
	flow_finish(f->flow, "session ended");
	assert_int_equal(f->totals.bytes_out, 11);
	hear(f, f->upstream_fd, "\1last words");
	assert_int_equal(errno_of_recv(f, f->upstream_fd), 0); /* in order, no reset */
}

/* Of a flow that is not looked into any more. */
static void test_finish_in_the_middle(void **state)
{
	struct fixture *f = *state;

	say(f->program_fd, "\1binary");
	hear(f, f->upstream_fd, "\1binary");
	say(f->program_fd, "last words");
	(void)close(f->program_fd);
	f->program_fd = -1;
	flow_finish(f->flow, "session ended");
	hear(f, f->upstream_fd, "last words");
	assert_int_equal(errno_of_recv(f, f->upstream_fd), 0);
}

static char byte_at(uint64_t at)
{
	return (char)(at % 251);
}

/* Of as much as goes. Return: bytes that were sent. */
static uint64_t send_piece(int end_fd, uint64_t from, size_t len)
{
	char piece[1 << 16];
	ssize_t n;

	assert_true(len <= sizeof(piece));
	for (size_t i = 0; i < len; i++)
		piece[i] = byte_at(from + i);
	n = send(end_fd, piece, len, MSG_NOSIGNAL);
	return n > 0 ? (uint64_t)n : 0;
}

static void hear_pieces(struct fixture *f, int end_fd, uint64_t from, uint64_t until)
{
	char piece[1 << 16];

	while (from < until) {
		const ssize_t n = recv(end_fd, piece, sizeof(piece), 0);

		if (n < 0 && errno == EAGAIN)
			turn(f);
		else
			assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			if (piece[i] != byte_at(from + (uint64_t)i))
				fail_msg("byte %llu is another", (unsigned long long)from);
		from += n > 0 ? (uint64_t)n : 0;
	}
}

/* What the receiver does not take comes later, in order: few at a time are copied, many are not. */
static void all_comes_under_back_pressure(struct fixture *f, size_t len)
{
	unsigned idle = 0;
	uint64_t sent = 0;

	while (idle < 50) {
		const uint64_t n = send_piece(f->upstream_fd, sent, len);

		idle = n ? 0 : idle + 1;
		sent += n;
		assert_true(sent < UINT64_C(1) << 28);
		some_turns(f);
	}
	flow_totals(f->flow, &f->totals);
	assert_in_range(f->totals.bytes_in, 1, sent - 1);
	hear_pieces(f, f->program_fd, 0, sent);
	some_turns(f);
	flow_totals(f->flow, &f->totals);
	assert_int_equal(f->totals.bytes_in, sent);
}

static void test_few_under_back_pressure(void **state)
{
	all_comes_under_back_pressure(*state, 10000);
}

static void test_many_under_back_pressure(void **state)
{
	all_comes_under_back_pressure(*state, 1 << 16);
}

static void test_pipes_are_given_back(void **state)
{
	struct fixture *f = *state;
	uint64_t sent = 0;

	for (unsigned i = 0; i < 50; i++) {
		const uint64_t n = send_piece(f->upstream_fd, sent, 1 << 16);

		hear_pieces(f, f->program_fd, sent, sent + n);
		sent += n;
	}
	assert_int_equal(f->pipes.count, 1);
}

static void test_few_bytes_need_no_pipe(void **state)
{
	struct fixture *f = *state;

	say(f->upstream_fd, "the first ones tell that there are few");
	hear(f, f->program_fd, "the first ones tell that there are few");
	pipes_done(&f->pipes);
	for (unsigned i = 0; i < 50; i++) {
		say(f->upstream_fd, "x");
		hear(f, f->program_fd, "x");
	}
	assert_int_equal(f->pipes.count, 0);
}

/* What was there before the start is moved by it, before the loop knows of either socket. */
static void test_what_was_said_before_the_start(void **state)
{
	struct fixture *f = *state;
	char got[8];

	say(f->program_fd, "\1early");
	start(f);
	assert_int_equal(recv(f->upstream_fd, got, sizeof(got), 0), 6);
	say(f->upstream_fd, "late");
	hear(f, f->program_fd, "late");
	assert_int_equal(shutdown(f->program_fd, SHUT_WR), 0);
	assert_int_equal(shutdown(f->upstream_fd, SHUT_WR), 0);
	run_to_its_end(f, "closed");
}

/* Who speaks first outside is heard by the start as well. */
static void test_a_server_that_spoke_before_the_start(void **state)
{
	struct fixture *f = *state;
	char got[8];

	say(f->upstream_fd, "220");
	start(f);
	assert_int_equal(recv(f->program_fd, got, sizeof(got), 0), 3);
}

static void test_refused_within_its_start(void **state)
{
	struct fixture *f = *state;
	char c;

	f->refuse = "no";
	say(f->program_fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	start(f);
	assert_string_equal(f->reason, "no");
	assert_int_equal(f->totals.bytes_out, 0);
	assert_int_equal(errno_of_recv(f, f->program_fd), ECONNRESET);
	assert_true(recv(f->upstream_fd, &c, 1, 0) < 0 && errno == ECONNRESET);
}

static void test_over_within_its_start(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shutdown(f->program_fd, SHUT_WR), 0);
	assert_int_equal(shutdown(f->upstream_fd, SHUT_WR), 0);
	start(f);
	assert_string_equal(f->reason, "closed");
	assert_int_equal(errno_of_recv(f, f->program_fd), 0);
	assert_int_equal(errno_of_recv(f, f->upstream_fd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FLOW(test_both_ways_and_half_close),
		WITH_FLOW(test_an_end_comes_last_in_its_turn),
		WITH_FLOW(test_reset_is_carried_over),
		WITH_FLOW(test_last_words_before_a_reset),
		WITH_FLOW(test_reset_under_back_pressure),
		WITH_FLOW(test_urgent_data),
		WITH_FLOW(test_head_is_held_until_it_is_whole),
		WITH_FLOW(test_refused_head),
		WITH_FLOW(test_word_is_let_go_once_asked),
		WITH_FLOW(test_no_room_to_hold),
		WITH_FLOW(test_half_a_head_at_the_end),
		WITH_FLOW(test_finish_passes_on_what_was_said),
		WITH_FLOW(test_finish_in_the_middle),
		WITH_FLOW(test_few_under_back_pressure),
		WITH_FLOW(test_many_under_back_pressure),
		WITH_FLOW(test_pipes_are_given_back),
		WITH_FLOW(test_few_bytes_need_no_pipe),
		WITHOUT_FLOW(test_what_was_said_before_the_start),
		WITHOUT_FLOW(test_a_server_that_spoke_before_the_start),
		WITHOUT_FLOW(test_refused_within_its_start),
		WITHOUT_FLOW(test_over_within_its_start),
		WITH_CANARIES(test_both_ways_and_half_close),
		WITH_CANARIES(test_head_is_held_until_it_is_whole),
		WITH_CANARIES(test_finish_passes_on_what_was_said),
	};

	/* splice(2) to a socket that is gone has no MSG_NOSIGNAL: as in cordon. */
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
