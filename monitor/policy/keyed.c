/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/keyed.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define NONE UINT16_MAX

/* There are as many lists of keys as entries, and each entry has the head of one: a session has
 * dozens of tables, and of the memory that they take little should be for finding. */
struct entry {
	uint64_t key;	       /* as key_in_room() makes it */
	uint16_t next;	       /* of those in one list; of those that are free */
	uint16_t older, newer; /* of one table, in the order of touching */
	uint16_t head;	       /* of the list with this entry's number, of which it need not be */
};

struct keyed_room {
	uint64_t *words; /* `width` of each entry; behind the last of them */
	struct keyed **tables;
	uint32_t table_count;
	uint32_t capacity;
	uint32_t width;
	uint16_t free;
	struct entry entries[];
};

struct keyed {
	struct keyed_room *room;
	uint32_t id;
	uint16_t number; /* among those in the room */
	uint16_t oldest, newest;
	uint16_t count;
	bool owns_room;
};

_Static_assert(MAX_ROOM_KEYS < NONE && MAX_KEYED_TABLES < NONE, "their numbers have 16 bits");

size_t keyed_bytes(size_t words)
{
	return sizeof(struct entry) + words * sizeof(uint64_t);
}

struct keyed_room *keyed_room_new(size_t capacity, size_t words, size_t tables)
{
	struct keyed_room *room = xcalloc(1, sizeof(*room) + capacity * keyed_bytes(words));

	room->words = (uint64_t *)&room->entries[capacity];
	room->tables = xcalloc(tables, sizeof(struct keyed *));
	room->capacity = (uint32_t)capacity;
	room->width = (uint32_t)words;
	room->free = NONE;
	for (size_t i = capacity; i > 0; i--) {
		room->entries[i - 1].head = NONE;
		room->entries[i - 1].next = room->free;
		room->free = (uint16_t)(i - 1);
	}
	return room;
}

struct keyed_room *keyed_room_free(struct keyed_room *room)
{
	if (!room)
		return NULL;
	free(room->tables);
	free(room);
	return NULL;
}

struct keyed *keyed_in(struct keyed_room *room, uint32_t id)
{
	struct keyed *t = xcalloc(1, sizeof(*t));

	t->room = room;
	t->id = id;
	t->number = (uint16_t)room->table_count;
	t->oldest = t->newest = NONE;
	room->tables[room->table_count++] = t;
	return t;
}

struct keyed *keyed_new(size_t capacity, size_t words)
{
	struct keyed *t = keyed_in(keyed_room_new(capacity, words, 1), 0);

	t->owns_room = true;
	return t;
}

struct keyed *keyed_free(struct keyed *t)
{
	if (t && t->owns_room)
		t->room = keyed_room_free(t->room);
	free(t);
	return NULL;
}

/*
 * Another number for each table. Keys are hashes of 64 bits, or numbers of processes and
 * executions, which leave these bits alone.
 */
static uint64_t key_in_room(const struct keyed *t, uint64_t key)
{
	return key ^ (uint64_t)t->number << 48;
}

static uint16_t *head_of(struct keyed_room *room, uint64_t key)
{
	const uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);

	return &room->entries[((h >> 32) * room->capacity) >> 32].head;
}

static uint64_t *words_of(const struct keyed_room *room, uint16_t index)
{
	return &room->words[(size_t)index * room->width];
}

/* Where the number of the key's entry is, or NONE, which ends each list. */
static uint16_t *place_of(struct keyed_room *room, uint64_t key)
{
	uint16_t *at = head_of(room, key);

	while (*at != NONE && room->entries[*at].key != key)
		at = &room->entries[*at].next;
	return at;
}

static void unlink_age(struct keyed *t, uint16_t i)
{
	struct entry *entries = t->room->entries;
	const struct entry *e = &entries[i];

	if (e->older == NONE)
		t->oldest = e->newer;
	else
		entries[e->older].newer = e->newer;
	if (e->newer == NONE)
		t->newest = e->older;
	else
		entries[e->newer].older = e->older;
}

static void link_newest(struct keyed *t, uint16_t i)
{
	struct entry *e = &t->room->entries[i];

	e->older = t->newest;
	e->newer = NONE;
	if (t->newest == NONE)
		t->oldest = i;
	else
		t->room->entries[t->newest].newer = i;
	t->newest = i;
}

uint64_t *keyed_find(struct keyed *t, uint64_t key)
{
	const uint16_t i = *place_of(t->room, key_in_room(t, key));

	return i == NONE ? NULL : words_of(t->room, i);
}

uint64_t *keyed_make(struct keyed *t, uint64_t key)
{
	struct keyed_room *room = t->room;
	const uint64_t inside = key_in_room(t, key);
	uint16_t *at = place_of(room, inside);
	uint16_t i = *at;

	if (i != NONE) {
		unlink_age(t, i);
	} else {
		i = room->free;
		if (i == NONE)
			return NULL;
		room->free = room->entries[i].next;
		room->entries[i].key = inside;
		room->entries[i].next = NONE;
		*at = i;
		t->count++;
		memset(words_of(room, i), 0, room->width * sizeof(uint64_t));
	}
	link_newest(t, i);
	return words_of(room, i);
}

const uint64_t *keyed_oldest(const struct keyed *t, uint64_t *ret_key)
{
	if (t->oldest == NONE)
		return NULL;
	*ret_key = key_in_room(t, t->room->entries[t->oldest].key);
	return words_of(t->room, t->oldest);
}

void keyed_drop(struct keyed *t, uint64_t key)
{
	struct keyed_room *room = t->room;
	uint16_t *at = place_of(room, key_in_room(t, key));
	const uint16_t i = *at;

	if (i == NONE)
		return;
	*at = room->entries[i].next;
	unlink_age(t, i);
	room->entries[i].next = room->free;
	room->free = i;
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

struct keyed *keyed_fullest(struct keyed *t)
{
	struct keyed *fullest = t;

	for (uint32_t i = 0; i < t->room->table_count; i++) {
		if (t->room->tables[i]->count > fullest->count)
			fullest = t->room->tables[i];
	}
	return fullest;
}

uint32_t keyed_id(const struct keyed *t)
{
	return t->id;
}
