/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The thread that waits in a notification, seen through one descriptor of its /proc folder. The
 * descriptor is bound to the task, not to its number: once notify_is_valid() was asked after
 * target_open(), everything reached through it is the right task's, or fails.
 *
 * Between calls the descriptors are kept. While the pidfd's task lives its number is nobody else's,
 * so a call from the same number is that task's again. The root folder serves all tasks of a
 * listener: whoever is under the filter can neither change it nor enter another namespace.
 *
 * An ordinary user may do all this to a dumpable process in a user namespace that is his own
 * (ptrace(2), "Ptrace access mode checking").
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"

/* What the thread is where it lives, and its umask. */
struct target_self {
	unsigned pid, tid; /* in its own pid namespace */
	unsigned umask;
};

struct target {
	uint32_t tid;
	uint32_t pid;	 /* thread group, on the host */
	int proc_fd;	 /* /proc/TID */
	int pid_fd;	 /* of the thread where the kernel has that (6.9), else of its process */
	bool pid_thread; /* pid_fd is the thread's own */
	int status_fd;	 /* /proc/TID/status, opened when first needed; -1: self is not known */
	struct target_self self; /* as last read */
	int root_fd;		 /* the root folder of the execution, opened when first needed */
	size_t root_len;	 /* of root_path without a closing slash; 0 if it is "/" */
	char root_path[MAX_PATH_BYTES]; /* where our view of mounts puts that root */
};

void target_init(struct target *target);
/* Turns to thread @tid, which makes the next call. Return: 0, -ENOENT or -ESRCH: gone. */
int target_open(struct target *target, uint32_t tid);
/* Closes all; it may be opened again. */
void target_done(struct target *target);

/* Borrowed descriptor (O_PATH) of the root folder, or a negative errno. */
int target_root(struct target *target);

/* A new O_PATH descriptor of what /proc/TID/fd/N stands for; -EBADF if there is none. */
int target_fd(const struct target *target, int number);

/*
 * target_socket - a duplicate of the child's descriptor, for getsockname(2) and getsockopt(2).
 * *ret_domain: AF_INET, ...
 * Errors: -EBADF, -ENOTSOCK as the call itself would give; others: not allowed here.
 */
int target_socket(const struct target *target, int number, int *ret_domain);

/*
 * target_self - fills target->self. The kernel takes longer to write /proc/TID/status than for
 * all else that is asked of it for a call, and the numbers stay what they are.
 * @umask: the umask must be that of now; else it may be an older one.
 * Errors: -ESRCH.
 */
int target_self(struct target *target, bool umask);

/* Text of the link NAME ("exe", "cwd") in the child's terms, always terminated. */
int target_link(struct target *target, const char *name, char *to, size_t size);

/* Takes the child's root off a path that our own readlink gave; false: it lies outside of it. */
bool target_strip_root(struct target *target, char *path);

/*
 * target_pid_at - the child's process id in the pid namespace of a procfs mount.
 * @proc_root_fd: root folder of that mount. @text: gets "PID", or "PID/task/TID" for @thread.
 * Errors: -ENOENT if the child is not in that namespace.
 */
int target_pid_at(const struct target *target, int proc_root_fd, bool thread, char *text,
		  size_t size);
