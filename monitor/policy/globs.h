/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A long list of globs, found by their keys (keys.h): of a path only those are tried whose key it
 * has, and those that have none.
 */

#include "monitor/policy/keys.h"

struct globs;

/* @patterns: checked; borrowed as long as it lives. */
struct globs *globs_new(const struct str *patterns, size_t count);
struct globs *globs_free(struct globs *globs);
/* Whether one of them matches the path that these are all keys of. */
bool globs_match(const struct globs *globs, const struct path_keys *keys);
/* Tells of each that does, maybe more than once. */
typedef void (*glob_found)(void *arg, uint32_t index);
void globs_each(const struct globs *globs, const struct path_keys *keys, glob_found found,
		void *arg);
