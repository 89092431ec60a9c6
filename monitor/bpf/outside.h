/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Whether what a socket receives may come from outside of the session. */

#include "monitor/bpf/files.h"

#define LOOPBACK  127u	       /* the first byte of an address, in network order */
#define LOOPBACK6 (1ull << 56) /* second half of ::1, whose first is 0 */
#define MAPPED	  0xffff0000u  /* of ::ffff:0:0/96, after a first half of 0 */

/*
 * Of any socket: has its other end no loopback address? One's own address says nothing, since every
 * address is local to the session and may be bound to. What has no peer may get it from anybody.
 */
__noinline int flow_is_network(__u64 sk)
{
	const __u64 common = sk + layout.sock_common;
	const __u32 family = READ(__u16, common, sock_family);
	__u64 peer[2] = {};

	if (family == AF_INET)
		return (READ(__u32, common, sock_daddr) & 0xff) != LOOPBACK;
	if (family != AF_INET6)
		return false;
	bpf_probe_read_kernel(peer, sizeof(peer), (void *)(common + layout.sock_v6_daddr));
	if (!peer[0] && (__u32)peer[1] == MAPPED)
		return (peer[1] >> 32 & 0xff) != LOOPBACK;
	return peer[0] || peer[1] != LOOPBACK6;
}
