/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/support/test.h"

#include <time.h>

#include "tests/integration/loss_fixture.h"

/*
 * A wall clock that is set while a session lives: a loss, since times in the record no longer tell
 * what came first. The clock is the test's own; setting the host's would concern everybody on it.
 */

#define HOUR_NS INT64_C(3600000000000)

static int64_t set_by_ns;

static int64_t test_clock(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + set_by_ns;
}

static bool is_noticed(struct run *run)
{
	struct json *event = session_event(run, "clock.step", 0);
	const bool noticed = event != NULL;

	json_free(event);
	return noticed;
}

static bool set_forward(struct run *run)
{
	set_by_ns = 3 * HOUR_NS;
	return is_noticed(run);
}

static bool set_back(struct run *run)
{
	set_by_ns = -3 * HOUR_NS;
	return is_noticed(run);
}

static const struct supervisor_config with_clock = {.trace = TRACE_MODE_AUTO,
						    .wall_clock = test_clock};

/* Times that the supervisor itself writes go up, whatever the wall clock does. */
static void check_order(const struct run *run)
{
	static const char *const kinds[] = {"session.start", "exec.start", "clock.step"};
	int64_t last[2] = {0, 0};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct json *event;

		for (size_t i = 0; (event = session_event(run, kinds[k], i)); i++) {
			const int64_t seq = event_number(event, "seq");
			const int64_t ts = event_number(event, "ts");

			/* Two events in the order of seq are in that of ts. */
			assert_true(last[0] == 0 || (seq > last[0]) == (ts >= last[1]));
			last[0] = seq;
			last[1] = ts;
			json_free(event);
		}
	}
}

static void test_clock_is_set(void **state)
{
	bool (*const steps[])(struct run * run) = {set_forward, set_back};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		const enum on_loss on_loss = loss_choices[i / 2];
		struct run run = {.policy = loss_policy(on_loss),
				  .scripts = {{.text = "exit 0"}, {"exit 0", steps[i % 2]}}};
		struct json *event;
		int64_t seq;

		set_by_ns = 0;
		loss_run(&run, &with_clock);
		seq = check_loss(&run, "clock.step", on_loss);
		event = session_event(&run, "clock.step", 0);
		assert_int_equal((event_number(event, "step_ms") + 30000) / 60000,
				 i % 2 ? -179 : 180);
		json_free(event);
		assert_null(session_event(&run, "clock.step", 1));
		check_exited(&run, 0, 0);
		if (on_loss == ON_LOSS_LOG)
			check_exited(&run, 1, 0);
		else
			check_refused(&run, 1, "clock.step", seq);
		check_order(&run);
		session_run_done(&run);
	}
}

/* Three programs within an hour, and the wall clock says that they were hours apart. */
static void test_windows_are_not_fooled(void **state)
{
	static const char policy[] =
		"{\"policy\":\"t\",\"version\":1,\"on_loss\":\"log\",\"rules\":[{\"id\":\"t.count\","
		"\"category\":\"c\",\"severity\":\"low\",\"on\":[\"exec\"],\"when\":"
		"\"action.name == 'true'\",\"verdict\":\"deny\",\"because\":\"b\",\"count\":{"
		"\"window\":\"1h\",\"at_least\":3},\"match\":[{\"action\":{\"kind\":\"exec\","
		"\"name\":\"true\"},\"repeat\":3}],\"not_match\":[{\"action\":{\"kind\":\"exec\","
		"\"name\":\"true\"},\"repeat\":2}]}]}";
	bool (*const steps[])(struct run * run) = {set_forward, set_back};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct run run = {.policy = policy,
				  .scripts = {{.text = "/bin/true; /bin/true; exit $?"},
					      {"/bin/true; exit $?", steps[i]}}};

		set_by_ns = 0;
		loss_run(&run, &with_clock);
		check_exited(&run, 0, 0);
		check_exited(&run, 1, 126);
		assert_string_equal(run.outcomes[1].result.last_denial.rule, "t.count");
		session_run_done(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_is_set),
		cmocka_unit_test(test_windows_are_not_fooled),
	};

	return cmocka_run_group_tests(tests, session_set_up, session_tear_down);
}
