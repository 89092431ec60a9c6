/* SPDX-License-Identifier: Apache-2.0 */

/* What the gate keeps open of a task between its calls: it must never stand for another task. */

#include "tests/support/test.h"

#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "monitor/gate/target.h"

static void wait_for_cwd(struct target *target, pid_t pid, const char *expected)
{
	char text[MAX_PATH_BYTES] = "";

	for (int i = 0; i < 60000; i++) {
		assert_int_equal(target_open(target, (uint32_t)pid), 0);
		(void)target_link(target, "cwd", text, sizeof(text));
		if (strcmp(text, expected) == 0)
			return;
		(void)usleep(1000);
	}
	fail_msg("cwd is \"%s\", expected \"%s\"", text, expected);
}

/* A child in @folder that waits to be killed; @pid: 0, or the number it must get. */
static pid_t start_in(const char *folder, pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1};

	if (!pid)
		args.set_tid = args.set_tid_size = 0;
	const long child = syscall(SYS_clone3, &args, sizeof(args));

	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!chdir(folder);
		for (;;)
			(void)pause();
	}
	return child < 0 ? -errno : (pid_t)child;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_same_task_is_kept(void **state)
{
	const pid_t pid = start_in("/usr", 0);
	struct target target;

	(void)state;
	target_init(&target);
	wait_for_cwd(&target, pid, "/usr");
	const int kept_fd = target.pid_fd;

	assert_int_equal(target_open(&target, (uint32_t)pid), 0);
	assert_int_equal(target.pid_fd, kept_fd);
	assert_int_equal(target.pid, pid);
	end(pid);
	assert_true(target_open(&target, (uint32_t)pid) < 0);
	target_done(&target);
}

static void test_number_used_anew(void **state)
{
	const pid_t first = start_in("/usr", 0);
	struct target target;

	(void)state;
	target_init(&target);
	wait_for_cwd(&target, first, "/usr");
	end(first);
	const pid_t second = start_in("/etc", first);

	if (second < 0) { /* EPERM for an ordinary user; EEXIST: somebody was faster */
		target_done(&target);
		skip();
	}
	assert_int_equal(second, first);
	wait_for_cwd(&target, second, "/etc");
	assert_int_equal(target.pid, second);
	target_done(&target);
	end(second);
}

static void test_other_thread_in_between(void **state)
{
	const pid_t one = start_in("/usr", 0);
	const pid_t other = start_in("/etc", 0);
	struct target target;

	(void)state;
	target_init(&target);
	for (int i = 0; i < 3; i++) {
		wait_for_cwd(&target, one, "/usr");
		assert_int_equal(target.pid, one);
		wait_for_cwd(&target, other, "/etc");
		assert_int_equal(target.pid, other);
	}
	target_done(&target);
	end(one);
	end(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_task_is_kept),
		cmocka_unit_test(test_number_used_anew),
		cmocka_unit_test(test_other_thread_in_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
