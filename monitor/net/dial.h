/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A connection outside, on behalf of a session: name or numeric address -> its addresses -> which
 * of them may be dialled -> connect(2), one after the other, until one answers.
 *
 * Only an address that was checked is dialled, and it is dialled as that address: a name is looked
 * up once, so no second answer can take the place of the first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "monitor/net/endpoint.h"

struct dial;
struct resolver;

struct dial_result {
	int error;		 /* 0, or a negative errno as connect(2) would have it */
	int upstream_fd;	 /* the callee's; -1 on failure */
	struct endpoint address; /* that it is connected to, or that failed last */
	const char *refusal;	 /* -EPERM: what the address is, static; else NULL */
};

typedef void (*dial_cb)(void *ctx, const struct dial_result *result);

struct dial_config {
	uv_loop_t *loop;
	struct resolver *resolver; /* NULL: only numeric addresses */
	/* NULL if it may be dialled, else what it is (upstream_address.h). */
	const char *(*refusal)(void *ctx, const uint8_t address[16]);
	void *refusal_ctx;
	const char *host; /* canonical name, or numeric address */
	uint16_t port;
	bool datagrams;	     /* UDP: connected as soon as an address may be dialled */
	uint32_t timeout_ms; /* for all of it */
	/* Where the outcome goes if it is there before dial_start() returns; NULL: never so soon.
	 */
	struct dial_result *at_once;
	dial_cb done; /* else once, from the loop, never from dial_start() */
	void *ctx;
};

/* Return: what to cancel it by, valid until done() was called; NULL: see at_once. */
struct dial *dial_start(const struct dial_config *config);
/* done() is not called any more. NULL is fine. */
void dial_cancel(struct dial *dial);
