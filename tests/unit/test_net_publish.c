/* SPDX-License-Identifier: Apache-2.0 */

/* Who comes to a published port, and what becomes of a connection when the session ends. */

#include "tests/support/port.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "common/cleanup.h"
#include "monitor/net/publish.h"

#define INSIDE_PORT 8000

struct fixture {
	uv_loop_t loop;
	struct publish *publish;
	struct publish_port at;
	int guest_fd; /* who comes */
	net_socket_cb done;
	void *done_ctx;
	struct publish_end end;
	char reason[32]; /* empty: not over */
	bool is_freed;
};

static int on_connect(void *ctx, uint16_t port, net_socket_cb done, void *done_ctx)
{
	struct fixture *f = ctx;

	assert_int_equal(port, INSIDE_PORT);
	f->done = done;
	f->done_ctx = done_ctx;
	return 0;
}

static void on_closed(void *ctx, const struct publish_end *end)
{
	struct fixture *f = ctx;

	assert_string_equal(f->reason, "");
	f->end = *end;
	(void)snprintf(f->reason, sizeof(f->reason), "%s", end->reason);
}

static const struct publish_ops ops = {.connect = on_connect, .closed = on_closed};

static void on_freed(void *ctx)
{
	((struct fixture *)ctx)->is_freed = true;
}

static void stop(struct fixture *f)
{
	publish_stop(take_ptr(f->publish), on_freed);
}

/* At a port that was free a moment ago; another one if it is not any more. */
static void start(struct fixture *f)
{
	const struct publish_config config = {
		.loop = &f->loop, .ports = &f->at, .count = 1, .ops = &ops, .ctx = f};
	struct error err = {0};
	int r;

	f->at.port = INSIDE_PORT;
	(void)endpoint_parse("127.0.0.1", &f->at.host);
	do {
		(void)close(port_of_nobody(&f->at.host.port));
		r = publish_start(&config, &f->publish, &err);
		if (r < 0) {
			stop(f);
			(void)uv_run(&f->loop, UV_RUN_DEFAULT);
		}
	} while (r == -EADDRINUSE);
	assert_int_equal(r, 0);
	f->is_freed = false;
}

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	union socket_address to;
	socklen_t len;

	assert_int_equal(uv_loop_init(&f->loop), 0);
	start(f);
	len = endpoint_to_socket(&f->at.host, &to);
	f->guest_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(connect(f->guest_fd, &to.generic, len), errno);
	while (!f->done)
		(void)uv_run(&f->loop, UV_RUN_ONCE);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->publish)
		stop(f);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_true(f->is_freed);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	(void)close(f->guest_fd);
	test_free(f);
	return 0;
}

/* The service's side of what was asked for. */
static int join(struct fixture *f)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
			 0);
	f->done(f->done_ctx, ends[0]);
	return ends[1];
}

static void expect_heard(const struct fixture *f, const char *text)
{
	char got[64];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(f->guest_fd, got + len, sizeof(got) - len, 0)) > 0)
		len += (size_t)n;
	assert_return_code(n, errno); /* in order, no reset */
	assert_int_equal(len, strlen(text));
	assert_memory_equal(got, text, len);
}

static void test_both_ways(void **state)
{
	struct fixture *f = *state;
	const int service_fd = join(f);
	char got[8];

	assert_int_equal(send(f->guest_fd, "hello", 5, 0), 5);
	assert_int_equal(shutdown(f->guest_fd, SHUT_WR), 0);
	for (ssize_t len = 0, n; len<5; len += n> 0 ? n : 0) {
		(void)uv_run(&f->loop, UV_RUN_ONCE);
		n = recv(service_fd, got + len, sizeof(got) - (size_t)len, 0);
	}
	assert_int_equal(send(service_fd, "HELLO!", 6, 0), 6);
	(void)close(service_fd);
	while (!f->reason[0])
		(void)uv_run(&f->loop, UV_RUN_ONCE);
	assert_string_equal(f->reason, "closed");
	assert_int_equal(f->end.bytes_in, 5);
	assert_int_equal(f->end.bytes_out, 6);
	expect_heard(f, "HELLO!");
}

static void test_nobody_inside(void **state)
{
	struct fixture *f = *state;

	f->done(f->done_ctx, -ECONNREFUSED);
	assert_string_equal(f->reason, "not connected");
}

/* A service that answers and ends may be the session's last program. */
static void test_last_words_are_passed_on(void **state)
{
	struct fixture *f = *state;
	const int service_fd = join(f);

	assert_int_equal(send(service_fd, "last words", 10, 0), 10);
	(void)close(service_fd);
	stop(f);
	assert_string_equal(f->reason, "session ended");
	assert_int_equal(f->end.bytes_out, 10);
	expect_heard(f, "last words");
}

/* Who comes while there are no descriptors waits, and is let in once there are. */
static void test_out_of_descriptors(void **state)
{
	struct fixture *f = *state;
	union socket_address to;
	const socklen_t len = endpoint_to_socket(&f->at.host, &to);
	const int next_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int free_fd;
	struct rlimit before;
	struct rlimit none;
	unsigned turns = 0;

	assert_return_code(getrlimit(RLIMIT_NOFILE, &before), errno);
	f->done(f->done_ctx, -ECONNREFUSED);
	f->done = NULL;
	free_fd = dup(next_fd);
	none = (struct rlimit){(rlim_t)free_fd, before.rlim_max};
	(void)close(free_fd);
	assert_return_code(setrlimit(RLIMIT_NOFILE, &none), errno);
	assert_return_code(connect(next_fd, &to.generic, len), errno);
	for (const uint64_t end = uv_hrtime() + 250000000; uv_hrtime() < end; turns++)
		(void)uv_run(&f->loop, UV_RUN_ONCE);
	assert_return_code(setrlimit(RLIMIT_NOFILE, &before), errno);
	assert_true(turns < 10);
	assert_null(f->done);
	while (!f->done)
		(void)uv_run(&f->loop, UV_RUN_ONCE);
	f->reason[0] = 0;
	f->done(f->done_ctx, -ECONNREFUSED);
	(void)close(next_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_inside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_last_words_are_passed_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_out_of_descriptors, set_up, tear_down),
	};

	/* splice(2) to a socket that is gone has no MSG_NOSIGNAL: as in cordon. */
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
