/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the search for canaries in outgoing bytes costs, beside one memmem(3) for each canary, which
 * finds them in plain text alone; and beside inflate(3), of which compressed bytes take one.
 */

#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "common/buf.h"
#include "monitor/net/scan.h"
#include "tests/bench/samples.h"

enum {
	BYTES = 16 << 20,
	QUICK_BYTES = 1 << 20,
	PIECE = 64 << 10, /* what the relay reads at a time */
	ROUNDS = 9
};

static const struct str canaries[] = {
	{"canary-0f3b2a918c7d6e5f", 23},
	{"AKIAIOSFODNN7EXAMPLE", 20},
	{"-----BEGIN OPENSSH PRIVATE KEY-----", 35},
	{"ghp_16C7e42F292c6912E7710c838347Ae178B4a", 40},
};

#define COUNT (sizeof(canaries) / sizeof(canaries[0]))

static volatile uint64_t sink;

static double scan_us(const struct scan_set *set, const uint8_t *bytes, size_t len)
{
	struct scan *scan = scan_new(set);
	const double start = clock_us();

	for (size_t at = 0; at < len; at += PIECE)
		scan_feed(scan, bytes + at, len - at < PIECE ? len - at : PIECE);
	sink = scan_found(scan);
	const double us = clock_us() - start;

	(void)scan_free(scan);
	return us;
}

static double memmem_us(const uint8_t *bytes, size_t len)
{
	const double start = clock_us();

	for (size_t at = 0; at < len; at += PIECE) {
		for (size_t i = 0; i < COUNT; i++)
			sink = (uintptr_t)memmem(bytes + at, len - at < PIECE ? len - at : PIECE,
						 canaries[i].at, canaries[i].len);
	}
	return clock_us() - start;
}

static double inflate_us(const uint8_t *bytes, size_t len)
{
	static uint8_t out[PIECE];
	z_stream z = {.next_in = without_const(bytes), .avail_in = (unsigned)len};
	const double start = clock_us();

	if (inflateInit2(&z, 31) != Z_OK)
		exit(1);
	do {
		z.next_out = out;
		z.avail_out = sizeof(out);
	} while (inflate(&z, Z_NO_FLUSH) == Z_OK);
	(void)inflateEnd(&z);
	return clock_us() - start;
}

/* Milliseconds a MiB, side by side. */
static void measure(const char *what, const struct scan_set *set, const uint8_t *bytes, size_t len,
		    double per_mib, const char *peer)
{
	double ours[ROUNDS];
	double peers[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		ours[i] = scan_us(set, bytes, len) / 1000 / per_mib;
		peers[i] = (strcmp(peer, "inflate") == 0 ? inflate_us(bytes, len)
							 : memmem_us(bytes, len)) /
			   1000 / per_mib;
	}
	samples_row(what, "ms/MiB", ours, peer, peers, ROUNDS);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static void fill_text(uint8_t *bytes, size_t len)
{
	static const char *const words[] = {"static ", "return ", "0x1f, ", "example\n", "the ",
					    "canary ", "int ",	  "Akia ",  "{\n\t",	 "= 17;\n"};
	uint32_t state = 1;

	for (size_t at = 0; at < len;) {
		const char *word = words[next_random(&state) % 10];
		const size_t some = strnlen(word, len - at);

		memcpy(bytes + at, word, some);
		at += some;
	}
}

static void fill_random(uint8_t *bytes, size_t len)
{
	uint32_t state = 2;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)next_random(&state);
}

static size_t compress_all(const uint8_t *bytes, size_t len, uint8_t *to, size_t size)
{
	z_stream z = {.next_in = without_const(bytes),
		      .avail_in = (unsigned)len,
		      .next_out = to,
		      .avail_out = (unsigned)size};

	if (deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		exit(1);
	(void)deflateEnd(&z);
	return size - z.avail_out;
}

int main(void)
{
	const size_t len = is_quick() ? QUICK_BYTES : BYTES;
	const double mib = (double)len / (1 << 20);
	_cleanup_free_ uint8_t *bytes = xcalloc(len, 1);
	_cleanup_free_ uint8_t *packed = xcalloc(len, 2);
	_cleanup_(scan_set_freep) struct scan_set *set = NULL;

	if (scan_set_new(canaries, COUNT, &set, NULL) < 0)
		return 1;
	fill_random(bytes, len);
	measure("4 canaries in random bytes", set, bytes, len, mib, "memmem, 4 times");
	fill_text(bytes, len);
	measure("4 canaries in text", set, bytes, len, mib, "memmem, 4 times");
	const size_t packed_len = compress_all(bytes, len, packed, 2 * len);

	measure("4 canaries in gzip, a MiB of what is in it", set, packed, packed_len, mib,
		"inflate");
	return 0;
}
