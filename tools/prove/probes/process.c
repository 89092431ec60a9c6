/* SPDX-License-Identifier: Apache-2.0 */
/* Other processes: of the host, of the session, ours; and outliving the call. */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "tools/prove/probes/attempt.h"

static int kill_victim(const struct arena *a)
{
	return outcome(kill(a->victim, SIGKILL));
}

static int stop_victim_by_pidfd(const struct arena *a)
{
	const long victim_fd = syscall(SYS_pidfd_open, a->victim, 0);
	int r = errno;

	if (victim_fd < 0)
		return r;
	r = outcome(syscall(SYS_pidfd_send_signal, victim_fd, SIGSTOP, NULL, 0));
	(void)close((int)victim_fd);
	return r;
}

static int kill_victim_by_thread(const struct arena *a)
{
	return outcome(syscall(SYS_tgkill, a->victim, a->victim, SIGKILL));
}

static int signal_leaf(const struct arena *a)
{
	(void)a;
	return outcome(kill(1, SIGTERM));
}

static int wait_forever(const void *arg)
{
	(void)arg;
	for (;;)
		(void)pause();
	return 0;
}

static int signal_own_child(const struct arena *a)
{
	const pid_t child = fork();

	(void)a;
	if (child < 0)
		return ATTEMPT_BROKEN;
	if (!child)
		_exit(wait_forever(NULL));
	if (kill(child, SIGKILL) < 0)
		return errno;
	return outcome(waitpid(child, NULL, 0));
}

/* What a thief would open of pid 1, who holds the control socket of the session's init. */
static int open_of_leaf(const char *what, int flags)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/1/%s", what);
	return closed(open(path, flags | O_CLOEXEC));
}

static int leaf_memory(const struct arena *a)
{
	(void)a;
	return open_of_leaf("mem", O_RDWR);
}

static int leaf_descriptors(const struct arena *a)
{
	(void)a;
	return open_of_leaf("fd", O_RDONLY | O_DIRECTORY) == 0 ? 0 : open_of_leaf("fd/0", O_RDWR);
}

static int leaf_namespaces(const struct arena *a)
{
	(void)a;
	return open_of_leaf("ns/mnt", O_RDONLY);
}

static int leaf_program(const struct arena *a)
{
	(void)a;
	return open_of_leaf("exe", O_RDONLY);
}

static int leaf_environment(const struct arena *a)
{
	(void)a;
	return open_of_leaf("environ", O_RDONLY);
}

/* Whatever gets hold of the leaf would have these; it shows them to everybody. */
static int leaf_capabilities(const struct arena *a)
{
	char text[4096] = "";
	const int status_fd = open("/proc/1/status", O_RDONLY | O_CLOEXEC);
	const ssize_t n = status_fd < 0 ? -1 : read(status_fd, text, sizeof(text) - 1);
	static const char *const sets[] = {"CapInh:\t", "CapPrm:\t", "CapEff:\t", "CapAmb:\t"};

	(void)a;
	(void)close(status_fd);
	for (size_t i = 0; n > 0 && i < sizeof(sets) / sizeof(sets[0]); i++) {
		const char *at = strstr(text, sets[i]);

		if (!at)
			return ATTEMPT_BROKEN;
		if (strtoull(at + strlen(sets[i]), NULL, 16))
			return 0;
	}
	return n > 0 ? EPERM : ATTEMPT_BROKEN;
}

