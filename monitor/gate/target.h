/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The thread that waits in a notification, seen through one descriptor of its /proc folder, which
 * is opened when something of it is first needed. The descriptor is bound to the task, not to its
 * number: if the call still waits once it is open, everything reached through it is the right
 * task's, or fails.
 *
 * Between calls the descriptors are kept. While the pidfd's task lives its number is nobody else's,
 * so a call from the same number is that task's again. The root folder serves all tasks of a
 * listener: whoever is under the filter can neither change it nor enter another namespace.
 *
 * The program's path is kept as well, until an exec is let proceed. Every exec under the filter is
 * a notification, and a thread becomes another program by its own alone, but for one case: that of
 * another thread that is not its process's first takes over the number of that one. Nobody tells
 * when; after such a one no path is kept any more.
 *
 * An ordinary user may do all this to a dumpable process in a user namespace that is his own
 * (ptrace(2), "Ptrace access mode checking").
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/limits.h"

/* What the thread is where it lives, and its umask. */
struct target_self {
	unsigned pid, tid; /* in its own pid namespace */
	unsigned umask;
};

struct target {
	/* Does the call still wait? Asked after what is open was opened. NULL: it does. */
	bool (*is_waiting)(void *ctx);
	void *ctx;

	uint32_t tid;
	uint32_t pid;	 /* thread group, on the host */
	bool is_certain; /* what is open is the caller's, and what was read by @tid */
	int proc_fd;	 /* /proc/TID */
	int pid_fd;	 /* of the thread where the kernel has that (6.9), else of its process */
	bool pid_thread; /* pid_fd is the thread's own */
	int status_fd;	 /* /proc/TID/status, opened when first needed; -1: self is not known */
	struct target_self self; /* as last read */
	int root_fd;		 /* the root folder of the execution, opened when first needed */
	size_t root_len;	 /* of root_path without a closing slash; 0 if it is "/" */
	char root_path[MAX_PATH_BYTES]; /* where our view of mounts puts that root */
	bool exe_known, exe_changes;	/* it is kept; it may change unseen */
	char exe[MAX_PATH_BYTES];
};

void target_init(struct target *target);
/* Turns to thread @tid, which makes the next call. */
void target_turn(struct target *target, uint32_t tid);
/*
 * target_open - makes sure that what is open is that thread's; pid is known from then on. All below
 * do so by themselves.
 * Return: 0, -ENOENT or -ESRCH: gone.
 */
int target_open(struct target *target);
/* Closes all; it may be opened again. */
void target_done(struct target *target);

/* Borrowed descriptor (O_PATH) of the root folder, or a negative errno. */
int target_root(struct target *target);

/* A new O_PATH descriptor of what /proc/TID/fd/N stands for; -EBADF if there is none. */
int target_fd(struct target *target, int number);
/* stat(2) of the same; -EBADF if there is none. */
int target_stat(struct target *target, int number, struct stat *ret);
/* A descriptor as target_fd() gives, of its working directory. */
int target_cwd(struct target *target);

/*
 * target_socket - a duplicate of the child's descriptor, for getsockname(2) and getsockopt(2),
 * which tell whether it is a socket at all. Errors: -EBADF as the call itself would give; others:
 * not allowed here.
 */
int target_socket(struct target *target, int number);

/*
 * target_self - fills target->self. The kernel takes longer to write /proc/TID/status than for
 * all else that is asked of it for a call, and the numbers stay what they are.
 * @umask: the umask must be that of now; else it may be an older one.
 * Errors: -ESRCH.
 */
int target_self(struct target *target, bool umask);

/* Text of the link NAME ("cwd") in the child's terms, always terminated. */
int target_link(struct target *target, const char *name, char *to, size_t size);

/* Path of its program in the child's terms, as of its first call that asked; "": not known. */
const char *target_exe(struct target *target);
/* An exec of it is let proceed. */
void target_execs(struct target *target);

/* Takes the child's root off a path that our own readlink gave; false: it lies outside of it. */
bool target_strip_root(struct target *target, char *path);

/*
 * target_pid_at - the child's process id in the pid namespace of a procfs mount.
 * @proc_root_fd: root folder of that mount. @text: gets "PID", or "PID/task/TID" for @thread.
 * Errors: -ENOENT if the child is not in that namespace.
 */
int target_pid_at(struct target *target, int proc_root_fd, bool thread, char *text, size_t size);
