/* SPDX-License-Identifier: Apache-2.0 */

/* The gate over real processes: what it says of each form of exec, and that its "no" is final. */

#include "tests/support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tests/integration/gate_fixture.h"
#include "tests/support/slower.h"

/* --- exec --- */

static int exec_true(void *arg)
{
	char *const argv[] = {(char[]){"true"}, (char[]){"a b"}, (char[]){""}, NULL};

	(void)arg;
	(void)execve("/usr/bin/true", argv, fixture_no_env);
	return errno;
}

static void test_exec_fields(void **state)
{
	struct fixture f = {0};
	char exe[256] = {0};

	(void)state;
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_exited(fixture_run(&f, exec_true, NULL), 0);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.seen[0].kind, ACTION_EXEC);
	assert_string_equal(f.seen[0].path, "/usr/bin/true");
	assert_string_equal(f.seen[0].name, "true");
	assert_string_equal(f.seen[0].interpreter, "");
	assert_string_equal(f.seen[0].cwd, fixture_folder);
	assert_string_equal(f.seen[0].exe, exe);
	assert_int_equal(f.seen[0].argc, 3);
	assert_string_equal(f.seen[0].argv[0], "true");
	assert_string_equal(f.seen[0].argv[1], "a b");
	assert_string_equal(f.seen[0].argv[2], "");
	assert_int_equal(f.seen[0].pid, f.child);
	assert_int_equal(f.seen[0].tid, f.child);
	assert_true(f.seen[0].has_file);
	assert_int_equal(f.notifications, 1);
}

static void test_deny_gives_the_errno(void **state)
{
	struct fixture f = {.policy = deny_all};

	(void)state;
	assert_exited(fixture_run(&f, exec_true, NULL), EDQUOT);
	assert_int_equal(f.count, 1);
}

/* --- who --- */

static int exec_env(void *arg)
{
	char *const argv[] = {(char[]){"env"}, (char[]){"/usr/bin/true"}, NULL};

	(void)arg;
	(void)exec_path("/usr/bin/there-is-no-such-program");
	(void)execve("/usr/bin/env", argv, fixture_no_env);
	return errno;
}

static void test_program_after_exec(void **state)
{
	struct fixture f = {0};

	(void)state;
	assert_exited(fixture_run(&f, exec_env, NULL), 0);
	assert_int_equal(f.count, 2);
	assert_int_equal(f.seen[1].tid, f.seen[0].tid);
	assert_string_not_equal(f.seen[0].exe, "/usr/bin/env");
	assert_string_equal(f.seen[1].exe, "/usr/bin/env");
}

static void *thread_exec_fails(void *arg)
{
	*(int *)arg = exec_path("/usr/bin/true");
	return NULL;
}

static int thread_call(void *arg)
{
	pthread_t thread;
	int result = -1;

	(void)arg;
	if (pthread_create(&thread, NULL, thread_exec_fails, &result) != 0)
		return 98;
	(void)pthread_join(thread, NULL);
	return result;
}

static void test_thread(void **state)
{
	struct fixture f = {.policy = deny_all};

	(void)state;
	assert_exited(fixture_run(&f, thread_call, NULL), EDQUOT);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.seen[0].pid, f.child);
	assert_int_not_equal(f.seen[0].tid, f.child);
}

static int spawn_call(void *arg)
{
	char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"exit 3"}, NULL};
	pid_t pid;
	int status;

	(void)arg;
	if (posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) != 0)
		return 98;
	(void)waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void test_vfork(void **state)
{
	struct fixture f = {0};

	(void)state;
	assert_exited(fixture_run(&f, spawn_call, NULL), 3);
	assert_int_equal(f.count, 1);
	assert_int_not_equal(f.seen[0].pid, f.child);
}

static unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

#define PIPELINES rounds(1000)

