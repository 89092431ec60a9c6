/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Keys: what a pattern demands of a text, and what a text has, as hashes. A pattern's key is among
 * the keys of every text that it matches; the index finds rules by this. A key too many, or two
 * with one hash, only costs time, one that is missing would lose a verdict: the two sides stand in
 * one file, keys.c, and a fuzz target holds the index against asking every rule.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "monitor/policy/cidr.h"

enum key_kind {
	KEY_LABEL,   /* a label of the session; hash: its bit */
	KEY_COMMAND, /* command(action.argv), the whole name */
	KEY_VALUE,   /* the whole value of a field; of a list, of one of its items */
	KEY_START,   /* the first KEY_START_BYTES bytes of a text */
	KEY_PATH,    /* a component of a path, or its first KEY_START_BYTES bytes; the last
		      * component from its last '.' on */
	KEY_HOST,    /* labels at the end of a host name, or the whole numeric address */
	KEY_NET,     /* the first `bits` bits of an address */
};

#define KEY_START_BYTES 4u

struct key {
	enum key_kind kind;
	uint32_t field; /* row of action_fields */
	uint8_t bits;	/* KEY_NET */
	uint32_t first; /* KEY_PATH: path_first() of each path that has it; 0: any */
	uint64_t hash;
};

#define KEY_HASH_START	UINT64_C(0xcbf29ce484222325)
#define KEY_HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t key_word(const char *at, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, at, len);
	return word;
}

static inline uint64_t key_mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * KEY_HASH_FACTOR;
	return h ^ (h >> 29);
}

/* Here, since each decision takes many. Eight bytes at a time; the last ones are read again rather
 * than one by one. */
static inline __attribute__((always_inline)) uint64_t hash_string(struct str text)
{
	const char *at = text.at;
	uint64_t h = KEY_HASH_START ^ text.len;

	for (size_t left = text.len; left > 8; left -= 8, at += 8)
		h = key_mix(h, key_word(at, 8));
	if (text.len >= 8)
		return key_mix(h, key_word(text.at + text.len - 8, 8));
	if (text.len >= 4)
		return key_mix(h, key_word(at, 4) << 32 | key_word(at + text.len - 4, 4));
	for (size_t i = 0; i < text.len; i++)
		h = key_mix(h, (unsigned char)at[i]);
	return h;
}

uint64_t hash_integer(int64_t value);

/* KEY_START: of a pattern as of a text. False: it is too short to have one. */
static inline bool hash_start(struct str text, uint64_t *ret)
{
	if (text.len < KEY_START_BYTES)
		return false;
	*ret = hash_string((struct str){text.at, KEY_START_BYTES});
	return true;
}

/* What a (checked) pattern demands; kind, bits and hash are set. False: nothing that has a key. */
bool key_of_glob(struct str pattern, struct key *ret);
bool key_of_host(struct str pattern, struct key *ret);
void key_of_net(const struct cidr *net, struct key *ret);
/* What a text that is no address has: inCIDR() gives an error for it, so the rule may match. */
void key_of_no_address(struct key *ret);

/* The keys of a kind of which a text has many (from KEY_PATH on), each given to `found`. @lengths:
 * for KEY_NET, the bits that are asked for, one bit for each length. */
#define KEY_LENGTH_WORDS 3u
typedef void (*key_found)(void *arg, uint64_t hash, uint8_t bits);
void keys_of_text(enum key_kind kind, struct str text, const uint64_t lengths[KEY_LENGTH_WORDS],
		  key_found found, void *arg);

/* The keys of one path, kept for whoever looks it up next: the index, then the lists of globs
 * (cel_list). One that has more than are kept here must be looked up by keys_of_text(). */
#define MAX_PATH_KEYS 48u

struct path_keys {
	struct str text;
	unsigned count; /* more than MAX_PATH_KEYS: not all are here */
	uint64_t hashes[MAX_PATH_KEYS];
};

void path_keys_of(struct str path, struct path_keys *ret);
/* Tells the first component of a path; 0: it has none. */
uint32_t path_first(struct str path);

/* The same, of a path whose keys are there: that component's is the first of them. */
static inline uint32_t path_keys_first(const struct path_keys *keys)
{
	return keys->count ? (uint32_t)keys->hashes[0] | 1 : 0;
}
