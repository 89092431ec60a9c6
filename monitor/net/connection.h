/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of the relay: relay.c, who is asked for and who is let in; connection.c, one of them
 * until its socket has arrived; connection_flow.c, the same from then on.
 */

#include "monitor/net/awake.h"
#include "monitor/net/deferred.h"
#include "monitor/net/dial.h"
#include "monitor/net/flow.h"
#include "monitor/net/relay.h"
#include "monitor/net/udp.h"
#include "monitor/net/upstream_address.h"

enum connection_stage {
	CONNECTION_WAITING, /* the call is stopped */
	CONNECTION_CLAIMED, /* the call went on */
	CONNECTION_FLOWING,
	CONNECTION_ENDED /* its timer is being closed */
};

/* What waits for an answer of the owner, and begins with this: its token. */
struct relay_waiter {
	void (*again)(struct relay_waiter *waiter);
};

struct connection {
	struct relay_waiter waiter;
	struct relay *relay; /* borrowed: outlives its connections */
	enum connection_stage stage;
	struct relay_caller caller; /* strings owned */
	uint64_t ticket;
	struct endpoint destination;
	char *host;
	int socket_fd; /* the program's own; until its connection has arrived; -1 */
	bool is_blocking;
	bool by_decoy;		   /* nothing is dialled */
	bool may_go_on;		   /* it has been held long enough: outcome or none */
	struct listener *listener; /* NULL: none, or done with */
	struct dial *dial;	   /* NULL: over */
	int upstream_fd;	   /* until the flow has it; -1 */
	struct endpoint upstream;
	int program_fd; /* accepted, while upstream is not there yet; -1 */
	struct flow *flow;
	int error; /* of the dial or the listener */
	const char *refusal;
	bool is_told; /* the owner's: see struct relay_sent */
	uint64_t started_ms;
	struct deferred_task arrival; /* is looked for, once, as soon as the call went on */
	uv_timer_t timer; /* how long the call is held, then how long its socket may take */
	struct connection *next, *prev;
};

struct relay {
	uv_loop_t *loop;
	const struct relay_ops *ops;
	void *ctx;
	char *resolver_server;
	struct resolver *resolver; /* from the first name on */
	struct cidr *allowed;
	size_t allowed_count;
	const struct scan_set *canaries; /* borrowed; or NULL */
	struct cidr *own;		 /* the host's addresses, as they were at own_ms */
	size_t own_count;
	uint64_t own_ms;
	struct pipes pipes;
	size_t held; /* bytes, by the screens of all flows */
	struct listeners *listeners;
	struct udp *udp;
	struct awake awake; /* while bytes go back and forth */
	struct deferred deferred;
	struct connection *connections;
	unsigned count;
	uv_timer_t sweep;
	unsigned handles; /* its own four, its connections' timers, and the resolver */
	void (*closed)(void *ctx);
	bool stopping;
};

/* relay.c */
void relay_handle_closed(struct relay *relay);
const char *relay_refusal(void *ctx, const uint8_t address[16]);
struct resolver *relay_resolver(struct relay *relay);
/* Asks about @head, in which only target and disagrees are left to say. Return: as relay_ops.head.
 */
const char *relay_ask(struct relay *relay, const struct relay_head *head,
		      const struct endpoint *destination);

/* connection.c */
/* Return: as relay_connect(). */
int connection_start(struct relay *relay, const struct relay_request *request);
/* Its listener is open, or has failed. */
void connection_listens(struct connection *connection, int error);
/* The call is asked about again. */
enum relay_answer connection_answer(struct connection *connection, int *ret_error);
/* Its socket has arrived. */
void connection_accept(struct connection *connection, int program_fd);
/* Ends it, whatever stage it is in; closed() is called from here. */
void connection_end(struct connection *connection, const char *reason);
/* It is over: closed() is called from here. @totals: NULL if nothing flowed. */
void connection_over(struct connection *connection, const struct flow_totals *totals,
		     const char *reason);

/* connection_flow.c */
/* What it waited for is known. May end it. */
void connection_again(struct relay_waiter *waiter);
/* Both ends are there: program_fd and upstream_fd. May end it. */
void connection_join(struct connection *connection);
/* Its socket has arrived, and nothing was dialled. May end it. */
void connection_serve(struct connection *connection);
/* Idle and total time. */
void connection_check_time(struct connection *connection);
