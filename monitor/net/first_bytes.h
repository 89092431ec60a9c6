/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a program says first on a connection, read before anything of it is sent upstream: which
 * protocol it speaks and which name it names there. Pure and incremental: any division of the same
 * bytes comes to the same pieces and the same result. Bounded by MAX_FIRST_BYTES.
 *
 * Use, on the bytes that go out (what comes in is not held, since many servers speak first):
 *
 *	while (len) {
 *		switch (first_bytes_feed(fb, at, len, &taken)) {
 *		case FIRST_MORE:    all was taken: hold it, read on
 *		case FIRST_HEAD:    what is held and the first `taken` bytes are a whole head: ask
 *				    names_agree() and the policy about first_bytes_seen(), then send
 *		case FIRST_BODY:    `taken` bytes of a request's body: send, and scan (scan.h)
 *		case FIRST_FRAMING: `taken` bytes of chunk sizes, records of TLS and the like: send,
 *				    do not scan
 *		case FIRST_OPAQUE:  `taken` bytes (all) of what is not looked into: send. From here
 *				    on it stays so: the flow may be spliced
 *		case FIRST_BROKEN:  reset the connection; first_bytes_seen()->broken is why
 *		}
 *		at += taken, len -= taken;
 *	}
 *
 * FIRST_HEAD comes once for SSH, HTTP/2 and what is no known protocol ("other"), before
 * FIRST_OPAQUE; for TLS with every ClientHello, of which there may be two; for HTTP/1 with every
 * request, since each names a host of its own. Behind "other" stands FIRST_BODY where a server may
 * still take it for a request. Bytes of "other" may be anything: scan them as well. Whoever sends
 * nothing at all is not asked about. What is held behind a head, as the beginning of a record of
 * TLS, may turn out to be FIRST_FRAMING or FIRST_OPAQUE, and goes with that.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "monitor/net/endpoint.h"
#include "monitor/net/http_head.h"
#include "monitor/net/tls_hello.h"

#define MAX_FIRST_BYTES (64u << 10) /* most that is held: a head longer than that is broken */

enum first_outcome {
	FIRST_MORE,
	FIRST_HEAD,
	FIRST_BODY,
	FIRST_FRAMING,
	FIRST_OPAQUE,
	FIRST_BROKEN,
};

/* As of the last FIRST_HEAD or FIRST_BROKEN. Texts are terminated; empty: not said. */
struct first_seen {
	const char *protocol; /* static: "tls", "ssh", "http", "http2", "other"; of UDP "quic" */
	const char *broken;   /* static, NULL if nothing is: "Host is given twice" */
	struct tls_hello tls;
	struct http_head http;
	char ssh_software[64]; /* "OpenSSH_9.2p1" */
	bool upgraded;	       /* "other" that follows a request which asked for another protocol */
};

struct first_bytes;

struct first_bytes *first_bytes_new(void);
struct first_bytes *first_bytes_free(struct first_bytes *fb);
DEFINE_CLEANUP(struct first_bytes *, first_bytes_free)

/* Borrowed from @fb, until it is freed. */
const struct first_seen *first_bytes_seen(const struct first_bytes *fb);

/* *ret_taken: how many of @bytes the outcome is about; of FIRST_MORE and FIRST_OPAQUE all. */
enum first_outcome first_bytes_feed(struct first_bytes *fb, const void *bytes, size_t len,
				    size_t *ret_taken);
/* Nothing was said yet but line ends: whatever follows, they may be sent. */
bool first_bytes_is_blank(const struct first_bytes *fb);
/*
 * first_bytes_end - The program sends no more: it shut down its side. One that keeps silent in the
 * middle of a head for as long as the relay waits is to be reset: what it would still say could
 * make of those bytes what they do not look like.
 * Return: FIRST_OPAQUE if nothing is held back, FIRST_HEAD if what is held is of no known protocol,
 * FIRST_BROKEN if it is half a head: then nothing of it may be sent.
 */
enum first_outcome first_bytes_end(struct first_bytes *fb);

/* Whom the program asked to be connected with. */
struct first_target {
	const char *name; /* canonical (names.h); NULL: the address was written as a number */
	struct endpoint endpoint; /* the port; without a name also the address */
};

/*
 * names_agree - Does every name that was said equal the one that was asked for? Case and one final
 * dot do not count; a port that is said has to be the one connected to. To an address, TLS has to
 * say no name (or that address) and HTTP that address. What names no host agrees: whether TLS
 * without a name, or HTTP/2, whose names are not seen, may pass is the policy's. Return: false with
 * *ret_why a static text, if they differ; else true and NULL.
 */
bool names_agree(const struct first_seen *seen, const struct first_target *target,
		 const char **ret_why);
