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
	uint64_t words[];
};

struct keyed {
	uint32_t capacity;
	uint32_t stride; /* of an entry, in words */
	uint16_t oldest, newest;
	uint16_t free;
	uint16_t count;
	uint64_t entries[];
};

_Static_assert(MAX_KEYED < NONE, "an entry's number has 16 bits");
_Static_assert(sizeof(struct entry) % sizeof(uint64_t) == 0, "an entry is so many words");

size_t keyed_bytes(size_t words)
{
	return sizeof(struct entry) + words * sizeof(uint64_t);
}

static struct entry *entry_at(struct keyed *t, size_t index)
{
	return (struct entry *)&t->entries[index * t->stride];
}

struct keyed *keyed_new(size_t capacity, size_t words)
{
	struct keyed *t = xcalloc(1, sizeof(*t) + capacity * keyed_bytes(words));

	t->capacity = (uint32_t)capacity;
	t->stride = (uint32_t)(keyed_bytes(words) / sizeof(uint64_t));
	t->oldest = t->newest = t->free = NONE;
	for (size_t i = capacity; i > 0; i--) {
		entry_at(t, i - 1)->head = NONE;
		entry_at(t, i - 1)->next = t->free;
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

	return &entry_at(t, ((h >> 32) * t->capacity) >> 32)->head;
}

static uint16_t index_of(struct keyed *t, uint64_t key)
{
	uint16_t i = *head_of(t, key);

	while (i != NONE && entry_at(t, i)->key != key)
		i = entry_at(t, i)->next;
	return i;
}

static void unlink_age(struct keyed *t, uint16_t i)
{
	const struct entry *e = entry_at(t, i);

	if (e->older == NONE)
		t->oldest = e->newer;
	else
		entry_at(t, e->older)->newer = e->newer;
	if (e->newer == NONE)
		t->newest = e->older;
	else
		entry_at(t, e->newer)->older = e->older;
}

static void link_newest(struct keyed *t, uint16_t i)
{
	struct entry *e = entry_at(t, i);

	e->older = t->newest;
	e->newer = NONE;
	if (t->newest == NONE)
		t->oldest = i;
	else
		entry_at(t, t->newest)->newer = i;
	t->newest = i;
}

uint64_t *keyed_find(struct keyed *t, uint64_t key)
{
	const uint16_t i = index_of(t, key);

	return i == NONE ? NULL : entry_at(t, i)->words;
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
		e = entry_at(t, i);
		t->free = e->next;
		e->key = key;
		e->next = *head;
		*head = i;
		t->count++;
		memset(e->words, 0, t->stride * sizeof(uint64_t) - sizeof(*e));
	}
	link_newest(t, i);
	return entry_at(t, i)->words;
}

const uint64_t *keyed_oldest(struct keyed *t, uint64_t *ret_key)
{
	if (t->oldest == NONE)
		return NULL;
	*ret_key = entry_at(t, t->oldest)->key;
	return entry_at(t, t->oldest)->words;
}

void keyed_drop(struct keyed *t, uint64_t key)
{
	uint16_t *at = head_of(t, key);
	uint16_t i;

	while (*at != NONE && entry_at(t, *at)->key != key)
		at = &entry_at(t, *at)->next;
	i = *at;
	if (i == NONE)
		return;
	*at = entry_at(t, i)->next;
	unlink_age(t, i);
	entry_at(t, i)->next = t->free;
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
