/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/keyed.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define NONE UINT16_MAX

struct entry {
	uint64_t key;
	uint16_t next;	       /* of those with one head; of those that are free */
	uint16_t older, newer; /* in the order of touching */
};

struct keyed {
	struct entry *entries;
	uint64_t *words; /* `width` of each entry */
	uint16_t *heads; /* a power of two of them */
	size_t mask;
	size_t width;
	uint16_t oldest, newest;
	uint16_t free;
	size_t count;
};

_Static_assert(MAX_KEYED < NONE, "an entry's number has 16 bits");

size_t keyed_bytes(size_t words)
{
	/* Up to four heads a key: two, rounded up to a power of two. */
	return sizeof(struct entry) + words * sizeof(uint64_t) + 4 * sizeof(uint16_t);
}

struct keyed *keyed_new(size_t capacity, size_t words)
{
	struct keyed *t = xcalloc(1, sizeof(*t));
	size_t heads = 2;

	while (heads < capacity * 2)
		heads *= 2;
	t->entries = xcalloc(capacity, sizeof(*t->entries));
	t->words = xcalloc(capacity, words * sizeof(*t->words));
	t->heads = xcalloc(heads, sizeof(*t->heads));
	t->mask = heads - 1;
	t->width = words;
	t->oldest = t->newest = t->free = NONE;
	memset(t->heads, 0xff, heads * sizeof(*t->heads));
	for (size_t i = capacity; i > 0; i--) {
		t->entries[i - 1].next = t->free;
		t->free = (uint16_t)(i - 1);
	}
	return t;
}

struct keyed *keyed_free(struct keyed *t)
{
	if (!t)
		return NULL;
	free(t->entries);
	free(t->words);
	free(t->heads);
	free(t);
	return NULL;
}

static uint16_t *head_of(const struct keyed *t, uint64_t key)
{
	const uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);

	return &t->heads[(h >> 32) & t->mask];
}

static uint64_t *words_of(const struct keyed *t, uint16_t index)
{
	return &t->words[index * t->width];
}

static uint16_t index_of(const struct keyed *t, uint64_t key)
{
	uint16_t i = *head_of(t, key);

	while (i != NONE && t->entries[i].key != key)
		i = t->entries[i].next;
	return i;
}

static void unlink_age(struct keyed *t, uint16_t i)
{
	const struct entry *e = &t->entries[i];

	if (e->older == NONE)
		t->oldest = e->newer;
	else
		t->entries[e->older].newer = e->newer;
	if (e->newer == NONE)
		t->newest = e->older;
	else
		t->entries[e->newer].older = e->older;
}

static void link_newest(struct keyed *t, uint16_t i)
{
	t->entries[i].older = t->newest;
	t->entries[i].newer = NONE;
	if (t->newest == NONE)
		t->oldest = i;
	else
		t->entries[t->newest].newer = i;
	t->newest = i;
}

uint64_t *keyed_find(struct keyed *t, uint64_t key)
{
	const uint16_t i = index_of(t, key);

	return i == NONE ? NULL : words_of(t, i);
}

uint64_t *keyed_make(struct keyed *t, uint64_t key)
{
	uint16_t *head = head_of(t, key);
	uint16_t i = index_of(t, key);

	if (i != NONE) {
		unlink_age(t, i);
	} else {
		i = t->free;
		if (i == NONE)
			return NULL;
		t->free = t->entries[i].next;
		t->entries[i].key = key;
		t->entries[i].next = *head;
		*head = i;
		t->count++;
		memset(words_of(t, i), 0, t->width * sizeof(*t->words));
	}
	link_newest(t, i);
	return words_of(t, i);
}

const uint64_t *keyed_oldest(const struct keyed *t, uint64_t *ret_key)
{
	if (t->oldest == NONE)
		return NULL;
	*ret_key = t->entries[t->oldest].key;
	return words_of(t, t->oldest);
}

void keyed_drop(struct keyed *t, uint64_t key)
{
	uint16_t *at = head_of(t, key);
	uint16_t i;

	while (*at != NONE && t->entries[*at].key != key)
		at = &t->entries[*at].next;
	i = *at;
	if (i == NONE)
		return;
	*at = t->entries[i].next;
	unlink_age(t, i);
	t->entries[i].next = t->free;
	t->free = i;
	t->count--;
}

size_t keyed_count(const struct keyed *t)
{
	return t->count;
}

void keyed_clear(struct keyed *t)
{
	uint64_t key = 0;

	while (t && keyed_oldest(t, &key))
		keyed_drop(t, key);
}
