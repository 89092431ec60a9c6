/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * System calls that make a record or are made often, by number (x86-64), and what their arguments
 * mean.
 * Argument numbers start at 1; 0 is "none". A path without a directory argument is relative to the
 * working directory.
 */

#include <linux/types.h>

#include "monitor/bpf/trace.h"

enum call_kind {
	CALL_PLAIN, /* counted, no record */
	CALL_OPEN,
	CALL_CONNECT,
	CALL_CHANGE,
	CALL_EXEC,	    /* a failed one takes its approval back */
	CALL_BEYOND,	    /* privilege, namespaces, mounts, other processes, the kernel itself */
	CALL_BEYOND_FAILED, /* the same, of interest only where it was refused */
	CALL_LIMIT,	    /* ... or where it sets what another process may use */
	CALL_MAP,	    /* may make memory that can be run; see maps.h */
};

/* What a process can reach after a call that it could not before; see flows.h. */
enum call_makes {
	MAKES_NOTHING,
	MAKES_ONE,     /* the descriptor that is its result */
	MAKES_MANY,    /* descriptors */
	MAKES_SHARED,  /* memory */
	MAKES_MAP,     /* memory, or what is behind argument 5 in it */
	MAKES_MESSAGE, /* what is in a System V message queue */
	MAKES_CLONE,   /* ioctl(2): one file's content in another, by FICLONE */
};

struct call_roles {
	__u8 kind;  /* enum call_kind */
	__u8 flags; /* argument with open flags */
	__u8 how;   /* argument pointing to them */
	__u8 fd;    /* argument that names the object itself */
	__u8 dir[2];
	__u8 path[2];
	__u8 text;  /* argument: what a symbolic link is to say */
	__u8 reads; /* argument: descriptor whose content it takes */
	__u8 makes; /* enum call_makes */
	__u8 often; /* enum trace_often */
};

