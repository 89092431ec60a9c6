/* SPDX-License-Identifier: Apache-2.0 */
/* What the trace enforces: approvals at exec, labels before an open returns. Needs root. */

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/integration/trace_fixture.h"
#include "tests/support/slower.h"

#define ROUNDS rounds(300)

static int copy_file(const char *from, const char *to)
{
	char command[600];

	(void)snprintf(command, sizeof(command), "cp %s %s", from, to);
	return system(command); /* NOLINT(cert-env33-c): our own names */
}

static char *const no_env[] = {NULL};

struct program {
	char *const *argv;
};

static int execs(void *arg)
{
	const struct program *program = arg;

	execve(program->argv[0], program->argv, no_env);
	return errno == ENOENT ? 77 : errno == EPERM ? TRACED_REFUSED : 78;
}

static int exec_with(const char *approved, char *const argv[])
{
	struct program program = {argv};
	struct traced_child child;
	int status, file_fd = -1;

	assert_int_equal(traced_start(&traced, execs, &program, &child), 0);
	if (approved) {
		file_fd = open(approved, O_PATH | O_CLOEXEC);
		assert_int_equal(traced_approve(&traced, child.pid, file_fd, argv, no_env, argv[0]),
				 0);
	}
	traced_go(&child);
	status = traced_wait(&child);
	if (file_fd >= 0)
		close(file_fd);
	(void)trace_drain(traced.trace);
	return status;
}

static void test_approved_passes_others_die(void **state)
{
	char *const argv[] = {(char[]){"/bin/true"}, NULL};
	char *const absent[] = {(char[]){"/bin/absent-program"}, NULL};
	int status;

	(void)state;
	assert_int_equal(exec_with(NULL, argv), 0); /* not required yet */
	assert_int_equal(trace_require_approval(traced.trace, TRACED_SLOT, true), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		assert_int_equal(exec_with("/bin/true", argv), 0);
		status = exec_with(i % 2 ? "/bin/false" : NULL, argv);
		assert_true(traced_was_stopped(&traced, status));
	}
	assert_int_equal(traced_count(&traced, traced_stop_kind(&traced)), ROUNDS);
	assert_int_equal(traced_count(&traced, TRACE_EXEC), ROUNDS + 1);
	status = exec_with("/bin/true", absent);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 77);
	assert_int_equal(trace_require_approval(traced.trace, TRACED_SLOT, false), 0);
	assert_int_equal(exec_with(NULL, argv), 0);
}

/* An approval is good for one exec: the second program was never approved. */
static void test_approval_is_used_up(void **state)
{
	char *const argv[] = {(char[]){"/usr/bin/env"}, (char[]){"/bin/true"}, NULL};
	int status;

	(void)state;
	assert_int_equal(trace_require_approval(traced.trace, TRACED_SLOT, true), 0);
	status = exec_with("/usr/bin/env", argv);
	assert_true(traced_was_stopped(&traced, status)); /* env(1) says 126 for it, too */
	assert_int_equal(traced_count(&traced, TRACE_EXEC), 1);
	assert_int_equal(traced_count(&traced, traced_stop_kind(&traced)), 1);
}

struct thread_exec {
	int tell_fd, go_fd;
};

static void *exec_thread(void *arg)
{
	char *const argv[] = {(char[]){"/bin/true"}, NULL};
	const struct thread_exec *t = arg;
	char byte;

	(void)!write(t->tell_fd, &(pid_t){(pid_t)syscall(SYS_gettid)}, sizeof(pid_t));
	(void)!read(t->go_fd, &byte, 1); /* the approval is given meanwhile */
	execve(argv[0], argv, no_env);
	_exit(errno == EPERM ? TRACED_REFUSED : 3);
}

static int thread_execs(void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, exec_thread, arg) != 0)
		return 1;
	(void)sleep(100);
	return 2;
}

