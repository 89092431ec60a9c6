/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"

#define PIDFD_OF_THREAD	 ((unsigned)O_EXCL) /* PIDFD_THREAD, Linux 6.9 */
#define MAX_PID_LEVELS	 33		    /* MAX_PID_NS_LEVEL and the initial one */
#define MAX_STATUS_BYTES 4096

struct pid_list {
	unsigned pid[MAX_PID_LEVELS];
	size_t count;
};

static int pid_fd_open(uint32_t pid, unsigned flags)
{
	const long r = syscall(SYS_pidfd_open, (pid_t)pid, flags);

	return r < 0 ? -errno : (int)r;
}

static int read_status(int proc_fd, const char *path, char *to, size_t size)
{
	_cleanup_close_ int status_fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);

	if (status_fd < 0)
		return -errno;
	const ssize_t n = read(status_fd, to, size - 1);

	if (n < 0)
		return -errno;
	to[n] = '\0';
	return 0;
}

/* Numbers of a line such as "NStgid:\t4321\t17\t1". */
static void status_pids(const char *status, const char *key, struct pid_list *ret)
{
	const char *at = strstr(status, key);

	ret->count = 0;
	if (!at)
		return;
	at += strlen(key);
	while (*at == '\t' && ret->count < MAX_PID_LEVELS) {
		char *end;

		ret->pid[ret->count++] = (unsigned)strtoul(at + 1, &end, 10);
		at = end;
	}
}

/* Most callers are the first thread of their process: asking for a pidfd tells, and is cheap. */
static int find_process(struct target *target)
{
	char status[MAX_STATUS_BYTES];
	struct pid_list pids;

	target->pid_fd = pid_fd_open(target->tid, 0);
	if (target->pid_fd >= 0) {
		target->pid = target->tid;
		target->pid_thread = true;
		return 0;
	}
	int r = read_status(target->proc_fd, "status", status, sizeof(status));

	if (r < 0)
		return r;
	status_pids(status, "\nTgid:", &pids);
	if (pids.count != 1)
		return -ESRCH;
	target->pid = pids.pid[0];
	target->pid_fd = pid_fd_open(target->tid, PIDFD_OF_THREAD);
	target->pid_thread = target->pid_fd >= 0;
	if (target->pid_fd < 0)
		target->pid_fd = pid_fd_open(target->pid, 0);
	return target->pid_fd < 0 ? target->pid_fd : 0;
}

void target_init(struct target *target)
{
	*target = (struct target){.proc_fd = -1, .pid_fd = -1, .status_fd = -1, .root_fd = -1};
}

static void forget_task(struct target *target)
{
	close_fd(&target->proc_fd);
	close_fd(&target->pid_fd);
	close_fd(&target->status_fd);
	target->exe_known = false;
}

/* Of a pidfd of the process, that it lives says nothing of the thread. */
static bool is_kept(const struct target *target)
{
	return target->proc_fd >= 0 && target->pid_thread;
}

void target_turn(struct target *target, uint32_t tid)
{
	target->is_certain = false;
	if (target->tid == tid && is_kept(target))
		return;
	forget_task(target);
	target->tid = tid;
}

static int open_task(struct target *target)
{
	char path[32];
	int r;

	forget_task(target);
	(void)snprintf(path, sizeof(path), "/proc/%u", target->tid);
	target->proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target->proc_fd < 0)
		return -errno;
	r = find_process(target);
	if (r == 0 && target->is_waiting && !target->is_waiting(target->ctx))
		r = -ESRCH;
	target->is_certain = r == 0;
	if (r < 0)
		forget_task(target);
	return r;
}

int target_open(struct target *target)
{
	if (!target->is_certain && is_kept(target))
		target->is_certain =
			syscall(SYS_pidfd_send_signal, target->pid_fd, 0, NULL, 0) == 0;
	return target->is_certain ? 0 : open_task(target);
}

void target_done(struct target *target)
{
	forget_task(target);
	target->is_certain = false;
	close_fd(&target->root_fd);
}

int target_root(struct target *target)
{
	if (target->root_fd >= 0)
		return target->root_fd;
	const int r = target_open(target);

	if (r < 0)
		return r;
	const ssize_t n = readlinkat(target->proc_fd, "root", target->root_path,
				     sizeof(target->root_path) - 1);

	if (n < 0)
		return -errno;
	target->root_path[n] = '\0';
	target->root_len = n == 1 ? 0 : (size_t)n;
	target->root_fd = openat(target->proc_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return target->root_fd < 0 ? -errno : target->root_fd;
}

int target_cwd(struct target *target)
{
	const int r = target_open(target);

	if (r < 0)
		return r;
	const int cwd_fd = openat(target->proc_fd, "cwd", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return cwd_fd < 0 ? -errno : cwd_fd;
}

int target_fd(struct target *target, int number)
{
	char path[32];
	const int r = number < 0 ? -EBADF : target_open(target);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "fd/%d", number);
	const int file_fd = openat(target->proc_fd, path, O_PATH | O_CLOEXEC);

	if (file_fd < 0)
		return errno == ENOENT ? -EBADF : -errno;
	return file_fd;
}

int target_stat(struct target *target, int number, struct stat *ret)
{
	char path[32];
	const int r = number < 0 ? -EBADF : target_open(target);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "fd/%d", number);
	if (fstatat(target->proc_fd, path, ret, 0) < 0)
		return errno == ENOENT ? -EBADF : -errno;
	return 0;
}

