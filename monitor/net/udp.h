/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * UDP to what policy let through: a part of the relay.
 *
 *	udp_send() -> WAITING: the socket at the destination is being made, the call is stopped
 *	APPROVED: the call went on; nothing was sent yet, or nothing that came here
 *	DIALLING: a datagram came: its host is looked up; some are kept until that is done
 *	FLOWING: both ways, until nobody has said anything for a while
 *
 * What the verdict rests on: a datagram is passed on only if the socket that received it, which is
 * bound to one address and port, and the one that sent it are those of a call that was let through.
 * The sender is told by a mark (SO_MARK) that its socket was given, which no session may set
 * itself. Address and port would not tell: every address is local, so that anybody may send from
 * it (IP_PKTINFO), and a port can be shared (SO_REUSEPORT), or let go by who was connected. A
 * duplicate of the socket is kept as long as the flow is, so that answers go to nobody else.
 *
 * Nothing is looked up, nor said outside, before a datagram is there: programs connect UDP sockets
 * to learn which address they would have (getaddrinfo(3) does), and send nothing.
 */

#include <stdbool.h>
#include <stdint.h>

#include "monitor/net/relay.h"

struct udp;

struct udp *udp_new(struct relay *relay); /* borrowed: outlives it */
/* Ends all flows. Handles that are still to be closed are the relay's (relay_handle_closed()). */
void udp_free(struct udp *udp);

/* As relay_send(). */
int udp_send(struct udp *udp, const struct relay_request *request);
/* As relay_answer(). */
enum relay_answer udp_answer(struct udp *udp, const void *owner, uint64_t ticket,
			     const struct endpoint *destination, int *ret_error);

/* The execution is over: so are its flows. */
void udp_drain(struct udp *udp, const void *owner);
/* A program wants the port for itself: sockets that are in no use are closed. */
void udp_yield(struct udp *udp, uint16_t number);
/* Ends what is idle. Return: true while there is something to look at. */
bool udp_sweep(struct udp *udp);
