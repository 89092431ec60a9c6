/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Puts a ClientHello together, piece by piece, right or wrong.
 */

#include <string.h>

#include "common/buf.h"

static inline void hello_number(struct buf *to, size_t value, unsigned bytes)
{
	while (bytes--)
		buf_putc(to, (char)(value >> 8 * bytes));
}

static inline void hello_vector(struct buf *to, const void *bytes, size_t len, unsigned len_bytes)
{
	hello_number(to, len, len_bytes);
	buf_put(to, bytes, len);
}

static inline void hello_extension(struct buf *to, unsigned type, const void *bytes, size_t len)
{
	hello_number(to, type, 2);
	hello_vector(to, bytes, len, 2);
}

/* An entry of the list of server names. */
static inline void hello_name(struct buf *to, unsigned type, const char *name)
{
	hello_number(to, type, 1);
	hello_vector(to, name, strlen(name), 2);
}

static inline void hello_sni(struct buf *to, const char *name)
{
	_cleanup_buf_ struct buf list = BUF_INIT(0);
	_cleanup_buf_ struct buf body = BUF_INIT(0);

	hello_name(&list, 0, name);
	hello_vector(&body, list.data, list.len, 2);
	hello_extension(to, 0, body.data, body.len);
}

/* The body of the message, with these extensions. */
static inline void hello_body(struct buf *to, const struct buf *extensions)
{
	static const char random[32] = "random";

	hello_number(to, 0x0303, 2);
	buf_put(to, random, sizeof(random));
	hello_vector(to, "session", 7, 1);
	hello_vector(to, "\x0a\x0a\x13\x01\x13\x02", 6, 2);
	hello_vector(to, "\0", 1, 1);
	hello_vector(to, extensions->data, extensions->len, 2);
}

/* As handshake message of that type, in records of at most @most bytes. */
static inline void hello_records(struct buf *to, const struct buf *body, unsigned type, size_t most)
{
	_cleanup_buf_ struct buf message = BUF_INIT(0);

	hello_number(&message, type, 1);
	hello_vector(&message, body->data, body->len, 3);
	for (size_t at = 0; at < message.len; at += most) {
		const size_t len = message.len - at < most ? message.len - at : most;

		hello_number(to, 22, 1);
		hello_number(to, 0x0301, 2);
		hello_vector(to, message.data + at, len, 2);
	}
}
