/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/keyed.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define NONE UINT16_MAX

/* There are as many lists of keys as entries, and each entry has the head of one: a session has
 * dozens of tables, and of the memory that they take little should be for finding. */
struct entry {
	uint64_t key;
	uint16_t next;	       /* of those in one list; of those that are free */
	uint16_t older, newer; /* in the order of touching */
	uint16_t head;	       /* of the list with this entry's number, of which it need not be */
};

struct keyed {
	uint64_t *words; /* `width` of each entry; behind the last of them */
	uint32_t capacity;
	uint32_t width;
	uint16_t oldest, newest;
	uint16_t free;
	uint16_t count;
	struct entry entries[];
};

_Static_assert(MAX_KEYED < NONE, "an entry's number has 16 bits");

size_t keyed_bytes(size_t words)
{
	return sizeof(struct entry) + words * sizeof(uint64_t);
}

struct keyed *keyed_new(size_t capacity, size_t words)
{
	struct keyed *t = xcalloc(1, sizeof(*t) + capacity * keyed_bytes(words));

	t->words = (uint64_t *)&t->entries[capacity];
	t->capacity = (uint32_t)capacity;
	t->width = (uint32_t)words;
	t->oldest = t->newest = t->free = NONE;
	for (size_t i = capacity; i > 0; i--) {
		t->entries[i - 1].head = NONE;
		t->entries[i - 1].next = t->free;
		t->free = (uint16_t)(i - 1);
	}
	return t;
}

struct keyed *keyed_free(struct keyed *t)
{
	free(t);
	return NULL;
}

static uint16_t *head_of(struct keyed *t, uint64_t key)
{
	const uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);

	return &t->entries[((h >> 32) * t->capacity) >> 32].head;
}

static uint64_t *words_of(const struct keyed *t, uint16_t index)
{
	return &t->words[(size_t)index * t->width];
}

static uint16_t index_of(struct keyed *t, uint64_t key)
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
	struct entry *e = &t->entries[i];

	e->older = t->newest;
	e->newer = NONE;
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
	struct entry *e;

	if (i != NONE) {
		unlink_age(t, i);
	} else {
		i = t->free;
		if (i == NONE)
			return NULL;
		e = &t->entries[i];
		t->free = e->next;
		e->key = key;
		e->next = *head;
		*head = i;
		t->count++;
		memset(words_of(t, i), 0, t->width * sizeof(uint64_t));
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
