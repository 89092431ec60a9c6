/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tools/cordon/doctor/doctor.h"

const struct probe probes[] = {
	{"namespaces", "namespaces", true, probe_namespaces},
	{"overlay", "overlay in a session", true, probe_overlay},
	{"idmap", "idmapped mounts", true, probe_idmap},
	{"landlock", "Landlock", true, probe_landlock},
	{"no-new-privs", "no_new_privs", true, probe_no_new_privs},
	{"seccomp-notify", "seccomp gate", true, probe_notify},
	{"cgroups", "limits", false, probe_cgroups},
	{"btf", "kernel type data", true, probe_btf},
	{"trace", "trace (BPF)", true, probe_trace},
	{"io-uring", "io_uring", false, probe_io_uring},
	{"tiocsti", "terminal injection", false, probe_tiocsti},
	{"launcher", "launcher", true, probe_launcher},
	{"state", "state folder", true, probe_state},
	{"policies", "policies", true, probe_policies},
	{"session", "a default session", true, probe_session},
	{"lite", "isolation lite", false, probe_lite},
};
const size_t probe_count = sizeof(probes) / sizeof(probes[0]);

void probe_set(struct probe_result *ret, enum probe_state state, const char *detail, ...)
{
	va_list args;

	ret->state = state;
	ret->remedy[0] = '\0';
	va_start(args, detail);
	(void)vsnprintf(ret->detail, sizeof(ret->detail), detail, args);
	va_end(args);
}

void probe_remedy(struct probe_result *ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(ret->remedy, sizeof(ret->remedy), format, args);
	va_end(args);
}

/* The child's whole life. Its result is smaller than PIPE_BUF: one write carries all of it. */
static _Noreturn void child(void (*fn)(struct probe_result *ret), int report_fd)
{
	struct probe_result result = {.state = PROBE_MISSING};
	ssize_t n;

	(void)alarm(PROBE_TIMEOUT_MS / 1000);
	fn(&result);
	n = write(report_fd, &result, sizeof(result));
	_exit(n == (ssize_t)sizeof(result) ? 0 : 1);
}

/* True if the child's report came in time. */
static bool receive(int report_fd, struct probe_result *ret)
{
	struct pollfd pfd = {.fd = report_fd, .events = POLLIN};
	int r;

	do {
		r = poll(&pfd, 1, PROBE_TIMEOUT_MS);
	} while (r < 0 && errno == EINTR);
	return r == 1 && read(report_fd, ret, sizeof(*ret)) == (ssize_t)sizeof(*ret);
}

void probe_in_child(void (*fn)(struct probe_result *ret), struct probe_result *ret)
{
	_Static_assert(sizeof(struct probe_result) <= 4096, "one write into the pipe");
	_cleanup_close_ int read_fd = -1;
	int ends[2];
	int status = 0;
	bool reported;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		probe_set(ret, PROBE_MISSING, "pipe: %s", strerror(errno));
		return;
	}
	read_fd = ends[0];
	pid = fork();
	if (pid == 0)
		child(fn, ends[1]);
	(void)close(ends[1]);
	if (pid < 0) {
		probe_set(ret, PROBE_MISSING, "fork: %s", strerror(errno));
		return;
	}
	reported = receive(read_fd, ret);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!reported)
		probe_set(ret, PROBE_MISSING, "the probe did not answer within %d s or died",
			  PROBE_TIMEOUT_MS / 1000);
}
