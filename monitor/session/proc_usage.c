/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/session/proc_usage.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

/* proc_pid_stat(5), from the state on: the name before it may hold anything. */
enum {
	STAT_PARENT = 1,
	STAT_UTIME = 11,
	STAT_STIME,
	STAT_CUTIME,
	STAT_CSTIME,
	STAT_THREADS = 17,
	STAT_STARTED = 19,
	STAT_FIELDS
};

struct walk {
	uint32_t pids[MAX_USAGE_PROCESSES]; /* found; those before `next` have been looked at */
	size_t count, next;
	struct proc_usage sum;
};

bool proc_usage_is_there(void)
{
	return access("/proc/thread-self/children", R_OK) == 0;
}

/* The file's text, cut at the buffer's end. Return: its length, or -errno. */
static ssize_t read_text(const char *path, char *text, size_t size)
{
	_cleanup_close_ int file_fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t n = file_fd < 0 ? -1 : read(file_fd, text, size - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	return n;
}

static int read_stat(uint32_t pid, uint64_t fields[STAT_FIELDS])
{
	char path[64];
	char text[1024];
	char *at;

	(void)snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if (read_text(path, text, sizeof(text)) < 0)
		return -ESRCH;
	at = strrchr(text, ')');
	if (!at || strlen(at) < 4)
		return -ESRCH;
	fields[0] = 0;
	at += 3; /* its state is a letter */
	for (unsigned i = 1; i < STAT_FIELDS; i++)
		fields[i] = strtoull(at, &at, 10);
	return 0;
}

uint32_t proc_pid_of(int pidfd)
{
	char path[64];
	char text[1024];
	const char *line;
	long pid;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	if (read_text(path, text, sizeof(text)) < 0)
		return 0;
	line = strstr(text, "\nPid:");
	pid = line ? strtol(line + 5, NULL, 10) : 0;
	return pid > 0 ? (uint32_t)pid : 0; /* of one that was reaped it is -1 */
}

uint32_t proc_parent_of(int pidfd, uint64_t *ret_parent_started)
{
	const uint32_t pid = proc_pid_of(pidfd);
	uint64_t fields[STAT_FIELDS];
	uint32_t parent;

	if (!pid || read_stat(pid, fields) < 0)
		return 0;
	parent = (uint32_t)fields[STAT_PARENT];
	if (read_stat(parent, fields) < 0)
		return 0;
	*ret_parent_started = fields[STAT_STARTED];
	return parent;
}

/* The number in the line that begins so; 0: there is none. */
static uint64_t number_of(const char *text, const char *begin)
{
	const char *line = strstr(text, begin);

	return line ? strtoull(line + strlen(begin), NULL, 10) : 0;
}

static void add_memory(struct walk *walk, uint32_t pid)
{
	char path[64];
	char text[4096];

	(void)snprintf(path, sizeof(path), "/proc/%u/status", pid);
	if (read_text(path, text, sizeof(text)) < 0)
		return;
	walk->sum.memory_bytes += (number_of(text, "\nRssAnon:") + number_of(text, "\nRssShmem:"))
				  << 10;
}

static void add_written(struct walk *walk, uint32_t pid)
{
	char path[64];
	char text[512];

	(void)snprintf(path, sizeof(path), "/proc/%u/io", pid);
	if (read_text(path, text, sizeof(text)) >= 0)
		walk->sum.written_bytes += number_of(text, "\nwchar:");
}

/* Numbers of a `children` file, which may be long. */
static void add_children_of(struct walk *walk, uint32_t pid, uint32_t tid)
{
	char path[64];
	char text[4096];
	uint32_t number = 0;
	int children_fd;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%u/task/%u/children", pid, tid);
	children_fd = open(path, O_RDONLY | O_CLOEXEC);
	while (children_fd >= 0 && (n = read(children_fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (isdigit((unsigned char)text[i])) {
				number = number * 10 + (uint32_t)(text[i] - '0');
				continue;
			}
			if (number && walk->count < MAX_USAGE_PROCESSES)
				walk->pids[walk->count++] = number;
			number = 0;
		}
	}
	close_fd(&children_fd);
}

/* Children are those of the thread that made them. */
static void add_children(struct walk *walk, uint32_t pid, uint64_t threads)
{
	const struct dirent *entry;
	char path[64];
	DIR *dir;

	if (threads <= 1) {
		add_children_of(walk, pid, pid);
		return;
	}
	(void)snprintf(path, sizeof(path), "/proc/%u/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		if (isdigit((unsigned char)entry->d_name[0]))
			add_children_of(walk, pid, (uint32_t)strtoul(entry->d_name, NULL, 10));
	}
	if (dir)
		(void)closedir(dir);
}

static void add_process(struct walk *walk, uint32_t pid, const uint64_t fields[STAT_FIELDS])
{
	static long ticks_a_second;

	if (!ticks_a_second)
		ticks_a_second = sysconf(_SC_CLK_TCK);
	walk->sum.cpu_ms += (fields[STAT_UTIME] + fields[STAT_STIME] + fields[STAT_CUTIME] +
			     fields[STAT_CSTIME]) *
			    1000 / (uint64_t)ticks_a_second;
	add_memory(walk, pid);
	add_written(walk, pid);
	add_children(walk, pid, fields[STAT_THREADS]);
}

int proc_usage_read(uint32_t pid, uint64_t started, struct proc_usage *ret)
{
	struct walk walk __attribute__((uninitialized));
	uint64_t fields[STAT_FIELDS];

	walk.count = walk.next = 0;
	walk.sum = (struct proc_usage){0};
	if (read_stat(pid, fields) < 0 || fields[STAT_STARTED] != started)
		return -ESRCH;
	add_process(&walk, pid, fields);
	while (walk.next < walk.count) {
		const uint32_t child = walk.pids[walk.next++];

		if (read_stat(child, fields) == 0)
			add_process(&walk, child, fields);
	}
	*ret = walk.sum;
	return 0;
}