/* Without a pidfd of the thread itself, the process's table may be another one than its. */
static bool is_same_socket(const struct target *target, int number, int socket_fd)
{
	char path[32];
	char text[64];
	char expected[64];
	struct stat st;

	if (target->pid_thread)
		return true;
	(void)snprintf(path, sizeof(path), "fd/%d", number);
	const ssize_t n = readlinkat(target->proc_fd, path, text, sizeof(text) - 1);

	if (n < 0 || fstat(socket_fd, &st) < 0)
		return false;
	if (!S_ISSOCK(st.st_mode)) /* whatever it is, the caller is told that it is none */
		return true;
	text[n] = '\0';
	(void)snprintf(expected, sizeof(expected), "socket:[%llu]", (unsigned long long)st.st_ino);
	return strcmp(text, expected) == 0;
}

/*
 * A duplicate of a descriptor of the task. That it was made, or that there is none of that number,
 * says that the task is still there; another errno may be that of whoever keeps us from asking.
 */
static int get_fd(struct target *target, int number)
{
	if (!target->is_certain && is_kept(target)) {
		const long r = syscall(SYS_pidfd_getfd, target->pid_fd, number, 0);

		target->is_certain = r >= 0 || errno == EBADF;
		if (target->is_certain)
			return r < 0 ? -errno : (int)r;
	}
	const int opened = target_open(target);

	if (opened < 0)
		return opened;
	const long r = syscall(SYS_pidfd_getfd, target->pid_fd, number, 0);

	return r < 0 ? -errno : (int)r;
}

int target_socket(struct target *target, int number)
{
	_cleanup_close_ int socket_fd = get_fd(target, number);

	if (socket_fd < 0)
		return socket_fd;
	if (!is_same_socket(target, number, socket_fd))
		return -EBADF;
	return take_fd(&socket_fd);
}

static int parse_self(const char *status, struct target_self *ret)
{
	const char *mask = strstr(status, "\nUmask:");
	struct pid_list processes;
	struct pid_list threads;

	status_pids(status, "\nNStgid:", &processes);
	status_pids(status, "\nNSpid:", &threads);
	if (!processes.count || !threads.count || !mask)
		return -ESRCH;
	ret->pid = processes.pid[processes.count - 1];
	ret->tid = threads.pid[threads.count - 1];
	ret->umask = (unsigned)strtoul(mask + strlen("\nUmask:"), NULL, 8);
	return 0;
}

int target_self(struct target *target, bool umask)
{
	char status[MAX_STATUS_BYTES];
	int r = target_open(target);

	if (r < 0 || (target->status_fd >= 0 && !umask))
		return r;
	r = -ESRCH;
	if (target->status_fd < 0)
		target->status_fd = openat(target->proc_fd, "status", O_RDONLY | O_CLOEXEC);
	const ssize_t n = pread(target->status_fd, status, sizeof(status) - 1, 0);

	if (n >= 0) {
		status[n] = '\0';
		r = parse_self(status, &target->self);
	}
	if (r < 0)
		close_fd(&target->status_fd);
	return r;
}

int target_link(struct target *target, const char *name, char *to, size_t size)
{
	const int r = target_open(target);
	const ssize_t n = r < 0 ? r : readlinkat(target->proc_fd, name, to, size - 1);

	if (n < 0) {
		to[0] = '\0';
		return r < 0 ? r : -errno;
	}
	to[n] = '\0';
	(void)target_strip_root(target, to);
	return 0;
}

const char *target_exe(struct target *target)
{
	if (!target->is_certain && target_open(target) < 0)
		return "";
	if (!target->exe_known)
		target->exe_known =
			target_link(target, "exe", target->exe, sizeof(target->exe)) == 0 &&
			!target->exe_changes;
	return target->exe;
}

void target_execs(struct target *target)
{
	target->exe_known = false;
	target->exe_changes |= target->pid != target->tid;
}

bool target_strip_root(struct target *target, char *path)
{
	if (target_root(target) < 0)
		return false;
	const size_t skip = target->root_len;

	if (!skip)
		return path[0] == '/';
	if (strncmp(path, target->root_path, skip) != 0)
		return false;
	if (path[skip] == '\0') {
		memcpy(path, "/", 2);
		return true;
	}
	if (path[skip] != '/')
		return false;
	memmove(path, path + skip, strlen(path + skip) + 1);
	return true;
}

/* What the mount says of the process numbered @pid must be the tail of what ours says of it. */
static bool is_tail(const struct pid_list *all, size_t from, const struct pid_list *seen)
{
	return seen->count == all->count - from &&
	       memcmp(all->pid + from, seen->pid, seen->count * sizeof(seen->pid[0])) == 0;
}

int target_pid_at(struct target *target, int proc_root_fd, bool thread, char *text, size_t size)
{
	char status[MAX_STATUS_BYTES];
	char path[48];
	struct pid_list processes;
	struct pid_list threads;
	struct pid_list seen;
	int r = target_open(target);

	if (r == 0)
		r = read_status(target->proc_fd, "status", status, sizeof(status));
	if (r < 0)
		return r;
	status_pids(status, "\nNStgid:", &processes);
	status_pids(status, "\nNSpid:", &threads);
	if (threads.count != processes.count)
		return -ENOENT;
	for (size_t i = 0; i < processes.count; i++) {
		(void)snprintf(path, sizeof(path), "%u/status", processes.pid[i]);
		if (read_status(proc_root_fd, path, status, sizeof(status)) < 0)
			continue;
		status_pids(status, "\nNStgid:", &seen);
		if (!is_tail(&processes, i, &seen))
			continue;
		if (thread)
			(void)snprintf(text, size, "%u/task/%u", processes.pid[i], threads.pid[i]);
		else
			(void)snprintf(text, size, "%u", processes.pid[i]);
		return 0;
	}
	return -ENOENT;
}
