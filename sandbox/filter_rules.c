/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/filter_rules.h"
#include "sandbox/filter_table.h"

#include <errno.h>

const struct filter_denied filter_denied[] = {
	/* libraries fall back: ring operations are no system calls, so no filter or gate sees them
	 */
	{"io_uring_setup", ENOSYS},
	{"io_uring_enter", ENOSYS},
	{"io_uring_register", ENOSYS},
	/* the same of old; and its contexts are few, and of all users together (fs.aio-max-nr) */
	{"io_setup", ENOSYS},
	{"io_destroy", ENOSYS},
	{"io_getevents", ENOSYS},
	{"io_submit", ENOSYS},
	{"io_cancel", ENOSYS},
	{"io_pgetevents", ENOSYS},
	/* flags or paths in memory, which a filter cannot read */
	{"clone3", ENOSYS},
	{"openat2", ENOSYS},
	/* memory that the supervisor cannot read */
	{"memfd_secret", ENOSYS},
	/* other processes: their memory, descriptors, registers */
	{"ptrace", EPERM},
	{"process_vm_readv", EPERM},
	{"process_vm_writev", EPERM},
	{"process_madvise", EPERM},
	{"kcmp", EPERM},
	{"pidfd_getfd", EPERM},
	/* the view: every way to change mounts or the root, old and new */
	{"mount", EPERM},
	{"umount2", EPERM},
	{"pivot_root", EPERM},
	{"chroot", EPERM},
	{"fsopen", EPERM},
	{"fsconfig", EPERM},
	{"fsmount", EPERM},
	{"fspick", EPERM},
	{"move_mount", EPERM},
	{"open_tree", EPERM},
	{"open_tree_attr", EPERM},
	{"mount_setattr", EPERM},
	/* namespaces (clone's flags are in filter_bits) */
	{"setns", EPERM},
	{"unshare", EPERM},
	/* kernel surfaces with a record of escapes or side channels */
	{"bpf", EPERM},
	{"perf_event_open", EPERM},
	{"userfaultfd", EPERM},
	{"keyctl", EPERM},
	{"add_key", EPERM},
	{"request_key", EPERM},
	/* replacing kernel code */
	{"kexec_load", EPERM},
	{"kexec_file_load", EPERM},
	{"init_module", EPERM},
	{"finit_module", EPERM},
	{"delete_module", EPERM},
	{"create_module", EPERM},
	{"get_kernel_syms", EPERM},
	{"query_module", EPERM},
	/* I/O ports and segments */
	{"ioperm", EPERM},
	{"iopl", EPERM},
	{"modify_ldt", EPERM},
	/* files by handle, accounting, quotas, swap, watching whole mounts */
	{"open_by_handle_at", EPERM},
	{"name_to_handle_at", EPERM},
	{"quotactl", EPERM},
	{"quotactl_fd", EPERM},
	{"acct", EPERM},
	{"swapon", EPERM},
	{"swapoff", EPERM},
	{"fanotify_init", EPERM},
	{"fanotify_mark", EPERM},
	/* the machine: power, log, name, clock, terminals */
	{"reboot", EPERM},
	{"syslog", EPERM},
	{"sethostname", EPERM},
	{"setdomainname", EPERM},
	{"settimeofday", EPERM},
	{"clock_settime", EPERM},
	{"adjtimex", EPERM},
	{"clock_adjtime", EPERM},
	{"vhangup", EPERM},
	/* our own walls: a filter over ours, labels, namespaces by id */
	{"seccomp", EPERM},
	{"lsm_set_self_attr", EPERM},
	{"listns", EPERM},
	/* pipes from user pages, and relics that nothing needs */
	{"vmsplice", EPERM},
	{"lookup_dcookie", EPERM},
	{"nfsservctl", EPERM},
	{"uselib", EPERM},
	{"ustat", EPERM},
	{"sysfs", EPERM},
	{"_sysctl", EPERM},
};

const size_t filter_denied_count = sizeof(filter_denied) / sizeof(filter_denied[0]);

