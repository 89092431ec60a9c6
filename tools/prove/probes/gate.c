/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate itself: made to wait, to lose its partner, to drown. After each assault the forbidden
 * program must still be refused; that answer is what the attempt returns.
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "tools/prove/probes/exec.h"

#define LONGEST_STORM_S 20

static int run_forbidden(const void *arg)
{
	const struct arena *a = arg;
	char path[PATH_BYTES];

	return exec_path(joined(path, a->bin, "forbidden"));
}

static int forbidden_now(const struct arena *a)
{
	const int r = in_other(run_forbidden, a);

	return r == FORBIDDEN_STATUS ? 0 : r;
}

static int permitted_now(const struct arena *a)
{
	char path[PATH_BYTES];
	const pid_t child = fork();
	int status = 0;

	if (!child)
		_exit(exec_path(joined(path, a->bin, "forbiddem")));
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return ATTEMPT_BROKEN;
	return WIFEXITED(status) && WEXITSTATUS(status) == PERMITTED_STATUS ? 0 : EIO;
}

/* Connects for ever to an address that the gate has to look at. */
_Noreturn static void keep_asking(void)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons(9),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	for (;;) {
		const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		(void)connect(socket_fd, (const struct sockaddr *)&to, sizeof(to));
		(void)close(socket_fd);
	}
}

/* Killed while a question of theirs is open. */
static int abandoned_questions(const struct arena *a)
{
	for (int i = 0; i < 200; i++) {
		const struct timespec pause = {.tv_nsec = 50000 + 7000 * (i % 50)};
		const pid_t child = fork();

		if (!child)
			keep_asking();
		(void)nanosleep(&pause, NULL);
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
	}
	return forbidden_now(a);
}

static int flood(const struct arena *a)
{
	pid_t children[16];
	int worst = EPERM;

	for (size_t i = 0; i < 16; i++) {
		children[i] = fork();
		if (!children[i])
			keep_asking();
	}
	for (int i = 0; i < 50; i++)
		if (forbidden_now(a) != EPERM)
			worst = 0;
	for (size_t i = 0; i < 16; i++) {
		(void)kill(children[i], SIGKILL);
		(void)waitpid(children[i], NULL, 0);
	}
	return worst;
}

/* Changes files as fast as can be: each is an event that the supervisor has to read. */
_Noreturn static void keep_changing(void)
{
	char one[PATH_BYTES];
	char other[PATH_BYTES];

	fresh_name(one, "/tmp", "one");
	fresh_name(other, "/tmp", "other");
	(void)create(one);
	for (;;) {
		(void)rename(one, other);
		(void)rename(other, one);
	}
}

/* Each answer waits for what was traced before it, in an emulator for 12 seconds. */
static int event_storm(const struct arena *a)
{
	const time_t start = time(NULL);
	pid_t children[4];
	int worst = EPERM;

	for (size_t i = 0; i < 4; i++) {
		children[i] = fork();
		if (!children[i])
			keep_changing();
	}
	for (int i = 0; i < 5 && time(NULL) < start + LONGEST_STORM_S; i++)
		if (forbidden_now(a) != EPERM)
			worst = 0;
	for (size_t i = 0; i < 4; i++) {
		(void)kill(children[i], SIGKILL);
		(void)waitpid(children[i], NULL, 0);
	}
	return worst;
}

static void nothing(int sig)
{
	(void)sig;
}

/* An exec that is interrupted again and again, with and without SA_RESTART. */
static int under_signals(const void *arg)
{
	const struct arena *a = arg;
	struct sigaction action = {.sa_handler = nothing};
	char path[PATH_BYTES];
	int r = EPERM;

	for (int i = 0; i < 200 && (r == EPERM || r == EINTR); i++) {
		action.sa_flags = i & 1 ? SA_RESTART : 0;
		(void)sigaction(SIGURG, &action, NULL);
		r = exec_path(joined(path, a->bin, "forbidden"));
	}
	return r == EINTR ? EPERM : r;
}

/* SIGURG: a program that gets one without having asked for it goes on. */
_Noreturn static void keep_signalling(pid_t whom)
{
	for (;;)
		(void)kill(whom, SIGURG);
}