/* A thread that is no leader execs: it is approved by its own id, which it then loses. */
static void test_thread_execs(void **state)
{
	char *const argv[] = {(char[]){"/bin/true"}, NULL};
	struct traced_child child;
	int ends[2], go[2], file_fd, status;
	pid_t tid;

	(void)state;
	assert_int_equal(trace_require_approval(traced.trace, TRACED_SLOT, true), 0);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(pipe(ends) | pipe(go), 0);
		struct thread_exec fds = {.tell_fd = ends[1], .go_fd = go[0]};

		assert_int_equal(traced_start(&traced, thread_execs, &fds, &child), 0);
		traced_go(&child);
		assert_int_equal(read(ends[0], &tid, sizeof(tid)), sizeof(tid));
		assert_int_not_equal(tid, child.pid);
		/* Second round: the leader's id is approved, not the thread's. */
		file_fd = open("/bin/true", O_PATH | O_CLOEXEC);
		assert_int_equal(traced_approve(&traced, round == 0 ? tid : child.pid, file_fd,
						argv, no_env, argv[0]),
				 0);
		assert_int_equal(write(go[1], "", 1), 1);
		status = traced_wait(&child);
		close(file_fd);
		for (int i = 0; i < 2; i++) {
			close(ends[i]);
			close(go[i]);
		}
		if (round == 0)
			assert_int_equal(status, 0);
		else
			assert_true(traced_was_stopped(&traced, status));
	}
}

static int overlay_mounted(void)
{
	char options[900];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", fixture_folder, "tmpfs", 0, NULL) < 0)
		return -1;
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = {"lower", "upper", "work", "merged"};

		if (mkdir(in_folder(names[i]), 0755) < 0)
			return -1;
	}
	(void)snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s",
		       in_folder("lower"), in_folder("upper"), in_folder("work"));
	return mount("overlay", in_folder("merged"), "overlay", 0, options);
}

static void *swap_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		(void)syscall(SYS_renameat2, AT_FDCWD, in_folder("merged/good"), AT_FDCWD,
			      in_folder("merged/evil"), 2 /* RENAME_EXCHANGE */);
	return NULL;
}

/*
 * On an overlay a second process keeps exchanging an approved program with one that writes to a
 * file. Whichever won, the other program never wrote.
 */
static int swapped_on_overlay(void *arg)
{
	unsigned won = 0, lost = 0;
	pid_t swapper;

	(void)arg;
	if (overlay_mounted() < 0)
		return 1;
	if (copy_file("/bin/true", in_folder("merged/good")) ||
	    copy_file("/usr/bin/touch", in_folder("merged/evil")))
		return 2;
	if (traced_open(&traced, TRACE_RING_BYTES) < 0 ||
	    trace_require_approval(traced.trace, TRACED_SLOT, true) < 0)
		return 3;
	const int good_fd = open(in_folder("merged/good"), O_PATH | O_CLOEXEC);

	swapper = fork();
	if (swapper == 0)
		swap_for_ever(NULL);
	for (unsigned i = 0; i < ROUNDS; i++) {
		char *const argv[] = {in_folder("merged/good"), in_folder("witness"), NULL};
		struct program program = {argv};
		struct traced_child child;
		int status;

		if (traced_start(&traced, execs, &program, &child) < 0 ||
		    traced_approve(&traced, child.pid, good_fd, argv, no_env, argv[0]) < 0)
			return 4;
		traced_go(&child);
		status = traced_wait(&child);
		won += status == 0;
		lost += traced_was_stopped(&traced, status);
	}
	(void)kill(swapper, SIGKILL);
	(void)waitpid(swapper, NULL, 0);
	(void)trace_drain(traced.trace);
	if (access(in_folder("witness"), F_OK) == 0)
		return 5;
	if (won + lost != ROUNDS || won == 0 || lost == 0)
		return 6;
	return traced_count(&traced, traced_stop_kind(&traced)) == lost ? 0 : 7;
}

static void test_swap_on_overlay_is_killed(void **state)
{
	(void)state;
	assert_exited(in_child(swapped_on_overlay, NULL), 0);
}

struct label_seen {
	struct trace *trace;
	const char *path;
	int flags;
	int done_fd, go_fd; /* the child reports right after its open, and waits */
};

static int opens_and_tells(void *arg)
{
	const struct label_seen *seen = arg;
	char byte;

	if (open(seen->path, seen->flags | O_CLOEXEC) < 0)
		return 1;
	(void)!write(seen->done_fd, "", 1);
	return read(seen->go_fd, &byte, 1) == 1 ? 0 : 2;
}

/* Labels right after the child's open returned, nothing drained. */
static uint64_t labels_after_open(const char *path, int flags)
{
	struct label_seen seen = {.trace = traced.trace, .path = path, .flags = flags};
	struct traced_child child;
	int done[2], go[2];
	uint64_t labels;
	char byte;

	assert_int_equal(pipe(done), 0);
	assert_int_equal(pipe(go), 0);
	seen.done_fd = done[1];
	seen.go_fd = go[0];
	assert_int_equal(traced_start(&traced, opens_and_tells, &seen, &child), 0);
	traced_go(&child);
	assert_int_equal(read(done[0], &byte, 1), 1);
	labels = trace_session_labels(traced.trace, TRACED_SLOT);
	assert_int_equal(write(go[1], "", 1), 1);
	assert_int_equal(traced_wait(&child), 0);
	for (int i = 0; i < 2; i++) {
		close(done[i]);
		close(go[i]);
	}
	return labels;
}

