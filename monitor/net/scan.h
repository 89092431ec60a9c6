/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Searches a stream of outgoing bytes for texts that must not leave (canaries): as they are, in hex
 * (lower or upper case), in base64 (both alphabets, all three alignments), with white space in
 * between or without, and the same inside gzip and zlib streams, wherever in the bytes one begins.
 * Pure and incremental: as long as it does not give up, any division of the bytes finds the same. A
 * text is found by the feed that completes it: what is fed before it is sent never leaves whole.
 *
 * Not found: what is encrypted, in other encodings, or encoded or compressed twice but for
 * percent escapes of base64 or hex, and for all these within gzip or zlib.
 *
 * Memory: 3 KiB a stream, and some 45 KiB for each compressed stream that is being read, at most
 * SCAN_INFLATERS at a time. What they inflate to is looked at up to SCAN_MAX_INFLATED bytes in all
 * and, after the first MiB, a hundred bytes for each byte fed; then it gives up on them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "monitor/action.h"

#define SCAN_MAX_TEXTS	  64u /* a bit each */
#define SCAN_MIN_TEXT	  8u  /* bytes; a shorter one is found everywhere */
#define SCAN_MAX_TEXT	  256u
#define SCAN_INFLATERS	  4u
#define SCAN_MAX_INFLATED (64u << 20) /* bytes, in one stream of outgoing bytes */

/* What a search came to, up to now. */
struct scan_result {
	uint64_t found;		/* as scan_found() */
	const char *unsearched; /* why not all of it was, or can be, looked at; static; or NULL */
};

struct scan_set; /* the texts; one a session, borrowed by its streams */
struct scan;	 /* one stream */

/* Errors: -EINVAL for a text that is too short or too long, -E2BIG for too many. Copies @texts. */
int scan_set_new(const struct str *texts, size_t count, struct scan_set **ret, struct error *err);
struct scan_set *scan_set_free(struct scan_set *set);
DEFINE_CLEANUP(struct scan_set *, scan_set_free)

struct scan *scan_new(const struct scan_set *set);
struct scan *scan_free(struct scan *scan);
DEFINE_CLEANUP(struct scan *, scan_free)

void scan_feed(struct scan *scan, const void *bytes, size_t len);
/* The next byte is the first of a body in raw deflate or zlib ("Content-Encoding: deflate"). */
void scan_expect_deflate(struct scan *scan);

/* Which texts were found up to now: bit i is texts[i] of the set. */
uint64_t scan_found(const struct scan *scan);
/* Why not all was looked at, static; NULL: it was. */
const char *scan_gave_up(const struct scan *scan);
/* Is there something in @now that is not in @told? */
bool scan_has_news(const struct scan_result *now, const struct scan_result *told);
/* Another message begins: what was found in those before is not found in it. */
void scan_forget(struct scan *scan);
