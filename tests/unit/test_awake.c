/* SPDX-License-Identifier: Apache-2.0 */

/* Who stays awake for more, and for how long: the times are the test's, the loop only holds a
 * handle. */

#include "tests/support/test.h"

#include "monitor/net/awake.h"

#define START_NS UINT64_C(1000000000)
#define NEAR_NS	 UINT64_C(20000) /* between bytes of a server that is near */

struct fixture {
	uv_loop_t loop;
	struct awake awake;
};

static void set_up(struct fixture *f)
{
	assert_int_equal(uv_loop_init(&f->loop), 0);
	awake_init(&f->awake, &f->loop);
}

static void tear_down(struct fixture *f)
{
	uv_close((uv_handle_t *)&f->awake.idle, NULL);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
}

static bool is_awake(const struct fixture *f)
{
	return uv_is_active((const uv_handle_t *)&f->awake.idle);
}

static void move(struct fixture *f, unsigned times, uint64_t from_ns, uint64_t every_ns)
{
	for (unsigned i = 0; i < times; i++)
		awake_moved(&f->awake, from_ns + i * every_ns);
}

static void test_what_follows_closely_keeps_it_awake(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	move(&f, AWAKE_ENOUGH, START_NS, NEAR_NS);
	assert_false(is_awake(&f));
	move(&f, 1, START_NS + AWAKE_ENOUGH * NEAR_NS, NEAR_NS);
	assert_true(is_awake(&f));
	tear_down(&f);
}

static void test_a_far_server_keeps_nobody_awake(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	/* The answer takes its time; what is said then follows it at once. */
	for (unsigned i = 0; i < 10; i++)
		move(&f, AWAKE_ENOUGH, START_NS + i * (AWAKE_SOON_NS + 2 * NEAR_NS), NEAR_NS);
	assert_false(is_awake(&f));
	tear_down(&f);
}

static void test_it_ends_soon_after_the_last(void **state)
{
	const uint64_t last_ns = START_NS + AWAKE_ENOUGH * NEAR_NS;
	struct fixture f;

	(void)state;
	set_up(&f);
	move(&f, AWAKE_ENOUGH + 1, START_NS, NEAR_NS);
	assert_true(awake_goes_on(&f.awake, last_ns, last_ns + 1));
	assert_true(awake_goes_on(&f.awake, last_ns, last_ns + AWAKE_NS - 1));
	assert_false(awake_goes_on(&f.awake, last_ns, last_ns + AWAKE_NS));
	tear_down(&f);
}

static void test_a_processor_that_others_need_is_left_to_them(void **state)
{
	const uint64_t last_ns = START_NS + AWAKE_ENOUGH * NEAR_NS;
	const uint64_t back_ns = last_ns + AWAKE_SOON_NS + 1;
	struct fixture f;

	(void)state;
	set_up(&f);
	move(&f, AWAKE_ENOUGH + 1, START_NS, NEAR_NS);
	assert_false(awake_goes_on(&f.awake, last_ns, back_ns));
	(void)uv_idle_stop(&f.awake.idle);
	move(&f, 10, back_ns, NEAR_NS);
	assert_false(is_awake(&f));
	move(&f, AWAKE_ENOUGH + 1, back_ns + AWAKE_REST_NS, NEAR_NS);
	assert_true(is_awake(&f));
	tear_down(&f);
}

static void test_the_loop_waits_again(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	move(&f, AWAKE_ENOUGH + 1, START_NS, NEAR_NS); /* long ago */
	assert_true(is_awake(&f));
	(void)uv_run(&f.loop, UV_RUN_DEFAULT); /* as long as anything is active */
	assert_false(is_awake(&f));
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_follows_closely_keeps_it_awake),
		cmocka_unit_test(test_a_far_server_keeps_nobody_awake),
		cmocka_unit_test(test_it_ends_soon_after_the_last),
		cmocka_unit_test(test_a_processor_that_others_need_is_left_to_them),
		cmocka_unit_test(test_the_loop_waits_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
