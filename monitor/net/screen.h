/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The direction of a relayed connection that leads out, for as long as what is sent is looked at:
 * nothing of a head goes upstream before the owner said yes to it (first_bytes.h). What is not
 * looked into (any more) is left to a pump. Where texts are searched for (scan.h), all is looked at
 * but what is encrypted, and the bytes that complete one do not go before the owner said yes.
 *
 * Waits as pump.h does. What it holds is at most MAX_FIRST_BYTES and one read, and of all screens
 * that share a count MAX_NET_HELD_BYTES.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "monitor/net/first_bytes.h"
#include "monitor/net/pump.h"
#include "monitor/net/scan.h"

/* Said by a screen_head_cb; compared as a pointer. */
extern const char screen_later[];
/*
 * May what was seen be sent? It was not, yet. With seen->broken, may it be passed on unread?
 * @searched: of this message up to now; that some of it is not searched, of all up to now. Asked
 * again, with the same @seen, when either changes behind the head.
 * Return: NULL for yes; screen_later: it is not known yet, and what was seen is held until
 * screen_resume() asks again; else why not, static: the flow ends with that as its reason.
 */
typedef const char *(*screen_head_cb)(void *ctx, const struct first_seen *seen,
				      const struct scan_result *searched);

struct screen {
	struct pump pump;	   /* its sockets, its count, and all that follows */
	struct first_bytes *first; /* NULL: not looked at any more */
	struct buf bytes;
	size_t released;	 /* of these may be sent */
	size_t looked;		 /* of these were looked at */
	size_t let_go;		 /* of the head that is held, sent already: see screen_let_go() */
	struct scan *scan;	 /* NULL: nothing is searched for (any more) */
	struct scan_result told; /* what the owner knows of this message */
	bool in_head;		 /* of a message that began */
	bool was_short;		 /* the last read took all that was there */
	bool waits;		 /* for an answer about `outcome`; nothing is read meanwhile */
	enum first_outcome outcome;
	screen_head_cb head;
	void *ctx;
	const char *refusal; /* set with -EACCES */
	size_t *held;	     /* borrowed: bytes that all hold together */
	size_t held_here;    /* of these */
};

/*
 * @held: the count that it shares, borrowed. @canaries: borrowed; NULL: nothing is searched for.
 * @head: NULL: nothing is looked at.
 */
void screen_init(struct screen *screen, const struct pump *pump, size_t *held,
		 const struct scan_set *canaries, screen_head_cb head, void *ctx);
void screen_done(struct screen *screen);

/* Return: as pump_run(); -EACCES when it was refused; -ENOBUFS when too much is held. */
int screen_run(struct screen *screen);
/* The owner that said screen_later is asked anew; screen_run() then tells what came of it. */
void screen_resume(struct screen *screen);
/* It has half a head and waits for the rest of it. */
bool screen_is_holding(const struct screen *screen);
/*
 * screen_let_go - The program is silent while a head is held. A first word alone may be the method
 * of a request, or all that a program of another protocol says before it waits for an answer; so
 * may line ends alone (finger, who asks for all). They name nothing yet, so they may go, if the
 * owner says yes to it as "other"; what follows is still looked at as the rest of that head. Longer
 * beginnings are never let go.
 * Return: true if it may go now; false with screen->refusal set if it was refused.
 */
bool screen_let_go(struct screen *screen);
