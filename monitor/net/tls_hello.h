/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The ClientHello of TLS 1.0 to 1.3 (RFC 8446 4.1.2, RFC 6066 3, RFC 7301 3.1): which server name
 * and protocols the client says before anything is encrypted. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_TLS_HELLO  (32u << 10) /* of the handshake message; post-quantum shares are some KiB */
#define MAX_HOST_BYTES 255u
/* Of protocols offered, and of their names in all, each with a NUL; clients offer one to three. */
#define MAX_ALPN       16u
#define MAX_ALPN_BYTES 256u

struct tls_hello {
	char sni[MAX_HOST_BYTES + 1]; /* as it was sent; empty: none */
	/* "h2", "http/1.1", ...: one behind the other's NUL; those of GREASE left out */
	char alpn[MAX_ALPN_BYTES];
	unsigned alpn_count, alpn_bytes;
	/* encrypted_client_hello: the name that counts may be hidden, or this is GREASE (browsers
	 * send it always); nobody on the way can tell. */
	bool ech;
	bool early_data; /* it may be sent before the server has answered */
};

/*
 * tls_hello_parse - @bytes: the whole body of the handshake message.
 * Return: NULL, or why it is not to be sent, static: a client that a server could read otherwise
 * than this does is refused.
 */
const char *tls_hello_parse(const uint8_t *bytes, size_t len, struct tls_hello *ret);
