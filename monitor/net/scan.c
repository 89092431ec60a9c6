/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Each text becomes some patterns, which two finders look for: the text itself in the bytes as they
 * are, and what base64 and hex make of it in the bytes without white space, for these encoders
 * write lines. From the first percent sign on both look at the bytes with its escapes undone, too,
 * until what they remember of these is what they remember of the bytes as they are: from there on
 * they would find the same. Where two bytes look like the head of a gzip or zlib stream, what
 * follows is inflated as well, until it turns out to be none or ends, and what comes out goes to
 * the same finders. Chance and malice make such heads too; so there are only some inflaters, and a
 * limit for all that they make, and whatever is not looked at because of that is told
 * (scan_gave_up).
 */
#include "monitor/net/scan.h"

#include <string.h>

#include <zlib.h>

#include "common/buf.h"
#include "common/hex.h"
#include "monitor/net/scan_internal.h"

#define INFLATE_PIECE  8192u
#define UNESCAPE_PIECE 4096u
/* What a real stream seldom exceeds: one of zeros comes to 1000 bytes of each byte. */
#define INFLATE_RATIO 100u
#define INFLATE_SLACK (1u << 20)

struct both_streams {
	struct finder_stream plain;
	struct finder_stream encoded;
};

struct searched {
	struct both_streams as_is;
	struct both_streams unescaped; /* while is_unescaping */
	bool is_unescaping;
	uint8_t escape[2]; /* the beginning of one, as "%4" */
	size_t escape_len;
};

struct inflater {
	z_stream z;
	bool is_ready; /* z is initialised */
	bool is_busy;
	struct searched streams;
};

struct scan {
	const struct scan_set *set; /* borrowed */
	struct searched streams;
	struct inflater *inflaters[SCAN_INFLATERS]; /* owned; made when needed */
	uint64_t fed_bytes;
	uint64_t inflated_bytes;
	uint64_t found;
	uint8_t last; /* byte of the feed before */
	bool has_last;
	const char *gave_up; /* static */
};

/* ---- a stream ---- */

struct scan *scan_new(const struct scan_set *set)
{
	struct scan *scan = xcalloc(1, sizeof(*scan));

	scan->set = set;
	return scan;
}

struct scan *scan_free(struct scan *scan)
{
	if (!scan)
		return NULL;
	for (size_t i = 0; i < SCAN_INFLATERS; i++) {
		if (scan->inflaters[i] && scan->inflaters[i]->is_ready)
			(void)inflateEnd(&scan->inflaters[i]->z);
		free(scan->inflaters[i]);
	}
	free(scan);
	return NULL;
}

static void search_both(struct scan *scan, struct both_streams *streams, const uint8_t *bytes,
			size_t len)
{
	scan->found |= finder_feed(&scan->set->plain, &streams->plain, bytes, len, false);
	scan->found |= finder_feed(&scan->set->encoded, &streams->encoded, bytes, len, true);
}

/* Takes a byte in. Return: how many bytes it made, 3 at most. */
static size_t unescape(struct searched *streams, uint8_t c, uint8_t *out)
{
	const size_t held = streams->escape_len;
	const bool goes_on = held ? hex_value((char)c) >= 0 : c == '%';

	if (goes_on && held == sizeof(streams->escape)) {
		const int high = hex_value((char)streams->escape[1]);

		out[0] = (uint8_t)(16 * high + hex_value((char)c));
		streams->escape_len = 0;
		return 1;
	}
	if (goes_on) {
		streams->escape[streams->escape_len++] = c;
		return 0;
	}
	memcpy(out, streams->escape, held);
	streams->escape_len = 0;
	if (held && c == '%') { /* it was none, and this may begin one */
		streams->escape[streams->escape_len++] = c;
		return held;
	}
	out[held] = c;
	return held + 1;
}

static bool is_same(const struct finder_stream *a, const struct finder_stream *b)
{
	return a->len == b->len && memcmp(a->tail, b->tail, a->len) == 0;
}

static void search_unescaped(struct scan *scan, struct searched *streams, const uint8_t *bytes,
			     size_t len)
{
	uint8_t out[UNESCAPE_PIECE];
	size_t made = 0;

	for (size_t i = 0; i < len; i++) {
		made += unescape(streams, bytes[i], out + made);
		if (made > sizeof(out) - 3 || i + 1 == len) {
			search_both(scan, &streams->unescaped, out, made);
			made = 0;
		}
	}
}

static void search(struct scan *scan, struct searched *streams, const uint8_t *bytes, size_t len)
{
	/* cppcheck-suppress uninitvar ; inflate() has written them */
	if (!streams->is_unescaping && len && memchr(bytes, '%', len)) {
		streams->is_unescaping = true;
		streams->unescaped = streams->as_is;
	}
	search_both(scan, &streams->as_is, bytes, len);
	if (!streams->is_unescaping)
		return;
	search_unescaped(scan, streams, bytes, len);
	streams->is_unescaping = streams->escape_len ||
				 !is_same(&streams->unescaped.plain, &streams->as_is.plain) ||
				 !is_same(&streams->unescaped.encoded, &streams->as_is.encoded);
}

static const char too_large[] = "it inflates to too much";

static bool may_inflate(const struct scan *scan)
{
	return scan->inflated_bytes < SCAN_MAX_INFLATED &&
	       scan->inflated_bytes < scan->fed_bytes * INFLATE_RATIO + INFLATE_SLACK;
}

