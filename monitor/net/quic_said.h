/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The handshake of one connection of QUIC, as far as its client has said it: CRYPTO frames put it
 * together, in any order and cut as the client likes (RFC 9000 19.6), and it is a row of
 * ClientHellos: a second one follows where the server wants it. All of it is kept. Pure.
 */

#include "monitor/net/reader.h"

struct quic_said {
	uint8_t *bytes; /* owned, as is the next */
	bool *is_there; /* which of them are */
	size_t room;	/* of both */
	size_t whole;	/* are there from the first on */
	size_t taken;	/* of these, by quic_said_next() */
	size_t *held;	/* borrowed: bytes that all hold together */
};

void quic_said_done(struct quic_said *said);

/* What was said at @at. Return: NULL, or why it is broken, static. */
const char *quic_said_put(struct quic_said *said, uint64_t at, const struct reader *what);
/*
 * The next ClientHello, whole and with its header, borrowed until more is put; empty: none yet.
 * Return: as quic_said_put().
 */
const char *quic_said_next(struct quic_said *said, struct reader *ret);
/* The rest of one is to come. What lies behind a gap is of no use to a server yet. */
bool quic_said_is_half(const struct quic_said *said);
