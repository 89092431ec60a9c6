/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What test_lite.py tries inside a session of isolation lite, and outside as the control:
 *
 *	lite_attacks ATTEMPT [ARGUMENT...]	prints "ok", or the name of the errno
 *
 * Each attempt is one way over one wall. Static, and without anything of the project.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

static long number(const char *text)
{
	return strtol(text, NULL, 10);
}

static pid_t pid_of(char **a)
{
	return (pid_t)number(a[0]);
}

/* ---- files ---- */

static long try_read(char **a)
{
	char byte;
	const int fd = open(a[0], O_RDONLY);

	return fd < 0 ? -1 : read(fd, &byte, 1);
}

static long try_list(char **a)
{
	return open(a[0], O_RDONLY | O_DIRECTORY);
}

static long try_write(char **a)
{
	const int fd = open(a[0], O_WRONLY | O_APPEND);

	return fd < 0 ? -1 : write(fd, "x", 1);
}

static long try_create(char **a)
{
	return open(a[0], O_WRONLY | O_CREAT | O_EXCL, 0600);
}

static long try_truncate(char **a)
{
	return truncate(a[0], 1);
}

static long try_unlink(char **a)
{
	return unlink(a[0]);
}

static long try_rename(char **a)
{
	return rename(a[0], a[1]);
}

static long try_link(char **a)
{
	return link(a[0], a[1]);
}

static long try_chmod(char **a)
{
	return chmod(a[0], 0640);
}

/* A descriptor for reading is enough for the kernel. */
static long try_fchmod(char **a)
{
	const int fd = open(a[0], O_RDONLY);

	return fd < 0 ? -1 : fchmod(fd, 0640);
}

/* By the link in /proc that a descriptor without any access has. */
static long try_chmod_fd(char **a)
{
	char path[64];
	const int fd = open(a[0], O_PATH);

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd < 0 ? -1 : chmod(path, 0640);
}

static long try_chown(char **a)
{
	return chown(a[0], getuid(), getgid());
}

static long try_utime(char **a)
{
	const struct timespec times[2] = {{1, 0}, {1, 0}};

	return utimensat(AT_FDCWD, a[0], times, 0);
}

static long try_setxattr(char **a)
{
	return setxattr(a[0], "user.attack", "x", 1, 0);
}

static long try_flags(char **a)
{
	const int fd = open(a[0], O_RDONLY);
	int flags = 0;

	if (fd < 0)
		return -1;
	(void)ioctl(fd, FS_IOC_GETFLAGS, &flags);
	flags |= FS_NOATIME_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static long try_inotify(char **a)
{
	const int fd = inotify_init1(0);

	return fd < 0 ? -1 : inotify_add_watch(fd, a[0], IN_CREATE);
}

/* ---- sockets ---- */

static long try_socket(char **a)
{
	return socket((int)number(a[0]), (int)number(a[1]), 0);
}

static long try_tcp(char **a)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons((uint16_t)number(a[0])),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&to, sizeof(to));
}

/* On a socket that was handed in, as an idle server's might be. */
static long try_connect_stdin(char **a)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons((uint16_t)number(a[0])),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return connect(STDIN_FILENO, (const struct sockaddr *)&to, sizeof(to));
}

static struct sockaddr_un unix_address(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	return to;
}

static long try_unix(char **a)
{
	const struct sockaddr_un to = unix_address(a[0]);
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&to, sizeof(to));
}

/* One end of a pair of datagram sockets may send to anybody. */
static long try_pair(char **a)
{
	const struct sockaddr_un to = unix_address(a[0]);
	int pair[2];

	if (socketpair(AF_UNIX, (int)number(a[1]), 0, pair) < 0)
		return -1;
	return sendto(pair[0], "x", 1, 0, (const struct sockaddr *)&to, sizeof(to));
}

static long try_pair_message(char **a)
{
	struct sockaddr_un to = unix_address(a[0]);
	char byte = 'x';
	struct iovec iov = {&byte, 1};
	const struct msghdr message = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1};
	int pair[2];

	if (socketpair(AF_UNIX, (int)number(a[1]), 0, pair) < 0)
		return -1;
	return sendmsg(pair[0], &message, 0);
}

/* ---- processes ---- */

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

/* ---- staying ---- */

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

static const struct attempt {
	const char *name;
	int args;
	long (*run)(char **args);
} attempts[] = {
	{"read", 1, try_read},
	{"list", 1, try_list},
	{"write", 1, try_write},
	{"create", 1, try_create},
	{"truncate", 1, try_truncate},
	{"unlink", 1, try_unlink},
	{"rename", 2, try_rename},
	{"link", 2, try_link},
	{"chmod", 1, try_chmod},
	{"fchmod", 1, try_fchmod},
	{"chmod-fd", 1, try_chmod_fd},
	{"chown", 1, try_chown},
	{"utime", 1, try_utime},
	{"setxattr", 1, try_setxattr},
	{"flags", 1, try_flags},
	{"inotify", 1, try_inotify},
	{"socket", 2, try_socket},
	{"tcp", 1, try_tcp},
	{"connect-stdin", 1, try_connect_stdin},
	{"unix", 1, try_unix},
	{"pair", 2, try_pair},
	{"pair-message", 2, try_pair_message},
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
};

/* Several attempts in one process: NAME ARGUMENT... NAME ARGUMENT... */
int main(int argc, char **argv)
{
	for (int at = 1; at < argc;) {
		const struct attempt *found = NULL;

		for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
			if (strcmp(attempts[i].name, argv[at]) == 0)
				found = &attempts[i];
		if (!found || at + found->args >= argc)
			return 2;
		(void)puts(found->run(argv + at + 1) < 0 ? strerrorname_np(errno) : "ok");
		(void)fflush(stdout);
		at += 1 + found->args;
	}
	return 0;
}
