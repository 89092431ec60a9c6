/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hands' own filter: what they call and nothing else. They read names that the program chose;
 * should that ever be a way in, it leads to no more of the kernel than file operations.
 *
 * It notifies the supervisor of each recvmsg(2): see common/hands.h for what that is good for.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/hands.h"

static const unsigned short needed[] = {
	/* talking */
	SYS_sendmsg,
	SYS_close,
	/* walking */
	SYS_open,
	SYS_openat,
	SYS_openat2,
	SYS_fcntl,
	SYS_fstat,
	SYS_newfstatat,
	SYS_fstatfs,
	SYS_readlinkat,
	/* doing */
	SYS_umask,
	SYS_renameat2,
	SYS_linkat,
	SYS_symlinkat,
	SYS_unlinkat,
	SYS_mkdirat,
	SYS_mknodat,
	SYS_chmod,
	SYS_fchownat,
	SYS_truncate,
	SYS_setxattr,
	SYS_lsetxattr,
	SYS_removexattr,
	SYS_lremovexattr,
	SYS_utimensat,
	SYS_connect,
	SYS_getsockopt,
	SYS_getpeername,
	SYS_bind,
	SYS_fchdir,
	/* and by whom, where the kernel walks the path anew */
	SYS_vfork,
	SYS_landlock_create_ruleset,
	SYS_landlock_add_rule,
	SYS_landlock_restrict_self,
	/* a process for a FIFO, and for a link of /proc */
	SYS_clone,
	SYS_exit_group,
};

#define NEEDED (sizeof(needed) / sizeof(needed[0]))

int hands_filter(void)
{
	struct sock_filter code[NEEDED + 8] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_recvmsg, NEEDED + 2, 0),
	};
	const struct sock_fprog program = {.len = NEEDED + 8, .filter = code};
	long r;

	/* From here to the instruction that allows is NEEDED - i. */
	for (size_t i = 0; i < NEEDED; i++)
		code[5 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, needed[i],
							   (unsigned char)(NEEDED - i), 0);
	code[5 + NEEDED] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[6 + NEEDED] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[7 + NEEDED] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		    &program);
	return r < 0 ? -errno : (int)r;
}
