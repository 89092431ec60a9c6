/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many sessions in one supervisor: what a call in a live one costs against fork+exec of the same,
 * then how the supervisor's memory and the time to open a session grow with their number.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "common/cleanup.h"
#include "tests/bench/samples.h"
#include "tools/toolkit/agent_session.h"

enum {
	SESSIONS = 1000,
	QUICK_SESSIONS = 8,
	GROUPS = 8, /* samples of memory and time, each over a group of sessions */
	CALLS = 300,
	QUICK_CALLS = 8
};

static char true_path[] = "/usr/bin/true";
static char *const true_argv[] = {true_path, NULL};

struct bench {
	uv_loop_t loop;
	struct session_options options;
	struct supervisor *supervisor;
	struct agent_session *sessions[1 + SESSIONS]; /* the first is for the calls */
	size_t wanted; /* sessions beside the first, a multiple of GROUPS */
	size_t open;
	size_t calls; /* in the first session */
	size_t called;
	double started_us;
	double group_us;
	double group_kib;
	double call_us[CALLS], spawn_us[CALLS];
	double session_kib[GROUPS], session_ms[GROUPS];
	int null_fd;
};

static void stop(const char *what, const struct error *err)
{
	(void)fprintf(stderr, "bench_session: %s: %s\n", what, err ? err->text : strerror(errno));
	exit(1); /* the sessions die with their control sockets */
}

static double resident_kib(void)
{
	unsigned long size = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file || fscanf(file, "%lu %lu", &size, &resident) != 2) /* NOLINT(cert-err34-c) */
		stop("/proc/self/statm", NULL);
	(void)fclose(file);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static double spawn_true(void)
{
	const double start = clock_us();
	int status = 0;
	pid_t pid;

	if (posix_spawn(&pid, true_argv[0], NULL, NULL, true_argv, environ) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		stop("starting true", NULL);
	return clock_us() - start;
}

static void open_session(struct bench *bench);

/* Each session is opened, makes a call, and stays. */
static void next_session(struct bench *bench)
{
	const size_t size = bench->wanted / GROUPS;
	const size_t group = bench->open / size; /* open: without this one, with the first */

	bench->open++;
	if (bench->open > 1 && (bench->open - 1) % size == 0) {
		bench->session_ms[group - 1] = (clock_us() - bench->group_us) / 1e3 / (double)size;
		bench->session_kib[group - 1] = (resident_kib() - bench->group_kib) / (double)size;
	}
	if ((bench->open - 1) % size == 0) {
		bench->group_kib = resident_kib();
		bench->group_us = clock_us();
	}
	if (bench->open <= bench->wanted) {
		open_session(bench);
		return;
	}
	for (size_t i = 0; i < bench->open; i++)
		agent_session_end(bench->sessions[i]);
}

static void start_call(struct bench *bench);

static void on_ended(void *ctx, uint32_t exec_id, const struct exec_result *result)
{
	struct bench *bench = ctx;

	(void)exec_id;
	if (result->outcome != EXEC_EXITED || result->status != 0) {
		(void)fprintf(stderr, "bench_session: true ended with %d: %s\n", result->status,
			      result->error);
		exit(1);
	}
	if (bench->called < bench->calls) {
		bench->call_us[bench->called] = clock_us() - bench->started_us;
		bench->spawn_us[bench->called++] = spawn_true();
	}
	if (bench->called < bench->calls)
		start_call(bench);
	else
		next_session(bench);
}

static const struct exec_ops exec_ops = {.ended = on_ended};

static void start_call(struct bench *bench)
{
	const struct exec_request request = {
		.call_id = "c1",
		.tool = "bench",
		.argv = (const char *const *)true_argv,
		.stdio_fds = {bench->null_fd, bench->null_fd, bench->null_fd},
	};
	struct agent_session *agent = bench->sessions[bench->open];
	struct error err = {0};
	uint32_t exec_id;

	bench->started_us = clock_us();
	if (session_exec(agent_session_monitor(agent), &request, &exec_ops, bench, &exec_id, &err) <
	    0)
		stop("a call", &err);
}

static void on_ready(void *ctx)
{
	start_call(ctx);
}

static void on_closed(void *ctx, const struct error *err)
{
	struct bench *bench = ctx;

	if (err)
		stop("a session", err);
	if (--bench->open == 0)
		supervisor_free(bench->supervisor);
}

static const struct agent_session_ops agent_ops = {.ready = on_ready, .closed = on_closed};

static void open_session(struct bench *bench)
{
	struct error err = {0};

	if (agent_session_open(bench->supervisor, &bench->options, &agent_ops, bench,
			       &bench->sessions[bench->open], &err) < 0)
		stop("opening a session", &err);
}

int main(void)
{
	static const char *policies[] = {BENCH_POLICIES};
	static struct bench bench;
	struct policy *policy = NULL;
	struct error err = {0};

	bench.options = (struct session_options){
		.empty_workspace = true,
		.policies = policies,
		.policy_count = 1,
		.trace = geteuid() == 0 ? TRACE_MODE_ON : TRACE_MODE_AUTO,
		.discard = true,
	};
	bench.wanted = is_quick() ? QUICK_SESSIONS : SESSIONS;
	bench.calls = is_quick() ? QUICK_CALLS : CALLS;
	bench.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	(void)uv_loop_init(&bench.loop);
	if (load_policies(&bench.options, &policy, &err) < 0)
		stop("start", &err);
	bench.options.policy = policy;
	if (start_supervisor(&bench.options, &bench.loop, &bench.supervisor, &err) < 0)
		stop("start", &err);
	open_session(&bench);
	(void)uv_run(&bench.loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&bench.loop);
	(void)policy_free(policy);
	(void)close(bench.null_fd);

	samples_row("call in a live session: true", "us", bench.call_us, "bare", bench.spawn_us,
		    bench.calls);
	samples_row("memory of a session in its supervisor", "KiB", bench.session_kib, NULL, NULL,
		    GROUPS);
	samples_row("opening one more session, with a call", "ms", bench.session_ms, NULL, NULL,
		    GROUPS);
	return 0;
}
