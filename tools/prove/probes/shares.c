/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel counts by user, or for all users together: all of it is asked for. */
#include <linux/capability.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "tools/prove/probes/attempt.h"
#include "tools/prove/share.h"

#define MOST	  100000
#define TERMINALS 300
#define LITTLE	  4 /* what is left must be this at least */
#define IN_FLIGHT 200
#define FILES	  17000 /* open; a session may have 16384 in a process */

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

/* On their way through a socket, many at a time; those who may do anything are not counted. */
static int take_descriptor(void)
{
	static int ends[2] = {-1, -1};
	static const struct __user_cap_data_struct none[2];
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(IN_FLIGHT * sizeof(int))];
	} control = {.head = {.cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS,
			      .cmsg_len = CMSG_LEN(IN_FLIGHT * sizeof(int))}};
	struct iovec part = {.iov_base = (char[]){'x'}, .iov_len = 1};
	const struct msghdr message = {.msg_iov = &part,
				       .msg_iovlen = 1,
				       .msg_control = &control,
				       .msg_controllen = sizeof(control)};

	if (syscall(SYS_capset, &header, none) < 0)
		return errno;
	for (;;) {
		if (ends[0] < 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
			return errno;
		if (sendmsg(ends[0], &message, MSG_DONTWAIT) > 0) /* standard input, each time */
			return 0;
		if (errno != EAGAIN)
			return errno;
		ends[0] = -1; /* it is full, and stays open */
	}
}

SHARE(descriptor)
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

/* How many are open on the host, of all users, is bounded by this and the number of processes. */
static int many_files(const struct arena *a)
{
	struct rlimit limit = {0};
	int r = 0;

	(void)a;
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return ATTEMPT_BROKEN;
	for (unsigned i = 0; i < FILES && !r; i++)
		r = outcome(open("/dev/null", O_RDONLY | O_CLOEXEC));
	return r;
}

static int some_files(const struct arena *a)
{
	int r = 0;

	(void)a;
	for (unsigned i = 0; i < LITTLE && !r; i++)
		r = outcome(open("/dev/null", O_RDONLY | O_CLOEXEC));
	return r;
}

/* Who has it keeps all others waiting that lock the same file. */
static int lock_whole(const struct arena *a)
{
	char path[PATH_BYTES];
	const int file_fd = open(joined(path, a->work, "kept"), O_RDONLY | O_CLOEXEC);

	if (file_fd < 0)
		return ATTEMPT_BROKEN;
	return flock(file_fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
}

static int hold_whole(const struct arena *a)
{
	const int r = lock_whole(a);

	return r ? r : share_hold();
}

/* For writing, as flock(2) does not ask for: by who may open the file for it only. */
static int lock_part(const struct arena *a)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[PATH_BYTES];
	int file_fd = open(joined(path, a->bound, "file"), O_RDWR | O_CLOEXEC);

	if (file_fd < 0)
		file_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (file_fd < 0)
		return ATTEMPT_BROKEN;
	return fcntl(file_fd, F_SETLK, &all) < 0 ? errno : 0;
}

static int hold_part(const struct arena *a)
{
	const int r = lock_part(a);

	return r ? r : share_hold();
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
	ROW("share.descriptors-in-flight", "33", "id range", all_descriptors,
	    .left = descriptor_left, .effect = EFFECT_TAKEN, .control = CONTROL_HOST,
	    .flags = ROW_ROOT),
	ROW("share.open-files", "33", "rlimit", many_files, .twin = some_files, .expect = {EMFILE}),
	ROW("share.lock-cow", "33", "overlay", hold_whole, .left = lock_whole,
	    .effect = EFFECT_TAKEN, .control = CONTROL_HOST),
	ROW("share.lock-bind", "33", "read-only bind", hold_part, .left = lock_part,
	    .effect = EFFECT_TAKEN, .expect = {EBADF}, .control = CONTROL_HOST),
	ROW("share.terminals", "30,33", "size of the devpts", many_terminals,
	    .twin = some_terminals, .expect = {ENOSPC}, .control = CONTROL_BARE),
	ROW("share.crash-handler", "31", "rlimit; seccomp keeps it", dump_core,
	    .twin = die_of_a_signal, .expect = {ENOENT}, .control = CONTROL_HOST),
	{0},
};
