/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One ring, many sessions. Nobody drains while the children run, so what fits is told by the ring
 * alone and not by how fast anybody is.
 */

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/trace_fixture.h"

#define RING_BYTES ((size_t)64 << 10)
#define OTHER_SLOT 8u
#define FLOOD	   5000
#define BURST	   40 /* a tenth of the ring */

static int opens(void *arg)
{
	for (int i = *(const int *)arg; i > 0; i--)
		(void)close(open("/dev/null", O_RDONLY | O_CLOEXEC));
	return 0;
}

static void open_in(uint32_t slot, int times)
{
	struct traced_child child;

	assert_int_equal(traced_start_in(&traced, slot, opens, &times, &child), 0);
	traced_go(&child);
	assert_exited(traced_wait(&child), 0);
}

static void add(uint32_t slot)
{
	struct error err = {0};

	assert_int_equal(trace_session_add(traced.trace, slot, &err), 0);
}

static struct trace_counts counts_of(uint32_t slot)
{
	struct trace_counts counts;

	assert_int_equal(trace_session_counts(traced.trace, slot, &counts), 0);
	return counts;
}

/* Nothing lost, and all that it did was seen: each open, and the exit. */
static void check_whole(uint32_t slot, uint64_t opened, uint64_t children)
{
	const struct trace_counts counts = counts_of(slot);

	assert_int_equal(counts.emitted, opened + children);
	assert_int_equal(counts.lost, 0);
	assert_int_equal(counts.consumed, counts.emitted);
}

static uint64_t check_flooded(uint32_t slot)
{
	const struct trace_counts counts = counts_of(slot);

	assert_true(counts.lost > 0);
	assert_int_equal(counts.emitted, counts.consumed + counts.lost);
	return counts.consumed;
}

static int small_set_up(void **state)
{
	(void)state;
	return traced_open(&traced, RING_BYTES);
}

#define SHARE_TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, small_set_up, fixture_tear_down)

static void test_a_flood_costs_its_own_events_only(void **state)
{
	(void)state;
	add(OTHER_SLOT);
	for (uint64_t round = 1; round <= 20; round++) {
		open_in(TRACED_SLOT, FLOOD);
		open_in(OTHER_SLOT, BURST);
		open_in(TRACED_SLOT, FLOOD);
		open_in(OTHER_SLOT, BURST);
		(void)trace_drain(traced.trace);
		check_whole(OTHER_SLOT, round * 2 * BURST, round * 2);
		(void)check_flooded(TRACED_SLOT);
	}
}

/* Who came first, and who floods more, makes no difference. */
static void test_floods_share(void **state)
{
	uint64_t least = UINT64_MAX;

	(void)state;
	for (uint32_t slot = 10; slot < 13; slot++) {
		add(slot);
		open_in(slot, FLOOD * (int)(13 - slot));
	}
	open_in(TRACED_SLOT, BURST / 2);
	(void)trace_drain(traced.trace);
	check_whole(TRACED_SLOT, BURST / 2, 1);
	for (uint32_t slot = 10; slot < 13; slot++) {
		const uint64_t seen = check_flooded(slot);

		least = seen < least ? seen : least;
	}
	assert_true(least > BURST / 2);
}

static uint64_t flood_alone(void)
{
	const uint64_t before = counts_of(TRACED_SLOT).consumed;

	open_in(TRACED_SLOT, FLOOD);
	(void)trace_drain(traced.trace);
	return check_flooded(TRACED_SLOT) - before;
}

static void test_who_is_quiet_takes_nothing(void **state)
{
	uint64_t alone, with_one, with_many;

	(void)state;
	alone = flood_alone();
	add(OTHER_SLOT);
	with_one = flood_alone();
	for (uint32_t slot = 100; slot < 300; slot++)
		add(slot);
	with_many = flood_alone();
	for (uint32_t slot = 100; slot < 300; slot++)
		trace_session_remove(traced.trace, slot);
	trace_session_remove(traced.trace, OTHER_SLOT);

	/* Alone it has the ring: a record of these is 144 bytes with its head. */
	assert_in_range(alone, RING_BYTES / 144 * 9 / 10, RING_BYTES / 128);
	assert_in_range(with_one, alone * 2 / 5, alone * 3 / 5);
	assert_int_equal(with_many, with_one);
	assert_int_equal(flood_alone(), alone);
}

