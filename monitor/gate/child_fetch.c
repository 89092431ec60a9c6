/* SPDX-License-Identifier: Apache-2.0 */

/* The one place that really reads another process. By itself, so that a fuzzer can put its own
 * memory here. */

#include <errno.h>
#include <sys/uio.h>

#include "monitor/gate/child_mem.h"

/* An address of the other process, never followed here. */
static void *remote_address(uint64_t at)
{
	return (void *)(uintptr_t)at; /* NOLINT(performance-no-int-to-ptr) */
}

int child_mem_fetch(uint32_t tid, uint64_t at, void *to, size_t len)
{
	const struct iovec local = {.iov_base = to, .iov_len = len};
	const struct iovec remote = {.iov_base = remote_address(at), .iov_len = len};
	const ssize_t n = process_vm_readv((pid_t)tid, &local, 1, &remote, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EFAULT;
}
