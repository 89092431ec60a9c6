/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Constants that the C library's and the distribution's kernel headers (6.1) may lack.
 */

#define COMPAT_SECCOMP_WAIT_KILLABLE_RECV (1ul << 5) /* Linux 5.19 */

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1u << 1)
#endif
