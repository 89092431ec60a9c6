/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * SipHash-2-4 (Aumasson, Bernstein 2012), 64 bits, for both sides: the reader hashes what it
 * approved, the programs what the kernel loaded. The key is random and never leaves them, so that
 * nobody who may choose the bytes can look for two texts with one hash.
 */

#include <linux/types.h>

#define SIPHASH_INLINE static inline __attribute__((always_inline))

struct siphash {
	__u64 v0, v1, v2, v3;
};

SIPHASH_INLINE __u64 siphash_turn(__u64 word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

SIPHASH_INLINE void siphash_round(struct siphash *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = siphash_turn(s->v1, 13) ^ s->v0;
	s->v3 = siphash_turn(s->v3, 16) ^ s->v2;
	s->v0 = siphash_turn(s->v0, 32) + s->v3;
	s->v2 += s->v1;
	s->v3 = siphash_turn(s->v3, 21) ^ s->v0;
	s->v1 = siphash_turn(s->v1, 17) ^ s->v2;
	s->v2 = siphash_turn(s->v2, 32);
}

SIPHASH_INLINE void siphash_begin(struct siphash *s, __u64 key0, __u64 key1)
{
	s->v0 = key0 ^ 0x736f6d6570736575;
	s->v1 = key1 ^ 0x646f72616e646f6d;
	s->v2 = key0 ^ 0x6c7967656e657261;
	s->v3 = key1 ^ 0x7465646279746573;
}

/* The next eight bytes, as a little-endian number. */
SIPHASH_INLINE void siphash_word(struct siphash *s, __u64 word)
{
	s->v3 ^= word;
	siphash_round(s);
	siphash_round(s);
	s->v0 ^= word;
}

/* @rest: the last bytes, fewer than eight, zeros above them; @bytes: length of the whole, of which
 * the lowest eight bits count. */
SIPHASH_INLINE __u64 siphash_end(struct siphash *s, __u64 rest, __u64 bytes)
{
	siphash_word(s, rest | bytes << 56);
	s->v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		siphash_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}
