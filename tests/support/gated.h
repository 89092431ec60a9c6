/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Puts the calling process under a filter that notifies on the calls of the gate, without
 * libseccomp: a child of a test does this and hands the listener to its parent.
 */

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GATED_WAIT_KILLABLE (1ul << 5)

/*
 * gated_install - the filter for this thread and what it starts.
 * Return: the listener, or a negative errno.
 */
static inline int gated_install(const int *numbers, unsigned count)
{
	struct sock_filter code[64];
	unsigned n = 0;

	if (count > 32)
		return -E2BIG;
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < count; i++)
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							 (unsigned)numbers[i],
							 (unsigned char)(count - i), 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	struct sock_fprog program = {.len = (unsigned short)n, .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	const long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			       SECCOMP_FILTER_FLAG_NEW_LISTENER | GATED_WAIT_KILLABLE, &program);

	return r < 0 ? -errno : (int)r;
}
