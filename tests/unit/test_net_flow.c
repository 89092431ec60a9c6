/* SPDX-License-Identifier: Apache-2.0 */

/* A relayed connection over loopback: pumps, screen and flow, with both ends in the test's hand. */

#include "tests/support/test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/limits.h"
#include "monitor/net/flow.h"

#define LIMIT_MS 20000

struct fixture {
	uv_loop_t loop;
	uv_timer_t limit;
	struct pipes pipes;
	size_t held;
	struct flow *flow;
	int program_fd, upstream_fd; /* the far ends: what the program and the server have */
	const char *refuse;	     /* the answer to every head */
	unsigned heads;
	struct scan_set *canaries;
	const char *refuse_found; /* the answer when a text was found */
	uint64_t found;		  /* as of the last question */
	unsigned finds;		  /* questions about one */
	char protocol[16];
	uint64_t told; /* bytes, by sent() */
	struct flow_totals totals;
	char reason[64]; /* of its end; empty while it lives */
	bool timed_out;
};

static int connected(int ends[2])
{
	union {
		struct sockaddr generic;
		struct sockaddr_in in;
	} at = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};

	socklen_t len = sizeof(at.in);
	const int listener_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(listener_fd >= 0 && bind(listener_fd, &at.generic, len) == 0);
	assert_true(listen(listener_fd, 1) == 0);
	assert_true(getsockname(listener_fd, &at.generic, &len) == 0);
	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(connect(ends[0], &at.generic, len) == 0);
	ends[1] = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(ends[1] >= 0);
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	(void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
	return close(listener_fd);
}

static const char *on_head(void *ctx, const struct first_seen *seen, uint64_t found)
{
	struct fixture *f = ctx;

	f->heads++;
	f->found = found;
	if (found)
		f->finds++;
	(void)snprintf(f->protocol, sizeof(f->protocol), "%s", seen->protocol);
	return found && f->refuse_found ? f->refuse_found : f->refuse;
}

static const char *on_sent(void *ctx, uint64_t bytes)
{
	struct fixture *f = ctx;

	f->told += bytes;
	return NULL;
}

static void on_ended(void *ctx, struct flow *flow, const struct flow_totals *totals,
		     const char *reason)
{
	struct fixture *f = ctx;

	assert_ptr_equal(flow, f->flow);
	assert_string_equal(f->reason, ""); /* once */
	f->totals = *totals;
	(void)snprintf(f->reason, sizeof(f->reason), "%s", reason);
}

static const struct flow_ops ops = {.head = on_head, .sent = on_sent, .ended = on_ended};

static void on_limit(uv_timer_t *timer)
{
	((struct fixture *)timer->data)->timed_out = true;
}

static int set_up_with(void **state, const struct str *texts, size_t count)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int inside[2];
	int outside[2];

	assert_int_equal(uv_loop_init(&f->loop), 0);
	(void)uv_timer_init(&f->loop, &f->limit);
	f->limit.data = f;
	if (count)
		assert_int_equal(scan_set_new(texts, count, &f->canaries, NULL), 0);
	(void)uv_timer_start(&f->limit, on_limit, LIMIT_MS, 0);
	(void)connected(inside);
	(void)connected(outside);
	f->program_fd = inside[0];
	f->upstream_fd = outside[1];
	assert_int_equal(flow_start(&(struct flow_config){.loop = &f->loop,
							  .program_fd = inside[1],
							  .upstream_fd = outside[0],
							  .pipes = &f->pipes,
							  .held = &f->held,
							  .canaries = f->canaries,
							  .ops = &ops,
							  .ctx = f},
				    &f->flow),
			 0);
	*state = f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, NULL, 0);
}

#define CANARY "blue-heron-7731"

