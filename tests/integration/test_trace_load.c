/* SPDX-License-Identifier: Apache-2.0 */
/* Getting the trace's programs into the running kernel, and out of it. Needs root. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/labels_fixture.h"
#include "tests/support/slower.h"

static int as_nobody(void *arg)
{
	struct error err = {0};
	struct trace *trace = NULL;

	(void)arg;
	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 9;
	if (trace_open(NULL, NULL, &trace, &err) != -EPERM)
		return 1;
	return strstr(err.text, "CAP_BPF") ? 0 : 2;
}

static void test_without_privilege(void **state)
{
	(void)state;
	assert_int_equal(in_child(as_nobody, NULL), 0);
}

/* Ids of the kernel's objects that our descriptors hold, from /proc/self/fdinfo. */
static size_t ids_held(const char *key, unsigned *ids, size_t max)
{
	char path[64], line[128];
	size_t count = 0;

	for (int fd = 0; fd < 256; fd++) {
		FILE *info;

		(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		info = fopen(path, "re");
		while (info && fgets(line, sizeof(line), info)) {
			if (strncmp(line, key, strlen(key)) == 0 && count < max)
				ids[count++] = (unsigned)strtoul(line + strlen(key), NULL, 10);
		}
		if (info)
			(void)fclose(info);
	}
	return count;
}

/* Does the kernel still know one of them? Freed after a grace period: asked for up to a minute. */
static bool any_alive(const char *kind, const unsigned *ids, size_t count)
{
	char command[96];
	bool alive = true;

	for (int i = 0; i < 600 && alive; i++) {
		alive = false;
		for (size_t j = 0; j < count; j++) {
			(void)snprintf(command, sizeof(command),
				       "bpftool %s show id %u >/dev/null 2>&1", kind, ids[j]);
			alive |= system(command) == 0; /* NOLINT(cert-env33-c): ids */
		}
		if (alive)
			(void)usleep(100000);
	}
	return alive;
}

static void test_attached_only_while_a_session_lives(void **state)
{
	unsigned links[64], again[64], programs[64];
	const size_t link_count = ids_held("link_id:", links, 64);
	const size_t expected = traced_by_lsm(&traced) ? 29 : 5;
	struct error err = {0};
	size_t program_count;

	(void)state;
	assert_int_equal(link_count, expected);
	assert_int_equal(trace_session_add(traced.trace, 1, &err), 0);
	assert_int_equal(ids_held("link_id:", again, 64), expected); /* one set for all sessions */
	trace_session_remove(traced.trace, TRACED_SLOT);
	assert_int_equal(ids_held("link_id:", again, 64), expected);
	trace_session_remove(traced.trace, 1);
	assert_int_equal(ids_held("link_id:", again, 64), 0);
	assert_false(any_alive("link", links, link_count));
	program_count = ids_held("prog_id:", programs, 64);
	assert_true(program_count > expected);
	traced_close(&traced);
	assert_false(any_alive("prog", programs, program_count));
}

/* With lsm what sees labels go on costs each system call of the host: it is there for them alone.
 */
static void test_attached_only_while_there_are_labels(void **state)
{
	const unsigned by_lsm = traced_by_lsm(&traced);
	const size_t without = by_lsm ? 29 : 5;
	struct error err = {0};
	unsigned links[64];

	(void)state;
	make_labelled("secret", 1);
	assert_int_equal(ids_held("link_id:", links, 64), without + by_lsm);
	make_labelled("key", 2);
	assert_int_equal(ids_held("link_id:", links, 64), without + by_lsm);
	assert_int_equal(trace_session_add(traced.trace, 1, &err), 0);
	trace_session_remove(traced.trace, TRACED_SLOT);
	assert_int_equal(ids_held("link_id:", links, 64), without);
	assert_int_equal(trace_session_add(traced.trace, TRACED_SLOT, &err), 0);
	make_labelled("secret", 1);
	assert_int_equal(ids_held("link_id:", links, 64), without + by_lsm);
	trace_session_remove(traced.trace, 1);
	assert_int_equal(ids_held("link_id:", links, 64), without + by_lsm);
	trace_set_linger(traced.trace, true);
	trace_session_remove(traced.trace, TRACED_SLOT);
	assert_int_equal(ids_held("link_id:", links, 64), without + by_lsm);
	trace_detach_idle(traced.trace);
	assert_int_equal(ids_held("link_id:", links, 64), 0);
}

/*
 * What the kernel's verifier walked through, which is most of what loading costs: 14,600 to 18,500
 * instructions with tracepoints on 6.1 to 7.2, 41,000 to 47,000 with lsm. 93,000 it would be if the
 * step of a walk, which most programs share, were no function of its own to the verifier.
 */
static void test_little_is_verified(void **state)
{
	unsigned instructions[64];
	const size_t count = ids_held("verified_insns:", instructions, 64);
	unsigned long sum = 0;

	(void)state;
	assert_true(count > 5);
	for (size_t i = 0; i < count; i++)
		sum += instructions[i];
	print_message("%lu instructions were verified\n", sum);
	assert_in_range(sum, 1000, traced_by_lsm(&traced) ? 60000 : 25000);
}

/* Where it is refused what there is for older kernels is loaded, and nothing else would tell. */
static void test_reads_directly_since_6_16(void **state)
{
	struct utsname name;
	char *end;
	unsigned long major, minor;

	(void)state;
	assert_int_equal(uname(&name), 0);
	major = strtoul(name.release, &end, 10);
	minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	assert_int_equal(trace_reads_directly(traced.trace),
			 major > 6 || (major == 6 && minor >= 16));
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signum)
{
	(void)signum;
	alarms++;
}

static long load_us(void)
{
	struct timespec start, end;
	struct trace *trace = NULL;
	struct error err = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(trace_open(NULL, NULL, &trace, &err), 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	trace_close(trace);
	return (end.tv_sec - start.tv_sec) * 1000000 + (end.tv_nsec - start.tv_nsec) / 1000;
}

/*
 * At instants all over the loading, until one comes after it: in steps of what it took before, and
 * doubled beyond that, for a machine that has become slower.
 */
static void test_signals_do_not_end_the_loading(void **state)
{
	const long usual_us = load_us();
	const long step_us = usual_us / rounds(200) + 100;
	const long end_us = 60000000L * slower();
	struct sigaction action = {.sa_handler = on_alarm};
	struct sigaction before;
	struct error err = {0};

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
	alarms = 1;
	for (long delay_us = step_us; alarms && delay_us < end_us;
	     delay_us += delay_us < usual_us ? step_us : delay_us) {
		struct itimerval timer = {.it_value = {delay_us / 1000000, delay_us % 1000000}};
		struct trace *trace = NULL;

		alarms = 0;
		assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
		assert_int_equal(trace_open(NULL, NULL, &trace, &err), 0);
		timer = (struct itimerval){0};
		assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
		trace_close(trace);
	}
	assert_int_equal(alarms, 0);
	assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRACE_TEST(attached_only_while_a_session_lives),
		TRACE_TEST(attached_only_while_there_are_labels),
		TRACE_TEST(little_is_verified),
		TRACE_TEST(reads_directly_since_6_16),
		TRACE_TEST(signals_do_not_end_the_loading),
	};
	const struct CMUnitTest of_any_user[] = {cmocka_unit_test(test_without_privilege)};
	const int r = cmocka_run_group_tests_name("trace_refused", of_any_user, NULL, NULL);

	return r ? r : fixture_run("trace_load", tests, sizeof(tests) / sizeof(tests[0]));
}