#define SET(_arg, _bits)                        \
	{                                       \
		(_arg), (_bits), (_bits), false \
	}
#define TYPE_IS(_arg, _type)                       \
	{                                          \
		(_arg), 0170000ull, (_type), false \
	}
#define CREAT	0100ull	     /* O_CREAT */
#define TMPFILE 020000000ull /* the O_TMPFILE bit proper */

/* Set-user-id and set-group-id bits: on the host such a file would act for its owner. */
#define NO_SETID(_name, _arg)               \
	{_name, EPERM, {SET(_arg, 04000)}}, \
	{                                   \
		_name, EPERM,               \
		{                           \
			SET(_arg, 02000)    \
		}                           \
	}
#define NO_SETID_OPEN(_name, _flags, _mode)                                \
	{_name, EPERM, {SET(_flags, CREAT), SET(_mode, 04000)}},           \
		{_name, EPERM, {SET(_flags, CREAT), SET(_mode, 02000)}},   \
		{_name, EPERM, {SET(_flags, TMPFILE), SET(_mode, 04000)}}, \
	{                                                                  \
		_name, EPERM,                                              \
		{                                                          \
			SET(_flags, TMPFILE), SET(_mode, 02000)            \
		}                                                          \
	}

/* clang-format off: tables */
const struct filter_bits filter_bits[] = {
	/* FILTER_BITS_OF_HANDS: of a folder it says whose group its files get */
	{"chmod", EPERM, {SET(1, 02000)}},
	{"fchmod", EPERM, {SET(1, 02000)}},
	{"fchmodat", EPERM, {SET(2, 02000)}},
	{"fchmodat2", EPERM, {SET(2, 02000)}},
	{"chmod", EPERM, {SET(1, 04000)}},
	{"fchmod", EPERM, {SET(1, 04000)}},
	{"fchmodat", EPERM, {SET(2, 04000)}},
	{"fchmodat2", EPERM, {SET(2, 04000)}},
	/* new namespaces; CLONE_NEWTIME exists only for clone3 and unshare */
	{"clone", EPERM, {SET(0, 0x00020000)}}, /* CLONE_NEWNS */
	{"clone", EPERM, {SET(0, 0x02000000)}}, /* CLONE_NEWCGROUP */
	{"clone", EPERM, {SET(0, 0x04000000)}}, /* CLONE_NEWUTS */
	{"clone", EPERM, {SET(0, 0x08000000)}}, /* CLONE_NEWIPC */
	{"clone", EPERM, {SET(0, 0x10000000)}}, /* CLONE_NEWUSER */
	{"clone", EPERM, {SET(0, 0x20000000)}}, /* CLONE_NEWPID */
	{"clone", EPERM, {SET(0, 0x40000000)}}, /* CLONE_NEWNET */
	NO_SETID("creat", 1),
	NO_SETID("mknod", 1),
	NO_SETID("mknodat", 2),
	/* device nodes: an overlay's whiteout (0:0) needs no privilege, and Landlock does not
	   refuse it on 7.2 */
	{"mknod", EPERM, {TYPE_IS(1, 0020000)}},
	{"mknod", EPERM, {TYPE_IS(1, 0060000)}},
	{"mknodat", EPERM, {TYPE_IS(2, 0020000)}},
	{"mknodat", EPERM, {TYPE_IS(2, 0060000)}},
	{"renameat2", EPERM, {SET(4, 4)}}, /* RENAME_WHITEOUT */
	NO_SETID_OPEN("open", 1, 2),
	NO_SETID_OPEN("openat", 2, 3),
	/* typing into somebody's terminal, and line disciplines */
	{"ioctl", EPERM, {IS(1, 0x5412)}}, /* TIOCSTI */
	{"ioctl", EPERM, {IS(1, 0x541c)}}, /* TIOCLINUX */
	{"ioctl", EPERM, {IS(1, 0x541d)}}, /* TIOCCONS */
	{"ioctl", EPERM, {IS(1, 0x5423)}}, /* TIOCSETD */
	{"ioctl", EPERM, {IS(1, 0x540c)}}, /* TIOCEXCL: nobody else could open it */
	/*
	 * What makes or removes names without a call that makes names, so that no rule on files is
	 * asked: subvolumes and snapshots, whole folders at once; and what makes two names of one
	 * (FS_CASEFOLD_FL). A descriptor for reading is enough for them.
	 */
	{"ioctl", ENOTTY, {{1, 0xffffff00, 0x50009400, false}}}, /* BTRFS_IOC_SUBVOL_*, _SNAP_* */
	{"ioctl", ENOTTY, {IS(1, 0x4008941a)}},			 /* BTRFS_IOC_SUBVOL_SETFLAGS */
	{"ioctl", ENOTTY, {{1, 0xff00, 0xbc00, false}}},	 /* bcachefs */
	{"ioctl", ENOTTY, {IS(1, 0x40186f04)}},			 /* OCFS2_IOC_REFLINK */
	{"ioctl", ENOTTY, {IS(1, 0x40086602)}},			 /* FS_IOC_SETFLAGS */
	{"ioctl", ENOTTY, {IS(1, 0x401c5820)}},			 /* FS_IOC_FSSETXATTR */
	{"ioctl", ENOTTY, {IS(1, 0x40806685)}},			 /* FS_IOC_ENABLE_VERITY */
	{"ioctl", ENOTTY, {IS(1, 0x800c6613)}},			 /* FS_IOC_SET_ENCRYPTION_POLICY */
	/* the number that tells a file from one before it, by which labels go (bpf/flows.h) */
	{"ioctl", ENOTTY, {IS(1, 0x40087602)}}, /* FS_IOC_SETVERSION */
	{"ioctl", ENOTTY, {IS(1, 0x40086604)}}, /* EXT4_IOC_SETVERSION_OLD */
	/* fallocate(2) by another name, which the gate would not hear of */
	{"ioctl", ENOTTY, {IS(1, 0x40305828)}}, /* FS_IOC_RESVSP */
	{"ioctl", ENOTTY, {IS(1, 0x4030582a)}}, /* FS_IOC_RESVSP64 */
	{"ioctl", ENOTTY, {IS(1, 0x40305839)}}, /* FS_IOC_ZERO_RANGE */
	{"ioctl", ENOTTY, {IS(1, 0x4030580a)}}, /* XFS_IOC_ALLOCSP */
	{"ioctl", ENOTTY, {IS(1, 0x40305824)}}, /* XFS_IOC_ALLOCSP64 */
	{"prctl", EPERM, {IS(0, 22)}},		/* PR_SET_SECCOMP */
	/* huge pages: a reserve of the host, which no limit of memory counts; with System V's for
	   whoever is of the group in vm.hugetlb_shm_group, which is root's where nobody set it */
	{"mmap", ENOMEM, {SET(3, 0x40000)}},	 /* MAP_HUGETLB */
	{"memfd_create", ENOSYS, {SET(1, 0x4)}}, /* MFD_HUGETLB */
	{"shmget", EPERM, {SET(2, 04000)}},	 /* SHM_HUGETLB */
	/* whoever opens a file under a lease waits for its holder, on the host as well; a
	   delegation (6.19) is one of folders, too: names made and removed there wait */
	{"fcntl", EINVAL, {IS(1, 1024)}}, /* F_SETLEASE */
	{"fcntl", EINVAL, {IS(1, 1040)}}, /* F_SETDELEG */
	/* RLIMIT_CORE stays what rlimits.c makes of it; many programs ask for 0, and it is less */
	{"setrlimit", 0, {IS(0, 4)}},
	{"prlimit64", 0, {IS(1, 4), NOT_ZERO(2)}},
	/* families besides UNIX 1, INET 2, INET6 10, NETLINK 16; above 16: see the generator */
	{"socket", EAFNOSUPPORT, {IS(0, 0)}},
	{"socket", EAFNOSUPPORT, {IS(0, 3)}},
	{"socket", EAFNOSUPPORT, {IS(0, 4)}},
	{"socket", EAFNOSUPPORT, {IS(0, 5)}},
	{"socket", EAFNOSUPPORT, {IS(0, 6)}},
	{"socket", EAFNOSUPPORT, {IS(0, 7)}},
	{"socket", EAFNOSUPPORT, {IS(0, 8)}},
	{"socket", EAFNOSUPPORT, {IS(0, 9)}},
	{"socket", EAFNOSUPPORT, {IS(0, 11)}},
	{"socket", EAFNOSUPPORT, {IS(0, 12)}},
	{"socket", EAFNOSUPPORT, {IS(0, 13)}},
	{"socket", EAFNOSUPPORT, {IS(0, 14)}},
	{"socket", EAFNOSUPPORT, {IS(0, 15)}},
	/* NETLINK_ROUTE (0) only: one bit of the protocol being set is another one */
	{"socket", EAFNOSUPPORT, {IS(0, 16), SET(2, 1u)}},
	{"socket", EAFNOSUPPORT, {IS(0, 16), SET(2, 2u)}},
	{"socket", EAFNOSUPPORT, {IS(0, 16), SET(2, 4u)}},
	{"socket", EAFNOSUPPORT, {IS(0, 16), SET(2, 8u)}},
	{"socket", EAFNOSUPPORT, {IS(0, 16), SET(2, 16u)}},
	{"socket", EAFNOSUPPORT, {IS(0, 16), SET(2, 32u)}},
	{"socket", EAFNOSUPPORT, {IS(0, 16), SET(2, 64u)}},
	{"socket", EAFNOSUPPORT, {IS(0, 16), SET(2, 128u)}},
	{"socket", EPROTONOSUPPORT, {IS(2, 33)}},  /* DCCP */
	{"socket", EPROTONOSUPPORT, {IS(2, 115)}}, /* L2TP */
	{"socket", EPROTONOSUPPORT, {IS(2, 132)}}, /* SCTP */
	{"socket", EPROTONOSUPPORT, {IS(2, 136)}}, /* UDPLITE */
	{"socket", EPROTONOSUPPORT, {IS(2, 256)}}, /* SMC */
	/* families besides UNIX 1, INET 2, INET6 10, NETLINK 16; above 16: see the generator */
	{"socketpair", EAFNOSUPPORT, {IS(0, 0)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 3)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 4)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 5)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 6)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 7)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 8)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 9)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 11)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 12)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 13)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 14)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 15)}},
	/* NETLINK_ROUTE (0) only: one bit of the protocol being set is another one */
	{"socketpair", EAFNOSUPPORT, {IS(0, 16), SET(2, 1u)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 16), SET(2, 2u)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 16), SET(2, 4u)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 16), SET(2, 8u)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 16), SET(2, 16u)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 16), SET(2, 32u)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 16), SET(2, 64u)}},
	{"socketpair", EAFNOSUPPORT, {IS(0, 16), SET(2, 128u)}},
	{"socketpair", EPROTONOSUPPORT, {IS(2, 33)}},  /* DCCP */
	{"socketpair", EPROTONOSUPPORT, {IS(2, 115)}}, /* L2TP */
	{"socketpair", EPROTONOSUPPORT, {IS(2, 132)}}, /* SCTP */
	{"socketpair", EPROTONOSUPPORT, {IS(2, 136)}}, /* UDPLITE */
	{"socketpair", EPROTONOSUPPORT, {IS(2, 256)}}, /* SMC */
	/*
	 * personality: the flags that weaken the address space. All ones is the query, so the flags
	 * count only below bit 31, and with bit 31 nothing but all ones goes through.
	 */
	{"personality", EPERM, {{0, 0x80040000, 0x00040000, false}}}, /* ADDR_NO_RANDOMIZE */
	{"personality", EPERM, {{0, 0x80100000, 0x00100000, false}}}, /* MMAP_PAGE_ZERO */
	{"personality", EPERM, {{0, 0x80200000, 0x00200000, false}}}, /* ADDR_COMPAT_LAYOUT */
	{"personality", EPERM, {{0, 0x80400000, 0x00400000, false}}}, /* READ_IMPLIES_EXEC */
	{"personality", EPERM, {{0, 0x80800000, 0x00800000, false}}}, /* ADDR_LIMIT_32BIT */
	{"personality", EPERM, {{0, 0x88000000, 0x08000000, false}}}, /* ADDR_LIMIT_3GB */
	{"personality", EPERM, {{0, 0x80000001, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80000002, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80000004, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80000008, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80000010, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80000020, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80000040, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80000080, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80000100, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80000200, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80000400, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80000800, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80001000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80002000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80004000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80008000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80010000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80020000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80040000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80080000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80100000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80200000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80400000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x80800000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x81000000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x82000000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x84000000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x88000000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0x90000000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0xa0000000, 0x80000000, false}}},
	{"personality", EPERM, {{0, 0xc0000000, 0x80000000, false}}},
};
/* clang-format on */

