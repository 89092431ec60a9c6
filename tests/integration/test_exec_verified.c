/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gate and trace together: what the gate worked out for an exec is what the kernel then loads, for
 * every honest exec; and what another thread changes in between never runs. Needs root.
 */
#include "tests/support/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "monitor/trace/bpf_call.h"
#include "monitor/trace/internal.h"

#include "tests/integration/gate_fixture.h"
#include "tests/support/slower.h"
#include "tests/support/traced.h"

#define HONEST_EXECS rounds(10000)
#define MOST_GOES    10
#define RACES	     rounds(400)
#define STACK_BYTES  (64u << 10)
#define LONG_BYTES   (100u << 10)

static struct traced t;

static int tag_child(struct fixture *f, int pid_fd)
{
	(void)f;
	return trace_tag(t.trace, pid_fd, TRACED_SLOT, TRACED_EXEC_ID);
}

static int approve(struct fixture *f, uint32_t tid, const struct exec_image *image)
{
	(void)f;
	(void)trace_drain(t.trace);
	return trace_approve_exec(t.trace, TRACED_SLOT, TRACED_EXEC_ID, tid, image);
}

static void take_back(struct fixture *f, uint32_t tid)
{
	(void)f;
	trace_revoke_exec(t.trace, tid);
}

/* Runs fn(arg) under both. Return: its wait status. */
static int run_verified(int (*fn)(void *arg), void *arg,
			void (*policy)(struct fixture *f, const struct action *action,
				       struct gate_answer *ret))
{
	static struct fixture f;
	int status;

	f = (struct fixture){.started = tag_child,
			     .approve = approve,
			     .unanswered = take_back,
			     .policy = policy};
	assert_int_equal(traced_open(&t, TRACE_RING_BYTES), 0);
	assert_int_equal(trace_require_approval(t.trace, TRACED_SLOT, true), 0);
	status = fixture_run(&f, fn, arg);
	(void)trace_drain(t.trace);
	return status;
}

/* One honest exec: the program by path, or by descriptor where @by_fd. */
struct honest {
	const char *path;
	char *argv[4];
	bool by_fd;
};

static char long_text[LONG_BYTES];

static const struct honest honest[] = {
	{.path = "/usr/bin/true", .argv = {(char[]){"true"}, (char[]){"one"}, NULL}},
	{.path = "/usr/bin/true", .argv = {(char[]){""}, NULL}},
	{.path = "/usr/bin/true", .argv = {NULL}},
	{.path = "/usr/bin/true", .argv = {(char[]){"true"}, (char[]){""}, (char[]){""}, NULL}},
	{.path = "/usr/bin/true", .argv = {(char[]){"true"}, long_text, NULL}},
	{.path = "link", .argv = {(char[]){"as-another-name"}, NULL}},
	{.path = "true-copy", .argv = {(char[]){"x"}, NULL}, .by_fd = true},
	{.path = "script", .argv = {(char[]){"script"}, (char[]){"one"}, NULL}},
	{.path = "script", .argv = {NULL}},
	{.path = "script", .argv = {(char[]){""}, NULL}, .by_fd = true},
	{.path = "script-argument", .argv = {(char[]){"x"}, (char[]){"one"}, NULL}},
	{.path = "script-blank", .argv = {(char[]){"x"}, NULL}},
	{.path = "script-env", .argv = {(char[]){"x"}, NULL}},
	{.path = "./nested", .argv = {(char[]){"x"}, (char[]){"one"}, NULL}},
	{.path = "/bin/sh", .argv = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"exec true"}}},
};

static void prepare_programs(void)
{
	assert_int_equal(system("cp /usr/bin/true true-copy"), 0); /* NOLINT(cert-env33-c) */
	assert_int_equal(symlink("/usr/bin/true", "link"), 0);
	write_file("script", "#!/usr/bin/true\n", 0755);
	write_file("script-argument", "#! \t/usr/bin/true  -a  b \t\n", 0755);
	write_file("script-blank", "#!/usr/bin/true ", 0755);
	write_file("script-env", "#!/usr/bin/env -S true -x\n", 0755);
	write_file("nested", "#!./script-argument inner\n", 0755);
	memset(long_text, 'a', sizeof(long_text) - 1);
}

