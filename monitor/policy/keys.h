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
	uint64_t hash;
};

uint64_t hash_string(struct str text);
uint64_t hash_integer(int64_t value);

/* What a (checked) pattern demands; kind, bits and hash are set. False: nothing that has a key. */
bool key_of_glob(struct str pattern, struct key *ret);
bool key_of_host(struct str pattern, struct key *ret);
bool key_of_start(struct str start, struct key *ret);
void key_of_net(const struct cidr *net, struct key *ret);
/* What a text that is no address has: inCIDR() gives an error for it, so the rule may match. */
void key_of_no_address(struct key *ret);

/* The keys of one kind that a text has, each given to `found`. @lengths: for KEY_NET, the bits
 * that are asked for, one bit for each length. */
#define KEY_LENGTH_WORDS 3u
typedef void (*key_found)(void *arg, uint64_t hash, uint8_t bits);
void keys_of_text(enum key_kind kind, struct str text, const uint64_t lengths[KEY_LENGTH_WORDS],
		  key_found found, void *arg);

/*
 * The keys of one path as a set, for expressions: a glob whose mark is not in it does not match, so
 * that of a long list only what may match is looked at. A mark too many only costs time.
 */
#define MARK_BITS 512u

struct path_marks {
	uint64_t words[MARK_BITS / 64];
};

uint32_t mark_of_glob(struct str pattern);
void path_marks_of(struct str path, struct path_marks *ret);

static inline bool path_marks_have(const struct path_marks *marks, uint32_t mark)
{
	const uint32_t a = mark % MARK_BITS;
	const uint32_t b = mark / MARK_BITS;

	return marks->words[a / 64] >> (a % 64) & marks->words[b / 64] >> (b % 64) & 1;
}
