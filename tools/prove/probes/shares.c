/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel counts by user, or for all users together: all of it is asked for. */
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "tools/prove/probes/attempt.h"
#include "tools/prove/share.h"

#define MOST	  100000
#define TERMINALS 300
#define LITTLE	  4 /* what is left must be this at least */

/* Takes until it gets no more. Return: 0 and all is held, until somebody has looked. */
static int take_all(int (*take)(void))
{
	unsigned count = 0;

	while (count < MOST && take() == 0)
		count++;
	return count ? share_hold() : ATTEMPT_BROKEN;
}

static int take_little(int (*take)(void))
{
	int r = 0;

	for (unsigned i = 0; i < LITTLE && !r; i++)
		r = take();
	return r;
}

static int take_signal(void)
{
	sigset_t queued;

	(void)sigemptyset(&queued);
	(void)sigaddset(&queued, SIGRTMIN);
	(void)sigprocmask(SIG_BLOCK, &queued, NULL);
	/* To this very thread: another one would take it. */
	return pthread_sigqueue(pthread_self(), SIGRTMIN, (union sigval){0});
}

static int take_timer(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
	timer_t timer;

	return outcome(timer_create(CLOCK_MONOTONIC, &event, &timer));
}

static int take_watch(void)
{
	return outcome(inotify_init1(IN_CLOEXEC));
}

/* Without a name already, and there as long as somebody has it open. */
static int take_queue(void)
{
	static unsigned made;
	struct mq_attr size = {.mq_maxmsg = 10, .mq_msgsize = 2048};
	char name[64];
	mqd_t queue;

	(void)snprintf(name, sizeof(name), "/cordon-prove-%d-%u", getpid(), made++);
	queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &size);
	(void)mq_unlink(name);
	return outcome(queue);
}

#define SHARE(_name)                                     \
	static int all_##_name##s(const struct arena *a) \
	{                                                \
		(void)a;                                 \
		return take_all(take_##_name);           \
	}                                                \
	static int _name##_left(const struct arena *a)   \
	{                                                \
		(void)a;                                 \
		return take_little(take_##_name);        \
	}

SHARE(signal)
SHARE(timer)
SHARE(watch)
SHARE(queue)

static int take_terminal(void)
{
	return outcome(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
}

/* They are of all users together (pty(7)): what is not for one session is for the others. */
static int many_terminals(const struct arena *a)
{
	int r = 0;

	(void)a;
	for (unsigned i = 0; i < TERMINALS && !r; i++)
		r = take_terminal();
	return r;
}

static int some_terminals(const struct arena *a)
{
	(void)a;
	return take_little(take_terminal);
}

static int crash(const void *arg)
{
	struct rlimit core = {0};

	(void)arg;
	(void)getrlimit(RLIMIT_CORE, &core);
	core.rlim_cur = core.rlim_max;
	(void)setrlimit(RLIMIT_CORE, &core);
	(void)signal(SIGABRT, SIG_DFL);
	abort();
}

/* core(5): to a file in the folder it is in, or to a program that the host starts as root. */
static int dump_core(const struct arena *a)
{
	const char *folder = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe) */
	int status = 0;
	pid_t child;

	(void)a;
	if (chdir(folder ? folder : "/tmp") < 0)
		return ATTEMPT_BROKEN;
	child = fork();
	if (child == 0)
		_exit(crash(NULL));
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
		return ATTEMPT_BROKEN;
	return WCOREDUMP(status) ? 0 : ENOENT;
}

static int die_of_a_signal(const struct arena *a)
{
	const int r = in_other(crash, NULL);

	(void)a;
	return r == 128 + SIGABRT ? 0 : ATTEMPT_BROKEN;
}

#define SHARE_ROW(_id, _wall, _name)                                         \
	ROW("share." _id, "33", _wall, all_##_name##s, .left = _name##_left, \
	    .effect = EFFECT_TAKEN, .control = CONTROL_HOST)

const struct row share_rows[] = {
	SHARE_ROW("signals", "rlimit", signal),
	SHARE_ROW("timers", "rlimit", timer),
	SHARE_ROW("inotify", "limit of the user namespace", watch),
	SHARE_ROW("message-queues", "rlimit", queue),
	ROW("share.terminals", "30,33", "size of the devpts", many_terminals,
	    .twin = some_terminals, .expect = {ENOSPC}, .control = CONTROL_BARE),
	ROW("share.crash-handler", "31", "rlimit; seccomp keeps it", dump_core,
	    .twin = die_of_a_signal, .expect = {ENOENT}, .control = CONTROL_HOST),
	{0},
};
