/* SPDX-License-Identifier: Apache-2.0 */

/* What is left for the end of a turn of the loop. */

#include "tests/support/test.h"

#include <string.h>

#include "monitor/net/deferred.h"

struct fixture {
	uv_loop_t loop;
	uv_timer_t timer;
	uv_async_t async; /* its letter shows when the loop has polled */
	struct deferred deferred;
	struct deferred_task tasks[3];
	char order[8]; /* the digits of those that were run, and p for a poll */
	bool drops;    /* the first one takes out the second */
	bool adds;     /* and puts in the third */
};

static void note(struct fixture *f, char digit)
{
	f->order[strlen(f->order)] = digit;
}

static void run_first(void *ctx)
{
	struct fixture *f = ctx;

	note(f, '0');
	if (f->drops)
		deferred_drop(&f->deferred, &f->tasks[1]);
	if (f->adds)
		deferred_add(&f->deferred, &f->tasks[2]);
}

static void run_second(void *ctx)
{
	note(ctx, '1');
}

static void run_third(void *ctx)
{
	note(ctx, '2');
}

static void on_poll(uv_async_t *async)
{
	note(async->data, 'p');
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(uv_loop_init(&f->loop), 0);
	(void)uv_timer_init(&f->loop, &f->timer);
	(void)uv_async_init(&f->loop, &f->async, on_poll);
	f->timer.data = f->async.data = f;
	deferred_init(&f->deferred, &f->loop);
	f->tasks[0] = (struct deferred_task){.run = run_first, .ctx = f};
	f->tasks[1] = (struct deferred_task){.run = run_second, .ctx = f};
	f->tasks[2] = (struct deferred_task){.run = run_third, .ctx = f};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (!uv_is_closing((uv_handle_t *)&f->timer))
		uv_close((uv_handle_t *)&f->timer, NULL);
	uv_close((uv_handle_t *)&f->async, NULL);
	deferred_close(&f->deferred, NULL, NULL);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	return 0;
}

static void test_once_and_in_order(void **state)
{
	struct fixture *f = *state;

	deferred_add(&f->deferred, &f->tasks[1]);
	deferred_add(&f->deferred, &f->tasks[0]);
	deferred_add(&f->deferred, &f->tasks[1]);
	assert_string_equal(f->order, "");
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->order, "10");
	assert_false(uv_is_active((uv_handle_t *)&f->deferred.check));
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->order, "10");
	deferred_add(&f->deferred, &f->tasks[1]);
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->order, "101");
}

static void test_what_a_task_changes(void **state)
{
	struct fixture *f = *state;

	f->drops = f->adds = true;
	deferred_add(&f->deferred, &f->tasks[0]);
	deferred_add(&f->deferred, &f->tasks[1]);
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->order, "02");
}

static void test_dropped_is_not_run(void **state)
{
	struct fixture *f = *state;

	deferred_drop(&f->deferred, &f->tasks[0]);
	deferred_add(&f->deferred, &f->tasks[0]);
	deferred_drop(&f->deferred, &f->tasks[0]);
	assert_false(uv_is_active((uv_handle_t *)&f->deferred.check));
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->order, "");
}

static void on_timer(uv_timer_t *timer)
{
	struct fixture *f = timer->data;

	deferred_add(&f->deferred, &f->tasks[0]);
}

static void on_closed(uv_handle_t *handle)
{
	struct fixture *f = handle->data;

	deferred_add(&f->deferred, &f->tasks[1]);
}

/* Timers and closing handles have their turn between two waits: the next one may be long. */
static void test_before_the_wait(void **state)
{
	struct fixture *f = *state;

	(void)uv_timer_start(&f->timer, on_timer, 0, 0);
	(void)uv_async_send(&f->async);
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->order, "0p");

	uv_close((uv_handle_t *)&f->timer, on_closed);
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	(void)uv_async_send(&f->async);
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->order, "0p1p");
}

#define TEST(_test) cmocka_unit_test_setup_teardown(_test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_once_and_in_order),
		TEST(test_what_a_task_changes),
		TEST(test_dropped_is_not_run),
		TEST(test_before_the_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
