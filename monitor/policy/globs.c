/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/globs.h"

#include <stdlib.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/match.h"

#define NONE UINT32_MAX

/* Of one pattern. */
struct entry {
	uint64_t hash;
	uint32_t next;	/* with the same head; NONE */
	uint32_t first; /* of its key */
};

struct globs {
	const struct str *patterns; /* borrowed */
	struct entry *entries;	    /* one each */
	uint32_t *heads;	    /* a power of two of them, at most half of them used */
	size_t mask;
	uint32_t without_key; /* the first pattern that may match any path */
};

struct globs *globs_new(const struct str *patterns, size_t count)
{
	struct globs *globs = xcalloc(1, sizeof(*globs));
	size_t heads = 8;

	while (heads < count * 2)
		heads *= 2;
	globs->patterns = patterns;
	globs->entries = xcalloc(count, sizeof(*globs->entries));
	globs->heads = xcalloc(heads, sizeof(*globs->heads));
	globs->mask = heads - 1;
	globs->without_key = NONE;
	for (size_t i = 0; i < heads; i++)
		globs->heads[i] = NONE;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t *head = &globs->without_key;
		struct key key;

		if (key_of_glob(patterns[i], &key))
			head = &globs->heads[key.hash & globs->mask];
		globs->entries[i] = (struct entry){key.hash, *head, key.first};
		*head = i;
	}
	return globs;
}

struct globs *globs_free(struct globs *globs)
{
	if (!globs)
		return NULL;
	free(globs->entries);
	free(globs->heads);
	free(globs);
	return NULL;
}

/* What is looked for among those of one head. */
struct search {
	const struct globs *globs;
	struct str path;
	uint32_t first;	      /* component of it */
	const uint64_t *hash; /* NULL: any */
};

/* The next that matches, from `i` on; or NONE. */
static uint32_t next_match(const struct search *s, uint32_t i)
{
	const struct globs *globs = s->globs;

	for (; i != NONE; i = globs->entries[i].next) {
		const struct entry *entry = &globs->entries[i];

		if ((!s->hash || entry->hash == *s->hash) &&
		    (!entry->first || entry->first == s->first) &&
		    glob_match(globs->patterns[i], s->path, false))
			break;
	}
	return i;
}

bool globs_match(const struct globs *globs, const struct path_keys *keys)
{
	struct search s = {.globs = globs, .path = keys->text, .first = path_keys_first(keys)};

	for (unsigned i = 0; i < keys->count; i++) {
		const uint32_t first = globs->heads[keys->hashes[i] & globs->mask];

		s.hash = &keys->hashes[i];
		if (first != NONE && next_match(&s, first) != NONE)
			return true;
	}
	s.hash = NULL;
	return next_match(&s, globs->without_key) != NONE;
}

void globs_each(const struct globs *globs, const struct path_keys *keys, glob_found found,
		void *arg)
{
	struct search s = {.globs = globs, .path = keys->text, .first = path_keys_first(keys)};

	for (unsigned i = 0; i <= keys->count; i++) {
		uint32_t at = globs->without_key;

		s.hash = i < keys->count ? &keys->hashes[i] : NULL;
		if (s.hash)
			at = globs->heads[*s.hash & globs->mask];
		while ((at = next_match(&s, at)) != NONE) {
			found(arg, at);
			at = globs->entries[at].next;
		}
	}
}