static int set_up_canaries(void **state)
{
	const struct str texts[] = {STR("not-in-any-of-it"), STR(CANARY)};

	return set_up_with(state, texts, 2);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int r;

	if (!f->reason[0])
		flow_reset(f->flow, "test");
	uv_close((uv_handle_t *)&f->limit, NULL);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	r = uv_loop_close(&f->loop);
	assert_int_equal(f->held, 0);
	pipes_done(&f->pipes);
	(void)close(f->program_fd);
	(void)close(f->upstream_fd);
	(void)scan_set_free(f->canaries);
	free(f);
	return r; /* every handle was closed */
}

/* One turn, waiting for something to happen. */
static void turn(struct fixture *f)
{
	(void)uv_run(&f->loop, UV_RUN_ONCE);
	assert_false(f->timed_out);
}

static void run_to_its_end(struct fixture *f, const char *reason)
{
	while (!f->reason[0])
		turn(f);
	assert_string_equal(f->reason, reason);
}

static void say(int end_fd, const char *text)
{
	assert_int_equal(send(end_fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What arrives until `text` is there, and it must be that. */
static void hear(struct fixture *f, int end_fd, const char *text)
{
	char got[512] = "";
	size_t len = 0;

	while (len < strlen(text)) {
		const ssize_t n = recv(end_fd, got + len, sizeof(got) - 1 - len, 0);

		if (n > 0)
			len += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			turn(f);
		else
			fail_msg("ended (%zd) after \"%s\"", n, got);
	}
	assert_string_equal(got, text);
}

static int errno_of_recv(struct fixture *f, int end_fd)
{
	char c;
	ssize_t n;

	while ((n = recv(end_fd, &c, 1, 0)) < 0 && errno == EAGAIN)
		turn(f);
	return n < 0 ? errno : (int)n;
}

static void some_turns(struct fixture *f)
{
	for (unsigned i = 0; i < 20; i++)
		(void)uv_run(&f->loop, UV_RUN_NOWAIT);
}

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
	(void)uv_timer_start(&f->limit, on_limit, 300, 0);
	while (!f->timed_out) {
		(void)uv_run(&f->loop, UV_RUN_ONCE);
		turns++;
	}
	assert_in_range(turns, 1, 50);
	say(f->upstream_fd, "goes on");
	f->timed_out = false;
	(void)uv_timer_start(&f->limit, on_limit, LIMIT_MS, 0);
	hear(f, f->program_fd, "goes on");
}

static void test_head_is_held_until_it_is_whole(void **state)
{
	struct fixture *f = *state;
	char c;

	say(f->program_fd, "GET / HTTP/1.1\r\nHost: ");
	some_turns(f);
	assert_int_equal(recv(f->upstream_fd, &c, 1, 0), -1);
	flow_totals(f->flow, &f->totals);
	assert_true(f->totals.held_ns != 0);
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
	some_turns(f);
	assert_int_equal(f->heads, 0);
	flow_let_go(f->flow);
	hear(f, f->upstream_fd, "ping");
	assert_string_equal(f->protocol, "other");
	f->refuse = "no";
	say(f->program_fd, "pong");
	some_turns(f);
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

static void test_pipes_are_given_back(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 50; i++) {
		say(f->upstream_fd, "x");
		hear(f, f->program_fd, "x");
	}
	assert_int_equal(f->pipes.count, 1);
}

/* Everything that upstream got until the flow was reset. */
static size_t all_of(struct fixture *f, char *got, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = recv(f->upstream_fd, got + len, size - 1 - len, 0)) != 0) {
		if (n > 0)
			len += (size_t)n;
		else if (errno == EAGAIN)
			turn(f);
		else
			break;
	}
	got[len] = '\0';
	return len;
}

#define POST(_body) "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\n" _body

static void test_canary_in_a_head(void **state)
{
	struct fixture *f = *state;

	f->refuse_found = "canary";
	say(f->program_fd, "GET /?q=" CANARY " HTTP/1.1\r\nHost: h\r\n\r\n");
	run_to_its_end(f, "canary");
	assert_int_equal(f->found, 2); /* the second text */
	assert_int_equal(f->heads, 1); /* one question */
	assert_int_equal(f->totals.bytes_out, 0);
}

