/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What of a session's network leads out, as its other files see it:
 *
 *	session_net.c		the relay, behind the gate
 *	session_dns.c		the name server inside
 *	session_decoy.c		what answers there in place of whom a program means
 *	session_publish.c	ports of the host that lead in
 *
 * The inside is session_net_internal.h.
 */

#include <stdbool.h>

#include "common/error.h"
#include "monitor/action.h"
#include "monitor/gate/gate.h"

struct canaries; /* monitor/net/canary.h */
struct execution;
struct judgement;
struct names;
struct relay_arrival;
struct session;
struct session_decoy;
struct session_dns;

/* session_net.c; without a relayed network all of it does nothing. */
/* With one, the session is ready when session_dns.c says so. */
int session_net_start(struct session *session, struct error *err);
void session_net_drop_execution(struct execution *execution);
void session_net_end(struct session *session);

/* Puts the name in that an action's address was minted for. */
void session_net_name(const struct session *session, struct action *action);
/* The name that a numeric address was minted for; NULL: none. */
const char *session_net_host(const struct session *session, const char *address);
/* True, with @ret set, if the call needs no verdict, or had it before. */
bool session_net_answers(struct execution *execution, const struct gate_request *request,
			 struct gate_answer *ret);
/* The network is "decoy": nothing is dialled. */
bool session_net_is_decoy(const struct session *session);
/* True if it is TCP, UDP or a name that leads out of a session whose network is relayed. */
bool session_net_leads_out(const struct session *session, const struct action *action);
/* What policy has let through: *ret is changed to what the network makes of it. @by_decoy: a decoy
 * answers. */
void session_net_carry_out(struct execution *execution, const struct gate_request *request,
			   const struct action *action, bool by_decoy, struct gate_answer *ret);

/* session_dns.c */
/* Makes the session ready, or fails it, once it is known whether the server stands. */
struct session_dns *session_dns_start(struct session *session, struct names *names);
/* Frees it, later. */
void session_dns_end(struct session_dns *dns);

/* session_decoy.c */
/*
 * Whether the decoy internet answers what would else be refused, or let out: of the verdict decoy,
 * and with the network "decoy" of all that leads out and that nobody has to be asked about.
 */
bool session_decoy_answers(const struct session *session, const struct action *action,
			   const struct judgement *judgement);
/* Errors: policy has decoys and there is none, or it cannot be made. *ret is NULL if none is
 * needed.
 */
int session_decoy_start(struct session *session, struct session_decoy **ret, struct error *err);
/* Those that the decoys give away: what a program got from them is not to leave either. */
int session_decoy_canaries(const struct session_decoy *ours, struct canaries *canaries,
			   struct error *err);
/* A connection that it answers has arrived; the socket is taken over. */
int session_decoy_serve(struct session_decoy *ours, const struct relay_arrival *arrival);
/* Every connection ends now; frees it, later. */
void session_decoy_end(struct session_decoy *ours);

/* session_publish.c */
int session_publish_start(struct session *session, struct error *err);
void session_publish_end(struct session *session);
