/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Signed policy files. The signature of FILE is FILE.minisig beside it, in the formats of
 * minisign(1), which can make and check them as well: Ed25519 over the BLAKE2b-512 of the file's
 * bytes, and once more over that signature and its trusted comment. Keys are known by an id of 16
 * digits, which minisign shows likewise.
 *
 * What is checked are the bytes that are then parsed: a file that is changed or swapped meanwhile
 * is not looked at again. A signature says who wrote a file, and neither that it is the latest that
 * he signed, nor which others belong to it.
 */

#include <stddef.h>
#include <sys/types.h>

#include "common/error.h"

#define SIGNATURE_SUFFIX ".minisig"

struct policy_key {
	unsigned char id[8];
	unsigned char public[32];
};

#define MAX_POLICY_KEYS 32u
#define KEY_ID_BYTES	17u /* as text, with its NUL */

struct policy_keys {
	struct policy_key items[MAX_POLICY_KEYS];
	size_t count;
	char from[256]; /* the file, for errors */
	uid_t owner;	/* its */
};

/*
 * policy_keys_read - the public keys of a file: minisign's, one behind the other.
 * Errors: those of trusted_open(), so -ENOENT where there is none; -EINVAL, -E2BIG.
 */
int policy_keys_read(const char *path, struct policy_keys *ret, struct error *err);

void policy_key_id(const unsigned char id[8], char ret[KEY_ID_BYTES]);

/*
 * signature_check - whether the file @path, which had the bytes @text, is signed by one of the
 * keys.
 * @ret: the key, borrowed from @keys. Errors: -EKEYREJECTED with the reason and the way out; those
 * of reading it.
 */
int signature_check(const struct policy_keys *keys, const char *path, const char *text, size_t len,
		    const struct policy_key **ret, struct error *err);

/* A key to sign with; wipe with signing_key_done(). */
struct signing_key {
	unsigned char id[8];
	unsigned char secret[64];
};

/*
 * signing_key_read - minisign's secret key without a password. Errors: -EPERM if others may read
 * the file or it is another user's; -EINVAL with what to do, for one with a password too.
 */
int signing_key_read(const char *path, struct signing_key *ret, struct error *err);
void signing_key_done(struct signing_key *key);
/* A new one, as @path (mode 0600) and @path.pub. Errors: -EEXIST: nothing is ever replaced. */
int signing_key_make(const char *path, char ret_id[KEY_ID_BYTES], struct error *err);
/* Writes @path.minisig, in place of one that is there. */
int signature_make(const struct signing_key *key, const char *path, const char *text, size_t len,
		   struct error *err);
