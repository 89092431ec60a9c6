/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Does the body of a request begin as a request? A server that reads no body where it expects none,
 * and keeps the connection, takes what follows the head for the next request, which then nobody has
 * seen. No length says which servers do that, so such a body is not sent on; of what else it may be
 * nothing begins so. Pure and incremental: the end of a first line is not waited for.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct body_start {
	enum {
		BODY_START_BLANK, /* servers skip empty lines before a request */
		BODY_START_METHOD,
		BODY_START_TARGET,
		BODY_START_VERSION,
		BODY_START_REQUEST,
		BODY_START_ELSE, /* it is none: not looked at any more */
	} state;

	bool has_space;	  /* the word that is being read has not begun yet */
	unsigned matched; /* of "GET", of "HTTP/" */
	bool is_get;	  /* which alone some server takes without a version */
};

/*
 * body_start_feed - the next @len bytes of the body.
 * Return: how many of them may be sent; fewer than @len if there is a request with the next one.
 */
size_t body_start_feed(struct body_start *start, const uint8_t *bytes, size_t len);
/* Nothing follows on the connection. Return: true if that makes a request of what was sent. */
bool body_start_end(const struct body_start *start);
