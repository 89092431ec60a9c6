/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * System calls that make a record, by number (x86-64), and what their arguments mean.
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
	CALL_EXEC, /* a failed one takes its approval back */
};

struct call_roles {
	__u8 kind;  /* enum call_kind */
	__u8 flags; /* argument with open flags */
	__u8 how;   /* argument pointing to them */
	__u8 fd;    /* argument that names the object itself */
	__u8 dir[2];
	__u8 path[2];
};

static const struct call_roles call_roles[TRACE_SYSCALL_MAX] = {
	[2] = {.kind = CALL_OPEN, .flags = 2, .path = {1}},		  /* open */
	[85] = {.kind = CALL_OPEN, .path = {1}},			  /* creat */
	[257] = {.kind = CALL_OPEN, .flags = 3, .dir = {1}, .path = {2}}, /* openat */
	[304] = {.kind = CALL_OPEN, .flags = 3},			  /* open_by_handle_at */
	[437] = {.kind = CALL_OPEN, .how = 3, .dir = {1}, .path = {2}},	  /* openat2 */
	[42] = {.kind = CALL_CONNECT, .fd = 1},				  /* connect */
	[59] = {.kind = CALL_EXEC},					  /* execve */
	[322] = {.kind = CALL_EXEC},					  /* execveat */
	[76] = {.kind = CALL_CHANGE, .path = {1}},			  /* truncate */
	[77] = {.kind = CALL_CHANGE, .fd = 1},				  /* ftruncate */
	[82] = {.kind = CALL_CHANGE, .path = {1, 2}},			  /* rename */
	[83] = {.kind = CALL_CHANGE, .path = {1}},			  /* mkdir */
	[84] = {.kind = CALL_CHANGE, .path = {1}},			  /* rmdir */
	[86] = {.kind = CALL_CHANGE, .path = {1, 2}},			  /* link */
	[87] = {.kind = CALL_CHANGE, .path = {1}},			  /* unlink */
	[88] = {.kind = CALL_CHANGE, .path = {1, 2}},			  /* symlink */
	[90] = {.kind = CALL_CHANGE, .path = {1}},			  /* chmod */
	[91] = {.kind = CALL_CHANGE, .fd = 1},				  /* fchmod */
	[92] = {.kind = CALL_CHANGE, .path = {1}},			  /* chown */
	[93] = {.kind = CALL_CHANGE, .fd = 1},				  /* fchown */
	[94] = {.kind = CALL_CHANGE, .path = {1}},			  /* lchown */
	[132] = {.kind = CALL_CHANGE, .path = {1}},			  /* utime */
	[133] = {.kind = CALL_CHANGE, .path = {1}},			  /* mknod */
	[188] = {.kind = CALL_CHANGE, .path = {1}},			  /* setxattr */
	[189] = {.kind = CALL_CHANGE, .path = {1}},			  /* lsetxattr */
	[190] = {.kind = CALL_CHANGE, .fd = 1},				  /* fsetxattr */
	[197] = {.kind = CALL_CHANGE, .path = {1}},			  /* removexattr */
	[198] = {.kind = CALL_CHANGE, .path = {1}},			  /* lremovexattr */
	[199] = {.kind = CALL_CHANGE, .fd = 1},				  /* fremovexattr */
	[235] = {.kind = CALL_CHANGE, .path = {1}},			  /* utimes */
	[258] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},		  /* mkdirat */
	[259] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},		  /* mknodat */
	[260] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},		  /* fchownat */
	[261] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},		  /* futimesat */
	[263] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},		  /* unlinkat */
	[264] = {.kind = CALL_CHANGE, .dir = {1, 3}, .path = {2, 4}},	  /* renameat */
	[265] = {.kind = CALL_CHANGE, .dir = {1, 3}, .path = {2, 4}},	  /* linkat */
	[266] = {.kind = CALL_CHANGE, .dir = {0, 2}, .path = {1, 3}},	  /* symlinkat */
	[268] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},		  /* fchmodat */
	[280] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},		  /* utimensat */
	[316] = {.kind = CALL_CHANGE, .dir = {1, 3}, .path = {2, 4}},	  /* renameat2 */
	[452] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},		  /* fchmodat2 */
	[463] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},		  /* setxattrat */
	[466] = {.kind = CALL_CHANGE, .dir = {1}, .path = {2}},		  /* removexattrat */
};
