/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The host's record key: an Ed25519 key whose seed stands as one line of hex in a file of mode
 * 0600.
 */

#include <stdbool.h>

#include "common/error.h"

struct record_key {
	unsigned char secret[64];
	unsigned char public[32];
};

/*
 * key_load - reads the key.
 * @create: make it if the file is not there; of several processes that do so at once one wins and
 *          all get its key.
 * Errors: -ENOENT, -EPERM if others may read the file or own it, -EINVAL if it holds something
 * else. Owns: wipe with key_done().
 */
int key_load(const char *path, bool create, struct record_key *ret, struct error *err);
void key_done(struct record_key *key);
