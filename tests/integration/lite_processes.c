/* SPDX-License-Identifier: Apache-2.0 */
/* Other processes, IPC objects, and outliving the call. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/integration/lite_attacks.h"
#include "tests/support/number.h"

static pid_t pid_of(char **a)
{
	return (pid_t)number(a[0]);
}

static long try_kill(char **a)
{
	return kill(pid_of(a), (int)number(a[1]));
}

static long try_queue(char **a)
{
	return sigqueue(pid_of(a), (int)number(a[1]), (union sigval){0});
}

static long try_pidfd(char **a)
{
	const int fd = (int)syscall(SYS_pidfd_open, pid_of(a), 0);

	return fd < 0 ? -1 : syscall(SYS_pidfd_send_signal, fd, (int)number(a[1]), NULL, 0);
}

/* The kernel sends it when there is something to read. */
static long try_sigio(char **a)
{
	int ends[2];

	if (pipe(ends) < 0 || fcntl(ends[0], F_SETOWN, pid_of(a)) < 0 ||
	    fcntl(ends[0], F_SETFL, O_ASYNC) < 0)
		return -1;
	return write(ends[1], "x", 1);
}

static long try_ptrace(char **a)
{
	return ptrace(PTRACE_SEIZE, pid_of(a), NULL, NULL);
}

static long try_proc(char **a)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%s/%s", a[0], a[1]);
	return open(path, O_RDONLY);
}

static long try_vm(char **a)
{
	char byte;
	const struct iovec to = {&byte, 1};

	/* Nothing is there; EFAULT comes after the question who asks. */
	if (process_vm_readv(pid_of(a), &to, 1, &(struct iovec){NULL, 1}, 1, 0) < 0 &&
	    errno == EFAULT)
		return 0;
	return -1;
}

static long try_prlimit(char **a)
{
	const struct rlimit limit = {1000, 1000};

	return syscall(SYS_prlimit64, pid_of(a), RLIMIT_CPU, &limit, NULL);
}

static long try_priority(char **a)
{
	return setpriority((__priority_which_t)number(a[1]), (id_t)pid_of(a), 19);
}

static long try_ioprio(char **a)
{
	return syscall(SYS_ioprio_set, (int)number(a[1]), pid_of(a), 3 << 13);
}

static long try_affinity(char **a)
{
	const unsigned long mask = 1;

	return syscall(SYS_sched_setaffinity, pid_of(a), sizeof(mask), &mask);
}

static long try_scheduler(char **a)
{
	const struct sched_param param = {0};

	return sched_setscheduler(pid_of(a), SCHED_BATCH, &param);
}

static long try_shm(char **a)
{
	return (intptr_t)shmat((int)number(a[0]), NULL, 0) == -1 ? -1 : 0;
}

static long try_mq(char **a)
{
	return mq_open(a[0], O_WRONLY);
}

static void stay(void)
{
	for (;;)
		(void)pause();
}

/* A daemon as the book has it, with a child of its own in another session. */
static long try_daemon(char **a)
{
	(void)a;
	if (fork())
		return 0;
	(void)setsid();
	if (fork())
		_exit(0);
	(void)prctl(PR_SET_PDEATHSIG, 0);
	if (!fork()) {
		(void)setsid();
		(void)signal(SIGTERM, SIG_IGN);
	}
	(void)close(1);
	(void)close(2);
	stay();
	return 0;
}

/*
 * Never the same process for long: each leaves a child behind. Where no more may be made it waits a
 * little, so that it is not a flood of events as well, after which the session would rightly begin
 * nothing more.
 */
static long try_roll(char **a)
{
	for (long n = number(a[0]); n > 0; n--)
		if (!fork()) {
			(void)setsid();
			(void)close(1);
			(void)close(2);
			for (;;) {
				const pid_t child = fork();

				if (child > 0)
					_exit(0);
				if (child < 0)
					(void)usleep(1000);
			}
		}
	return 0;
}

static long try_bomb(char **a)
{
	(void)a;
	if (fork())
		return 0;
	(void)close(1);
	(void)close(2);
	for (;;)
		(void)fork();
}

const struct lite_attempt process_attempts[] = {
	{"kill", 2, try_kill},
	{"queue", 2, try_queue},
	{"pidfd", 2, try_pidfd},
	{"sigio", 1, try_sigio},
	{"ptrace", 1, try_ptrace},
	{"proc", 2, try_proc},
	{"vm", 1, try_vm},
	{"prlimit", 1, try_prlimit},
	{"priority", 2, try_priority},
	{"ioprio", 2, try_ioprio},
	{"affinity", 1, try_affinity},
	{"scheduler", 1, try_scheduler},
	{"shm", 1, try_shm},
	{"mq", 1, try_mq},
	{"daemon", 0, try_daemon},
	{"roll", 1, try_roll},
	{"bomb", 0, try_bomb},
	{0},
};
