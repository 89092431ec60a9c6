/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/filter_ask.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/filter.h"

/* Data of a trap: si_errno has 16 bits. Errno values stand for themselves. */
#define DATA_ALLOW  0xffffu
#define DATA_NOTIFY 0xfffeu
#define DATA_KILL   0xfffdu

#define MAX_CODE 4096u

/* Shared with the child. Its last act is to set done: it has no system call left to tell by. */
struct asking {
	volatile size_t done;
	struct filter_question questions[];
};

static sigjmp_buf back;
static volatile int trapped_data;

/*
 * Even the return from a signal handler is a system call, and traps; hence the jump. SA_NODEFER
 * leaves nothing to be restored.
 */
static void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)context;
	/* uprobe and uretprobe never come to a filter (6.14); out of place they are SIGILL. */
	trapped_data = sig == SIGSYS ? info->si_errno : (int)DATA_ALLOW;
	siglongjmp(back, 1);
}

static uint32_t trap_for(uint32_t answer)
{
	switch (answer & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		return SECCOMP_RET_TRAP | DATA_ALLOW;
	case SECCOMP_RET_USER_NOTIF:
		return SECCOMP_RET_TRAP | DATA_NOTIFY;
	case SECCOMP_RET_KILL_PROCESS:
	case SECCOMP_RET_KILL_THREAD:
		return SECCOMP_RET_TRAP | DATA_KILL;
	case SECCOMP_RET_ERRNO:
		return SECCOMP_RET_TRAP | (answer & SECCOMP_RET_DATA);
	default:
		return SECCOMP_RET_KILL_PROCESS; /* no answer that the filter should know */
	}
}

static int load_trapping(bool gated)
{
	static struct sock_filter code[MAX_CODE];
	const struct sock_filter *from = gated ? filter_gated_code : filter_plain_code;
	const unsigned short len = gated ? filter_gated_code_len : filter_plain_code_len;
	const struct sock_fprog program = {.len = len, .filter = code};
	const struct sigaction action = {.sa_sigaction = on_trap,
					 .sa_flags = SA_SIGINFO | SA_NODEFER};

	if (len > MAX_CODE)
		return -E2BIG;
	memcpy(code, from, len * sizeof(code[0]));
	for (unsigned i = 0; i < len; i++)
		if (code[i].code == (BPF_RET | BPF_K))
			code[i].k = trap_for(code[i].k);
	if (sigaction(SIGSYS, &action, NULL) < 0 || sigaction(SIGILL, &action, NULL) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return -errno;
	return 0;
}

static void note(struct filter_question *q, int data)
{
	q->verdict = data == (int)DATA_ALLOW	? FILTER_ALLOWS
		     : data == (int)DATA_NOTIFY ? FILTER_NOTIFIES
		     : data == (int)DATA_KILL	? FILTER_KILLS
						: FILTER_ERRNO;
	q->errno_value = q->verdict == FILTER_ERRNO ? data : 0;
}

_Noreturn static void ask_all(bool gated, struct asking *asking, size_t count)
{
	static volatile size_t i;

	if (load_trapping(gated) < 0)
		_exit(1);
	for (i = 0; i < count; i++) {
		const struct filter_question *q = &asking->questions[i];

		trapped_data = (int)DATA_ALLOW; /* it returns: nobody stopped it */
		if (sigsetjmp(back, 0) == 0)
			(void)syscall((long)q->nr, q->args[0], q->args[1], q->args[2], q->args[3],
				      q->args[4], q->args[5]);
		note(&asking->questions[i], trapped_data);
		asking->done = i + 1;
	}
	for (;;)
		; /* until it is killed */
}

/* The child cannot tell that it is done; nor may one that died be waited for in vain. */
static int watch(const struct asking *asking, size_t count, pid_t child)
{
	int status = 0;

	while (asking->done < count) {
		if (waitpid(child, &status, WNOHANG) == child)
			return -ECHILD;
		(void)usleep(200);
	}
	(void)kill(child, SIGKILL);
	(void)waitpid(child, &status, 0);
	return 0;
}

int filter_ask(bool gated, struct filter_question *questions, size_t count)
{
	const size_t size = sizeof(struct asking) + count * sizeof(questions[0]);
	struct asking *asking =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;
	int r;

	if (asking == MAP_FAILED)
		return -errno;
	memcpy(asking->questions, questions, count * sizeof(questions[0]));
	child = fork();
	if (child == 0)
		ask_all(gated, asking, count);
	r = child < 0 ? -errno : watch(asking, count, child);
	memcpy(questions, asking->questions, count * sizeof(questions[0]));
	(void)munmap(asking, size);
	return r;
}
