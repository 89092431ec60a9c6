/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "tests/integration/gate_fixture.h"
#include "tests/support/slower.h"

/* Who else has a turn while one caller makes one gated call after the other. */

#define FLOOD_CALLS 6000u
#define FLOOD_MARK  500u

static struct {
	uv_prepare_t turn;
	uv_poll_t poll;
	uv_timer_t timer;
	int ends[2];
	unsigned turns;
	unsigned at_poll; /* calls that were decided by then */
	uint64_t due_ns;  /* the timer, in whole milliseconds; 0: not started, or done */
	unsigned late;	  /* calls that were decided although it was due */
} beside;

static int flood(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < FLOOD_CALLS; i++) {
		if (exec_path("/usr/bin/true") != EDQUOT)
			return 1;
	}
	return 6;
}

static void on_turn(uv_prepare_t *turn)
{
	(void)turn;
	beside.turns++;
}

static void on_other(uv_poll_t *poll, int status, int events)
{
	const struct fixture *f = poll->data;

	(void)status;
	(void)events;
	beside.at_poll = f->count;
	uv_close((uv_handle_t *)poll, NULL);
}

static void on_time(uv_timer_t *timer)
{
	beside.due_ns = 0;
	uv_close((uv_handle_t *)timer, NULL);
}

static int watch_beside(struct fixture *f, int pid_fd)
{
	(void)pid_fd;
	beside.poll.data = f;
	return pipe(beside.ends) | uv_prepare_init(&f->loop, &beside.turn) |
	       uv_prepare_start(&beside.turn, on_turn) |
	       uv_poll_init(&f->loop, &beside.poll, beside.ends[0]) |
	       uv_poll_start(&beside.poll, UV_READABLE, on_other) |
	       uv_timer_init(&f->loop, &beside.timer);
}

static void flooded(struct fixture *f, const struct action *action, struct gate_answer *ret)
{
	deny_all(f, action, ret);
	if (f->count == FLOOD_MARK) {
		assert_int_equal(write(beside.ends[1], "", 1), 1);
		(void)uv_timer_start(&beside.timer, on_time, 5, 0);
		beside.due_ns = uv_hrtime() + 6000000;
	}
	beside.late += beside.due_ns && uv_hrtime() > beside.due_ns;
	if (f->count == FLOOD_CALLS)
		uv_close((uv_handle_t *)&beside.turn, NULL);
}

static int watch_turns(struct fixture *f, int pid_fd)
{
	(void)pid_fd;
	beside.turns = 0;
	return uv_prepare_init(&f->loop, &beside.turn) | uv_prepare_start(&beside.turn, on_turn);
}

static void led_on(struct fixture *f, const struct action *action, struct gate_answer *ret)
{
	deny_all(f, action, ret);
	ret->leads_on = true;
	if (f->count == FLOOD_CALLS)
		uv_close((uv_handle_t *)&beside.turn, NULL);
}

/* Where the owner says that something else comes before the next call, the loop waits for both. */
static void test_what_leads_on_is_not_waited_for(void **state)
{
	struct fixture f = {.policy = led_on, .started = watch_turns};

	(void)state;
	assert_exited(fixture_run(&f, flood, NULL), 6);
	assert_int_equal(f.count, FLOOD_CALLS);
	assert_true(beside.turns >= FLOOD_CALLS);
}

/* One call after the other is waited for outside of the loop; the loop's others are no later. */
static void test_a_flood_keeps_nobody_waiting(void **state)
{
	struct fixture f = {.policy = flooded, .started = watch_beside};

	(void)state;
	assert_exited(fixture_run(&f, flood, NULL), 6);
	print_message("%u calls in %u turns; the descriptor %u calls late, the timer %u\n", f.count,
		      beside.turns, beside.at_poll - FLOOD_MARK, beside.late);
	assert_int_equal(f.count, FLOOD_CALLS);
	/* In an emulator no call comes soon enough behind another. */
	if (slower() == 1)
		assert_true(beside.turns < FLOOD_CALLS);
	assert_in_range(beside.at_poll, FLOOD_MARK, FLOOD_MARK + 2);
	assert_int_equal(beside.due_ns, 0);
	assert_in_range(beside.late, 0, 2);
	(void)close(beside.ends[0]);
	(void)close(beside.ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_flood_keeps_nobody_waiting),
		cmocka_unit_test(test_what_leads_on_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
