/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Landlock beyond the distribution's headers (6.1): later rights and the longer ruleset struct.
 * Source: the kernel's include/uapi/linux/landlock.h.
 */

#include <linux/landlock.h>

struct compat_landlock_ruleset {
	__u64 handled_access_fs;
	__u64 handled_access_net; /* ABI 4 */
	__u64 scoped;		  /* ABI 6 */
};

#define COMPAT_LANDLOCK_REFER			   (1ull << 13) /* ABI 2 */
#define COMPAT_LANDLOCK_TRUNCATE		   (1ull << 14) /* ABI 3 */
#define COMPAT_LANDLOCK_IOCTL_DEV		   (1ull << 15) /* ABI 5 */
#define COMPAT_LANDLOCK_NET_BIND_TCP		   (1ull << 0)	/* ABI 4 */
#define COMPAT_LANDLOCK_NET_CONNECT_TCP		   (1ull << 1)
#define COMPAT_LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ull << 0) /* ABI 6 */
#define COMPAT_LANDLOCK_SCOPE_SIGNAL		   (1ull << 1) /* ABI 6 */
