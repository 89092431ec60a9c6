/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/compat/syscalls.h"

#define TYPE_MASK 0xf /* SOCK_TYPE_MASK: what remains are flags */

static int load(const struct sock_filter *code, unsigned short len, unsigned long flags)
{
	/* The kernel only reads the program; its struct has no const. */
	const struct sock_fprog program = {.len = len, .filter = without_const(code)};
	const long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);

	return r < 0 ? -errno : (int)r;
}

/* WAIT_KILLABLE_RECV (5.19): a signal does not abandon a call that is being decided. */
static int load_with_listener(const struct sock_filter *code, unsigned short len)
{
	const int r = load(code, len,
			   SECCOMP_FILTER_FLAG_NEW_LISTENER | COMPAT_SECCOMP_WAIT_KILLABLE_RECV);

	return r == -EINVAL ? load(code, len, SECCOMP_FILTER_FLAG_NEW_LISTENER) : r;
}

#define ARGUMENT(i) ((unsigned)offsetof(struct seccomp_data, args[i]))

int filter_no_datagrams(void)
{
	/* Another architecture's numbers are the others' affair. The low half is the kernel's int.
	 */
	static const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair, 0, 6),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(0)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(1)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TYPE_MASK),
		/* SOCK_RAW is another word for it: unix_create() */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_DGRAM, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_RAW, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
	};

	return load(code, sizeof(code) / sizeof(code[0]), 0);
}

int filter_load(enum filter_kind kind, bool lite)
{
	_cleanup_close_ int listener_fd = -1;
	int r = lite ? load(filter_lite_code, filter_lite_code_len, 0) : 0;

	if (r < 0)
		return r;
	if (kind == FILTER_GATED)
		return load_with_listener(filter_gated_code, filter_gated_code_len);
	if (kind == FILTER_PLAIN)
		return load(filter_plain_code, filter_plain_code_len, 0);
	/*
	 * Two filters, the notifying one first: the other one forbids to load another. Of their
	 * answers the kernel takes the stricter: what is refused is refused, and not notified of.
	 */
	listener_fd = load_with_listener(filter_files_code, filter_files_code_len);
	if (listener_fd < 0)
		return listener_fd;
	r = load(filter_hands_code, filter_hands_code_len, 0);
	return r < 0 ? r : take_fd(&listener_fd);
}