static const struct call_roles call_roles[TRACE_SYSCALL_MAX] = {
	[2] = {.kind = CALL_OPEN, .flags = 2, .path = {1}, .makes = MAKES_ONE}, /* open */
	[85] = {.kind = CALL_OPEN, .path = {1}, .makes = MAKES_ONE},		/* creat */
	[257] = {.kind = CALL_OPEN,
		 .flags = 3,
		 .dir = {1},
		 .path = {2},
		 .makes = MAKES_ONE,
		 .often = TRACE_OFTEN_OPENAT},			     /* openat */
	[304] = {.kind = CALL_OPEN, .flags = 3, .makes = MAKES_ONE}, /* open_by_handle_at */
	[437] = {.kind = CALL_OPEN,
		 .how = 3,
		 .dir = {1},
		 .path = {2},
		 .makes = MAKES_ONE},				      /* openat2 */
	[42] = {.kind = CALL_CONNECT, .fd = 1},			      /* connect */
	[59] = {.kind = CALL_EXEC},				      /* execve */
	[322] = {.kind = CALL_EXEC},				      /* execveat */
	[76] = {.kind = CALL_CHANGE, .path = {1}},		      /* truncate */
	[77] = {.kind = CALL_CHANGE, .fd = 1},			      /* ftruncate */
	[82] = {.kind = CALL_CHANGE, .path = {1, 2}},		      /* rename */
	[83] = {.kind = CALL_CHANGE, .path = {1}},		      /* mkdir */
	[84] = {.kind = CALL_CHANGE, .path = {1}},		      /* rmdir */
	[86] = {.kind = CALL_CHANGE, .path = {1, 2}},		      /* link */
	[87] = {.kind = CALL_CHANGE, .path = {1}},		      /* unlink */
	[88] = {.kind = CALL_CHANGE, .path = {2}, .text = 1},	      /* symlink */
	[90] = {.kind = CALL_CHANGE, .path = {1}},		      /* chmod */
	[91] = {.kind = CALL_CHANGE, .fd = 1},			      /* fchmod */
	[92] = {.kind = CALL_CHANGE, .path = {1}},		      /* chown */
	[93] = {.kind = CALL_CHANGE, .fd = 1},			      /* fchown */
	[94] = {.kind = CALL_CHANGE, .path = {1}},		      /* lchown */
	[132] = {.kind = CALL_CHANGE, .path = {1}},		      /* utime */
	[133] = {.kind = CALL_CHANGE, .path = {1}},		      /* mknod */
	[188] = {.kind = CALL_CHANGE, .path = {1}},		      /* setxattr */
	[189] = {.kind = CALL_CHANGE, .path = {1}},		      /* lsetxattr */
	[190] = {.kind = CALL_CHANGE, .fd = 1},			      /* fsetxattr */
	[197] = {.kind = CALL_CHANGE, .path = {1}},		      /* removexattr */
	[198] = {.kind = CALL_CHANGE, .path = {1}},		      /* lremovexattr */
	[199] = {.kind = CALL_CHANGE, .fd = 1},			      /* fremovexattr */
	[235] = {.kind = CALL_CHANGE, .path = {1}},		      /* utimes */
	[258] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},	      /* mkdirat */
	[259] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},	      /* mknodat */
	[260] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},	      /* fchownat */
	[261] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},	      /* futimesat */
	[263] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},	      /* unlinkat */
	[264] = {.kind = CALL_CHANGE, .dir = {1, 3}, .path = {2, 4}}, /* renameat */
	[265] = {.kind = CALL_CHANGE, .dir = {1, 3}, .path = {2, 4}}, /* linkat */
	/* symlinkat */
	[266] = {.kind = CALL_CHANGE, .dir = {2}, .path = {3}, .text = 1},
	[268] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},	      /* fchmodat */
	[280] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},	      /* utimensat */
	[316] = {.kind = CALL_CHANGE, .dir = {1, 3}, .path = {2, 4}}, /* renameat2 */
	[452] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},	      /* fchmodat2 */
	[463] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},	      /* setxattrat */
	[466] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},	      /* removexattrat */
	[41] = {.kind = CALL_BEYOND_FAILED, .makes = MAKES_ONE},      /* socket */
	[56] = {.kind = CALL_BEYOND_FAILED},	   /* clone; refused where a limit is reached */
	[57] = {.kind = CALL_BEYOND_FAILED},	   /* fork */
	[58] = {.kind = CALL_BEYOND_FAILED},	   /* vfork */
	[62] = {.kind = CALL_BEYOND_FAILED},	   /* kill; what arrives is a signal */
	[101] = {.kind = CALL_BEYOND},		   /* ptrace */
	[103] = {.kind = CALL_BEYOND},		   /* syslog */
	[105] = {.kind = CALL_BEYOND},		   /* setuid */
	[106] = {.kind = CALL_BEYOND},		   /* setgid */
	[113] = {.kind = CALL_BEYOND},		   /* setreuid */
	[114] = {.kind = CALL_BEYOND},		   /* setregid */
	[116] = {.kind = CALL_BEYOND},		   /* setgroups */
	[117] = {.kind = CALL_BEYOND},		   /* setresuid */
	[119] = {.kind = CALL_BEYOND},		   /* setresgid */
	[122] = {.kind = CALL_BEYOND},		   /* setfsuid */
	[123] = {.kind = CALL_BEYOND},		   /* setfsgid */
	[126] = {.kind = CALL_BEYOND},		   /* capset */
	[129] = {.kind = CALL_BEYOND_FAILED},	   /* rt_sigqueueinfo */
	[141] = {.kind = CALL_BEYOND_FAILED},	   /* setpriority */
	[144] = {.kind = CALL_BEYOND_FAILED},	   /* sched_setscheduler */
	[153] = {.kind = CALL_BEYOND},		   /* vhangup */
	[155] = {.kind = CALL_BEYOND},		   /* pivot_root */
	[160] = {.kind = CALL_BEYOND_FAILED},	   /* setrlimit */
	[161] = {.kind = CALL_BEYOND},		   /* chroot */
	[163] = {.kind = CALL_BEYOND},		   /* acct */
	[164] = {.kind = CALL_BEYOND},		   /* settimeofday */
	[165] = {.kind = CALL_BEYOND},		   /* mount */
	[166] = {.kind = CALL_BEYOND},		   /* umount2 */
	[167] = {.kind = CALL_BEYOND},		   /* swapon */
	[168] = {.kind = CALL_BEYOND},		   /* swapoff */
	[169] = {.kind = CALL_BEYOND},		   /* reboot */
	[170] = {.kind = CALL_BEYOND},		   /* sethostname */
	[171] = {.kind = CALL_BEYOND},		   /* setdomainname */
	[172] = {.kind = CALL_BEYOND},		   /* iopl */
	[173] = {.kind = CALL_BEYOND},		   /* ioperm */
	[175] = {.kind = CALL_BEYOND},		   /* init_module */
	[176] = {.kind = CALL_BEYOND},		   /* delete_module */
	[200] = {.kind = CALL_BEYOND_FAILED},	   /* tkill */
	[203] = {.kind = CALL_BEYOND_FAILED},	   /* sched_setaffinity */
	[227] = {.kind = CALL_BEYOND},		   /* clock_settime */
	[234] = {.kind = CALL_BEYOND_FAILED},	   /* tgkill */
	[246] = {.kind = CALL_BEYOND},		   /* kexec_load */
	[248] = {.kind = CALL_BEYOND},		   /* add_key */
	[249] = {.kind = CALL_BEYOND},		   /* request_key */
	[250] = {.kind = CALL_BEYOND},		   /* keyctl */
	[272] = {.kind = CALL_BEYOND},		   /* unshare */
	[298] = {.kind = CALL_BEYOND},		   /* perf_event_open */
	[300] = {.kind = CALL_BEYOND},		   /* fanotify_init */
	[302] = {.kind = CALL_LIMIT},		   /* prlimit64 */
	[308] = {.kind = CALL_BEYOND},		   /* setns */
	[310] = {.kind = CALL_BEYOND},		   /* process_vm_readv */
	[311] = {.kind = CALL_BEYOND},		   /* process_vm_writev */
	[312] = {.kind = CALL_BEYOND_FAILED},	   /* kcmp */
	[313] = {.kind = CALL_BEYOND},		   /* finit_module */
	[314] = {.kind = CALL_BEYOND_FAILED},	   /* sched_setattr */
	[320] = {.kind = CALL_BEYOND},		   /* kexec_file_load */
	[321] = {.kind = CALL_BEYOND},		   /* bpf */
	[323] = {.kind = CALL_BEYOND},		   /* userfaultfd */
	[424] = {.kind = CALL_BEYOND_FAILED},	   /* pidfd_send_signal */
	[428] = {.kind = CALL_BEYOND},		   /* open_tree */
	[429] = {.kind = CALL_BEYOND},		   /* move_mount */
	[430] = {.kind = CALL_BEYOND},		   /* fsopen */
	[432] = {.kind = CALL_BEYOND},		   /* fsmount */
	[438] = {.kind = CALL_BEYOND},		   /* pidfd_getfd */
	[442] = {.kind = CALL_BEYOND},		   /* mount_setattr */
	[17] = {.reads = 1},			   /* pread64 */
	[19] = {.reads = 1},			   /* readv */
	[295] = {.reads = 1},			   /* preadv */
	[327] = {.reads = 1},			   /* preadv2 */
	[45] = {.reads = 1},			   /* recvfrom */
	[275] = {.reads = 1},			   /* splice */
	[276] = {.reads = 1},			   /* tee */
	[278] = {.reads = 1},			   /* vmsplice */
	[326] = {.reads = 1},			   /* copy_file_range */
	[243] = {.reads = 1},			   /* mq_timedreceive */
	[40] = {.reads = 2},			   /* sendfile */
	[47] = {.reads = 1, .makes = MAKES_MANY},  /* recvmsg */
	[299] = {.reads = 1, .makes = MAKES_MANY}, /* recvmmsg */
	[43] = {.makes = MAKES_ONE},		   /* accept */
	[288] = {.makes = MAKES_ONE},		   /* accept4 */
	/* memfd_create, memfd_secret */
	[319] = {.kind = CALL_BEYOND, .makes = MAKES_ONE},
	[447] = {.kind = CALL_BEYOND, .makes = MAKES_ONE},
	[10] = {.kind = CALL_MAP},			  /* mprotect */
	[329] = {.kind = CALL_MAP},			  /* pkey_mprotect */
	[240] = {.makes = MAKES_ONE},			  /* mq_open */
	[22] = {.makes = MAKES_MANY},			  /* pipe */
	[293] = {.makes = MAKES_MANY},			  /* pipe2 */
	[53] = {.makes = MAKES_MANY},			  /* socketpair */
	[30] = {.kind = CALL_MAP, .makes = MAKES_SHARED}, /* shmat */
	[68] = {.makes = MAKES_MESSAGE},		  /* msgget */
	[69] = {.makes = MAKES_MESSAGE},		  /* msgsnd */
	[70] = {.makes = MAKES_MESSAGE},		  /* msgrcv */
	[16] = {.makes = MAKES_CLONE},			  /* ioctl */

	[0] = {.reads = 1, .often = TRACE_OFTEN_READ}, /* read */
	[1] = {.often = TRACE_OFTEN_WRITE},	       /* write */
	[3] = {.often = TRACE_OFTEN_CLOSE},	       /* close */
	[5] = {.often = TRACE_OFTEN_FSTAT},	       /* fstat */
	[8] = {.often = TRACE_OFTEN_LSEEK},	       /* lseek */
	[9] = {.kind = CALL_MAP,
	       .reads = 5,
	       .makes = MAKES_MAP,
	       .often = TRACE_OFTEN_MMAP},	   /* mmap */
	[262] = {.often = TRACE_OFTEN_NEWFSTATAT}, /* newfstatat */
};
