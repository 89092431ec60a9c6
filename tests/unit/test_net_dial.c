/* SPDX-License-Identifier: Apache-2.0 */

/* When a dial is over at once and when it is waited for, and that nothing of either is left. */

#include "tests/support/test.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "monitor/net/dial.h"
#include "tests/support/port.h"

#define HERE "127.0.0.1"

struct fixture {
	uv_loop_t loop;
	int listener_fd;
	uint16_t port;
	unsigned timeout_ms;
	const char *refusal; /* what every address is */
	struct dial_result at_once, later;
	unsigned done;
};

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	union socket_address at = {.in = {.sin_family = AF_INET}};
	struct endpoint own;

	at.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->listener_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(f->listener_fd, &at.generic, sizeof(at.in)), 0);
	assert_int_equal(listen(f->listener_fd, 0), 0);
	assert_int_equal(endpoint_of_socket(f->listener_fd, &own), 0);
	f->port = own.port;
	f->timeout_ms = 240000;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close_fd(&f->at_once.upstream_fd);
	close_fd(&f->later.upstream_fd);
	close_fd(&f->listener_fd);
	while (uv_run(&f->loop, UV_RUN_DEFAULT))
		;
	assert_int_equal(uv_loop_close(&f->loop), 0);
	test_free(f);
	return 0;
}

static const char *refusal_of(void *ctx, const uint8_t address[16])
{
	const struct fixture *f = ctx;

	(void)address;
	return f->refusal;
}

static void on_done(void *ctx, const struct dial_result *result)
{
	struct fixture *f = ctx;

	f->later = *result;
	f->done++;
}

static struct dial *start(struct fixture *f, struct dial_result *at_once)
{
	f->at_once.upstream_fd = f->later.upstream_fd = -1;
	return dial_start(&(struct dial_config){.loop = &f->loop,
						.refusal = refusal_of,
						.refusal_ctx = f,
						.host = HERE,
						.port = f->port,
						.timeout_ms = f->timeout_ms,
						.at_once = at_once,
						.done = on_done,
						.ctx = f});
}

/* Who is near answers at once, unless the kernel has put its part off for a moment. */
static void start_at_once(struct fixture *f)
{
	struct dial *dial;

	for (unsigned i = 0; i < 1000 && (dial = start(f, &f->at_once)); i++) {
		dial_cancel(dial);
		while (uv_run(&f->loop, UV_RUN_DEFAULT))
			;
		(void)usleep(1000);
		(void)close(accept4(f->listener_fd, NULL, NULL, SOCK_CLOEXEC));
	}
	assert_null(dial);
}

static void run_to_its_end(struct fixture *f)
{
	assert_int_equal(f->done, 0);
	while (!f->done)
		(void)uv_run(&f->loop, UV_RUN_ONCE);
}

static void test_who_is_near(void **state)
{
	struct fixture *f = *state;
	struct endpoint peer;

	start_at_once(f);
	assert_false(uv_loop_alive(&f->loop));
	assert_int_equal(f->at_once.error, 0);
	assert_int_equal(endpoint_of_peer(f->at_once.upstream_fd, &peer), 0);
	assert_int_equal(peer.port, f->port);
	assert_int_equal(f->done, 0);
}

static void test_who_does_not_listen(void **state)
{
	struct fixture *f = *state;
	int nobody_fd = port_of_nobody(&f->port);

	start_at_once(f);
	assert_int_equal(f->at_once.error, -ECONNREFUSED);
	assert_int_equal(f->at_once.upstream_fd, -1);
	assert_false(uv_loop_alive(&f->loop));
	close_fd(&nobody_fd);
}

static void test_who_may_not_be_dialled(void **state)
{
	struct fixture *f = *state;

	f->refusal = "private";
	assert_null(start(f, &f->at_once));
	assert_int_equal(f->at_once.error, -EPERM);
	assert_string_equal(f->at_once.refusal, "private");
	assert_int_equal(f->at_once.upstream_fd, -1);
}

static void test_who_does_not_answer_yet(void **state)
{
	struct fixture *f = *state;

	/* One that nobody accepts takes all the room that there is. */
	start_at_once(f);
	f->timeout_ms = 200;
	const int waiting_fd = f->at_once.upstream_fd;

	assert_non_null(start(f, &f->at_once));
	run_to_its_end(f);
	assert_int_equal(f->later.error, -ETIMEDOUT);
	(void)close(waiting_fd);
}

static void test_not_so_soon(void **state)
{
	struct fixture *f = *state;

	assert_non_null(start(f, NULL));
	run_to_its_end(f);
	assert_int_equal(f->later.error, 0);
	assert_true(f->later.upstream_fd >= 0);
}

static void test_given_up(void **state)
{
	struct fixture *f = *state;

	dial_cancel(start(f, NULL));
	while (uv_run(&f->loop, UV_RUN_DEFAULT))
		;
	assert_int_equal(f->done, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_who_is_near, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_who_does_not_listen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_who_may_not_be_dialled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_who_does_not_answer_yet, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_so_soon, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_given_up, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
