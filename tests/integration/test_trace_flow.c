/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How labels go from who read a file to who reads what that one wrote (monitor/bpf/flows.h), and to
 * nobody else. Needs root.
 */
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/integration/flow_ways.h"
#include "tests/integration/labels_fixture.h"

#define SECRET 8u

static int run_one(int (*step)(void), const char *name)
{
	const pid_t pid = fork();

	if (pid == 0)
		_exit(step() || mark(name));
	return wait_for(pid);
}

static const struct way *way;

static int write_secret(void)
{
	return (way->before && way->before()) || way_get(open("secret", O_RDONLY | O_CLOEXEC)) ||
	       way->write();
}

static int go(void *arg)
{
	way = arg;
	return way->prepare() || run_one(write_secret, "writer") ||
	       run_one(way_nothing, "bystander") || run_one(way->read, "reader") || mark("parent");
}

static unsigned wrong; /* so that one run tells of all ways */

static void expect(const char *who, uint64_t labels)
{
	const uint64_t has = labels_at(who);

	if (are_labels(has, labels))
		return;
	print_error("%s: the %s has %llx, not %llx\n", way->name, who, (unsigned long long)has,
		    (unsigned long long)labels);
	wrong++;
}

static void test_ways(void **state)
{
	(void)state;
	assert_int_equal(traced_open(&traced, TRACE_RING_BYTES), 0);
	for (size_t i = 0; i < way_count; i++) {
		struct way one = ways[i];
		uint64_t others;

		assert_int_equal(traced_renew(&traced), 0);
		make_labelled("secret", SECRET);
		way = &one;
		if (traced_run(&traced, go, &one))
			fail_msg("%s: a step failed", one.name);
		others = one.is_of_all ? SECRET : 0;
		expect("writer", SECRET);
		expect("reader", one.is_none ? others : SECRET);
		expect("bystander", others);
		expect("parent", others);
		assert_int_equal(trace_session_labels(traced.trace, TRACED_SLOT), SECRET);
		(void)unlink("copy");
		(void)unlink("second");
	}
	traced_close(&traced);
	assert_int_equal(wrong, 0);
}

/* More than there is room for; then all have it, rather than that one is forgotten. */
#define MORE_FILES 8200

static int makes_many_files(void)
{
	char name[32];
	int fd;

	for (int i = 0; i < MORE_FILES; i++) {
		(void)snprintf(name, sizeof(name), "many-%d", i);
		fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0 || close(fd) || unlink(name))
			return 1;
	}
	return 0;
}

static int fills_the_table(void *arg)
{
	static const struct way many = {.write = makes_many_files};

	(void)arg;
	return run_one(write_secret, "first") || run_one(way_nothing, "bystander") ||
	       run_one(makes_many_files, "none") || run_one(way_nothing, "still") ||
	       (way = &many, run_one(write_secret, "writer")) || run_one(way_nothing, "late");
}

static void test_a_full_table(void **state)
{
	const struct way one = {.name = "a full table", .write = way_nothing};

	(void)state;
	assert_int_equal(traced_open(&traced, TRACE_RING_BYTES * 4), 0);
	make_labelled("secret", SECRET);
	way = &one;
	assert_int_equal(traced_run(&traced, fills_the_table, NULL), 0);
	assert_int_equal(trace_everywhere_labels(traced.trace, TRACED_SLOT), SECRET);
	expect("bystander", 0);
	expect("still", 0);
	expect("late", SECRET);
	assert_int_equal(wrong, 0);
	traced_close(&traced);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_a_full_table),
	};

	return fixture_run("trace_flow", tests, sizeof(tests) / sizeof(tests[0]));
}