static int pipelines(void *arg)
{
	char count[16];
	char *const argv[] = {
		(char[]){"sh"}, (char[]){"-c"},
		(char[]){"i=0; while [ $i -lt $0 ]; do echo $i | cat | cat >/dev/null || exit 9; "
			 "i=$((i+1)); done; exit 4"},
		count, NULL};

	(void)arg;
	(void)snprintf(count, sizeof(count), "%u", PIPELINES);
	(void)execve("/bin/sh", argv, environ);
	return errno;
}

static void test_pipelines(void **state)
{
	const unsigned before = open_fds();
	struct fixture f = {0};

	(void)state;
	assert_exited(fixture_run(&f, pipelines, NULL), 4);
	assert_int_equal(f.count, 2 * PIPELINES + 1);
	assert_int_equal(open_fds(), before);
}

#define STORM_CALLS rounds(5000)

static void on_alarm(int signal_number)
{
	(void)signal_number;
}

/* Denied calls under a storm of signals: each returns EPERM in the end, none hangs or proceeds. */
static int alarm_storm(void *arg)
{
	const suseconds_t pause_us = 50 * (suseconds_t)slower();
	const struct itimerval often = {{0, pause_us}, {0, pause_us}};
	struct sigaction action = {.sa_handler = on_alarm};
	int interrupted = 0;

	(void)arg;
	(void)sigaction(SIGALRM, &action, NULL);
	(void)setitimer(ITIMER_REAL, &often, NULL);
	for (unsigned i = 0; i < STORM_CALLS;) {
		const int r = exec_path("/usr/bin/true");

		if (r == EINTR && ++interrupted < 1000000)
			continue;
		if (r != EDQUOT)
			return 97;
		i++;
	}
	return 5;
}

static void test_alarm_storm(void **state)
{
	struct fixture f = {.policy = deny_all};

	(void)state;
	assert_exited(fixture_run(&f, alarm_storm, NULL), 5);
	assert_true(f.count >= STORM_CALLS);
}

static void kill_the_caller(struct fixture *f, const struct action *action, struct gate_answer *ret)
{
	(void)action;
	(void)ret;
	(void)kill(f->child, SIGKILL);
}

static void test_killed_while_pending(void **state)
{
	struct fixture f = {.policy = kill_the_caller};

	(void)state;
	const int status = fixture_run(&f, exec_true, NULL);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* The owner's kill takes its time; until then the caller must not get on. */
static void kill_later(struct fixture *f, const struct action *action, struct gate_answer *ret)
{
	(void)f;
	if (fork() == 0) {
		(void)usleep(200000);
		(void)kill((pid_t)action->pid, SIGKILL);
		_exit(0);
	}
	*ret = (struct gate_answer){.errno_value = EDQUOT, .kill_execution = true};
}

static void test_a_kill_verdict_lets_nothing_through(void **state)
{
	struct fixture f = {.policy = kill_later};

	(void)state;
	/* An answer of any kind would end it with the exit status EDQUOT. */
	const int status = fixture_run(&f, exec_true, NULL);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	(void)wait(NULL);
}

#define MANY_CALLS rounds(100000)

static int many_calls(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < MANY_CALLS; i++) {
		if (exec_path("/usr/bin/true") != EDQUOT)
			return 1;
	}
	return 6;
}

static void test_no_fd_growth(void **state)
{
	const unsigned before = open_fds();
	struct fixture f = {.policy = deny_all};

	(void)state;
	assert_exited(fixture_run(&f, many_calls, NULL), 6);
	assert_int_equal(f.notifications, MANY_CALLS);
	assert_int_equal(open_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec_fields),
		cmocka_unit_test(test_deny_gives_the_errno),
		cmocka_unit_test(test_program_after_exec),
		cmocka_unit_test(test_thread),
		cmocka_unit_test(test_vfork),
		cmocka_unit_test(test_pipelines),
		cmocka_unit_test(test_alarm_storm),
		cmocka_unit_test(test_killed_while_pending),
		cmocka_unit_test(test_a_kill_verdict_lets_nothing_through),
		cmocka_unit_test(test_no_fd_growth),
	};

	return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
