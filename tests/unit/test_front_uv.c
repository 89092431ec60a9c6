/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include "tools/front/uv.h"

#define MANY 40

struct world {
	uv_loop_t loop;
	uv_poll_t polls[MANY];
	uv_timer_t limit;
	int ends[MANY][2];
	unsigned heard, closed;
};

static void on_closed(uv_handle_t *handle)
{
	struct world *w = handle->data;

	w->closed++;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct world *w = poll->data;

	assert_int_equal(status, 0);
	assert_int_equal(events, UV_READABLE);
	uv_close((uv_handle_t *)poll, on_closed);
	if (++w->heard == MANY)
		uv_close((uv_handle_t *)&w->limit, on_closed);
	else
		assert_int_equal(write(w->ends[w->heard][1], "x", 1), 1);
}

static void on_late(uv_timer_t *timer)
{
	struct world *w = timer->data;

	fail_msg("heard %u of %u", w->heard, MANY);
}

static void test_every_descriptor_is_waited_for(void **state)
{
	struct world w = {0};

	(void)state;
	assert_int_equal(uv_loop_init(&w.loop), 0);
	assert_int_equal(uv_timer_init(&w.loop, &w.limit), 0);
	w.limit.data = &w;
	assert_int_equal(uv_timer_start(&w.limit, on_late, 10000, 0), 0);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(pipe(w.ends[i]), 0);
		assert_int_equal(uv_poll_init(&w.loop, &w.polls[i], w.ends[i][0]), 0);
		w.polls[i].data = &w;
		assert_int_equal(uv_poll_start(&w.polls[i], UV_READABLE, on_readable), 0);
	}
	/* The oldest, which a loop that looks at some only leaves out; each wakes the next. */
	assert_int_equal(write(w.ends[0][1], "x", 1), 1);
	assert_int_equal(uv_run(&w.loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(w.heard, MANY);
	assert_int_equal(w.closed, MANY + 1);
	assert_int_equal(uv_loop_close(&w.loop), 0);
	for (unsigned i = 0; i < MANY; i++) {
		(void)close(w.ends[i][0]);
		(void)close(w.ends[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_descriptor_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
