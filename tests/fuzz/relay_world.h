/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What fuzz_relay.c plays in: a relay with real sockets, programs and servers at both ends of its
 * connections, and a clock that is moved by hand. Each says what does not hold.
 *
 * Loopback stands for outside, where nothing may be dialled but here; two functions of the system
 * and the one that refuses addresses are replaced when the target is linked.
 */

#include "monitor/net/connection.h"

#define PAIRS	   4u
#define HEADS	   4u
#define MAX_EVENTS 256u
#define SAY_BYTES  (64u << 10)
#define NS_PER_S   UINT64_C(1000000000)
#define PATIENCE   (45 * NS_PER_S)

struct side {
	int fd;		      /* -1: none, or closed */
	uint64_t said;	      /* bytes that its kernel took */
	uint64_t heard;	      /* of what the other one said */
	bool is_there;	      /* connected: until then it can do nothing */
	bool shut, hears_end; /* it has said all; so has the other one */
};

struct pair {
	uint64_t ticket; /* 0: not in use yet */
	const char *head;
	struct side program, upstream;
	bool waits; /* its call is stopped */
	bool is_changed;
	bool may_break; /* something was done to it: it may end in any way */
	bool refuses;	/* the answer to its heads */
	uint64_t budget, told, bytes_out, bytes_in;
	unsigned closed;
};

struct order {
	net_socket_cb done; /* NULL: answered */
	void *ctx;
	struct endpoint at;
};

struct world {
	uv_loop_t loop;
	struct relay *relay;
	struct pair pairs[PAIRS];
	struct order orders[MAX_EVENTS];
	unsigned order_count;
	uint64_t tickets;
	struct endpoint inside;
	int server_fd;
	int stray_fd; /* one that nobody approved; -1 */
	bool relay_is_freed;
};

/* What a program says first: that of the first one is whole at once, others may be held in part. */
extern const char *const heads[HEADS];

/* ---- relay_pair.c: both ends of a connection ---- */

/* Time that has passed besides the real one. */
extern uint64_t passed_ns;

/* What stands at each place of a stream is fixed by its head: see byte_of(). */
void say(struct pair *pair, struct side *side, const char *head, size_t len);
/* Return: whether something came. */
bool program_hears(struct pair *pair, size_t len);
bool upstream_hears(struct pair *pair, size_t len);
void say_all(struct side *side);
/* It is closed; from here on the connection may end in any way. */
void leave(struct pair *pair, struct side *side, bool reset);

/* ---- relay_world.c: the relay and what it asks for ---- */

void world_begin(struct world *w);
/* The relay is stopped and freed, and every connection was told to be closed. */
void world_end(struct world *w);
void turns(struct world *w, unsigned count);
/* What the session's init does with what it was asked for: well, or not at all. */
void answer_orders(struct world *w, bool well);
/* So that there is back pressure soon. */
void take_little(int socket_fd);
void connect_to(const struct endpoint *at, int socket_fd);
/* What becomes of a program's call: it proceeds, or is asked about again. */
void go_on(const struct world *w, struct pair *pair);
void ask_again(struct world *w, struct pair *pair);