/* What a session left in the ring is not the next one's that has its slot. */
static void test_a_slot_is_used_anew(void **state)
{
	uint64_t first;

	(void)state;
	add(OTHER_SLOT);
	first = flood_alone();
	open_in(TRACED_SLOT, FLOOD);
	trace_session_remove(traced.trace, TRACED_SLOT);
	add(TRACED_SLOT);
	open_in(TRACED_SLOT, BURST);
	(void)trace_drain(traced.trace);
	check_whole(TRACED_SLOT, BURST, 1);
	assert_int_equal(flood_alone(), first);
}

/* ---- what must hold when the ring is full ---- */

static char *const no_env[] = {NULL};

static int execs_true(void *arg)
{
	char *const argv[] = {(char[]){"/bin/true"}, NULL};

	(void)arg;
	execve(argv[0], argv, no_env);
	return errno == EPERM ? TRACED_REFUSED : 78;
}

static int reads_secret(void *arg)
{
	(void)arg;
	return close(open(in_folder("secret"), O_RDONLY | O_CLOEXEC)) == 0 ? 0 : 1;
}

static void fill_the_ring(void)
{
	uint64_t lost = 0;

	do {
		lost = counts_of(TRACED_SLOT).lost;
		open_in(TRACED_SLOT, 100);
	} while (counts_of(TRACED_SLOT).lost < lost + 101);
}

static int run_undrained(traced_fn fn, bool approve)
{
	char *const argv[] = {(char[]){"/bin/true"}, NULL};
	const int file_fd = open(argv[0], O_PATH | O_CLOEXEC);
	struct traced_child child;

	assert_int_equal(traced_start(&traced, fn, NULL, &child), 0);
	if (approve)
		assert_int_equal(traced_approve(&traced, child.pid, file_fd, argv, no_env, argv[0]),
				 0);
	traced_go(&child);
	(void)close(file_fd);
	return traced_wait(&child);
}

static void test_a_full_ring_weakens_nothing(void **state)
{
	int secret_fd, status;

	(void)state;
	make_file("secret");
	secret_fd = open(in_folder("secret"), O_PATH | O_CLOEXEC);
	assert_int_equal(trace_label_file(traced.trace, TRACED_SLOT, secret_fd, 4), 0);
	(void)close(secret_fd);
	assert_int_equal(trace_require_approval(traced.trace, TRACED_SLOT, true), 0);
	fill_the_ring();

	status = run_undrained(execs_true, false);
	assert_true(traced_was_stopped(&traced, status));
	assert_exited(run_undrained(execs_true, true), 0);
	status = run_undrained(execs_true, false);
	assert_true(traced_was_stopped(&traced, status));

	assert_int_equal(trace_session_labels(traced.trace, TRACED_SLOT), 0);
	assert_exited(run_undrained(reads_secret, false), 0);
	assert_int_equal(trace_session_labels(traced.trace, TRACED_SLOT), 4);
	(void)trace_drain(traced.trace);
	/* They had really no room. */
	assert_int_equal(traced_count(&traced, traced_stop_kind(&traced)), 0);
	assert_null(traced_find(&traced, TRACE_OPEN, in_folder("secret"), 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHARE_TEST(a_flood_costs_its_own_events_only), SHARE_TEST(floods_share),
		SHARE_TEST(who_is_quiet_takes_nothing),	       SHARE_TEST(a_slot_is_used_anew),
		SHARE_TEST(a_full_ring_weakens_nothing),
	};

	return fixture_run("trace_share", tests, sizeof(tests) / sizeof(tests[0]));
}