/* @file_fd: of the program, for one that is run by it. */
static pid_t exec_honest(const struct honest *h, int file_fd, char *const env[])
{
	const pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */

	if (pid != 0)
		return pid;
	if (h->by_fd)
		(void)syscall(SYS_execveat, file_fd, "", h->argv, env, AT_EMPTY_PATH); /* NOLINT */
	else
		(void)execve(h->path, h->argv, env);
	_exit(98);
}

static int execs_honestly(void *arg)
{
	char *const environments[3][4] = {
		{NULL},
		{(char[]){"LD_BIND_NOW=1"}, (char[]){""}, (char[]){"PATH=/usr/bin:/bin"}, NULL},
		{(char[]){"PATH=/usr/bin:/bin"}, (char[]){"no sign"}, NULL},
	};

	(void)arg;
	for (unsigned i = 0; i < HONEST_EXECS; i++) {
		const struct honest *h = &honest[i % (sizeof(honest) / sizeof(honest[0]))];
		char *const *env = environments[i / (sizeof(honest) / sizeof(honest[0])) % 3];
		int status;
		const int file_fd = h->by_fd ? open(h->path, O_RDONLY) : -1;
		const pid_t pid = exec_honest(h, file_fd, env);

		if (waitpid(pid, &status, 0) != pid || status != 0) {
			(void)fprintf(stderr, "%s ended with 0x%x\n", h->path, (unsigned)status);
			return 1;
		}
		if (file_fd >= 0)
			(void)close(file_fd);
	}
	return 0;
}

/* Execs that had become something else by the time the kernel loaded it. */
static size_t stopped(void)
{
	return traced_count(&t, TRACE_EXEC_MISMATCH) + traced_count(&t, TRACE_EXEC_REFUSED);
}

static void test_honest_execs_all_match(void **state)
{
	(void)state;
	prepare_programs();
	assert_exited(run_verified(execs_honestly, NULL, NULL), 0);
	assert_int_equal(stopped(), 0);
	assert_true(traced_count(&t, TRACE_EXEC) > HONEST_EXECS);
	traced_close(&t);
}

#define GOOD 0x646f6f67u /* the letters "good" */
#define EVIL 0x6c697665u /* "evil" */

/* Memory that both use: an argument and a variable, whose first word keeps changing. */
struct rewritten {
	struct {
		volatile uint32_t word;
		char rest[8];
	} argument;

	struct {
		char name[8];
		volatile uint32_t word;
		char rest[8];
	} variable;

	char *argv[3], *env[2];
	volatile bool stop;
};

static int rewrites(void *arg)
{
	struct rewritten *r = arg;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!r->stop) {
		r->argument.word = EVIL;
		r->argument.word = GOOD;
		r->variable.word = EVIL;
		r->variable.word = GOOD;
	}
	return 0;
}

static void *rewrites_thread(void *arg)
{
	(void)rewrites(arg);
	return NULL;
}

static pid_t exec_raced(const struct rewritten *r)
{
	const pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */

	if (pid != 0)
		return pid;
	(void)execve("raced", r->argv, r->env);
	_exit(99); /* refused: the gate saw "evil" */
}

/*
 * Execs again and again while a thread (or a process that shares the memory) keeps rewriting. The
 * program leaves a file named as its argument, and one named as its variable.
 */
