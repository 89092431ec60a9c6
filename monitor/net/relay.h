/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The relay of one session: what policy let a program connect to is dialled outside, and the
 * program's connection, which ends in the session's own network, is joined with that.
 *
 *	relay_connect() -> WAITING: the dial and the listener are under way, the call is stopped
 *		resume() -> relay_answer() -> the call goes on, or gets the errno that it earned
 *	(where neither takes time, relay_connect() is the answer itself)
 *	CLAIMED: the call went on; its socket is to arrive at the listener
 *	FLOWING: it did, and both ends are joined (flow.h)
 *	closed()
 *
 * What the verdict rests on: a socket that a listener accepts is joined only if it is the very one
 * whose call was let through, which its two endpoints say: it went where the listener is bound,
 * and whom accept(2) names must be getsockname() of the program's own socket, of which the relay
 * keeps a duplicate until then. An address or a descriptor that was changed after
 * the verdict finds no listener, or is reset.
 *
 * Knows no session and no policy: what it tells and asks goes through struct relay_ops.
 */

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "monitor/net/first_bytes.h"
#include "monitor/net/listeners.h"
#include "monitor/net/scan.h"
#include "monitor/policy/cidr.h"

struct relay;

/* Whose connection it is; strings are copied. */
struct relay_caller {
	void *owner; /* compared only: the execution; NULL once it is over */
	uint32_t exec_id;
	uint32_t pid;
	uint32_t declared;
	const char *exe, *call_id, *call_tool;
};

struct relay_request {
	struct relay_caller caller;
	uint64_t ticket;	     /* of the stopped call */
	struct endpoint destination; /* inside: what was judged */
	const char *host;	     /* its canonical name, or the address as text */
	int *socket_fd;		     /* the program's; relay_connect() takes it; NULL: not known */
	bool by_decoy;		     /* nothing is dialled: relay_ops.serve() answers it */
};

/* A connection that is served rather than dialled. */
struct relay_arrival {
	void *token;   /* for relay_served() */
	int socket_fd; /* the callee's */
	const struct relay_caller *caller;
	const struct endpoint *destination;
	const char *host;
};

/* What a program says on its connection, or in a datagram, before anything of it is sent. */
struct relay_head {
	void *token; /* of the connection or the flow, for relay_head_again(); in relay_end again */
	const struct relay_caller *caller;
	const char *host;
	const struct endpoint *upstream;
	const struct first_target *target; /* whom it asked for */
	const struct first_seen *seen;
	const struct scan_result *searched; /* it or, asked again, also what follows it */
	const char *disagrees; /* with the host that it asked for: why, static; NULL: it agrees */
};

struct relay_sent {
	const struct relay_caller *caller;
	const struct endpoint *destination;
	const char *host;
	bool is_udp;
	uint64_t bytes;
	bool *is_told; /* of this connection, for the owner to keep: false at first */
};

/* One connection, at its end. */
struct relay_end {
	void *token;
	const struct relay_caller *caller;
	const struct endpoint *destination;
	const char *host;
	struct endpoint upstream; /* all zero if none was tried */
	uint64_t bytes_out, bytes_in;
	uint64_t duration_ms; /* since it was asked for */
	const char *reason;   /* static: "closed", "reset", "not connected", ... */
	int error;	      /* of the dial; 0: it was connected */
	const char *refusal;  /* what the address is that may not be dialled, static; or NULL */
};

struct relay_ops {
	/* As listeners_ops.open. */
	int (*listen)(void *ctx, const struct endpoint *at, net_socket_cb done, void *done_ctx);
	/* The same for a socket of UDP that is bound there. */
	int (*datagram)(void *ctx, const struct endpoint *at, net_socket_cb done, void *done_ctx);
	/* The outcome is there: the call may be asked about again. */
	void (*resume)(void *ctx, void *owner, uint64_t ticket);
	/* True while the call is still stopped. */
	bool (*is_waiting)(void *ctx, void *owner, uint64_t ticket);
	/* May it be sent? Return: NULL, or the reason of the flow's end, static; or screen_later
	 * (screen.h): the flow is held until relay_head_again(). */
	const char *(*head)(void *ctx, const struct relay_head *head);
	/* So many bytes more of it went out. Return: NULL, or why no more may, static. */
	const char *(*sent)(void *ctx, const struct relay_sent *sent);
	/* Once for each connection that was asked for. */
	void (*closed)(void *ctx, const struct relay_end *end);
	/*
	 * Answers a connection by itself; relay_served() says when it is over. May be NULL if no
	 * request is by_decoy. Errors: it was closed, and relay_served() is not called.
	 */
	int (*serve)(void *ctx, const struct relay_arrival *arrival);
	/* A socket arrived that nothing was approved for; it was reset. */
	void (*stray)(void *ctx, const struct endpoint *destination);
};

struct relay_config {
	uv_loop_t *loop;
	const char *resolver;	    /* as resolver_config.server; copied */
	const struct cidr *allowed; /* --allow-private; copied */
	size_t allowed_count;
	const struct scan_set *canaries; /* borrowed; NULL: nothing is searched for */
	const struct relay_ops *ops;
	void *ctx;
};

struct relay *relay_start(const struct relay_config *config);
/* Who has arrived by now is joined, or served: programs that have said all may be gone already. */
void relay_take_arrivals(struct relay *relay);
/*
 * Ends all connections; what programs had sent is passed on as far as it is taken at once.
 * @closed: from the loop, when the last handle is closed and the relay is freed.
 */
void relay_stop(struct relay *relay, void (*closed)(void *ctx));

/*
 * relay_connect - what policy has just let through.
 * Return: 0: the call waits; RELAY_NOW: it may go on, the connection is there already.
 * Errors: -ENOBUFS when there are too many; -EMFILE; those of ops.listen; how a dial ended that
 * took no time. Then closed() was called.
 */
#define RELAY_NOW 1
int relay_connect(struct relay *relay, const struct relay_request *request);

/*
 * relay_send - a connect(2) of UDP, or a message with an address, that policy has just let through.
 * Return: 0: the call waits; RELAY_NOW: it may go on. Errors: as relay_connect(); nothing is told.
 */
int relay_send(struct relay *relay, const struct relay_request *request);
/* What head() said screen_later of can be told now: it is asked anew, from here. May end the flow.
 */
void relay_head_again(void *token);
/* A served connection is over. All are before relay_stop(). */
void relay_served(void *token, uint64_t bytes_out, uint64_t bytes_in, const char *reason);

enum relay_answer {
	RELAY_UNKNOWN, /* nothing is known of this call: it is to be judged */
	RELAY_WAITS,   /* not yet */
	RELAY_GOES_ON, /* let it proceed, now */
	RELAY_FAILED   /* *ret_error is the negative errno to give it */
};

/* A stopped call is asked about again. @destination: as it reads now. */
enum relay_answer relay_answer(struct relay *relay, const void *owner, uint64_t ticket,
			       const struct endpoint *destination, int *ret_error);

/* The execution is over: its connections end when what it had sent has been passed on. */
void relay_drain(struct relay *relay, const void *owner);
/* A program wants to listen on the port itself. */
void relay_yield(struct relay *relay, uint16_t port);
