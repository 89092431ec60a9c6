/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The long header that each connection of QUIC begins with (RFC 8999 5.1, RFC 9000 17.2, RFC 9369
 * 3.2). The header proves nothing: who likes puts it before anything. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/net/reader.h"

#define QUIC_VERSION_1 1u	   /* RFC 9000 */
#define QUIC_VERSION_2 0x6b3343cfu /* RFC 9369 */

#define MAX_QUIC_ID 20u /* RFC 9000 17.2 */

enum quic_kind {
	QUIC_NONE, /* no long header of a version in use, or of one that exists to be refused */
	QUIC_INITIAL,
	QUIC_LATER,	 /* means nothing to a server that has no Initial packet */
	QUIC_NEGOTIATES, /* means nothing at all: the server tells which versions it has */
	QUIC_UNREADABLE /* a draft's, of which the keys are not known; or what is no whole packet */
};

/* All is borrowed from the datagram. */
struct quic_packet {
	uint32_t version;
	struct reader id;     /* the receiver's connection id */
	struct reader sender; /* the sender's */
	const uint8_t *bytes; /* from the header on */
	size_t len;
	size_t number_at; /* of an Initial packet: where its number begins, which is protected */
};

/* The next packet of a datagram, taken off it; of other kinds than Initial only what follows. */
enum quic_kind quic_packet_take(struct reader *datagram, struct quic_packet *ret);
/* As it begins. Its length and kind do not count. */
bool quic_is_long(const uint8_t *bytes, size_t len);
/* A number as QUIC writes it (RFC 9000 16). */
uint64_t quic_number(struct reader *from);
