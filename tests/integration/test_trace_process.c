/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes have the labels of what was read (trace.h). Needs root. */
#include "tests/support/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "tests/integration/labels_fixture.h"
#include "tests/support/slower.h"

#define SECRET 8u
#define KEY    4u

static int set_up(void **state)
{
	if (fixture_set_up(state) < 0)
		return -1;
	make_labelled("secret", SECRET);
	make_labelled("key", KEY);
	return 0;
}

/* ---- what children do ---- */

static int read_it(const char *name)
{
	char text[8];
	const int fd = open(name, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, text, sizeof(text)) > 0 && close(fd) == 0 ? 0 : 1;
}

/* ---- what the test sees ---- */

static void expect(const char *who, uint64_t labels)
{
	const uint64_t has = labels_at(who);

	if (!are_labels(has, labels))
		fail_msg("%s has %llx, not %llx", who, (unsigned long long)has,
			 (unsigned long long)labels);
}

static int reads_beside_a_sibling(void *arg)
{
	const pid_t reader = fork();
	pid_t sibling;

	(void)arg;
	if (reader == 0)
		_exit(mark("before") || read_it("secret") || mark("after"));
	if (wait_for(reader))
		return 1;
	sibling = fork();
	if (sibling == 0)
		_exit(read_it("key") || mark("sibling"));
	return wait_for(sibling) || mark("parent");
}

static void test_who_reads_is_labelled(void **state)
{
	(void)state;
	assert_int_equal(traced_run(&traced, reads_beside_a_sibling, NULL), 0);
	expect("before", 0);
	expect("secret", SECRET);
	expect("after", SECRET);
	expect("sibling", KEY);
	expect("parent", 0);
	assert_int_equal(trace_session_labels(traced.trace, TRACED_SLOT), SECRET | KEY);
}

static int forks_before_and_after(void *arg)
{
	int go[2];
	pid_t early, late;
	char byte;

	(void)arg;
	if (pipe2(go, O_CLOEXEC) < 0)
		return 1;
	early = fork();
	if (early == 0)
		_exit(close(go[1]) || read(go[0], &byte, 1) != 0 || mark("early"));
	if (read_it("secret"))
		return 1;
	late = fork();
	if (late == 0)
		_exit(mark("late"));
	close(go[1]);
	return wait_for(early) || wait_for(late);
}

static void test_children_inherit(void **state)
{
	(void)state;
	assert_int_equal(traced_run(&traced, forks_before_and_after, NULL), 0);
	expect("late", SECRET);
	expect("early", 0);
}

static void *thread_reads(void *arg)
{
	return read_it(arg) ? arg : NULL;
}

static int reads_in_a_thread(void *arg)
{
	pthread_t thread;
	void *failed = arg;

	if (mark("none") || pthread_create(&thread, NULL, thread_reads, arg) ||
	    pthread_join(thread, &failed))
		return 1;
	return failed || mark("first");
}

static void test_threads_have_one_set(void **state)
{
	(void)state;
	assert_int_equal(traced_run(&traced, reads_in_a_thread, (char[]){"secret"}), 0);
	expect("none", 0);
	expect("first", SECRET);
}

/* The child has the parent's memory until it execs, and its own set from then on. */
static int reads_in_vfork(void *arg)
{
	static char sh[] = "sh", c[] = "-c";
	static char script[] = ": > of-program; read x < secret; : > later";
	static char *const argv[] = {sh, c, script, NULL};
	static char *const env[] = {NULL};
	pid_t child;

	(void)arg;
	child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): what is tested */
	if (child == 0) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Vfork): likewise */
		if (open("key", O_RDONLY | O_CLOEXEC) < 0)
			_exit(1);
		execve("/bin/sh", argv, env);
		_exit(127);
	}
	return wait_for(child) || mark("of-parent");
}

static void test_shared_memory_of_vfork(void **state)
{
	(void)state;
	assert_int_equal(traced_run(&traced, reads_in_vfork, NULL), 0);
	expect("of-program", KEY);
	expect("later", KEY | SECRET);
	expect("of-parent", KEY);
}

