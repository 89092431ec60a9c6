/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A table of a fixed number of keys, each with a fixed number of words. All memory is taken when it
 * is made; finding, adding and dropping take the same time however full it is. Keys are in the
 * order in which they were last made or touched, so that who needs room can see the oldest.
 */

#include <stddef.h>
#include <stdint.h>

struct keyed;

#define MAX_KEYED 4096u

/* @capacity: 1 to MAX_KEYED. */
struct keyed *keyed_new(size_t capacity, size_t words);
struct keyed *keyed_free(struct keyed *table);
void keyed_clear(struct keyed *table); /* NULL: nothing */
/* Bytes that such a table takes for each key, however many it has. */
size_t keyed_bytes(size_t words);

/* Keys are any number but 0. Return: the key's words, which stay in place until it is dropped. */
uint64_t *keyed_find(struct keyed *table, uint64_t key); /* NULL: it is not there */
/* The same, added with words of 0 if need be, and the youngest then; NULL: there is no room. */
uint64_t *keyed_make(struct keyed *table, uint64_t key);
/* NULL if the table is empty. */
const uint64_t *keyed_oldest(const struct keyed *table, uint64_t *ret_key);
void keyed_drop(struct keyed *table, uint64_t key);
size_t keyed_count(const struct keyed *table);
