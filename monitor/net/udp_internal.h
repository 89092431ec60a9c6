/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inside of UDP's part of the relay: udp.c, calls; udp_flow.c, datagrams;
 * udp_screen.c, what is in them; udp_port.c, sockets.
 */

#include <sys/types.h>

#include "common/buf.h"
#include "monitor/net/connection.h"
#include "monitor/net/quic_hello.h"
#include "monitor/net/udp.h"

#define MAX_DATAGRAM  65535u
#define TURN_MESSAGES 64u /* of one socket before others have their turn */

/* A socket in the session's network, at a destination. */
struct udp_port {
	struct udp *udp;
	struct endpoint at;
	int socket_fd; /* -1: not there yet */
	uv_poll_t *poll;
	unsigned flows;
	uint64_t used_ms;
	bool told_stray; /* once is enough: datagrams come in numbers */
	struct udp_port *next, *prev;
};

#define MAX_UDP_SENDERS 16u /* threads that share a socket, before its first datagram went */

enum udp_stage {
	UDP_WAITING,
	UDP_APPROVED,
	UDP_DIALLING,
	UDP_FLOWING
};

/* What one socket of a program says to one destination. */
struct udp_flow {
	struct relay_waiter waiter; /* first: a pointer to it is the flow's token */
	struct udp *udp;
	enum udp_stage stage;
	bool woken; /* the port was answered */
	struct udp_port *port;
	struct relay_caller caller;	   /* strings owned */
	uint64_t tickets[MAX_UDP_SENDERS]; /* of calls that wait, or of the one that came last */
	unsigned ticket_count;
	char *host;
	int socket_fd; /* the program's own */
	ino_t socket_ino;
	uint32_t mark; /* of the socket, which its datagrams have; not 0 from APPROVED on */
	struct endpoint source; /* as the latest datagram says, from DIALLING on */
	struct dial *dial;
	struct buf kept;  /* datagrams that wait, a length of 4 bytes before each */
	size_t screened;  /* of these were looked at, and may go together with what follows */
	uint64_t held_ms; /* since when half a hello is held; 0: none */
	bool waits;	  /* for an answer */
	int upstream_fd;
	uv_poll_t *poll;
	struct endpoint upstream;
	uint64_t started_ms, moved_ms, bytes_out, bytes_in;
	int error;
	bool is_told;		       /* over a budget, where that stops nothing */
	const struct first_seen *seen; /* static or `said`; NULL: nothing was looked at yet */
	struct first_seen *said;       /* of QUIC, as of the last ClientHello */
	struct quic_hello *quic;       /* NULL: none of it yet, or not looked at any more */
	bool is_unread;		       /* what was broken was let through: the latter */
	struct scan *scan;	       /* NULL: nothing is searched for (any more) */
	struct scan_result searched;   /* what the owner knows */
	const char *refusal;
	struct udp_flow *next, *prev;
};

struct udp {
	struct relay *relay;
	struct udp_port *ports;
	struct udp_flow *flows;
	unsigned port_count, flow_count;
	uint32_t last_mark;
	struct quic_ids quic_ids;
	uint8_t datagram[MAX_DATAGRAM];
};

/* udp_port.c */
int udp_poll_start(struct relay *relay, int socket_fd, uv_poll_cb readable, void *data,
		   uv_poll_t **ret);
void udp_poll_stop(struct relay *relay, uv_poll_t **poll);
/* To be given back by port->flows--. Errors: -ENOBUFS; those of ops.datagram. */
int udp_port_use(struct udp *udp, const struct endpoint *at, struct udp_port **ret);
/* Marks @socket_fd, if it is of the port's network. Errors: -EPERM; those of setsockopt(2). */
int udp_port_mark(const struct udp_port *port, int socket_fd, uint32_t mark);
void udp_port_close(struct udp_port *port);

/* udp_screen.c */
/* May it be sent? Return: as relay_ops.head; screen_later also with half a ClientHello. */
const char *udp_screen(struct udp_flow *flow, const uint8_t *bytes, size_t len);
/* The same of what it waited for. */
const char *udp_screen_again(struct udp_flow *flow);
void udp_screen_done(struct udp_flow *flow);

/* udp_flow.c */
/* Ends it; closed() is called from here if it ever had a datagram to pass on. */
void udp_flow_over(struct udp_flow *flow, const char *reason);
/* What it waited for is known. May end it. */
void udp_flow_again(struct relay_waiter *waiter);
/* The first @len bytes of udp->datagram came there, by a socket with that mark; 0: by any. */
void udp_flow_pass_out(struct udp_port *port, const struct endpoint *source, uint32_t mark,
		       size_t len);
