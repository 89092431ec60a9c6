/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the trace costs: traced system calls against untraced ones in alternating runs, what a
 * process outside of any session pays, loading and attaching, and events a second. Medians. All of
 * it for each back end that the kernel takes; in an emulator (tests/vm) only ratios mean anything.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "monitor/trace/trace.h"

#include "common/cleanup.h"
#include "tests/support/slower.h"

#define RUNS	   21
#define CALLS	   rounds(20000)
#define EXECS	   rounds(200)
#define MOST_LOADS 15
#define FLOOD	   rounds(500000)

enum work {
	WORK_GETPPID,
	WORK_OPEN,
	WORK_EXEC
};

static double now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(values[0]), by_value);
	return values[count / 2];
}

static const char *backend;

static void row(const char *what, double value, const char *unit)
{
	(void)printf("%-10s %-47s %10.3f %s\n", backend, what, value, unit);
}

static void count_event(void *ctx, const struct trace_event *event)
{
	(void)event;
	(*(uint64_t *)ctx)++;
}

/* A process, its program and its end. */
static void start_program(void)
{
	char name[] = "true";
	char *const argv[] = {name, NULL};
	char *const envp[] = {NULL};
	pid_t pid;

	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, envp) == 0)
		(void)waitpid(pid, NULL, 0);
}

static void do_work(enum work work, unsigned calls)
{
	for (unsigned i = 0; i < calls; i++) {
		if (work == WORK_GETPPID) {
			(void)syscall(SYS_getppid);
		} else if (work == WORK_EXEC) {
			start_program();
		} else {
			const int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);

			if (fd >= 0)
				(void)close(fd);
		}
	}
}

struct worker {
	pid_t pid;
	int to_fd, from_fd;
};

/* A process that does a run of work for each byte and answers with microseconds a call. */
static void worker_start(struct worker *w)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		_exit(1);
	w->pid = fork();
	if (w->pid == 0) {
		unsigned char work;

		(void)close(to[1]);
		while (read(to[0], &work, 1) == 1) {
			const unsigned calls = work == WORK_EXEC ? EXECS : CALLS;
			const double start = now_us();
			double each;

			do_work(work, calls);
			each = (now_us() - start) / calls;
			(void)!write(from[1], &each, sizeof(each));
		}
		_exit(0);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	w->to_fd = to[1];
	w->from_fd = from[0];
}

static double worker_run(const struct worker *w, enum work work)
{
	const unsigned char byte = (unsigned char)work;
	double each = 0;

	(void)!write(w->to_fd, &byte, 1);
	(void)!read(w->from_fd, &each, sizeof(each));
	return each;
}

static void worker_stop(const struct worker *w)
{
	(void)close(w->to_fd);
	(void)close(w->from_fd);
	(void)waitpid(w->pid, NULL, 0);
}

static int tag(struct trace *trace, pid_t pid)
{
	_cleanup_close_ int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return trace_tag(trace, pid_fd, 0, 1);
}

/* Each round: nothing attached; attached but another's session; the traced process itself. */
static int bench_calls(enum work work, const char *name)
{
	double off[RUNS], beside[RUNS], traced[RUNS];
	struct worker plain, tagged;
	struct trace *trace = NULL;
	uint64_t events = 0;
	struct error err = {0};
	char what[80];

	if (trace_open(count_event, &events, &trace, &err) < 0) {
		(void)fprintf(stderr, "bench_trace: %s\n", err.text);
		return 1;
	}
	worker_start(&plain);
	worker_start(&tagged);
	for (int i = 0; i < RUNS; i++) {
		off[i] = worker_run(&plain, work);
		if (trace_session_add(trace, 0, &err) < 0 || tag(trace, tagged.pid) < 0)
			return 1;
		beside[i] = worker_run(&plain, work);
		traced[i] = worker_run(&tagged, work);
		(void)trace_drain(trace);
		trace_session_remove(trace, 0);
	}
	worker_stop(&tagged); /* first: it holds a copy of the other's pipe */
	worker_stop(&plain);
	trace_close(trace);
	(void)snprintf(what, sizeof(what), "%s, nothing attached", name);
	row(what, median(off, RUNS), "us");
	(void)snprintf(what, sizeof(what), "%s, beside somebody's session", name);
	row(what, median(beside, RUNS), "us");
	(void)snprintf(what, sizeof(what), "%s, traced", name);
	row(what, median(traced, RUNS), "us");
	(void)snprintf(what, sizeof(what), "%s, traced / nothing attached", name);
	row(what, median(traced, RUNS) / median(off, RUNS), "x");
	(void)snprintf(what, sizeof(what), "%s, beside / nothing attached", name);
	row(what, median(beside, RUNS) / median(off, RUNS), "x");
	return 0;
}

