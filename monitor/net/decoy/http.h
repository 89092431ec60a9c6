/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The server's side of HTTP/1: a stream of bytes in, requests and their bodies out. Pure.
 *
 * Lenient where monitor/net/http_head.h is strict: nothing that is read here goes on to anybody
 * else, so no second reader can understand it otherwise. Sources: RFC 9112.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "monitor/action.h"

#define MAX_HTTP_FIELDS	    100u
#define MAX_HTTP_HEAD_BYTES (64u << 10)

struct http_field {
	const char *name, *value; /* terminated */
};

struct http_request {
	char *text; /* of all below; owned */
	const char *method, *target, *version;
	const char *host; /* without port; "" if not said */
	struct http_field fields[MAX_HTTP_FIELDS];
	size_t field_count;
	bool keep_alive;
	bool wants_continue; /* Expect: 100-continue */
	struct str head;     /* its header fields as they came */
};

/* The first field of that name, whatever its case; NULL if there is none. */
const char *http_field(const struct http_request *request, const char *name);
/* The value of a parameter of the target's query, up to its end; at NULL if there is none. */
struct str http_parameter(const struct http_request *request, const char *name);
/* Target without scheme, host and query. */
struct str http_path(const struct http_request *request);

enum http_part {
	HTTP_MORE,   /* nothing to say yet: feed again with what follows */
	HTTP_HEAD,   /* reader->request is a new request */
	HTTP_BODY,   /* the taken bytes are some of its body */
	HTTP_SKIP,   /* the taken bytes frame it */
	HTTP_END,    /* the request is over; nothing was taken */
	HTTP_BROKEN, /* reader->broken is why */
};

struct http_reader {
	struct http_request request;
	const char *broken; /* static */
	int state;
	uint64_t left;
	size_t looked_at; /* of an unfinished head */
};

void http_reader_done(struct http_reader *reader);
/* *ret_taken: how many of @bytes it is about; those that were not taken are fed again. */
enum http_part http_reader_feed(struct http_reader *reader, const char *bytes, size_t len,
				size_t *ret_taken);
/* In the middle of a request. */
bool http_reader_is_inside(const struct http_reader *reader);

/* Does it begin as a request does: a method and a space? Return: 1 yes, 0 no, -1: too short to say.
 */
int http_begins(const char *bytes, size_t len);
/* "OK" of 200. */
const char *http_reason(int status);
