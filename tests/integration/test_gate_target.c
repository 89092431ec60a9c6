/* SPDX-License-Identifier: Apache-2.0 */

/* What the gate keeps open of a task between its calls: it must never stand for another task. */

#include "tests/support/test.h"

#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "monitor/gate/target.h"

/* Of a thread that waits: its number, and what it waits for. */
static _Atomic pid_t waiting_tid;
static int wait_fd[2];

static void wait_for_cwd(struct target *target, pid_t pid, const char *expected)
{
	char text[MAX_PATH_BYTES] = "";

	for (int i = 0; i < 60000; i++) {
		target_turn(target, (uint32_t)pid);
		assert_int_equal(target_open(target), 0);
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

	target_turn(&target, (uint32_t)pid);
	assert_int_equal(target_open(&target), 0);
	assert_int_equal(target.pid_fd, kept_fd);
	assert_int_equal(target.pid, pid);
	end(pid);
	target_turn(&target, (uint32_t)pid);
	assert_true(target_open(&target) < 0);
	target_done(&target);
}

static bool is_over(void *ctx)
{
	(*(unsigned *)ctx)++;
	return false;
}

/* The number may be another task's by the time that its folder is opened. */
static void test_call_over_before_it_was_opened(void **state)
{
	const pid_t pid = start_in("/usr", 0);
	char text[MAX_PATH_BYTES];
	struct target target;
	unsigned asked = 0;

	(void)state;
	target_init(&target);
	target.is_waiting = is_over;
	target.ctx = &asked;
	target_turn(&target, (uint32_t)pid);
	assert_int_equal(target_open(&target), -ESRCH);
	assert_int_equal(target_socket(&target, 0), -ESRCH);
	assert_int_equal(target_cwd(&target), -ESRCH);
	assert_int_equal(target_link(&target, "cwd", text, sizeof(text)), -ESRCH);
	assert_string_equal(target_exe(&target), "");
	assert_int_equal(asked, 5);
	end(pid);
	target_done(&target);
}

/* A kept descriptor of it says that it is gone, where one is asked for without a look before. */
static void test_socket_of_a_number_used_anew(void **state)
{
	const pid_t first = start_in("/usr", 0);
	struct target target;
	int domain = 0;
	socklen_t len = sizeof(domain);

	(void)state;
	target_init(&target);
	wait_for_cwd(&target, first, "/usr");
	end(first);
	const int made_fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(made_fd >= 0);
	const pid_t second = start_in("/etc", first); /* it has our descriptors */

	if (second >= 0) {
		target_turn(&target, (uint32_t)second);
		const int socket_fd = target_socket(&target, made_fd);

		assert_int_equal(getsockopt(socket_fd, SOL_SOCKET, SO_DOMAIN, &domain, &len), 0);
		assert_int_equal(domain, AF_INET6);
		assert_true(target.is_certain);
		(void)close(socket_fd);
		end(second);
	}
	(void)close(made_fd);
	target_done(&target);
	if (second < 0) /* as above */
		skip();
}

static void *wait_for_end(void *ctx)
{
	char byte;

	(void)ctx;
	waiting_tid = (pid_t)syscall(SYS_gettid);
	(void)!read(wait_fd[0], &byte, 1);
	return NULL;
}

/* Its exec gives its process's number to another program, nobody knows when. */
static void test_exec_of_another_thread(void **state)
{
	struct target target;
	pthread_t thread;

	(void)state;
	assert_int_equal(pipe(wait_fd), 0);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_end, NULL), 0);
	while (!waiting_tid)
		(void)usleep(1000);
	target_init(&target);
	target_turn(&target, (uint32_t)getpid());
	assert_true(strlen(target_exe(&target)) > 0);
	assert_true(target.exe_known);
	target_execs(&target);
	assert_false(target.exe_known);
	assert_true(strlen(target_exe(&target)) > 0);
	assert_true(target.exe_known);

	target_turn(&target, (uint32_t)waiting_tid);
	assert_int_equal(target_open(&target), 0);
	target_execs(&target);
	target_turn(&target, (uint32_t)getpid());
	assert_true(strlen(target_exe(&target)) > 0);
	assert_false(target.exe_known);
	(void)close(wait_fd[1]);
	(void)pthread_join(thread, NULL);
	(void)close(wait_fd[0]);
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
		cmocka_unit_test(test_call_over_before_it_was_opened),
		cmocka_unit_test(test_number_used_anew),
		cmocka_unit_test(test_socket_of_a_number_used_anew),
		cmocka_unit_test(test_other_thread_in_between),
		cmocka_unit_test(test_exec_of_another_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
