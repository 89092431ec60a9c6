/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The head of an HTTP/1 request (RFC 9110, 9112), read strictly: what two readers could understand
 * differently is refused. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/net/tls_hello.h"

#define MAX_HTTP_HEAD	(32u << 10)
#define MAX_HTTP_METHOD 31u
#define MAX_HTTP_PATH	2047u /* kept; longer ones are cut */
#define HTTP_CHUNKED	(-1)

/* How a body's bytes are to be read. */
enum http_coding {
	HTTP_PLAIN,
	HTTP_GZIP,
	HTTP_DEFLATE,
	HTTP_UNREADABLE, /* br, zstd, several ones */
};

struct http_head {
	char method[MAX_HTTP_METHOD + 1];
	char path[MAX_HTTP_PATH + 1];  /* http_path.h, with the query; of CONNECT empty */
	char host[MAX_HOST_BYTES + 1]; /* without port, "[]" and final dot; empty: HTTP/1.0 */
	int32_t port;		       /* -1: not said */
	int64_t body_bytes;	       /* or HTTP_CHUNKED */
	enum http_coding coding;
	bool is_connect;
	bool upgrade; /* it asks for another protocol on this connection */
};

/* One of the bytes that a method or the name of a field is made of. */
bool http_is_token(unsigned char c);

/*
 * http_head_parse - @bytes: from the request line to the empty line, both included.
 * Return: NULL, or why it is not to be sent, static.
 */
const char *http_head_parse(const char *bytes, size_t len, struct http_head *ret);
