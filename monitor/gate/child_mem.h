/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Bounded reads from the memory of a thread that waits in a notification.
 *
 * What was read counts only after notify_is_valid() said so, or the thread's pidfd (target.h): a
 * thread id may have passed to another process. One such check covers every read before it, since a
 * call that is still pending has been pending throughout. The memory stays the child's to change:
 * see "Theory of operation" in gate.c.
 *
 * Errors of all: -EFAULT (not mapped, or cut short by an unmapped page), -ESRCH (gone), -EPERM.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define CHILD_PAGE_BYTES 4096u
#define CHILD_PAGES	 4u

struct child_mem {
	uint32_t tid;
	/* The pages read last: vectors and strings of an exec mostly lie side by side. */
	unsigned next; /* the oldest */

	struct child_page {
		uint64_t at; /* 0: none */
		char bytes[CHILD_PAGE_BYTES];
	} pages[CHILD_PAGES];
};

void child_mem_init(struct child_mem *mem, uint32_t tid);

/* Exactly @len bytes. */
int child_mem_read(struct child_mem *mem, uint64_t at, void *to, size_t len);

/*
 * child_mem_string - a NUL-terminated string, without its NUL, appended to @to.
 * Return: 0 or -ENAMETOOLONG when more than @max bytes stand before the NUL.
 */
int child_mem_string(struct child_mem *mem, uint64_t at, struct buf *to, size_t max);

/*
 * child_mem_argv - the strings of an argument or environment vector, each with its NUL, appended
 * to @to.
 * A null vector is an empty one, as for execve(2).
 * Return: 0 or -E2BIG over MAX_ARGV_ITEMS or MAX_ARGV_BYTES.
 */
int child_mem_argv(struct child_mem *mem, uint64_t at, struct buf *to, size_t *ret_count);

/* child_fetch.c: exactly @len bytes of thread @tid, @len not 0. */
int child_mem_fetch(uint32_t tid, uint64_t at, void *to, size_t len);
