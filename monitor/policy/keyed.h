/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Tables of keys, each with a fixed number of words, and the room that one or several of them have
 * in common. All memory is taken when room is made; finding, adding and dropping take the same time
 * however full it is. The keys of a table are in the order in which they were last made or touched,
 * so that who needs room can see the oldest.
 */

#include <stddef.h>
#include <stdint.h>

struct keyed;
struct keyed_room;

#define MAX_KEYED	 4096u /* keys of one table */
#define MAX_ROOM_KEYS	 8192u
#define MAX_KEYED_TABLES 4096u /* of one room */

/* keyed_room_new - for @capacity keys (1 to MAX_ROOM_KEYS) of @words words each, in @tables tables.
 */
struct keyed_room *keyed_room_new(size_t capacity, size_t words, size_t tables);
/* Its tables are to be freed before. */
struct keyed_room *keyed_room_free(struct keyed_room *room);

/* keyed_in - a table in @room, which is borrowed. @id: what keyed_id() tells. */
struct keyed *keyed_in(struct keyed_room *room, uint32_t id);
/* keyed_new - a table with room of its own. */
struct keyed *keyed_new(size_t capacity, size_t words);
struct keyed *keyed_free(struct keyed *table);
void keyed_clear(struct keyed *table); /* NULL: nothing */
/* Bytes that room takes for each key, however many it is for. */
size_t keyed_bytes(size_t words);

/* Keys are any number but 0. Return: the key's words, which stay in place until it is dropped. */
uint64_t *keyed_find(struct keyed *table, uint64_t key); /* NULL: it is not there */
/* The same, added with words of 0 if need be, and the youngest then; NULL: there is no room. */
uint64_t *keyed_make(struct keyed *table, uint64_t key);
/* NULL if the table is empty. */
const uint64_t *keyed_oldest(const struct keyed *table, uint64_t *ret_key);
void keyed_drop(struct keyed *table, uint64_t key);
size_t keyed_count(const struct keyed *table);

/* Which of the tables in the room of this one has the most keys; itself, if no other has more. */
struct keyed *keyed_fullest(struct keyed *table);
uint32_t keyed_id(const struct keyed *table);
