/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/past.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/limits.h"

#define FIRST_ROOM 256u /* a power of two, as it is doubled */
#define IS_OLD	   UINT64_C(1)

/* Entries are hashes whose last bit says what is there: made by the session, or older. */
struct past {
	unsigned char key[crypto_shorthash_KEYBYTES];
	uint64_t *entries; /* 0: free */
	size_t room, count;
	bool is_lost;
};

struct past *past_new(void)
{
	struct past *past = xcalloc(1, sizeof(*past));

	crypto_shorthash_keygen(past->key);
	past->room = FIRST_ROOM;
	past->entries = xcalloc(past->room, sizeof(*past->entries));
	return past;
}

struct past *past_free(struct past *past)
{
	if (!past)
		return NULL;
	free(past->entries);
	free(past);
	return NULL;
}

void past_lose(struct past *past)
{
	if (past)
		past->is_lost = true;
}

/* Ends in "/NAME", or is empty for the root. */
struct plain_path {
	char at[MAX_PATH_BYTES];
	size_t len;
};

static void leave_last(struct plain_path *path)
{
	while (path->len && path->at[--path->len] != '/')
		;
}

/* Return: false for what is no path from the root on, or too long. */
static bool make_plain(struct str text, struct plain_path *ret)
{
	size_t at = 0;

	ret->len = 0;
	if (!text.len || text.at[0] != '/' || text.len >= sizeof(ret->at))
		return false;
	while (at < text.len) {
		const char *name = text.at + at;
		const char *end = memchr(name, '/', text.len - at);
		const size_t len = end ? (size_t)(end - name) : text.len - at;

		at += len + 1;
		if (!len || (len == 1 && name[0] == '.'))
			continue;
		if (len == 2 && name[0] == '.' && name[1] == '.') {
			leave_last(ret);
			continue;
		}
		ret->at[ret->len++] = '/';
		memcpy(ret->at + ret->len, name, len);
		ret->len += len;
	}
	return ret->len > 0;
}

static uint64_t hash_of(const struct past *past, const char *path, size_t len)
{
	unsigned char bytes[crypto_shorthash_BYTES];
	uint64_t hash;

	(void)crypto_shorthash(bytes, (const unsigned char *)path, len, past->key);
	memcpy(&hash, bytes, sizeof(hash));
	return (hash | 2) & ~IS_OLD; /* never 0 */
}

/* Where the entry is, or where it would go. */
static uint64_t *find(const struct past *past, uint64_t hash)
{
	size_t at = (size_t)(hash >> 2) & (past->room - 1);

	while (past->entries[at] && (past->entries[at] & ~IS_OLD) != hash)
		at = (at + 1) & (past->room - 1);
	return &past->entries[at];
}

static void grow(struct past *past)
{
	uint64_t *old = past->entries;
	const size_t old_room = past->room;

	past->room *= 2;
	past->entries = xcalloc(past->room, sizeof(*past->entries));
	for (size_t i = 0; i < old_room; i++) {
		if (old[i])
			*find(past, old[i] & ~IS_OLD) = old[i];
	}
	free(old);
}

static void put(struct past *past, uint64_t hash, bool is_old)
{
	uint64_t *entry = find(past, hash);

	if (!*entry && past->count == MAX_PAST) {
		past_lose(past);
		return;
	}
	past->count += !*entry;
	*entry = hash | (is_old ? IS_OLD : 0);
	if (past->count * 2 > past->room)
		grow(past);
}

/* What stood behind it in a row moves up, so that it is found without it. */
static void drop(struct past *past, uint64_t hash)
{
	uint64_t *entry = find(past, hash);
	size_t hole = (size_t)(entry - past->entries);

	if (!*entry)
		return;
	past->count--;
	*entry = 0;
	for (size_t at = (hole + 1) & (past->room - 1); past->entries[at];
	     at = (at + 1) & (past->room - 1)) {
		const uint64_t moved = past->entries[at];

		past->entries[at] = 0;
		*find(past, moved & ~IS_OLD) = moved;
	}
}

/* Of the first @len bytes of a path: what the nearest entry says, itself or a folder above. */
static bool is_older(const struct past *past, const struct plain_path *path, size_t len)
{
	while (len) {
		const uint64_t entry = *find(past, hash_of(past, path->at, len));

		if (entry)
			return entry & IS_OLD;
		while (path->at[--len] != '/')
			;
	}
	return true;
}

static size_t parent_len(const struct plain_path *path)
{
	size_t len = path->len;

	while (len && path->at[--len] != '/')
		;
	return len;
}

/* An entry only where it differs from its folder. */
static void set(struct past *past, const struct plain_path *path, bool is_old)
{
	const uint64_t hash = hash_of(past, path->at, path->len);

	if (is_older(past, path, parent_len(path)) == is_old)
		drop(past, hash);
	else
		put(past, hash, is_old);
}

static bool op_is(const struct action *action, const char *op)
{
	return str_eq(action->op, str_of(op));
}

void past_fill(struct past *past, struct action *action)
{
	struct plain_path path __attribute__((uninitialized));

	if (!past || action->kind != ACTION_FILE_CHANGE)
		return;
	action->past_unknown = past->is_lost || !make_plain(action->path, &path);
	if (!action->past_unknown)
		action->before_session = is_older(past, &path, path.len);
}

/* What was moved is as it was; who held the name before is gone. */
static void note_rename(struct past *past, const struct action *action,
			const struct plain_path *from)
{
	const bool was_older = is_older(past, from, from->len);
	struct plain_path to __attribute__((uninitialized));

	drop(past, hash_of(past, from->at, from->len));
	if (make_plain(action->target, &to))
		set(past, &to, was_older);
}

/* Return: false if it makes none. */
static bool made_path(const struct action *action, struct plain_path *ret)
{
	if (action->kind == ACTION_FILE_OPEN)
		return action->created && make_plain(action->path, ret);
	if (op_is(action, "mkdir") || op_is(action, "mknod") || op_is(action, "symlink"))
		return make_plain(action->path, ret);
	return op_is(action, "link") && make_plain(action->target, ret);
}

void past_note(struct past *past, const struct action *action)
{
	struct plain_path path __attribute__((uninitialized));

	if (!past || past->is_lost || action->result < 0 ||
	    (action->kind != ACTION_FILE_OPEN && action->kind != ACTION_FILE_CHANGE))
		return;
	if (made_path(action, &path))
		set(past, &path, false);
	else if (action->kind == ACTION_FILE_OPEN || !make_plain(action->path, &path))
		return;
	else if (op_is(action, "unlink") || op_is(action, "rmdir"))
		drop(past, hash_of(past, path.at, path.len));
	else if (op_is(action, "rename"))
		note_rename(past, action, &path);
}
