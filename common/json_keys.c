/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_keys.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_scan.h"

#define FEW_KEYS 8u

void json_keys_init(struct json_keys *k, const char *text)
{
	*k = (struct json_keys){.text = text, .arena = BUF_INIT(0)};
}

void json_keys_done(struct json_keys *k)
{
	free(k->keys);
	buf_done(&k->arena);
}

static const char *key_bytes(const struct json_keys *k, const struct json_key *key)
{
	return (key->in_arena ? k->arena.data : k->text) + key->at;
}

static int compare_keys(const void *a, const void *b, void *keys)
{
	const struct json_key *x = a;
	const struct json_key *y = b;
	int order;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	order = memcmp(key_bytes(keys, x), key_bytes(keys, y), x->len);
	if (order)
		return order;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static bool same_key(const struct json_keys *k, const struct json_key *a, const struct json_key *b)
{
	return a->hash == b->hash && a->len == b->len &&
	       memcmp(key_bytes(k, a), key_bytes(k, b), a->len) == 0;
}

size_t json_keys_close(struct json_keys *k, size_t first)
{
	struct json_key *keys = k->keys + first;
	const size_t count = k->count - first;
	size_t repeated = SIZE_MAX;

	if (count > FEW_KEYS) {
		qsort_r(keys, count, sizeof(*keys), compare_keys, k);
		for (size_t i = 1; i < count; i++) {
			if (same_key(k, &keys[i - 1], &keys[i]) && keys[i].offset < repeated)
				repeated = keys[i].offset;
		}
	} else {
		for (size_t i = 1; i < count && repeated == SIZE_MAX; i++) {
			for (size_t j = 0; j < i; j++) {
				if (same_key(k, &keys[j], &keys[i]))
					repeated = keys[i].offset;
			}
		}
	}
	k->count = first;
	return repeated == SIZE_MAX ? SIZE_MAX : repeated - 1;
}

static uint64_t hash_key(const char *at, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

void json_keys_add(struct json_keys *k, size_t offset, size_t len, bool escaped)
{
	struct json_key key = {.offset = (uint32_t)offset, .at = (uint32_t)offset};

	if (escaped) {
		const size_t used = k->arena.len;

		json_unescape(k->text + offset, len, &k->arena);
		key.at = (uint32_t)used;
		len = k->arena.len - used;
		key.in_arena = 1;
	}
	key.len = len & 0x7fffffff;
	key.hash = hash_key(key_bytes(k, &key), len);
	if (k->count == k->cap) {
		k->cap = k->cap ? k->cap * 2 : 32;
		k->keys = xrealloc_array(k->keys, k->cap, sizeof(*k->keys));
	}
	k->keys[k->count++] = key;
}
