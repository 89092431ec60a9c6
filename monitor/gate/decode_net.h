/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of decode_net():
 *
 *	decode_net.c		from a call of the network to an answer, one destination at a time
 *	decode_net_messages.c	sendmsg(2) and sendmmsg(2), which have several
 *	decode_net_path.c	where the path of a UNIX socket leads, and whose the socket is
 */

#include <stdbool.h>
#include <stdint.h>

#include "monitor/gate/address.h"
#include "monitor/gate/decode.h"

/* One destination as read from the child. */
struct net_destination {
	uint32_t len;
	uint8_t bytes[MAX_ADDRESS_BYTES];
};

struct net_call {
	enum action_kind kind;
	int socket_number;
	bool looked;	/* at the socket */
	int socket_fd;	/* what the number stands for, owned; negative: an errno */
	int carried_fd; /* a duplicate of that, for whoever carries the call out; owned */
	int file_fd;	/* where its path led; owned */
	struct file_action *about; /* what whoever carries it out was allowed; owned */
	const char *protocol;
	const char *provenance; /* of a UNIX socket's file, else NULL */
	bool missing;		/* a path that nothing is at */
	bool in_own_folder;	/* of that: nobody but the session can put a socket there */
	bool is_list;		/* of messages, of which the kernel sends those before a failure */
	int64_t bytes;		/* of sendto, else 0 */
};

/* The call is made in the kernel's place: where files are gated, of each connect(2). */
static inline bool net_call_is_carried(const struct decode *d, const struct net_call *call)
{
	return d->carries_connects && call->kind == ACTION_CONNECT;
}

/* decode_net.c; errors of all of these: as decode_call() has them. */
int net_call_read(struct decode *d, uint64_t at, uint64_t len, struct net_destination *ret);
/* Asks about one destination that was read. */
int net_call_decide(struct decode *d, struct net_call *call, const struct net_destination *to,
		    struct gate_answer *ret);

/* decode_net_messages.c: @count of struct mmsghdr at @at; of one, a struct msghdr will do. */
int net_call_messages(struct decode *d, struct net_call *call, uint64_t at, unsigned count,
		      struct gate_answer *ret);

/* decode_net_path.c: the canonical path of a socket's name, into d->socket_path. */
int net_call_resolve(struct decode *d, struct net_call *call, const char *path);
