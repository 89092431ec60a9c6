/* SPDX-License-Identifier: Apache-2.0 */
/* Exhausting the host: processes, memory, file size. The session's limits are in session.c. */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tools/prove/probes/attempt.h"

#define PROCESSES 300
#define MIB	  ((size_t)1 << 20)

static int many_processes(const struct arena *a)
{
	pid_t children[PROCESSES];
	int count = 0;
	int r = 0;

	(void)a;
	for (; count < PROCESSES && !r; count++) {
		children[count] = fork();
		if (!children[count])
			for (;;)
				(void)pause();
		if (children[count] < 0) {
			r = errno;
			break;
		}
	}
	for (int i = 0; i < count; i++) {
		(void)kill(children[i], SIGKILL);
		(void)waitpid(children[i], NULL, 0);
	}
	return r;
}

static int fill(size_t bytes)
{
	char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return errno;
	for (size_t at = 0; at < bytes; at += 4096)
		memory[at] = 1;
	return outcome(munmap(memory, bytes));
}

static int fill_much(const void *arg)
{
	(void)arg;
	return fill(512u * MIB);
}

/* In a child: it may be killed for it. */
static int much_memory(const struct arena *a)
{
	const int r = in_other(fill_much, NULL);

	(void)a;
	return r == 128 + SIGKILL ? ENOMEM : r;
}

static int some_memory(const struct arena *a)
{
	(void)a;
	return fill(16u * MIB);
}

/* Files in memory: they stay when their writer is gone. */
static int fill_folder(const void *folder)
{
	static const char block[MIB] = {1};
	char path[PATH_BYTES];
	int r = 0;

	for (unsigned i = 0; i < 400 && !r; i += 4) {
		const int file_fd = open(fresh_name(path, folder, "fill"),
					 O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		r = file_fd < 0 ? errno : 0;
		for (unsigned k = 0; k < 4 && !r; k++)
			r = write(file_fd, block, MIB) == (ssize_t)MIB ? 0 : ENOSPC;
		(void)close(file_fd);
	}
	return r;
}

static int memory_in_files(const char *folder)
{
	const int r = in_other(fill_folder, folder);

	return r == 128 + SIGKILL ? ENOMEM : r;
}

static int memory_in_tmp(const struct arena *a)
{
	(void)a;
	return memory_in_files("/tmp");
}

static int memory_in_shm(const struct arena *a)
{
	(void)a;
	return memory_in_files("/dev/shm");
}

static int grow_to(const char *folder, off_t bytes)
{
	char path[PATH_BYTES];
	const int file_fd =
		open(fresh_name(path, folder, "large"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int r;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (file_fd < 0)
		return ATTEMPT_BROKEN;
	r = outcome(pwrite(file_fd, "x", 1, bytes));
	(void)close(file_fd);
	(void)unlink(path);
	return r;
}

static int large_file(const struct arena *a)
{
	return grow_to(a->work, 64 * (off_t)MIB);
}

static int small_file(const struct arena *a)
{
	return grow_to(a->work, (off_t)MIB);
}

static int few_processes(const struct arena *a)
{
	const pid_t child = fork();

	(void)a;
	if (!child)
		_exit(0);
	return child < 0 ? errno : outcome(waitpid(child, NULL, 0));
}

const struct row limit_rows[] = {
	ROW("limit.processes", "33", "cgroup, else rlimit", many_processes, .twin = few_processes,
	    .expect = {EAGAIN}, .control = CONTROL_HOST, .flags = ROW_LIMITS),
	ROW("limit.memory", "33", "cgroup, else rlimit", much_memory, .twin = some_memory,
	    .expect = {ENOMEM}, .control = CONTROL_HOST, .flags = ROW_LIMITS),
	ROW("limit.memory-in-tmp", "33", "cgroup; size of the tmpfs", memory_in_tmp,
	    .twin = small_file, .expect = {ENOMEM, ENOSPC}, .flags = ROW_LIMITS | ROW_ONCE),
	ROW("limit.memory-in-shm", "33", "cgroup; size of the tmpfs", memory_in_shm,
	    .twin = small_file, .expect = {ENOMEM, ENOSPC}, .control = CONTROL_BARE,
	    .flags = ROW_LIMITS | ROW_ONCE),
	ROW("limit.file-size", "33", "rlimit", large_file, .twin = small_file, .expect = {EFBIG},
	    .control = CONTROL_HOST, .flags = ROW_LIMITS),
	{0},
};
