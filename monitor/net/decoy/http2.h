/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The server's side of HTTP/2 between two buffers, by nghttp2: what a program sends is fed,
 * requests and their bodies come out as calls, and what is to be sent back is taken. A part of the
 * module of tls_module.h, as nobody else needs that library. Sources: RFC 9113, RFC 7541.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define HTTP2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/*
 * Of one connection at one time; a client asks for the others later. RFC 9113 6.5.2 recommends no
 * fewer, and clients take so many for granted until they are told: they would be refused some, and
 * libcurl 7.88 sends a body again without what it had sent of it.
 */
#define MAX_HTTP2_STREAMS 100u
/* Bytes of answers that the client does not read: while there are more, one more has none. */
#define MAX_HTTP2_UNREAD (2u << 20)

struct http2;

struct http2_answer {
	int status;
	bool has_body;
	struct buf fields; /* header fields, each a line as in HTTP/1 */
	struct buf body;
};

struct http2_ops {
	/*
	 * A request's head is whole. @head: the same as HTTP/1 would say it, request line included,
	 * up to its empty line. Return: what is kept of the request, for the calls that follow;
	 * NULL: nothing of it is answered, and the connection ends.
	 */
	void *(*begin)(void *ctx, const char *head, size_t len);
	void (*body)(void *request, const void *bytes, size_t len);
	/* Nothing of it follows. @is_full: there is no room for a body. *ret: the callee's, from
	 * here on http2's. */
	void (*end)(void *request, bool is_full, struct http2_answer *ret);
	/* Last. @is_whole: end() was called. */
	void (*forget)(void *request, bool is_whole);
};

/* NULL if nghttp2 fails. @ops: borrowed, as is @ctx. */
struct http2 *http2_new(const struct http2_ops *ops, void *ctx);
/* Forgets the requests that are not over. NULL is fine. */
struct http2 *http2_free(struct http2 *http2);
/* Errors: -EPROTO: the connection is of no use any more; only http2_free() may follow. */
int http2_feed(struct http2 *http2, const char *bytes, size_t len);
/* Some of what is to be sent, appended to @out; nothing if there is none now. */
void http2_take(struct http2 *http2, struct buf *out);
/* Neither side has anything to say. */
bool http2_is_over(const struct http2 *http2);
