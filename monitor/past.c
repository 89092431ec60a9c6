/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/past.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/limits.h"

#define FIRST_ROOM 256u /* a power of two, as it is doubled */

enum {
	IS_OLD = 1,
	IS_LINK = 2,  /* symbolic: what is named through it is elsewhere */
	IS_STRAY = 4, /* old, in a folder that the session made */
};

/*
 * Found by a hash of its name and of what its folder's entry has for what is below. That is another
 * with each entry, and moves with it: what was noted below a name is not found below the next that
 * bears it.
 */
struct entry {
	uint64_t hash; /* 0: free */
	uint64_t below;
	unsigned flags;
};

struct past {
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct entry *entries;
	size_t room, count, strays;
	uint64_t serial; /* of the last entry */
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

static uint64_t hash(const struct past *past, const void *data, size_t len)
{
	unsigned char bytes[crypto_shorthash_BYTES];
	uint64_t ret;

	(void)crypto_shorthash(bytes, data, len, past->key);
	memcpy(&ret, bytes, sizeof(ret));
	return ret;
}

static uint64_t hash_below(const struct past *past, uint64_t folder, const char *name, size_t len)
{
	const uint64_t both[] = {folder, hash(past, name, len)};

	return hash(past, both, sizeof(both)) | 1; /* never 0 */
}

/* Where the entry is, or where it would go. */
static struct entry *find(const struct past *past, uint64_t hash)
{
	size_t at = (size_t)(hash >> 1) & (past->room - 1);

	while (past->entries[at].hash && past->entries[at].hash != hash)
		at = (at + 1) & (past->room - 1);
	return &past->entries[at];
}

static void grow(struct past *past)
{
	struct entry *old = past->entries;
	const size_t old_room = past->room;

	past->room *= 2;
	past->entries = xcalloc(past->room, sizeof(*past->entries));
	for (size_t i = 0; i < old_room; i++) {
		if (old[i].hash)
			*find(past, old[i].hash) = old[i];
	}
	free(old);
}

/* What stood behind it in a row moves up, so that it is found without it. */
static void drop(struct past *past, uint64_t hash)
{
	struct entry *entry = find(past, hash);
	size_t hole = (size_t)(entry - past->entries);

	if (!entry->hash)
		return;
	past->count--;
	past->strays -= (entry->flags & IS_STRAY) != 0;
	*entry = (struct entry){0};
	for (size_t at = (hole + 1) & (past->room - 1); past->entries[at].hash;
	     at = (at + 1) & (past->room - 1)) {
		const struct entry moved = past->entries[at];

		past->entries[at] = (struct entry){0};
		*find(past, moved.hash) = moved;
	}
}

/* What is known of a path. */
struct spot {
	struct entry own; /* its hash is 0 if there is none */
	uint64_t hash;	  /* that it has, or would have */
	bool is_old, folder_is_old, is_through_link;
};

/* The nearest entry says what it is: its own, or that of a folder above. */
static struct spot look(const struct past *past, const struct plain_path *path)
{
	struct spot spot = {.is_old = true};
	const char *const end = path->at + path->len;
	uint64_t below = 0;