static void label(const char *name, uint64_t bits)
{
	const int fd = open(in_folder(name), O_PATH | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(trace_label_file(traced.trace, TRACED_SLOT, fd, bits), 0);
	close(fd);
}

static void test_label_before_open_returns(void **state)
{
	const struct trace_event *event;
	struct error err = {0};

	(void)state;
	make_file("secret");
	make_file("public");
	(void)mkdir(in_folder("weights"), 0755);
	(void)mkdir(in_folder("weights/deep"), 0755);
	make_file("weights/deep/part");
	assert_int_equal(link(in_folder("secret"), in_folder("alias")), 0);
	label("secret", 1);
	label("weights", 2);
	assert_int_equal(trace_session_add(traced.trace, 1, &err), 0);
	assert_int_equal(labels_after_open(in_folder("public"), O_RDONLY), 0);
	assert_int_equal(labels_after_open(in_folder("secret"), O_WRONLY), 0);
	assert_int_equal(labels_after_open(in_folder("weights"), O_RDONLY | O_DIRECTORY), 0);
	assert_int_equal(labels_after_open(in_folder("weights/deep/part"), O_RDONLY), 2);
	assert_int_equal(labels_after_open(in_folder("alias"), O_RDONLY), 3);
	assert_int_equal(trace_session_labels(traced.trace, 1),
			 0); /* another session's stay clean */
	(void)trace_drain(traced.trace);
	event = traced_find(&traced, TRACE_OPEN, in_folder("weights/deep/part"), 0);
	assert_non_null(event);
	assert_int_equal(event->labels, 2);
	assert_int_equal(traced_find(&traced, TRACE_OPEN, in_folder("alias"), 0)->labels, 1);
}

static void test_running_a_labelled_program_reads_it(void **state)
{
	char *const argv[] = {in_folder("program"), NULL};

	(void)state;
	assert_int_equal(copy_file("/bin/true", in_folder("program")), 0);
	label("program", 4);
	assert_int_equal(exec_with(NULL, argv), 0);
	assert_int_equal(trace_session_labels(traced.trace, TRACED_SLOT), 4);
}

/* Of a process that was reaped; closed with the test. */
static int gone_pidfd(void)
{
	const pid_t pid = fork();
	int pid_fd;

	if (pid == 0)
		_exit(0);
	pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(pid_fd >= 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid_fd;
}

static void test_bad_arguments(void **state)
{
	const struct exec_image huge = {.block = "", .argv_bytes = 512u << 10, .name_bytes = 1};

	(void)state;
	assert_int_equal(traced_approve(&traced, 1, -1, no_env, no_env, ""), -EBADF);
	assert_int_equal(traced_approve(&traced, 1, 900, no_env, no_env, ""), -EBADF);
	assert_int_equal(trace_approve_exec(traced.trace, 9, 1, 1, &huge), -ENOENT);
	assert_int_equal(trace_approve_exec(traced.trace, TRACED_SLOT, 1, 1, &huge), -E2BIG);
	assert_int_equal(trace_label_file(traced.trace, 9, 0, 1), -ENOENT);
	assert_int_equal(trace_label_file(traced.trace, TRACED_SLOT, 900, 1), -EBADF);
	assert_int_equal(trace_tag(traced.trace, 0, 4000, 1), -ENOENT);
	assert_true(trace_tag(traced.trace, 0, TRACED_SLOT, 1) < 0); /* no pidfd */
	assert_int_equal(trace_tag(traced.trace, gone_pidfd(), TRACED_SLOT, 1), -ESRCH);
	assert_int_equal(trace_require_approval(traced.trace, 9, true), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRACE_TEST(approved_passes_others_die),
		TRACE_TEST(approval_is_used_up),
		TRACE_TEST(thread_execs),
		TRACE_TEST(label_before_open_returns),
		TRACE_TEST(running_a_labelled_program_reads_it),
		TRACE_TEST(bad_arguments),
		cmocka_unit_test(test_swap_on_overlay_is_killed),
	};

	return fixture_run("trace_verify", tests, sizeof(tests) / sizeof(tests[0]));
}
