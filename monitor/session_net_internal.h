/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of a session's relayed network: session_net.c, between gate and relay;
 * session_relay.c, between relay, policy and record.
 */

#include "monitor/net/canary.h"
#include "monitor/net/names.h"
#include "monitor/net/relay.h"
#include "monitor/session_internal.h"
#include "monitor/session_net.h"

struct session_net {
	struct session *session; /* borrowed: is freed after us */
	struct names *names;
	struct canaries canaries; /* that may not leave */
	struct session_dns *dns;
	struct relay *relay;
	struct session_decoy *decoy; /* NULL: nothing is answered by one */
};

/* session_relay.c */
/* What an action of a connection has of it; @address: room for its text. */
struct action session_net_action(enum action_kind kind, const struct relay_caller *caller,
				 const char *host, const struct endpoint *at,
				 char address[ENDPOINT_TEXT]);
/*
 * @waiter: whose action it is, if that can wait; it is told when to ask again. NULL: what is to be
 * asked or slowed down is not: the first is refused.
 */
enum call_check session_net_decide(struct session *session, const struct action *action,
				   const struct call_waiter *waiter);
/* Their context is the session_net. */
extern const struct relay_ops session_relay_ops;

/*
 * Policy let it through, and the network refuses it: an event of its own, and the denial that the
 * agent is told, of which kind, rule, subject and because are there. @execution: NULL if it is
 * over.
 */
void session_net_refuse(struct session *session, struct execution *execution, const char *call,
			struct denial *denial);
