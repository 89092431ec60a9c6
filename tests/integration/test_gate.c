/* SPDX-License-Identifier: Apache-2.0 */

/* The gate over real processes: what it says of each form of exec, and that its "no" is final. */

#include "tests/support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "tests/integration/gate_fixture.h"

extern char **environ;

static char folder[64];
static char *const no_env[] = {NULL};

static void write_file(const char *name, const char *text, mode_t mode)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/cordon-gate-XXXXXX");
	return mkdtemp(folder) && chdir(folder) == 0 && mkdir("ws", 0755) == 0 &&
			       mkdir("d", 0755) == 0
		       ? 0
		       : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	return chdir("/") == 0 ? system(command) : -1; /* NOLINT(cert-env33-c): our own folder */
}

/* --- exec --- */

static int exec_true(void *arg)
{
	char *const argv[] = {(char[]){"true"}, (char[]){"a b"}, (char[]){""}, NULL};

	(void)arg;
	(void)execve("/usr/bin/true", argv, no_env);
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
	assert_string_equal(f.seen[0].cwd, folder);
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

static void deny_all(struct fixture *f, const struct action *action, struct gate_answer *ret)
{
	(void)f;
	(void)action;
	*ret = (struct gate_answer){.errno_value = EDQUOT, .kill_execution = true};
}

static void test_deny_gives_the_errno(void **state)
{
	struct fixture f = {.policy = deny_all};

	(void)state;
	assert_exited(fixture_run(&f, exec_true, NULL), EDQUOT);
	assert_int_equal(f.count, 1);
}

struct exec_form {
	int (*fn)(void *arg);
	const char *path; /* expected, below folder unless absolute */
	const char *interpreter;
	const char *provenance;
	int exit_code;
	unsigned actions;
};

static int exec_path(const char *path)
{
	char *const argv[] = {(char[]){"x"}, NULL};

	(void)execve(path, argv, no_env);
	return errno;
}

static int form_relative(void *arg)
{
	(void)arg;
	return exec_path("./d/../true-copy");
}

static int form_symlink(void *arg)
{
	(void)arg;
	return exec_path("link");
}

static int form_dirfd(void *arg)
{
	char *const argv[] = {(char[]){"x"}, NULL};
	const int dir_fd = open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)arg;
	(void)syscall(SYS_execveat, dir_fd, "../true-copy", argv, no_env, 0);
	return errno;
}

static int form_empty_path(void *arg)
{
	char *const argv[] = {(char[]){"x"}, NULL};
	const int file_fd = open("true-copy", O_PATH);

	(void)arg;
	(void)syscall(SYS_execveat, file_fd, "", argv, no_env, AT_EMPTY_PATH);
	return errno;
}

static int form_nofollow(void *arg)
{
	char *const argv[] = {(char[]){"x"}, NULL};

	(void)arg;
	(void)syscall(SYS_execveat, AT_FDCWD, "link", argv, no_env, AT_SYMLINK_NOFOLLOW);
	return errno;
}

static int form_proc_fd(void *arg)
{
	char path[64];
	const int file_fd = open("true-copy", O_RDONLY);

	(void)arg;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	return exec_path(path);
}

static int form_dev_fd(void *arg)
{
	char path[64];
	const int file_fd = open("true-copy", O_RDONLY);

	(void)arg;
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", file_fd);
	return exec_path(path);
}

static int form_proc_cwd(void *arg)
{
	(void)arg;
	return exec_path("/proc/thread-self/cwd/d/../true-copy");
}

static int form_proc_root(void *arg)
{
	(void)arg;
	return exec_path("/proc/self/root/../../proc/../usr/bin/true");
}

/* Copies @from to a memfd or to a file that is unlinked; runs it by its descriptor. */
static int run_nameless(int file_fd)
{
	char *const argv[] = {(char[]){"x"}, NULL};
	char bytes[4096];
	ssize_t n;
	const int from_fd = open("true-copy", O_RDONLY | O_CLOEXEC);

	while ((n = read(from_fd, bytes, sizeof(bytes))) > 0) {
		if (write(file_fd, bytes, (size_t)n) != n)
			return 98;
	}
	(void)close(from_fd);
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	const int run_fd = open(path, O_RDONLY);

	(void)close(file_fd);
	(void)fexecve(run_fd, argv, no_env);
	return errno;
}

