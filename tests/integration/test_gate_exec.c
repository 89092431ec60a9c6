/* SPDX-License-Identifier: Apache-2.0 */

/* Every form of exec: what the gate says of it, and that it ends as it does without a gate. */

#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "common/limits.h"
#include "tests/integration/gate_fixture.h"

struct exec_form {
	int (*fn)(void *arg);
	const char *path; /* expected, below the folder unless absolute */
	const char *interpreter;
	const char *provenance;
	int exit_code;
	unsigned actions;
};

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
	(void)syscall(SYS_execveat, dir_fd, "../true-copy", argv, fixture_no_env, 0);
	return errno;
}

static int form_empty_path(void *arg)
{
	char *const argv[] = {(char[]){"x"}, NULL};
	const int file_fd = open("true-copy", O_PATH);

	(void)arg;
	(void)syscall(SYS_execveat, file_fd, "", argv, fixture_no_env, AT_EMPTY_PATH);
	return errno;
}

static int form_nofollow(void *arg)
{
	char *const argv[] = {(char[]){"x"}, NULL};

	(void)arg;
	(void)syscall(SYS_execveat, AT_FDCWD, "link", argv, fixture_no_env, AT_SYMLINK_NOFOLLOW);
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
	(void)fexecve(run_fd, argv, fixture_no_env);
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

/* Who is not there has no arguments. */
static int form_missing_bad_argv(void *arg)
{
	(void)arg;
	return syscall(SYS_execve, "d/missing", 8, NULL) < 0 ? errno : 0;
}

/* As many pointers as fill pages, the middle one across two of them. */
static int form_argv_across_pages(void *arg)
{
	enum {
		POINTERS = 2000
	};

	static char memory[(POINTERS + 2) * sizeof(uint64_t) + 4096];
	char *vector = memory + (4096 - ((uintptr_t)memory & 4095)) + 4;
	const uint64_t text = (uintptr_t) "x";

	(void)arg;
	for (unsigned i = 0; i < POINTERS; i++)
		memcpy(vector + i * sizeof(text), &text, sizeof(text));
	return syscall(SYS_execve, "true-copy", vector, NULL) < 0 ? errno : 0;
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
	return syscall(SYS_execveat, 777, "x", argv, fixture_no_env, 0) < 0 ? errno : 0;
}

static int form_long_argv(void *arg)
{
	char **argv = calloc(MAX_ARGV_ITEMS + 2, sizeof(*argv));

	(void)arg;
	for (unsigned i = 0; i <= MAX_ARGV_ITEMS; i++)
		argv[i] = (char[]){"x"};
	(void)execve("/usr/bin/true", argv, fixture_no_env);
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
	{form_missing_bad_argv, NULL, NULL, NULL, ENOENT, 0},
	{form_argv_across_pages, "true-copy", "", "session", 0, 1},
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
	(void)snprintf(full, sizeof(full), "%s/%s", fixture_folder, expected);
	assert_string_equal(got, full);
}

static void prepare_files(void)
{
	char line[128];
	char name[16];

	assert_int_equal(system("cp /usr/bin/true true-copy && cp true-copy ws/"), 0); /* NOLINT */
	assert_int_equal(symlink("d/../true-copy", "link"), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	(void)snprintf(line, sizeof(line), "#! \t%s/true-copy  -a b \nrest", fixture_folder);
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
/* Of two faults older kernels (6.1) name the other: they look at the arguments first. */
static void check_without_gate(const struct exec_form *form)
{
	const int status = in_child(form->fn, NULL);

	if (form->fn == form_missing_bad_argv && WIFEXITED(status) && WEXITSTATUS(status) == EFAULT)
		return;
	assert_exited(status, form->exit_code);
}

static void test_exec_forms(void **state)
{
	char workspace[128];

	(void)state;
	prepare_files();
	(void)snprintf(workspace, sizeof(workspace), "%s/ws", fixture_folder);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct exec_form *form = &forms[i];
		struct fixture f = {.workspace = workspace};

		print_message("form %zu\n", i);
		assert_exited(fixture_run(&f, form->fn, NULL), form->exit_code);
		if (form->exit_code != E2BIG) {
			(void)unlink("fifo");
			check_without_gate(form);
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

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_exec_forms)};

	return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
