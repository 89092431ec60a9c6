/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of the name server:
 *
 *	dns_server.c	start, end, what a message is answered with
 *	dns_udp.c	datagrams, in batches
 *	dns_held.c	those whose answer waits
 *	dns_tcp.c	connections: a length, a message, and again
 */

#include <netinet/in.h>
#include <sys/socket.h>

#include "monitor/net/dns_server.h"

/* A query has one name of 255 bytes; the rest is for options, padding among them (RFC 8467). */
#define MAX_DNS_QUERY_BYTES 1280u

struct dns_client; /* dns_tcp.c */
struct dns_held;   /* dns_held.c */

/* Either family's PKTINFO. */
#define DNS_CONTROL_BYTES CMSG_SPACE(sizeof(struct in6_pktinfo))

struct dns_udp {
	struct dns_server *server; /* borrowed */
	int socket_fd;		   /* -1: not there */
	uv_poll_t poll;
};

struct dns_server {
	uv_loop_t *loop;		  /* borrowed */
	struct names *names;		  /* borrowed */
	const struct dns_server_ops *ops; /* borrowed */
	void *ctx;
	struct dns_udp udp[2];
	uv_tcp_t listeners[2];
	struct dns_client *clients; /* the one that is idle longest first */
	unsigned client_count;
	struct dns_held *held;
	unsigned held_count;
	struct dns_held *spare; /* for the next one; NULL until it is needed */
	unsigned idle_ms;
	uv_timer_t idle; /* runs while there are clients */
	unsigned handles;
	bool is_stopping;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

/* Return: bytes of the answer; 0: there is none; -EAGAIN: it waits, with @waiter (NULL: it cannot).
 */
int dns_server_answer(struct dns_server *server, struct dns_waiter *waiter, const uint8_t *bytes,
		      size_t len, uint8_t ret[DNS_REPLY_BYTES]);
/* A handle of the server is closed; the last one frees it. */
void dns_server_handle_closed(struct dns_server *server);
void dns_server_on_closed(uv_handle_t *handle); /* for handles whose data is the server */

/* dns_udp.c; @socket_fd is the server's. */
int dns_udp_start(struct dns_server *server, struct dns_udp *udp, struct error *err);
void dns_udp_stop(struct dns_udp *udp);

/* dns_held.c */
/* For a datagram that is about to be decided; NULL: too many wait. */
struct dns_waiter *dns_held_waiter(struct dns_server *server);
/* It waits, with that waiter. @message: with which it is to be answered. */
void dns_held_add(struct dns_udp *udp, const struct msghdr *message, const uint8_t *query,
		  size_t len);
bool dns_held_knows(const struct dns_server *server, const struct msghdr *message,
		    const uint8_t *query, size_t len);
void dns_held_stop(struct dns_server *server);

/* dns_tcp.c */
int dns_tcp_start(struct dns_server *server, uv_tcp_t *listener, int *listener_fd,
		  struct error *err);
void dns_tcp_stop(struct dns_server *server);