	for (const char *at = path->at; at < end;) {
		const char *name = at + 1;
		const char *next = memchr(name, '/', (size_t)(end - name));

		at = next ? next : end;
		spot.is_through_link |= (spot.own.flags & IS_LINK) != 0;
		spot.folder_is_old = spot.is_old;
		spot.hash = hash_below(past, below, name, (size_t)(at - name));
		spot.own = *find(past, spot.hash);
		if (spot.own.hash)
			spot.is_old = spot.own.flags & IS_OLD;
		below = spot.own.hash ? spot.own.below : spot.hash;
	}
	spot.is_old |= spot.is_through_link;
	return spot;
}

/* @below: 0 for what nothing was noted below of. */
static void put(struct past *past, const struct spot *spot, unsigned flags, uint64_t below)
{
	drop(past, spot->hash);
	if (past->count == MAX_PAST) {
		past_lose(past);
		return;
	}
	flags &= ~(unsigned)IS_STRAY;
	if ((flags & IS_OLD) && !spot->folder_is_old) {
		flags |= IS_STRAY;
		past->strays++;
	}
	if (!below) {
		past->serial++;
		below = hash_below(past, past->serial, "", 0); /* no name is empty */
	}
	past->count++;
	*find(past, spot->hash) = (struct entry){spot->hash, below, flags};
	if (past->count * 2 > past->room)
		grow(past);
}

static void set_made(struct past *past, const struct plain_path *path, unsigned flags)
{
	const struct spot spot = look(past, path);

	if (spot.is_through_link)
		return;
	if (spot.folder_is_old || flags)
		put(past, &spot, flags, 0);
	else
		drop(past, spot.hash); /* as its folder */
}

static bool op_is(const struct action *action, const char *op)
{
	return str_eq(action->op, str_of(op));
}

/* What an open makes was not there; nobody looks at what is only read. */
static bool asks_for_past(const struct action *action)
{
	return action->kind == ACTION_FILE_CHANGE ||
	       (action->kind == ACTION_FILE_OPEN && action->write && !action->created);
}

void past_fill(struct past *past, struct action *action)
{
	struct plain_path path __attribute__((uninitialized));

	if (!past || !asks_for_past(action))
		return;
	action->past_unknown = past->is_lost || !make_plain(action->path, &path);
	if (action->past_unknown)
		return;
	action->before_session = look(past, &path).is_old;
	/* Of a symbolic link the target is a text. */
	if (op_is(action, "rename") || op_is(action, "link"))
		action->target_before_session =
			!make_plain(action->target, &path) || look(past, &path).is_old;
}

/*
 * What was moved is as it was, with all in it; who held the name before is gone. Of what has no
 * entry it is not known what is in it: all of that counts as older if it may be.
 */
static void note_rename(struct past *past, const struct action *action,
			const struct plain_path *from)
{
	const struct spot source = look(past, from);
	const bool is_old = source.is_old || (!source.own.hash && past->strays);
	const unsigned flags = source.own.hash ? source.own.flags : is_old ? IS_OLD : 0;
	struct plain_path to __attribute__((uninitialized));
	struct spot target;

	drop(past, source.hash);
	if (!make_plain(action->target, &to))
		return;
	target = look(past, &to);
	if (target.is_through_link)
		return;
	if (flags || target.folder_is_old || past->strays)
		put(past, &target, flags, source.own.below);
	else
		drop(past, target.hash);
}

/* Another name of a link is a link. */
static void note_link(struct past *past, const struct action *action)
{
	struct plain_path path __attribute__((uninitialized));
	unsigned flags = 0;

	if (make_plain(action->path, &path))
		flags = look(past, &path).own.flags & IS_LINK;
	if (make_plain(action->target, &path))
		set_made(past, &path, flags);
}

static bool makes(const struct action *action)
{
	if (action->kind == ACTION_FILE_OPEN)
		return action->created;
	return op_is(action, "mkdir") || op_is(action, "mknod") || op_is(action, "symlink");
}

void past_note(struct past *past, const struct action *action)
{
	struct plain_path path __attribute__((uninitialized));

	if (!past || past->is_lost || action->result < 0 ||
	    (action->kind != ACTION_FILE_OPEN && action->kind != ACTION_FILE_CHANGE))
		return;
	if (op_is(action, "link"))
		note_link(past, action);
	else if (!make_plain(action->path, &path))
		return;
	else if (makes(action))
		set_made(past, &path, op_is(action, "symlink") ? IS_LINK : 0);
	else if (op_is(action, "unlink") || op_is(action, "rmdir"))
		drop(past, look(past, &path).hash);
	else if (op_is(action, "rename"))
		note_rename(past, action, &path);
}
