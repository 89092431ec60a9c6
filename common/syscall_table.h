/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The system calls of x86-64, number <-> name: the one place where both the filter generator and
 * the trace's counts get them from. Numbers newer than this table are unknown to us, and therefore
 * refused by the filter with ENOSYS.
 */

#define SYSCALL_TABLE_END 472u /* one more than the highest number */

/* Static text, NULL for a number that is not assigned. */
const char *syscall_name(unsigned number);
/* Return: the number, -1 if there is no such name. */
int syscall_number(const char *name);
