/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a process and all below it have used, read from /proc. Parents have the sums of children
 * that they have waited for, so what has ended is in it, but for children of a process that ignores
 * SIGCHLD: these count as long as they live.
 */

#include <stdbool.h>
#include <stdint.h>

#define MAX_USAGE_PROCESSES 4096u /* looked at; of more of them the rest is not counted */

struct proc_usage {
	uint64_t cpu_ms;	/* user and system time */
	uint64_t memory_bytes;	/* anonymous and shared memory that is resident, of each process */
	uint64_t written_bytes; /* given to write(2) and its like */
};

/* Whether the kernel tells of children at all (CONFIG_PROC_CHILDREN). */
bool proc_usage_is_there(void);
/* The number of the process that a pidfd is of; 0: it is gone. */
uint32_t proc_pid_of(int pidfd);
/* Its parent; 0: one of them is gone. */
uint32_t proc_parent_of(int pidfd, uint64_t *ret_parent_started);
/* @started: of the process, from above, so that its number in other hands is noticed. Errors:
 * -ESRCH. */
int proc_usage_read(uint32_t pid, uint64_t started, struct proc_usage *ret);
