/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule protects, reached by other names, by descriptors of every origin, and by memory. */
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/packet.h"
#include "tools/prove/files.h"
#include "tools/prove/probes/attempt.h"

#define HIGH_FD 100

static int file(int flags)
{
	return open("denied/file", flags | O_CLOEXEC);
}

static int folder(int flags)
{
	return open("denied", flags | O_DIRECTORY | O_CLOEXEC);
}

static long wrote(int file_fd)
{
	return file_fd < 0 ? -1 : write(file_fd, "escaped\n", 8);
}

/* "@pre@fd@post" opened for writing. */
static long by_number(const char *pre, int fd, const char *post, int flags)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s%d%s", pre, fd, post);
	return wrote(open(path, O_WRONLY | O_CLOEXEC | flags, 0600));
}

static long by_root(const char *root)
{
	char path[2 * PATH_BYTES];
	char here[PATH_BYTES];

	if (!getcwd(here, sizeof(here)))
		return -1;
	(void)snprintf(path, sizeof(path), "%s%s/denied/file", root, here);
	return wrote(open(path, O_WRONLY | O_CLOEXEC));
}

static long by_own_link(const char *target)
{
	(void)unlink("made");
	if (symlink(target, "made") < 0)
		return -1;
	return wrote(open("made", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static long other_names(struct file_turn *t)
{
	FILE_TRY(t, "dots", wrote(open("other/../denied/./folder//../file", O_WRONLY)));
	FILE_TRY(t, "symlink-folder", wrote(open("to-denied/file", O_WRONLY)));
	FILE_TRY(t, "symlink-file", wrote(open("to-denied-file", O_WRONLY)));
	FILE_TRY(t, "symlink-made", by_own_link("denied/file"));
	FILE_TRY(t, "symlink-dangling", by_own_link("denied/new"));
	return FILE_NOT_MINE;
}

static long names_in_proc(struct file_turn *t)
{
	FILE_TRY(t, "proc-root", by_root("/proc/self/root"));
	FILE_TRY(t, "proc-root-twice", by_root("/proc/self/root/proc/thread-self/root"));
	FILE_TRY(t, "proc-cwd", wrote(open("/proc/self/cwd/denied/file", O_WRONLY)));
	FILE_TRY(t, "proc-thread-cwd", wrote(open("/proc/thread-self/cwd/denied/file", O_WRONLY)));
	FILE_TRY(t, "proc-pid-cwd", by_number("/proc/", getpid(), "/cwd/denied/file", 0));
	FILE_TRY(t, "working-folder", chdir("denied") < 0 ? -1 : wrote(open("file", O_WRONLY)));
	FILE_TRY(t, "working-folder-fd",
		 fchdir(folder(O_PATH)) < 0 ? -1 : wrote(open("file", O_WRONLY)));
	return FILE_NOT_MINE;
}

static long links_of_descriptors(struct file_turn *t)
{
	FILE_TRY(t, "proc-fd", by_number("/proc/self/fd/", file(O_RDONLY), "", 0));
	FILE_TRY(t, "dev-fd", by_number("/dev/fd/", file(O_RDONLY), "", 0));
	FILE_TRY(t, "proc-fd-truncate", by_number("/proc/self/fd/", file(O_RDONLY), "", O_TRUNC));
	FILE_TRY(t, "proc-fd-folder",
		 by_number("/proc/self/fd/", folder(O_RDONLY), "/new", O_CREAT));
	FILE_TRY(t, "proc-task-fd", by_number("/proc/thread-self/fd/", file(O_RDONLY), "", 0));
	FILE_TRY(t, "proc-cwd-of-folder",
		 by_number("/proc/self/fd/", folder(O_PATH), "/../denied/file", 0));
	FILE_TRY(t, "path-descriptor", by_number("/proc/self/fd/", file(O_PATH), "", 0));
	FILE_TRY(t, "path-descriptor-of-link",
		 by_number("/proc/self/fd/", open("to-denied-file", O_PATH), "", 0));
	FILE_TRY(t, "path-descriptor-chmod", syscall(SYS_fchmodat, folder(O_PATH), "file", 0777));
	return FILE_NOT_MINE;
}

/* A descriptor that another process opened and sends. */
static int sent(int opened_fd)
{
	char byte = 'x';
	struct packet packet = {.head = &byte, .head_len = 1};
	struct msg_fds got = MSG_FDS_NONE;
	int pair[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	child = fork();
	if (!child)
		_exit(packet_send(pair[0], &packet, &opened_fd, 1) < 0);
	(void)close(pair[0]);
	(void)close(opened_fd);
	if (child < 0 || packet_recv(pair[1], &packet, &got) != 0)
		return -1;
	(void)waitpid(child, NULL, 0);
	return got.fd[0];
}

/* One that another process puts into the table that both share. */
static int shared(void)
{
	const pid_t child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);

	if (!child)
		_exit(dup2(folder(O_RDONLY), HIGH_FD) < 0);
	return child < 0 || waitpid(child, NULL, 0) < 0 ? -1 : HIGH_FD;
}

static long descriptors(struct file_turn *t)
{
	FILE_TRY(t, "dup", wrote(openat(dup(folder(O_RDONLY)), "file", O_WRONLY)));
	FILE_TRY(t, "dup-path", wrote(openat(dup(folder(O_PATH)), "file", O_WRONLY)));
	FILE_TRY(t, "dup2", wrote(openat(dup2(folder(O_RDONLY), HIGH_FD), "file", O_WRONLY)));
	FILE_TRY(t, "dup-fcntl",
		 unlinkat(fcntl(folder(O_PATH), F_DUPFD_CLOEXEC, HIGH_FD), "file", 0));
	FILE_TRY(t, "dup-above",
		 wrote(openat(dup(open("other", O_PATH)), "../denied/file", O_WRONLY)));
	FILE_TRY(t, "sent-folder", wrote(openat(sent(folder(O_RDONLY)), "file", O_WRONLY)));
	FILE_TRY(t, "sent-path", mkdirat(sent(folder(O_PATH)), "new", 0700));
	FILE_TRY(t, "sent-file", by_number("/proc/self/fd/", sent(file(O_RDONLY)), "", 0));
	FILE_TRY(t, "sent-file-chmod", fchmod(sent(file(O_RDONLY)), 0777));
	FILE_TRY(t, "shared-table", wrote(openat(shared(), "file", O_WRONLY)));
	return FILE_NOT_MINE;
}

/* Written through a mapping of a descriptor; the page is there and shared. */
static long mapped(int file_fd)
{
	char *at;

	if (file_fd < 0)
		return -1;
	at = mmap(NULL, 9, PROT_READ | PROT_WRITE, MAP_SHARED, file_fd, 0);
	if (at == MAP_FAILED)
		return -1;
	memset(at, 'e', 7);
	return msync(at, 9, MS_SYNC);
}

/*
 * Opened and mapped for writing while it was somewhere else; only then does it get a protected
 * name, which is what has to be refused.
 */
static long mapped_before(const char *how)
{
	const int file_fd = open("text", O_RDWR | O_CLOEXEC);
	char path[64];
	long r;

	if (mapped(file_fd) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	if (strcmp(how, "rename") == 0)
		r = rename("text", "denied/file");
	else
		r = linkat(AT_FDCWD, path, AT_FDCWD, "denied/new", AT_SYMLINK_FOLLOW);
	return r < 0 ? r : mapped(file_fd);
}

static long reopened(int fd)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return mapped(open(path, O_RDWR | O_CLOEXEC));
}

static long memory(struct file_turn *t)
{
	FILE_TRY(t, "map", mapped(file(O_RDWR)));
	FILE_TRY(t, "map-reopened", reopened(file(O_RDONLY)));
	FILE_TRY(t, "map-reopened-path", reopened(file(O_PATH)));
	FILE_TRY(t, "map-before-rename", mapped_before("rename"));
	FILE_TRY(t, "map-before-link", mapped_before("link"));
	return FILE_NOT_MINE;
}

const struct file_family file_alias_families[] = {
	{"19,20", other_names}, {"19", names_in_proc}, {"19", links_of_descriptors},
	{"3,25", descriptors},	{"19,34", memory},     {0},
};