static int reads_and_stays(void *arg)
{
	(void)arg;
	if (read_it("secret") || mark("ready"))
		return 1;
	(void)pause();
	return 1;
}

/* As the gate asks. */
static void test_asked_by_pid(void **state)
{
	struct traced_child child;

	(void)state;
	assert_int_equal(traced_start(&traced, reads_and_stays, NULL, &child), 0);
	assert_int_equal(trace_process_labels(traced.trace, TRACED_SLOT, (uint32_t)child.pid), 0);
	traced_go(&child);
	while (access("ready", F_OK) < 0)
		(void)usleep(1000);
	assert_int_equal(trace_process_labels(traced.trace, TRACED_SLOT, (uint32_t)child.pid),
			 SECRET);
	/* One that is not of the session: nobody can tell. */
	assert_int_equal(trace_process_labels(traced.trace, TRACED_SLOT, (uint32_t)getpid()),
			 SECRET);
	assert_int_equal(kill(child.pid, SIGKILL), 0);
	(void)traced_wait(&child);
	assert_int_equal(trace_process_labels(traced.trace, TRACED_SLOT, (uint32_t)child.pid),
			 SECRET);
}

/* ---- where something may have gone on unseen ---- */

static int reads_in_a_child(void *arg)
{
	const pid_t reader = fork();

	(void)arg;
	if (reader == 0)
		_exit(read_it("secret"));
	return wait_for(reader) || mark("parent");
}

/* With lsm nobody looks how labels go on before there are any. */
static void test_labelled_after_it_began(void **state)
{
	struct traced_child child;

	(void)state;
	traced_close(&traced);
	assert_int_equal(traced_open(&traced, TRACE_RING_BYTES), 0);
	assert_int_equal(traced_start(&traced, reads_in_a_child, NULL, &child), 0);
	make_labelled("secret", SECRET);
	make_labelled("key", KEY);
	traced_go(&child);
	assert_int_equal(traced_wait(&child), 0);
	(void)trace_drain(traced.trace);
	expect("parent", traced_by_lsm(&traced) ? SECRET : 0);
	assert_int_equal(trace_everywhere_labels(traced.trace, TRACED_SLOT),
			 traced_by_lsm(&traced) ? SECRET : 0);
}

static int calls_without_end(void *arg)
{
	for (;;)
		(void)getppid();
	return arg != NULL;
}

#define CALLERS 8
#define MOST_MS 500u

/* Processes that call until the kernel skips a program; false where it never does. */
static bool make_it_skip(void)
{
	struct traced_child callers[CALLERS];
	uint64_t skips = 0;

	for (int i = 0; i < CALLERS; i++) {
		assert_int_equal(traced_start(&traced, calls_without_end, NULL, &callers[i]), 0);
		traced_go(&callers[i]);
	}
	for (unsigned ms = 0; ms < MOST_MS * slower() && !skips; ms += 10) {
		(void)usleep(10000);
		skips = trace_skips(traced.trace);
	}
	for (int i = 0; i < CALLERS; i++) {
		assert_int_equal(kill(callers[i].pid, SIGKILL), 0);
		(void)traced_wait(&callers[i]);
	}
	return skips > 0;
}

/* What was skipped may have been the read of anybody. */
static void test_what_is_skipped(void **state)
{
	(void)state;
	if (!traced_by_lsm(&traced) || !make_it_skip()) {
		print_message("this kernel skips no program, or a skip counts as a loss\n");
		skip();
	}
	assert_int_equal(traced_run(&traced, reads_in_a_child, NULL), 0);
	expect("parent", SECRET);
	assert_int_equal(trace_everywhere_labels(traced.trace, TRACED_SLOT), SECRET);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(who_reads_is_labelled),  TEST(children_inherit), TEST(threads_have_one_set),
		TEST(shared_memory_of_vfork), TEST(asked_by_pid),     TEST(labelled_after_it_began),
		TEST(what_is_skipped),
	};

	return fixture_run("trace_process", tests, sizeof(tests) / sizeof(tests[0]));
}