static void inflate_some(struct scan *scan, struct inflater *inflater, const uint8_t *bytes,
			 size_t len)
{
	uint8_t out[INFLATE_PIECE];
	int r = Z_OK;

	inflater->z.next_in = without_const(bytes);
	inflater->z.avail_in = (unsigned)len;
	/* Until it wants more bytes: then there is room left in what it writes to. */
	do {
		inflater->z.next_out = out;
		inflater->z.avail_out = sizeof(out);
		r = inflate(&inflater->z, Z_NO_FLUSH);
		const size_t made = sizeof(out) - inflater->z.avail_out;

		search(scan, &inflater->streams, out, made);
		scan->inflated_bytes += made;
		if (!may_inflate(scan)) {
			scan->gave_up = too_large;
			r = Z_MEM_ERROR;
		}
	} while (r == Z_OK && inflater->z.avail_out == 0);
	if (r != Z_OK && r != Z_BUF_ERROR) /* the end, or no such stream */
		inflater->is_busy = false;
}

/* @window_bits: as inflateInit2(3) has it. NULL if there is none to be had. */
static struct inflater *start_inflater(struct scan *scan, int window_bits)
{
	struct inflater **slot = scan->inflaters;
	unsigned i = 0;

	while (i < SCAN_INFLATERS && slot[i] && slot[i]->is_busy)
		i++;
	if (i == SCAN_INFLATERS || !may_inflate(scan)) {
		scan->gave_up =
			may_inflate(scan) ? "too many compressed streams at once" : too_large;
		return NULL;
	}
	if (!slot[i])
		slot[i] = xcalloc(1, sizeof(*slot[i]));
	memset(&slot[i]->streams, 0, sizeof(slot[i]->streams));
	const int r = slot[i]->is_ready ? inflateReset2(&slot[i]->z, window_bits)
					: inflateInit2(&slot[i]->z, window_bits);

	slot[i]->is_ready = slot[i]->is_ready || r == Z_OK;
	slot[i]->is_busy = r == Z_OK;
	if (r != Z_OK)
		scan->gave_up = "no memory to inflate it";
	return r == Z_OK ? slot[i] : NULL;
}

static bool is_magic(uint8_t first, uint8_t second)
{
	if (first == 0x1f) /* RFC 1952 2.3.1 */
		return second == 0x8b;
	/* RFC 1950 2.2, with the window that everybody takes, by level of compression */
	return first == 0x78 &&
	       (second == 0x01 || second == 0x5e || second == 0x9c || second == 0xda);
}

#define WINDOW_ANY 47 /* 15 bits of window; gzip or zlib, as its head says */

/* The next head that begins with @first, or @end. */
static const uint8_t *next_head(const uint8_t *at, const uint8_t *end, uint8_t first)
{
	while (at < end && (at = memchr(at, first, (size_t)(end - at)))) {
		if (at + 1 < end && is_magic(first, at[1]))
			return at;
		at++;
	}
	return end;
}

static void feed_inflaters(struct scan *scan, const uint8_t *at, const uint8_t *end)
{
	for (size_t i = 0; i < SCAN_INFLATERS && at < end; i++) {
		if (scan->inflaters[i] && scan->inflaters[i]->is_busy)
			inflate_some(scan, scan->inflaters[i], at, (size_t)(end - at));
	}
}

/* From head to head, so that inflaters start and end in the order of the bytes. */
static void inflate_all(struct scan *scan, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *gzip = next_head(at, end, 0x1f);
	const uint8_t *zlib = next_head(at, end, 0x78);

	while (at < end) {
		const uint8_t *head = gzip < zlib ? gzip : zlib;

		feed_inflaters(scan, at, head);
		at = head;
		if (head == end)
			break;
		(void)start_inflater(scan, WINDOW_ANY);
		if (head == gzip)
			gzip = next_head(head + 1, end, 0x1f);
		else
			zlib = next_head(head + 1, end, 0x78);
	}
}

void scan_feed(struct scan *scan, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	struct inflater *inflater = NULL;

	if (!len)
		return;
	scan->fed_bytes += len;
	search(scan, &scan->streams, at, len);
	if (scan->has_last && is_magic(scan->last, at[0]))
		inflater = start_inflater(scan, WINDOW_ANY);
	if (inflater)
		inflate_some(scan, inflater, &scan->last, 1);
	inflate_all(scan, at, at + len);
	scan->last = at[len - 1];
	scan->has_last = true;
}

void scan_expect_deflate(struct scan *scan)
{
	/* RFC 9110 8.4.1.2: it should be zlib, and is not always. One of the two fails at once. */
	(void)start_inflater(scan, 15);
	(void)start_inflater(scan, -15);
}

uint64_t scan_found(const struct scan *scan)
{
	return scan->found;
}

const char *scan_gave_up(const struct scan *scan)
{
	return scan->gave_up;
}

bool scan_has_news(const struct scan_result *now, const struct scan_result *told)
{
	return (now->found & ~told->found) || (now->unsearched && !told->unsearched);
}

void scan_forget(struct scan *scan)
{
	if (!scan->found)
		return; /* a text may have begun before, and go on */
	scan->found = 0;
	memset(&scan->streams, 0, sizeof(scan->streams));
	for (size_t i = 0; i < SCAN_INFLATERS; i++) {
		if (scan->inflaters[i])
			memset(&scan->inflaters[i]->streams, 0, sizeof(scan->streams));
	}
}
