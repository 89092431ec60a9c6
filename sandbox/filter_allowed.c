/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/filter_rules.h"

/*
 * On purpose, each of them: filter-gen refuses to build when a call of the system call table stands
 * neither here nor among the refused ones, so a call that the table learns is decided on by
 * somebody.
 */
/* clang-format off */
const char *const filter_allowed[] = {
	/* files: what may be reached is up to the view and to Landlock */
	"read", "write", "open", "close", "stat", "fstat", "lstat", "lseek", "pread64", "pwrite64",
	"readv", "writev", "access", "sendfile", "fcntl", "flock", "fsync", "fdatasync",
	"truncate", "ftruncate", "getdents", "getcwd", "chdir", "fchdir", "rename", "mkdir",
	"rmdir", "creat", "link", "unlink", "symlink", "readlink", "chmod", "fchmod", "chown",
	"fchown", "lchown", "umask", "utime", "mknod", "statfs", "fstatfs", "sync", "readahead",
	"getdents64", "fadvise64", "utimes", "openat", "mkdirat", "mknodat", "fchownat",
	"futimesat", "newfstatat", "unlinkat", "renameat", "linkat", "symlinkat", "readlinkat",
	"fchmodat", "faccessat", "splice", "tee", "sync_file_range", "utimensat", "fallocate",
	"preadv", "pwritev", "syncfs", "renameat2", "copy_file_range", "preadv2", "pwritev2",
	"statx", "close_range", "faccessat2", "cachestat", "fchmodat2", "file_getattr",
	"file_setattr", "setxattr", "lsetxattr", "fsetxattr", "getxattr", "lgetxattr", "fgetxattr",
	"listxattr", "llistxattr", "flistxattr", "removexattr", "lremovexattr", "fremovexattr",
	"setxattrat", "getxattrat", "listxattrat", "removexattrat", "inotify_init",
	"inotify_add_watch", "inotify_rm_watch", "inotify_init1",
	/* its own mounts, to be looked at only */
	"statmount", "listmount",
	/* descriptors, waiting, events; set-id bits and terminals: filter_bits */
	"poll", "select", "ioctl", "pipe", "dup", "dup2", "pselect6", "ppoll", "epoll_create",
	"epoll_wait", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_create1", "dup3", "pipe2",
	"signalfd", "signalfd4", "timerfd_create", "timerfd_settime", "timerfd_gettime", "eventfd",
	"eventfd2",
	/* memory of its own */
	"mmap", "mprotect", "munmap", "brk", "mremap", "msync", "mincore", "madvise", "mlock",
	"munlock", "mlockall", "munlockall", "remap_file_pages", "mbind", "set_mempolicy",
	"get_mempolicy", "migrate_pages", "move_pages", "mlock2", "pkey_mprotect", "pkey_alloc",
	"pkey_free", "memfd_create", "set_mempolicy_home_node", "map_shadow_stack", "mseal",
	"membarrier",
	/* the network: which families, filter_bits; to whom, the gate; how far, the namespace */
	"socket", "connect", "accept", "sendto", "recvfrom", "sendmsg", "recvmsg", "shutdown",
	"bind", "listen", "getsockname", "getpeername", "socketpair", "setsockopt", "getsockopt",
	"accept4", "recvmmsg", "sendmmsg",
	/* processes: whom it sees is up to the pid namespace; new namespaces, filter_bits */
	"clone", "fork", "vfork", "execve", "execveat", "exit", "exit_group", "wait4", "waitid",
	"kill", "tkill", "tgkill", "pidfd_send_signal", "pidfd_open", "process_mrelease", "getpid",
	"gettid", "getppid", "setpgid", "getpgrp", "setsid", "getpgid", "getsid", "prctl",
	"arch_prctl", "personality", "set_tid_address", "restart_syscall", "rseq",
	"rseq_slice_yield", "uretprobe", "uprobe",
	/* signals */
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait",
	"rt_sigqueueinfo", "rt_sigsuspend", "sigaltstack", "rt_tgsigqueueinfo", "pause",
	/* ids and capabilities: there are none to be had */
	"getuid", "getgid", "setuid", "setgid", "geteuid", "getegid", "setreuid", "setregid",
	"getgroups", "setgroups", "setresuid", "getresuid", "setresgid", "getresgid", "setfsuid",
	"setfsgid", "capget", "capset",
	/* walls that it may add for itself, and questions about them */
	"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
	"lsm_get_self_attr", "lsm_list_modules",
	/* time */
	"nanosleep", "getitimer", "alarm", "setitimer", "gettimeofday", "times", "time",
	"timer_create", "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete",
	"clock_gettime", "clock_getres", "clock_nanosleep",
	/* scheduling and limits: lowering what it has */
	"sched_yield", "getpriority", "setpriority", "sched_setparam", "sched_getparam",
	"sched_setscheduler", "sched_getscheduler", "sched_get_priority_max",
	"sched_get_priority_min", "sched_rr_get_interval", "sched_setaffinity",
	"sched_getaffinity", "ioprio_set", "ioprio_get", "sched_setattr", "sched_getattr",
	"getrlimit", "getrusage", "setrlimit", "prlimit64",
	/* threads */
	"futex", "set_robust_list", "get_robust_list", "futex_waitv", "futex_wake", "futex_wait",
	"futex_requeue",
	/* System V and POSIX queues, of the session's IPC namespace */
	"shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semctl", "semtimedop", "msgget",
	"msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive",
	"mq_notify", "mq_getsetattr",
	/* questions about the machine */
	"uname", "sysinfo", "getrandom", "getcpu",
	/* numbers with nothing behind them in any kernel for this architecture */
	"getpmsg", "putpmsg", "afs_syscall", "tuxcall", "security", "vserver", "epoll_ctl_old",
	"epoll_wait_old", "set_thread_area", "get_thread_area",
};
/* clang-format on */

const size_t filter_allowed_count = sizeof(filter_allowed) / sizeof(filter_allowed[0]);
