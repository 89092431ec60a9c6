/* SPDX-License-Identifier: Apache-2.0 */

/* What is left for the end of a turn of the loop. */

#include "tests/support/test.h"

#include <string.h>

#include "monitor/net/turn.h"

struct fixture {
	uv_loop_t loop;
	struct turn turn;
	struct turn_task tasks[3];
	char order[8]; /* the digits of those that were run */
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
		turn_drop(&f->turn, &f->tasks[1]);
	if (f->adds)
		turn_add(&f->turn, &f->tasks[2]);
}

static void run_second(void *ctx)
{
	note(ctx, '1');
}

static void run_third(void *ctx)
{
	note(ctx, '2');
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(uv_loop_init(&f->loop), 0);
	turn_init(&f->turn, &f->loop);
	f->tasks[0] = (struct turn_task){.run = run_first, .ctx = f};
	f->tasks[1] = (struct turn_task){.run = run_second, .ctx = f};
	f->tasks[2] = (struct turn_task){.run = run_third, .ctx = f};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	uv_close((uv_handle_t *)&f->turn.check, NULL);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	return 0;
}

static void test_once_and_in_order(void **state)
{
	struct fixture *f = *state;

	turn_add(&f->turn, &f->tasks[1]);
	turn_add(&f->turn, &f->tasks[0]);
	turn_add(&f->turn, &f->tasks[1]);
	assert_string_equal(f->order, "");
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->order, "10");
	assert_false(uv_is_active((uv_handle_t *)&f->turn.check));
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->order, "10");
	turn_add(&f->turn, &f->tasks[1]);
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->order, "101");
}

static void test_what_a_task_changes(void **state)
{
	struct fixture *f = *state;

	f->drops = f->adds = true;
	turn_add(&f->turn, &f->tasks[0]);
	turn_add(&f->turn, &f->tasks[1]);
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->order, "02");
}

static void test_dropped_is_not_run(void **state)
{
	struct fixture *f = *state;

	turn_drop(&f->turn, &f->tasks[0]);
	turn_add(&f->turn, &f->tasks[0]);
	turn_drop(&f->turn, &f->tasks[0]);
	assert_false(uv_is_active((uv_handle_t *)&f->turn.check));
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->order, "");
}

#define TEST(_test) cmocka_unit_test_setup_teardown(_test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_once_and_in_order),
		TEST(test_what_a_task_changes),
		TEST(test_dropped_is_not_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
