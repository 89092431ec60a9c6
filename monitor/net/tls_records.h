/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The record layer of TLS (RFC 8446 5.1), as far as it carries the ClientHello, which may be cut
 * into as many records as the client likes. Pure and incremental.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

struct tls_records {
	uint8_t header[5]; /* of the record that is being read */
	unsigned header_len;
	size_t record_left;
	struct buf message; /* handshake header and body, as far as it has come */
};

enum tls_outcome {
	TLS_MORE,
	TLS_HELLO, /* whole, and the record ends with it */
	TLS_BROKEN,
};

void tls_records_init(struct tls_records *records);
void tls_records_done(struct tls_records *records);

/* *ret_taken: bytes used; all but with TLS_HELLO. *ret_why: of TLS_BROKEN, static. */
enum tls_outcome tls_records_feed(struct tls_records *records, const uint8_t *bytes, size_t len,
				  size_t *ret_taken, const char **ret_why);

/* After TLS_HELLO: the body of the ClientHello, borrowed. */
const uint8_t *tls_records_hello(const struct tls_records *records, size_t *ret_len);