static int own_memory(const struct arena *a)
{
	(void)a;
	return closed(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
}

static int own_descriptors(const struct arena *a)
{
	(void)a;
	return closed(open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* A child that lets anybody look at it, and three ways to do so. */
static int with_child(int (*fn)(pid_t child))
{
	const pid_t child = fork();
	int r;

	if (child < 0)
		return ATTEMPT_BROKEN;
	if (!child)
		_exit(wait_forever(NULL));
	r = fn(child);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	return r;
}

static int attach_to(pid_t child)
{
	if (ptrace(PTRACE_SEIZE, child, 0, 0) < 0)
		return errno;
	return 0;
}

static int read_from(pid_t child)
{
	char byte = 0;
	char taken = 0;
	struct iovec to = {&taken, 1};
	struct iovec from = {&byte, 1};

	return outcome(process_vm_readv(child, &to, 1, &from, 1, 0));
}

static int write_to(pid_t child)
{
	char byte = 0;
	struct iovec from = {&byte, 1};

	return outcome(process_vm_writev(child, &from, 1, &from, 1, 0));
}

static int steal_from(pid_t child)
{
	const long child_fd = syscall(SYS_pidfd_open, child, 0);
	int r;

	if (child_fd < 0)
		return ATTEMPT_BROKEN;
	r = closed((int)syscall(SYS_pidfd_getfd, child_fd, 0, 0));
	(void)close((int)child_fd);
	return r;
}

static int trace_sibling(const struct arena *a)
{
	(void)a;
	return with_child(attach_to);
}

static int read_sibling(const struct arena *a)
{
	(void)a;
	return with_child(read_from);
}

static int write_sibling(const struct arena *a)
{
	(void)a;
	return with_child(write_to);
}

static int steal_descriptor(const struct arena *a)
{
	(void)a;
	return with_child(steal_from);
}

/* Twice forked, in a session of its own, deaf to all signals that can be ignored. */
static void become_daemon(void)
{
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_IGN);
	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, 0);
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (fork() != 0)
		_exit(0);
	(void)close_range(0, ~0u, 0);
	for (unsigned left = 600; left;)
		left = sleep(left);
	_exit(0);
}

static int daemonize(const struct arena *a)
{
	const pid_t child = fork();

	(void)a;
	if (child < 0)
		return errno;
	if (!child)
		become_daemon();
	return outcome(waitpid(child, NULL, 0));
}

/* The daemon stands; then the runner kills the supervisor, which must take all of us with it. */
static int outlive_supervisor(const struct arena *a)
{
	if (daemonize(a) != 0)
		return ATTEMPT_BROKEN;
	(void)!write(STDOUT_FILENO, "@@ kill the supervisor\n", 23);
	(void)sleep(600);
	return 0;
}

/* A parent of another thread group, CLONE_PARENT: the child is L's, not ours. */
static int child_of_the_leaf(const struct arena *a)
{
	const long child = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0);

	(void)a;
	if (child < 0)
		return errno;
	if (!child)
		become_daemon();
	return 0;
}

#define OWN_PIDS "pid namespace of the call"
#define SHUT	 "init not dumpable"

const struct row process_rows[] = {
	ROW("process.kill-host", "11", "pid namespace of the session", kill_victim,
	    .twin = signal_own_child, .effect = EFFECT_VICTIM, .expect = {ESRCH, EPERM},
	    .control = CONTROL_HOST),
	ROW("process.kill-host-thread", "11", "pid namespace of the session", kill_victim_by_thread,
	    .effect = EFFECT_VICTIM, .expect = {ESRCH, EPERM}, .control = CONTROL_HOST),
	ROW("process.stop-host-pidfd", "11", "pid namespace of the session", stop_victim_by_pidfd,
	    .effect = EFFECT_VICTIM, .expect = {ESRCH, EPERM, EINVAL}, .control = CONTROL_HOST),
	ROW("process.signal-leaf", "11", "Landlock signal scope", signal_leaf,
	    .twin = signal_own_child, .expect = {EPERM}, .flags = ROW_SIGNAL_SCOPE),
	ROW("process.leaf-memory", "21", SHUT, leaf_memory, .twin = own_memory,
	    .expect = {EACCES, EPERM}),
	ROW("process.leaf-descriptors", "11,21", SHUT, leaf_descriptors, .twin = own_descriptors,
	    .expect = {EACCES, EPERM}),
	ROW("process.leaf-namespaces", "23", SHUT, leaf_namespaces, .twin = own_descriptors,
	    .expect = {EACCES, EPERM}),
	ROW("process.leaf-program", "22", SHUT, leaf_program, .twin = own_descriptors,
	    .expect = {EACCES, EPERM}),
	ROW("process.leaf-environment", "21", SHUT, leaf_environment, .twin = own_descriptors,
	    .expect = {EACCES, EPERM}),
	ROW("process.leaf-capabilities", "23", "no capabilities", leaf_capabilities,
	    .expect = {EPERM}, .control = CONTROL_BARE),
	ROW("process.ptrace", "21", "seccomp", trace_sibling, .expect = {EPERM},
	    .control = CONTROL_BARE),
	ROW("process.vm-read", "21", "seccomp", read_sibling, .expect = {EPERM},
	    .control = CONTROL_BARE),
	ROW("process.vm-write", "21", "seccomp", write_sibling, .expect = {EPERM},
	    .control = CONTROL_BARE),
	ROW("process.pidfd-getfd", "21,25", "seccomp", steal_descriptor, .expect = {EPERM},
	    .control = CONTROL_BARE),
	ROW("process.daemon", "11", OWN_PIDS, daemonize, .effect = EFFECT_SURVIVOR,
	    .control = CONTROL_HOST),
	ROW("process.clone-parent", "11", OWN_PIDS, child_of_the_leaf, .effect = EFFECT_SURVIVOR,
	    .control = CONTROL_HOST),
	ROW("process.orphan", "10,11", "keeper and init die with it", outlive_supervisor,
	    .effect = EFFECT_SURVIVOR, .control = CONTROL_HOST, .flags = ROW_ORPHAN | ROW_ONCE),
	{0},
};