static int execs_raced(bool by_thread)
{
	static struct rewritten r;
	pthread_t thread;
	static char stack[STACK_BYTES];
	pid_t sibling = -1;

	r = (struct rewritten){
		.argument = {GOOD, "-arg"},
		.variable = {{'L', 'D', '_', 'N', 'A', 'M', 'E', '='}, GOOD, "-env"}};
	r.argv[0] = (char[]){"raced"};
	r.argv[1] = (char *)&r.argument;
	r.env[0] = (char *)&r.variable;
	if (by_thread && pthread_create(&thread, NULL, rewrites_thread, &r) != 0)
		return 1;
	if (!by_thread)
		sibling = clone(rewrites, stack + STACK_BYTES, CLONE_VM | SIGCHLD, &r);
	for (unsigned i = 0; i < RACES; i++) {
		const pid_t pid = exec_raced(&r);

		if (waitpid(pid, NULL, 0) != pid)
			return 2;
	}
	r.stop = true;
	if (by_thread)
		(void)pthread_join(thread, NULL);
	else
		(void)waitpid(sibling, NULL, 0);
	return 0;
}

static int raced_by_thread(void *arg)
{
	(void)arg;
	return execs_raced(true);
}

static int raced_by_sibling(void *arg)
{
	(void)arg;
	return execs_raced(false);
}

/* Only what is good may run. */
static void deny_evil(struct fixture *f, const struct action *action, struct gate_answer *ret)
{
	const struct str_list *lists[2] = {&action->argv, &action->startup_env};

	(void)f;
	for (int i = 0; i < 2; i++)
		for (size_t j = 0; j < lists[i]->count; j++)
			if (strstr(lists[i]->items[j].at, "evil"))
				*ret = (struct gate_answer){.errno_value = EPERM};
}

/* Tries until both were seen, what ran and what was stopped: a busy machine may need more than one
 * go. */
static void expect_no_evil(int (*fn)(void *arg))
{
	size_t ran = 0;
	size_t held = 0; /* by the kernel, which had other strings than the gate: the race was on */

	for (unsigned go = 0; go < MOST_GOES && (ran == 0 || held == 0); go++) {
		assert_exited(run_verified(fn, NULL, deny_evil), 0);
		ran += traced_count(&t, TRACE_EXEC);
		held += stopped();
		print_message("%zu ran, %zu stopped, of %u\n", ran, held, (go + 1) * RACES);
		assert_true(access("evil-arg", F_OK) < 0 && access("evil-env", F_OK) < 0);
		traced_close(&t);
	}
	assert_true(ran > 0 && held > 0);
	assert_true(access("good-arg", F_OK) == 0 && access("good-env", F_OK) == 0);
}

static void test_rewritten_strings_never_run(void **state)
{
	(void)state;
	/* ":" redirected: the shell itself makes the files, without another exec. */
	write_file("raced.sh", ": > \"$2\"\n: > \"$LD_NAME\"\n", 0644);
	write_file("raced", "#!/bin/sh raced.sh\n", 0755);
	expect_no_evil(raced_by_thread);
	expect_no_evil(raced_by_sibling);
}

static int execs_once(void *arg)
{
	(void)arg;
	return exec_path("/usr/bin/true");
}

/* The child dies while its exec is being decided. */
static void kill_first(struct fixture *f, const struct action *action, struct gate_answer *ret)
{
	siginfo_t info;

	(void)action;
	(void)ret;
	(void)kill(f->child, SIGKILL);
	(void)waitid(P_PID, (id_t)f->child, &info, WEXITED | WNOWAIT);
}

static void test_approval_of_the_dead_is_taken_back(void **state)
{
	uint32_t tid;

	(void)state;
	assert_true(WIFSIGNALED(run_verified(execs_once, NULL, kill_first)));
	assert_int_equal(bpf_call_map_first(trace_map_fd(t.trace, TRACE_MAP_APPROVALS), &tid),
			 -ENOENT);
	traced_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_honest_execs_all_match),
		cmocka_unit_test(test_rewritten_strings_never_run),
		cmocka_unit_test(test_approval_of_the_dead_is_taken_back),
	};

	if (traced_is_skipped("exec_verified"))
		return 77;
	return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