static int bench_start(void)
{
	double load[MOST_LOADS] = {0}, attach[MOST_LOADS] = {0}, end[MOST_LOADS] = {0};
	double first_load = 0, first_attach = 0;
	const int loads = slower() > 1 ? 3 : MOST_LOADS;
	struct error err = {0};
	uint64_t events = 0;

	for (int i = 0; i < loads; i++) {
		struct trace *trace = NULL;
		double at = now_us();

		if (trace_open(count_event, &events, &trace, &err) < 0)
			return 1;
		load[i] = (now_us() - at) / 1e3;
		at = now_us();
		if (trace_session_add(trace, 0, &err) < 0)
			return 1;
		attach[i] = (now_us() - at) / 1e3;
		at = now_us();
		trace_close(trace);
		end[i] = (now_us() - at) / 1e3;
		if (i == 0) {
			first_load = load[0];
			first_attach = attach[0];
		}
	}
	row("load, first", first_load, "ms");
	row("load, repeated", median(load, (size_t)loads), "ms");
	row("attach, first", first_attach, "ms");
	row("attach, repeated", median(attach, (size_t)loads), "ms");
	row("attach, repeated, worst", attach[loads - 1], "ms");
	row("detach and unload", median(end, (size_t)loads), "ms");
	return 0;
}

/* One process opens as fast as it can, we drain every 5 ms as the supervisor does. */
static int bench_flood(void)
{
	struct trace_counts counts = {0};
	struct trace *trace = NULL;
	struct error err = {0};
	uint64_t events = 0;
	int go[2], status = 0;
	double start, took;
	char byte = 0;
	pid_t pid;

	if (trace_open(count_event, &events, &trace, &err) < 0 ||
	    trace_session_add(trace, 0, &err) < 0 || pipe2(go, O_CLOEXEC) < 0)
		return 1;
	pid = fork();
	if (pid == 0) {
		(void)!read(go[0], &byte, 1);
		do_work(WORK_OPEN, FLOOD);
		_exit(0);
	}
	if (tag(trace, pid) < 0)
		return 1;
	start = now_us();
	(void)!write(go[1], &byte, 1);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		(void)trace_drain(trace);
		(void)usleep(5000);
	}
	(void)trace_drain(trace);
	took = now_us() - start;
	(void)trace_session_counts(trace, 0, &counts);
	trace_close(trace);
	row("events a second, one process", (double)counts.emitted / took * 1e3, "thousand/s");
	row("lost of them", (double)counts.lost, "events");
	return counts.emitted == counts.consumed + counts.lost ? 0 : 1;
}

/* Can the kernel have it? */
static bool is_taken(void)
{
	struct trace *trace = NULL;
	struct error err = {0};
	uint64_t events = 0;

	(void)setenv("CORDON_TRACE_BACKEND", backend, 1); /* NOLINT(concurrency-mt-unsafe) */
	if (trace_open(count_event, &events, &trace, &err) < 0) {
		(void)printf("%-10s not here: %s\n", backend, err.text);
		return false;
	}
	trace_close(trace);
	return true;
}

int main(void)
{
	static const char *const backends[] = {"tracepoint", "lsm"};
	int taken = 0;

	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		backend = backends[i];
		if (!is_taken())
			continue;
		taken++;
		if (bench_start() || bench_calls(WORK_GETPPID, "getppid") ||
		    bench_calls(WORK_OPEN, "open+close") ||
		    bench_calls(WORK_EXEC, "fork+exec+exit") || bench_flood())
			return 1;
	}
	return taken ? 0 : 1;
}