const size_t filter_bits_count = sizeof(filter_bits) / sizeof(filter_bits[0]);

/* O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, and the O_TMPFILE bit proper */
#define WRITING (01ull | 02ull | CREAT | 01000ull | TMPFILE)

#define PATH_ONLY 010000000ull /* O_PATH: what asks for writing beside it is not heard */

#define FILES(_name)                    \
	{                               \
		(_name), -1, 0, 0, true \
	}

/* clang-format off: tables */
const struct filter_gated filter_gated[] = {
	{"execve", -1, 0, 0, false},
	{"execveat", -1, 0, 0, false},
	{"connect", -1, 0, 0, false},
	{"sendto", 4, 0, 0, false},
	{"sendmsg", -1, 0, 0, false},
	{"sendmmsg", -1, 0, 0, false},
	{"bind", -1, 0, 0, false},
	{"listen", -1, 0, 0, false},
	/* takes room on the disk without writing */
	{"fallocate", -1, 0, 0, false},
	/* what opens for writing; ftruncate and the like need such a descriptor first */
	{"open", 1, WRITING, PATH_ONLY, true},
	{"openat", 2, WRITING, PATH_ONLY, true},
	FILES("creat"),
	FILES("truncate"),
	/* names */
	FILES("rename"),
	FILES("renameat"),
	FILES("renameat2"),
	FILES("link"),
	FILES("linkat"),
	FILES("symlink"),
	FILES("symlinkat"),
	FILES("unlink"),
	FILES("unlinkat"),
	FILES("rmdir"),
	FILES("mkdir"),
	FILES("mkdirat"),
	FILES("mknod"),
	FILES("mknodat"),
	/* attributes, by descriptor too: one that was opened for reading will do */
	FILES("chmod"),
	FILES("fchmod"),
	FILES("fchmodat"),
	FILES("fchmodat2"),
	FILES("chown"),
	FILES("lchown"),
	FILES("fchown"),
	FILES("fchownat"),
	FILES("setxattr"),
	FILES("lsetxattr"),
	FILES("fsetxattr"),
	FILES("setxattrat"),
	FILES("removexattr"),
	FILES("lremovexattr"),
	FILES("fremovexattr"),
	FILES("removexattrat"),
	FILES("utime"),
	FILES("utimes"),
	FILES("futimesat"),
	FILES("utimensat"),
	FILES("file_setattr"),
};
/* clang-format on */

const size_t filter_gated_count = sizeof(filter_gated) / sizeof(filter_gated[0]);

const struct filter_gated_when filter_gated_when[] = {
	/* SOL_SOCKET, SO_LINGER: how long whoever closes a duplicate waits, which is the gate */
	{"setsockopt", {IS(1, 1), IS(2, 13)}},
};

const size_t filter_gated_when_count = sizeof(filter_gated_when) / sizeof(filter_gated_when[0]);

/*
 * What is carried out by the hands is under their walls, and not under one that the program has put
 * up for itself. So it can put up none, and hears of it as on a host that was started without.
 */
const struct filter_denied filter_files_denied[] = {
	{"landlock_create_ruleset", EOPNOTSUPP},
	{"landlock_restrict_self", EOPNOTSUPP},
};

const size_t filter_files_denied_count =
	sizeof(filter_files_denied) / sizeof(filter_files_denied[0]);