static int form_memfd(void *arg)
{
	(void)arg;
	return run_nameless(memfd_create("payload", 0));
}

static int form_deleted(void *arg)
{
	const int file_fd = open("gone", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	(void)arg;
	(void)unlink("gone");
	return run_nameless(file_fd);
}

static int form_missing(void *arg)
{
	(void)arg;
	return exec_path("/usr/bin/there-is-no-such-program");
}

static int form_folder(void *arg)
{
	(void)arg;
	return exec_path("d");
}

static int form_trailing_slash(void *arg)
{
	(void)arg;
	return exec_path("true-copy/");
}

static int form_fifo(void *arg)
{
	(void)arg;
	(void)mkfifo("fifo", 0755);
	return exec_path("fifo");
}

static int form_loop(void *arg)
{
	(void)arg;
	return exec_path("loop");
}

static int form_bad_path(void *arg)
{
	(void)arg;
	return syscall(SYS_execve, 8, NULL, NULL) < 0 ? errno : 0;
}

static int form_bad_argv(void *arg)
{
	(void)arg;
	return syscall(SYS_execve, "/usr/bin/true", 8, NULL) < 0 ? errno : 0;
}

static int form_bad_fd(void *arg)
{
	char *const argv[] = {(char[]){"x"}, NULL};

	(void)arg;
	return syscall(SYS_execveat, 777, "x", argv, no_env, 0) < 0 ? errno : 0;
}

static int form_long_argv(void *arg)
{
	char **argv = calloc(5001, sizeof(*argv));

	(void)arg;
	for (int i = 0; i < 5000; i++)
		argv[i] = (char[]){"x"};
	(void)execve("/usr/bin/true", argv, no_env);
	return errno;
}

static int form_script(void *arg)
{
	(void)arg;
	return exec_path("script");
}

static int form_script_chain(void *arg)
{
	(void)arg;
	return exec_path("ws/chain2");
}

static int form_script_missing(void *arg)
{
	(void)arg;
	return exec_path("script-missing");
}

static int form_script_deep(void *arg)
{
	(void)arg;
	return exec_path("deep7");
}

static int form_workspace(void *arg)
{
	(void)arg;
	return exec_path("ws/true-copy");
}

static const struct exec_form forms[] = {
	{form_relative, "true-copy", "", "session", 0, 1},
	{form_symlink, "true-copy", "", "session", 0, 1},
	{form_dirfd, "true-copy", "", "session", 0, 1},
	{form_empty_path, "true-copy", "", "session", 0, 1},
	{form_nofollow, NULL, NULL, NULL, ELOOP, 0},
	{form_proc_fd, "true-copy", "", "session", 0, 1},
	{form_dev_fd, "true-copy", "", "session", 0, 1},
	{form_proc_cwd, "true-copy", "", "session", 0, 1},
	{form_proc_root, "/usr/bin/true", "", NULL, 0, 1},
	{form_memfd, "/memfd:payload (deleted)", "", "memfd", 0, 1},
	{form_deleted, "gone (deleted)", "", "memfd", 0, 1},
	{form_missing, NULL, NULL, NULL, ENOENT, 0},
	{form_folder, NULL, NULL, NULL, EACCES, 0},
	{form_trailing_slash, NULL, NULL, NULL, ENOTDIR, 0},
	{form_fifo, NULL, NULL, NULL, EACCES, 0},
	{form_loop, NULL, NULL, NULL, ELOOP, 0},
	{form_bad_path, NULL, NULL, NULL, EFAULT, 0},
	{form_bad_argv, NULL, NULL, NULL, EFAULT, 0},
	{form_bad_fd, NULL, NULL, NULL, EBADF, 0},
	{form_long_argv, NULL, NULL, NULL, E2BIG, 0},
	{form_script, "script", "true-copy", "session", 0, 1},
	{form_script_chain, "ws/chain2", "true-copy", "session", 0, 1},
	{form_script_missing, NULL, NULL, NULL, ENOENT, 0},
	{form_script_deep, NULL, NULL, NULL, ELOOP, 0},
	{form_workspace, "ws/true-copy", "", "workspace", 0, 1},
};

static void expect_path(const char *got, const char *expected)
{
	char full[256];

	if (!expected[0] || expected[0] == '/') {
		assert_string_equal(got, expected);
		return;
	}
	(void)snprintf(full, sizeof(full), "%s/%s", folder, expected);
	assert_string_equal(got, full);
}

static void prepare_files(void)
{
	char line[128];
	char name[16];

	assert_int_equal(system("cp /usr/bin/true true-copy && cp true-copy ws/"), 0); /* NOLINT */
	assert_int_equal(symlink("d/../true-copy", "link"), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	(void)snprintf(line, sizeof(line), "#! \t%s/true-copy  -a b \nrest", folder);
	write_file("script", line, 0755);
	write_file("ws/chain1", "#!./script\n", 0755);
	write_file("ws/chain2", "#!ws/chain1 x\n", 0755);
	write_file("script-missing", "#!/no/such/interpreter\n", 0755);
	write_file("deep1", "#!/usr/bin/true\n", 0755);
	for (int i = 2; i < 8; i++) {
		(void)snprintf(line, sizeof(line), "#!deep%d\n", i - 1);
		(void)snprintf(name, sizeof(name), "deep%d", i);
		write_file(name, line, 0755);
	}
}

/* Each form is also run without the filter: there the kernel must give the same exit code. */
static void test_exec_forms(void **state)
{
	char workspace[128];

	(void)state;
	prepare_files();
	(void)snprintf(workspace, sizeof(workspace), "%s/ws", folder);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct exec_form *form = &forms[i];
		struct fixture f = {.workspace = workspace};

		print_message("form %zu\n", i);
		assert_exited(fixture_run(&f, form->fn, NULL), form->exit_code);
		if (form->exit_code != E2BIG) {
			(void)unlink("fifo");
			assert_exited(in_child(form->fn, NULL), form->exit_code);
		}
		assert_int_equal(f.count, form->actions);
		if (!form->path)
			continue;
		expect_path(f.seen[0].path, form->path);
		expect_path(f.seen[0].interpreter, form->interpreter);
		if (form->provenance)
			assert_string_equal(f.seen[0].provenance, form->provenance);
		assert_true(f.seen[0].has_file);
	}
}

/* --- who --- */

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

static int pipelines(void *arg)
{
	char *const argv[] = {
		(char[]){"sh"}, (char[]){"-c"},
		(char[]){"i=0; while [ $i -lt 1000 ]; do echo $i | cat | cat >/dev/null || exit 9; "
			 "i=$((i+1)); done; exit 4"},
		NULL};

	(void)arg;
	(void)execve("/bin/sh", argv, environ);
	return errno;
}

static void test_pipelines(void **state)
{
	const unsigned before = open_fds();
	struct fixture f = {0};

	(void)state;
	assert_exited(fixture_run(&f, pipelines, NULL), 4);
	assert_int_equal(f.count, 2001);
	assert_int_equal(open_fds(), before);
}

static void on_alarm(int signal_number)
{
	(void)signal_number;
}

/* Denied calls under a storm of signals: each returns EPERM in the end, none hangs or proceeds. */
static int alarm_storm(void *arg)
{
	const struct itimerval often = {{0, 50}, {0, 50}};
	struct sigaction action = {.sa_handler = on_alarm};
	int interrupted = 0;

	(void)arg;
	(void)sigaction(SIGALRM, &action, NULL);
	(void)setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 5000;) {
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
	assert_true(f.count >= 5000);
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

static int many_calls(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100000; i++) {
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
	assert_int_equal(f.notifications, 100000);
	assert_int_equal(open_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec_fields),  cmocka_unit_test(test_deny_gives_the_errno),
		cmocka_unit_test(test_exec_forms),   cmocka_unit_test(test_thread),
		cmocka_unit_test(test_vfork),	     cmocka_unit_test(test_pipelines),
		cmocka_unit_test(test_alarm_storm),  cmocka_unit_test(test_killed_while_pending),
		cmocka_unit_test(test_no_fd_growth),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
