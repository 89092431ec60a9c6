/* SPDX-License-Identifier: Apache-2.0 */

/* Texts that are searched for in what a flow sends, and what the owner is asked about them. */

#include "tests/unit/flow_fixture.h"

#include <signal.h>
#include <sys/socket.h>

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
	wait_until_held(f);
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

/* The first bytes of gzip streams of which none ends, more than are followed at a time. */
static void say_too_many(int end_fd)
{
	static const char open[] = {'\x1f', '\x8b', 8, 0,      0,      0, 0, 0,
				    0,	    3,	    0, '\xff', '\xff', 0, 0};

	for (unsigned i = 0; i <= SCAN_INFLATERS; i++)
		assert_int_equal(send(end_fd, open, sizeof(open), 0), sizeof(open));
}

/* The search that gives up is no secret, and what it gave up on does not go before the answer. */
static void test_gap_is_asked_about(void **state)
{
	struct fixture *f = *state;

	f->refuse_unsearched = "gap";
	say(f->program_fd, "\1binary");
	hear(f, f->upstream_fd, "\1binary");
	assert_int_equal(f->gaps, 0);
	say_too_many(f->program_fd);
	run_to_its_end(f, "gap");
	assert_string_equal(f->unsearched, "too many compressed streams at once");
	assert_string_equal(f->protocol, "other");
	assert_true(f->totals.bytes_out <= 7 + SCAN_INFLATERS * 15u);
}

/* Let pass, it is asked about once, and once more with each head that follows. */
static void test_gap_that_may_pass(void **state)
{
	struct fixture *f = *state;
	const char *head = "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 75\r\n\r\n";
	char got[512];
	size_t len = 0;
	ssize_t n;

	say(f->program_fd, head);
	hear(f, f->upstream_fd, head);
	say_too_many(f->program_fd);
	while (len < 75) {
		turn(f);
		n = recv(f->upstream_fd, got, sizeof(got), MSG_DONTWAIT);
		len += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(f->heads, 2);
	assert_int_equal(f->gaps, 1);
	say(f->program_fd, head);
	hear(f, f->upstream_fd, head);
	assert_int_equal(f->heads, 3);
	assert_int_equal(f->gaps, 2);
}

static void test_coding_that_is_not_read(void **state)
{
	struct fixture *f = *state;

	say(f->program_fd, "GET / HTTP/1.1\r\nHost: h\r\nContent-Encoding: br\r\n\r\n");
	say(f->program_fd, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Encoding: br\r\n"
			   "Content-Length: 2\r\n\r\nxy");
	while (f->heads < 2)
		turn(f);
	assert_int_equal(f->gaps, 1); /* without a body there is nothing to read */
	assert_string_equal(f->unsearched, "its Content-Encoding is none that is read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CANARIES(test_canary_in_a_head),
		WITH_CANARIES(test_canary_in_a_body_after_the_head),
		WITH_CANARIES(test_canary_in_chunks),
		WITH_CANARIES(test_canary_in_another_protocol),
		WITH_CANARIES(test_canary_as_a_word),
		WITH_CANARIES(test_canary_that_may_pass),
		WITH_CANARIES(test_gap_is_asked_about),
		WITH_CANARIES(test_gap_that_may_pass),
		WITH_CANARIES(test_coding_that_is_not_read),
	};

	/* splice(2) to a socket that is gone has no MSG_NOSIGNAL: as in cordon. */
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
