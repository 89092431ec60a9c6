/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The name server of one session: UDP and TCP port 53 of all addresses in its network.
 *
 * It answers by itself (dns_message.h) and asks nobody outside. What it is asked for is told to the
 * owner first, who may refuse. Answers come from the address that was asked, since resolvers take
 * no other. Of a session's making, and bounded: datagrams answered in one turn of the loop, TCP
 * connections (the one that is idle longest goes), their buffers, how long one may be idle, and how
 * many queries wait for the owner.
 *
 * Sources: RFC 1035 4.2, 7766 (TCP: pipelining, idle connections), ip(7) and ipv6(7) for PKTINFO.
 */

#include <stdbool.h>

#include <uv.h>

#include "common/error.h"
#include "monitor/net/dns_message.h"

#define MAX_DNS_CLIENTS 32u /* TCP connections of one session */
#define MAX_DNS_HELD	16u /* datagrams of one session whose answer waits */

struct dns_server;

/* A query whose answer can wait. */
struct dns_waiter {
	struct dns_server *server; /* borrowed */
	void (*again)(struct dns_waiter *waiter);
	bool is_again;	/* it was asked about before, and waited */
	uint32_t asker; /* the owner's: who asks */
};

enum dns_outcome {
	DNS_MAY_BE_ANSWERED,
	DNS_IS_REFUSED, /* with NXDOMAIN, and the reason for those who can read one (EDNS) */
	DNS_WAITS,	/* until dns_server_again() */
};

struct dns_server_ops {
	/*
	 * @waiter: NULL if it cannot wait, since too many do. *ret_reason: borrowed until the next
	 * call; may stay NULL.
	 */
	enum dns_outcome (*decide)(void *ctx, const struct dns_query *query,
				   struct dns_waiter *waiter, const char **ret_reason);
	/* Who waited is gone. */
	void (*forget)(void *ctx, struct dns_waiter *waiter);
	/* A name got no address, since MAX_NET_NAMES have theirs. */
	void (*full)(void *ctx);
};

struct dns_server_config {
	uv_loop_t *loop;     /* borrowed */
	struct names *names; /* borrowed */
	/* Bound to port 53; of 0.0.0.0 and ::; non-blocking; taken over, also on failure. */
	int udp_fds[2];	     /* with PKTINFO, and IPV6_FREEBIND: answers come from any address */
	int listener_fds[2]; /* TCP */
	unsigned idle_ms;    /* of a TCP connection since its last whole query; 0: 10 s */
	const struct dns_server_ops *ops;
	void *ctx;
};

int dns_server_start(const struct dns_server_config *config, struct dns_server **ret,
		     struct error *err);
/* The owner is asked about it anew, after which it may be gone. @waiter: a struct dns_waiter. */
void dns_server_again(void *waiter);
/* Nothing is asked of the owner any more, but to forget who waits. @closed: from the loop, when all
 * is freed. */
void dns_server_stop(struct dns_server *server, void (*closed)(void *ctx), void *ctx);
