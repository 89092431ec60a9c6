/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a name's addresses are, outside: c-ares on the loop.
 *
 * To look a name up tells somebody outside about it, so this is called once a connection to that
 * name was allowed, never before. What it finds is what the name's owner says, nothing more:
 * whether such an address may be dialled is upstream_address.h's to say.
 *
 * Answers are kept for the time they say, at most an hour and at most MAX_RESOLVER_ENTRIES of them;
 * failures for some seconds. Who asks for a name that is being looked up waits for the same answer.
 *
 * Sources: ares_getaddrinfo(3), ares_init_options(3).
 */

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "common/error.h"

#define MAX_RESOLVER_ADDRESSES 16u  /* of one name; what is more is left out */
#define MAX_RESOLVER_ENTRIES   512u /* names that are kept */
#define MAX_RESOLVER_LOOKUPS   256u /* that wait at one time */

struct resolver;
struct resolver_lookup;

struct resolver_config {
	uv_loop_t *loop;     /* borrowed */
	const char *server;  /* "ADDRESS", "ADDRESS:PORT" or "[V6]:PORT"; NULL: the host's
				resolv.conf and hosts file */
	unsigned timeout_ms; /* of one lookup as a whole; 0: 10 s */
};

/*
 * @error: 0, or
 *	-EHOSTUNREACH	the name does not exist, has no address, or nobody can say
 *	-ETIMEDOUT	no server answered
 *	-EAGAIN		too many lookups
 *	-ECANCELED	the resolver was stopped
 * @addresses: 16 bytes each, v4 in its v4-mapped form, in the order in which to try them
 *	(RFC 6724); borrowed for the length of the call.
 */
typedef void (*resolver_cb)(void *ctx, int error, const uint8_t (*addresses)[16], size_t count);

/* Errors: what is wrong with config->server. */
int resolver_start(const struct resolver_config *config, struct resolver **ret, struct error *err);

/*
 * resolver_lookup - asks for a canonical name (names.h). Never a numeric address.
 * @done: called once, from the loop, not from here; unless the lookup is cancelled before.
 * Return: what to cancel it by; valid until @done was called.
 */
struct resolver_lookup *resolver_lookup(struct resolver *resolver, const char *name,
					resolver_cb done, void *ctx);
void resolver_cancel(struct resolver_lookup *lookup);

/*
 * Who waits gets -ECANCELED before this returns. @closed: called from the loop when the last handle
 * is closed and all is freed; may be NULL.
 */
void resolver_stop(struct resolver *resolver, void (*closed)(void *ctx), void *ctx);
