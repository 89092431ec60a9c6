/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/compat/syscalls.h"

static int load(const struct sock_filter *code, unsigned short len, unsigned long flags)
{
	/* The kernel only reads the program; its struct has no const. */
	const struct sock_fprog program = {.len = len, .filter = without_const(code)};
	const long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);

	return r < 0 ? -errno : (int)r;
}

int filter_load(bool gated)
{
	int r;

	if (!gated)
		return load(filter_plain_code, filter_plain_code_len, 0);
	/* WAIT_KILLABLE_RECV (5.19): a signal does not abandon a call that is being decided. */
	r = load(filter_gated_code, filter_gated_code_len,
		 SECCOMP_FILTER_FLAG_NEW_LISTENER | COMPAT_SECCOMP_WAIT_KILLABLE_RECV);
	if (r == -EINVAL)
		r = load(filter_gated_code, filter_gated_code_len,
			 SECCOMP_FILTER_FLAG_NEW_LISTENER);
	return r;
}