static int signal_storm(const struct arena *a)
{
	const pid_t target = fork();
	pid_t storm;
	int status = 0;

	if (!target)
		_exit(under_signals(a));
	storm = fork();
	if (!storm)
		keep_signalling(target);
	if (target < 0 || storm < 0 || waitpid(target, &status, 0) < 0)
		return ATTEMPT_BROKEN;
	(void)kill(storm, SIGKILL);
	(void)waitpid(storm, NULL, 0);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : ATTEMPT_BROKEN;
	return status == FORBIDDEN_STATUS ? 0 : status;
}

static int exec_named(const void *path)
{
	return exec_path(path);
}

/* Opening a pipe's end waits for the other; the supervisor must not. */
static int exec_of_fifo(const struct arena *a)
{
	char path[PATH_BYTES];

	if (mkfifo(fresh_name(path, "/tmp", "fifo"), 0755) < 0)
		return ATTEMPT_BROKEN;
	return in_other(exec_named, path) == EACCES ? forbidden_now(a) : ATTEMPT_BROKEN;
}

/* A script whose first line never ends, and one that names a pipe. */
static int odd_scripts(const struct arena *a)
{
	char script[PATH_BYTES];
	char pipe_path[PATH_BYTES];
	FILE *file = fopen(fresh_name(script, "/tmp", "script"), "we");

	if (!file || mkfifo(fresh_name(pipe_path, "/tmp", "fifo"), 0755) < 0)
		return ATTEMPT_BROKEN;
	(void)fprintf(file, "#!%s", pipe_path);
	for (int i = 0; i < 100000; i++)
		(void)fputc(' ', file);
	(void)fclose(file);
	(void)chmod(script, 0755);
	return in_other(exec_named, script) ? forbidden_now(a) : 0;
}

/* More arguments than a supervisor would want to read. */
static int huge_arguments(const void *arg)
{
	static char text[1024];
	static char *argv[1500];
	const struct arena *a = arg;
	char path[PATH_BYTES];
	char *const env[] = {NULL};

	memset(text, 'x', sizeof(text) - 1);
	for (size_t i = 0; i < sizeof(argv) / sizeof(argv[0]) - 1; i++)
		argv[i] = text;
	(void)execve(joined(path, a->bin, "forbidden"), argv, env);
	return errno;
}

static int many_arguments(const struct arena *a)
{
	const int r = in_other(huge_arguments, a);

	if (r == FORBIDDEN_STATUS)
		return 0;
	return r == EPERM || r == E2BIG || r == EACCES ? forbidden_now(a) : r;
}

/* The path ends at the end of what is mapped, without a NUL. */
static int path_without_end(const struct arena *a)
{
	char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (two == MAP_FAILED || munmap(two + 4096, 4096) < 0)
		return ATTEMPT_BROKEN;
	memset(two, '/', 4096);
	return in_other(exec_named, two + 4000) == EFAULT ? forbidden_now(a) : ATTEMPT_BROKEN;
}

#define GATE "the gate goes on"

const struct row gate_rows[] = {
	ROW("gate.abandoned", "5,9", GATE, abandoned_questions, .twin = permitted_now,
	    .effect = EFFECT_RAN, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("gate.flood", "33", GATE, flood, .twin = permitted_now, .effect = EFFECT_RAN,
	    .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("gate.event-storm", "32,33", GATE, event_storm, .twin = permitted_now,
	    .effect = EFFECT_RAN, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("gate.signal-storm", "7", GATE, signal_storm, .twin = permitted_now,
	    .effect = EFFECT_RAN, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("gate.fifo", "8", GATE, exec_of_fifo, .twin = permitted_now, .effect = EFFECT_RAN,
	    .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("gate.odd-script", "8,33", GATE, odd_scripts, .twin = permitted_now,
	    .effect = EFFECT_RAN, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("gate.huge-argv", "33", GATE, many_arguments, .twin = permitted_now,
	    .effect = EFFECT_RAN, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("gate.endless-path", "4", GATE, path_without_end, .twin = permitted_now,
	    .effect = EFFECT_RAN, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	{0},
};