static void test_canary_in_a_body_after_the_head(void **state)
{
	struct fixture *f = *state;
	char got[512];

	f->refuse_found = "canary";
	say(f->program_fd, POST("ab blue-he"));
	hear(f, f->upstream_fd, POST("ab blue-he"));
	assert_int_equal(f->finds, 0);
	say(f->program_fd, "ron-7731 and more");
	run_to_its_end(f, "canary");
	assert_int_equal(f->heads, 2);
	assert_string_equal(f->protocol, "http");
	assert_int_equal(all_of(f, got, sizeof(got)), 0);
	assert_int_equal(errno_of_recv(f, f->program_fd), ECONNRESET);
}

static void test_canary_in_chunks(void **state)
{
	struct fixture *f = *state;

	f->refuse_found = "canary";
	say(f->program_fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
			   "5\r\nblue-\r\na\r\nheron-7731\r\n");
	run_to_its_end(f, "canary");
	assert_int_equal(f->finds, 1);
}

static void test_canary_in_another_protocol(void **state)
{
	struct fixture *f = *state;

	f->refuse_found = "canary";
	say(f->program_fd, "\1binary");
	hear(f, f->upstream_fd, "\1binary");
	for (unsigned i = 0; i < 100; i++) {
		say(f->program_fd, "nothing of it");
		hear(f, f->upstream_fd, "nothing of it");
	}
	say(f->program_fd, "..." CANARY);
	run_to_its_end(f, "canary");
	assert_string_equal(f->protocol, "other");
	assert_int_equal(f->totals.bytes_out, 7 + 100 * 13);
}

static void test_canary_as_a_word(void **state)
{
	struct fixture *f = *state;

	f->refuse_found = "canary";
	say(f->program_fd, CANARY);
	some_turns(f);
	flow_let_go(f->flow);
	run_to_its_end(f, "canary");
	assert_int_equal(f->totals.bytes_out, 0);
}

/* The owner lets it pass: told once for each message, and of none that has it not. */
static void test_canary_that_may_pass(void **state)
{
	struct fixture *f = *state;
	const char *with = POST(CANARY " " CANARY " 12345678");
	const char *without = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

	for (unsigned i = 1; i <= 3; i++) {
		say(f->program_fd, with);
		hear(f, f->upstream_fd, with);
		assert_int_equal(f->finds, i);
		say(f->program_fd, without);
		hear(f, f->upstream_fd, without);
		assert_int_equal(f->finds, i);
		assert_int_equal(f->found, 0);
	}
	assert_int_equal(f->heads, 9);
}

#define WITH_CANARIES(_test) cmocka_unit_test_setup_teardown(_test, set_up_canaries, tear_down)
#define WITH_FLOW(_test)     cmocka_unit_test_setup_teardown(_test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FLOW(test_both_ways_and_half_close),
		WITH_FLOW(test_reset_is_carried_over),
		WITH_FLOW(test_reset_under_back_pressure),
		WITH_FLOW(test_urgent_data),
		WITH_FLOW(test_head_is_held_until_it_is_whole),
		WITH_FLOW(test_refused_head),
		WITH_FLOW(test_word_is_let_go_once_asked),
		WITH_FLOW(test_no_room_to_hold),
		WITH_FLOW(test_half_a_head_at_the_end),
		WITH_FLOW(test_finish_passes_on_what_was_said),
		WITH_FLOW(test_pipes_are_given_back),
		WITH_CANARIES(test_both_ways_and_half_close),
		WITH_CANARIES(test_head_is_held_until_it_is_whole),
		WITH_CANARIES(test_finish_passes_on_what_was_said),
		WITH_CANARIES(test_canary_in_a_head),
		WITH_CANARIES(test_canary_in_a_body_after_the_head),
		WITH_CANARIES(test_canary_in_chunks),
		WITH_CANARIES(test_canary_in_another_protocol),
		WITH_CANARIES(test_canary_as_a_word),
		WITH_CANARIES(test_canary_that_may_pass),
	};

	/* splice(2) to a socket that is gone has no MSG_NOSIGNAL: as in cordon. */
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
