/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where the body of an HTTP/1 request ends: by its length, or by chunks (RFC 9112 7.1), of which
 * neither extensions nor trailers are taken: readers differ in them. Pure and incremental.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum body_state {
	BODY_DATA, /* `left` bytes of a body with a length */
	BODY_SIZE,
	BODY_SIZE_LF,
	BODY_CHUNK, /* `left` bytes of a chunk */
	BODY_CHUNK_CR,
	BODY_CHUNK_LF,
	BODY_LAST_CR,
	BODY_LAST_LF,
	BODY_OVER,
	BODY_BAD,
};

struct http_body {
	enum body_state state;
	uint64_t left;
	unsigned digits; /* of the size that is being read */
};

/* @bytes: as struct http_head has it. */
void http_body_init(struct http_body *body, int64_t bytes);

/* How many of the next @len bytes are content; 0: they begin with framing. */
size_t http_body_data(const struct http_body *body, size_t len);

enum body_outcome {
	BODY_IS_DATA,	 /* the bytes taken are content */
	BODY_IS_FRAMING, /* they are not */
	BODY_IS_BROKEN,
};

/* Until body->state is BODY_OVER. *ret_taken: of @len, which is not 0, at least 1 unless
 * it is broken. */
enum body_outcome http_body_feed(struct http_body *body, const uint8_t *bytes, size_t len,
				 size_t *ret_taken, const char **ret_why);
