/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Makes Initial packets of QUIC, by OpenSSL: what is read by monitor/net/quic_open.h is written by
 * somebody else.
 */

#include <stdint.h>

#include "common/buf.h"

#define QUIC_HASH_LEN 32u

struct quic_keys {
	uint8_t secret[QUIC_HASH_LEN], key[16], iv[12], header[16];
};

/* Of a client, from the 8 bytes of its first packet's connection id. */
void quic_make_keys(const char *keys_of, uint32_t version, struct quic_keys *ret);

struct quic_sealing {
	uint32_t version;
	const char *keys_of; /* the connection id that the keys are made of; 8 bytes */
	const char *id;	     /* that stands in the header; NULL: the same */
	const char *token;   /* NULL: none */
	uint32_t number;
	unsigned number_bytes; /* 1 to 4 */
	size_t least;	       /* the frames are filled up so far that the packet is so long */
};

void quic_seal(struct buf *to, const struct quic_sealing *how, const struct buf *frames);
/* A CRYPTO frame with those bytes of a handshake. */
void quic_crypto(struct buf *to, const struct buf *handshake, size_t at, size_t len);
/* A ClientHello that names @sni (NULL: nobody), with a protocol and so many bytes that mean
 * nothing.
 */
void quic_client_hello(struct buf *to, const char *sni, size_t more);
