/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inside of the resolver: resolver.c, names and who waits; resolver_channel.c, c-ares' sockets.
 */

#include <stdbool.h>

#include <ares.h>
#include <uthash.h>

#include "monitor/net/names.h"
#include "monitor/net/resolver.h"

struct watch; /* one of c-ares' sockets */

/* A name: asked for, or answered and kept. */
struct entry {
	struct resolver *resolver; /* borrowed */
	char name[MAX_NAME_BYTES + 1];
	bool is_pending;  /* c-ares will call back: it cannot drop a single question */
	bool is_answered; /* what follows is set; with -ETIMEDOUT it may be pending still */
	int error;
	uint8_t addresses[MAX_RESOLVER_ADDRESSES][16];
	size_t count;
	uint64_t asked_ms;
	uint64_t expires_ms;
	struct resolver_lookup *waiting;
	UT_hash_handle hh; /* in the order of their last use */
};

struct resolver {
	uv_loop_t *loop;      /* borrowed */
	ares_channel channel; /* NULL before it is there */
	struct entry *entries;
	struct entry refused; /* whoever waits here gets -EAGAIN */
	unsigned lookups;
	unsigned timeout_ms;
	struct watch *watches;
	uv_timer_t timer; /* c-ares' next resend, our own limit, or answers to hand out */
	unsigned handles;
	bool is_stopping;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

/* resolver.c */
void resolver_handle_closed(struct resolver *resolver);
/* The timer, for whoever is to be told next, or c-ares' next resend. */
void resolver_arm(struct resolver *resolver);

/* resolver_channel.c */
/* Errors: as resolver_start(); the channel may be there even so. */
int resolver_open_channel(struct resolver *resolver, const char *server, struct error *err);
