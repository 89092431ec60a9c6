/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The keys of the objects that are open, and which of them stand there twice.
 *
 * All are in one array, each object's behind those of the object around it; when an object closes,
 * its keys are sorted, equal neighbours are repeated, and they are dropped. Sorting costs n log n
 * comparisons whatever the input is, where a hash table could be made to collide. Keys are compared
 * as a reader sees them, after escapes.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

struct json_key {
	uint64_t hash;	 /* of its bytes; only to tell most keys apart without looking at them */
	uint32_t offset; /* of the first byte in the text */
	uint32_t at;	 /* the same, or of the first byte in the arena */
	uint32_t len : 31;
	uint32_t in_arena : 1; /* it had escapes */
};

struct json_keys {
	const char *text;      /* borrowed */
	struct json_key *keys; /* owned */
	size_t count;
	size_t cap;
	struct buf arena; /* keys with escapes, unescaped */
};

/* @text: at most MAX_JSON_BYTES long. */
void json_keys_init(struct json_keys *k, const char *text);
void json_keys_done(struct json_keys *k);

/* @offset, @len: the inside of a string that json_gate.c has checked, without its quotes. */
void json_keys_add(struct json_keys *k, size_t offset, size_t len, bool escaped);
/*
 * Drops the keys from number @first on, those of the object that closes.
 * Return: where the first one that is repeated begins, its opening quote, SIZE_MAX if none is.
 */
size_t json_keys_close(struct json_keys *k, size_t first);
