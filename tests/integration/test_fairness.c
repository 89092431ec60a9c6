/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One session makes as much work as it can; how much of it is done before another one's turn is
 * counted in that work, not in time.
 */

#include "tests/support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "monitor/trace/internal.h"
#include "tests/integration/session_fixture.h"
#include "tests/support/traced.h"

#define THREADS	    "24"
#define QUIET_CALLS 200u

/*
 * A gate goes on to its next call only while nobody else waits. A call that comes when the loop has
 * looked already is served in the turn after that.
 */
#define MOST_SERVED_BEFORE 4u
#define NO_END		   500000u

#define CONNECTS                                        \
	"import socket, sys, threading\n"               \
	"def work(times):\n"                            \
	"  s = socket.socket(type=socket.SOCK_DGRAM)\n" \
	"  while times:\n"                              \
	"    s.connect(('127.0.0.1', 9))\n"             \
	"    times -= 1\n"
#define FLOOD                                                          \
	"exec python3 -c \"" CONNECTS "for i in range(" THREADS "):\n" \
	"  threading.Thread(target=work, args=(-1,)).start()\""
#define QUIET "exec python3 -c \"" CONNECTS "work(200)\""

/* ---- two sessions ---- */

static struct {
	int known[64]; /* listeners that were there before the quiet session's */
	unsigned known_count;
	int quiet_fd;
	unsigned flood, quiet; /* calls served */
	unsigned flood_before; /* of them before the quiet session began */
	unsigned waited;       /* flooding calls served while one of the quiet is pending, now */
	unsigned waited_most;
} seen;

static bool is_known(int fd)
{
	for (unsigned i = 0; i < seen.known_count; i++) {
		if (seen.known[i] == fd)
			return true;
	}
	return false;
}

/* The lowest listener of ours that is not known; -1: none. */
static int find_listener(void)
{
	for (int fd = 3; fd < 256; fd++) {
		char path[32], target[64] = "";

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, target, sizeof(target) - 1) > 0 &&
		    strstr(target, "seccomp notify") && !is_known(fd))
			return fd;
	}
	return -1;
}

static bool is_pending(int listener_fd)
{
	struct pollfd p = {.fd = listener_fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

static bool is_connect(const char *line)
{
	return strstr(line, "\"kind\":\"net.connect\"") != NULL;
}

static void on_flood_line(struct run *run, const char *line)
{
	(void)run;
	if (!is_connect(line))
		return;
	if (++seen.flood > NO_END)
		fail_msg("%u calls of the flood, and nothing else had a turn", seen.flood);
	if (seen.quiet_fd < 0 && seen.known_count)
		seen.quiet_fd = find_listener();
	/* Before its first call its gate may not be there yet. */
	if (seen.quiet_fd < 0 || !seen.quiet || !is_pending(seen.quiet_fd)) {
		seen.waited = 0;
		return;
	}
	if (++seen.waited > seen.waited_most)
		seen.waited_most = seen.waited;
}

static void on_quiet_line(struct run *run, const char *line)
{
	(void)run;
	seen.waited = 0;
	seen.quiet += is_connect(line);
}

static struct run flood = {.policy = "{\"policy\":\"t\",\"version\":1}",
			   .scripts = {{.text = FLOOD}},
			   .on_line = on_flood_line};

static bool is_flooding(struct run *run)
{
	int fd;

	(void)run;
	if (seen.flood < 1000)
		return false;
	seen.flood_before = seen.flood;
	while ((fd = find_listener()) >= 0)
		seen.known[seen.known_count++] = fd;
	return true;
}

static bool end_flood(struct run *run)
{
	(void)run;
	session_kill_exec(agent_session_monitor(flood.agent), 1);
	return true;
}

static void test_a_flood_takes_its_share_only(void **state)
{
	struct run quiet = {.policy = flood.policy,
			    .scripts = {{QUIET, is_flooding}, {"exit 0", end_flood}},
			    .on_line = on_quiet_line};
	struct run *const runs[] = {&flood, &quiet};

	(void)state;
	seen.quiet_fd = -1;
	session_run(runs, 2, &(struct supervisor_config){.trace = TRACE_MODE_AUTO});
	assert_int_equal(quiet.outcomes[0].result.outcome, EXEC_EXITED);
	assert_int_equal(quiet.outcomes[0].result.status, 0);
	assert_int_equal(seen.quiet, QUIET_CALLS);
	(void)printf("a call waited for %u of %u others at most\n", seen.waited_most, seen.flood);
	/* Else it was no flood, or nobody had to wait. */
	assert_true(seen.flood - seen.flood_before > QUIET_CALLS);
	assert_in_range(seen.waited_most, 1, MOST_SERVED_BEFORE);
	session_run_done(&flood);
	session_run_done(&quiet);
}

/* ---- the trace ---- */

#define RING_BYTES ((size_t)64 << 10)

static struct traced traced;
static pid_t flooding_pid;
static unsigned handled;

/* Slower than the events come. */
static void slow_handler(void *ctx, const struct trace_event *event)
{
	(void)ctx;
	(void)event;
	(void)usleep(100);
	if (++handled == 10 * RING_BYTES / sizeof(struct trace_record))
		(void)kill(flooding_pid, SIGKILL);
}

static int opens_for_ever(void *arg)
{
	(void)arg;
	while (close(open("/dev/null", O_RDONLY | O_CLOEXEC)) == 0)
		;
	return 1;
}

/* One drain takes what is there, not also all that comes meanwhile. */
static void test_a_drain_ends(void **state)
{
	struct traced_child child;

	(void)state;
	assert_int_equal(traced_open(&traced, RING_BYTES), 0);
	traced.trace->handler = slow_handler;
	assert_int_equal(traced_start(&traced, opens_for_ever, NULL, &child), 0);
	flooding_pid = child.pid;
	traced_go(&child);
	while (handled < 1000) {
		const int taken = trace_drain(traced.trace);

		assert_in_range(taken, 0, RING_BYTES / sizeof(struct trace_record));
	}
	(void)kill(child.pid, SIGKILL);
	(void)traced_wait(&child);
	traced_close(&traced);
}

int main(void)
{
	const struct CMUnitTest of_any_user[] = {
		cmocka_unit_test(test_a_flood_takes_its_share_only)};
	const struct CMUnitTest of_the_trace[] = {cmocka_unit_test(test_a_drain_ends)};
	int r;

	if (session_set_up(NULL) < 0)
		return 1;
	r = cmocka_run_group_tests_name("gate", of_any_user, NULL, NULL);
	if (geteuid() == 0)
		r |= cmocka_run_group_tests_name("trace", of_the_trace, NULL, NULL);
	else
		(void)printf("skipped: the BPF trace needs root\n");
	return session_tear_down(NULL) == 0 ? r : 1;
}
