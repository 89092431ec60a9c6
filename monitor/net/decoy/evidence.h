/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is kept of what a program sends: its hash and length, its beginning, and a file with as much
 * of it as the limits of decoy.h allow. A file that cannot be written is a shorter file, never an
 * error: the answer does not hang on it, and `is_cut` tells.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

#include "common/buf.h"
#include "monitor/net/decoy/decoy.h"
#include "monitor/net/decoy/tls_module.h"
#include "monitor/net/scan.h"

#define MAX_BODY_SEEN (64u << 10) /* bytes of a body that services look at */

/* One a session. */
struct evidence_store {
	int folder_fd;			 /* borrowed; -1: no files */
	const struct scan_set *canaries; /* borrowed */
	const struct tls_module *tls;	 /* borrowed */
	unsigned files;
	uint64_t bytes;
};

struct evidence {
	struct evidence_store *store; /* borrowed */
	crypto_hash_sha256_state hash;
	struct md5 *md5;   /* owned */
	struct scan *scan; /* owned; NULL until there is something */
	uint64_t bytes;
	uint64_t kept;
	struct buf seen; /* the first MAX_BODY_SEEN bytes */
	int file_fd;
	char file[16]; /* its name; empty: none */
	bool is_cut;
};

void evidence_begin(struct evidence *evidence, struct evidence_store *store);
void evidence_add(struct evidence *evidence, const void *bytes, size_t len);
/* The members body, bytes, sha256, file, is_cut and canaries of @ret; the strings are the
 * evidence's. */
void evidence_tell(const struct evidence *evidence, struct decoy_request *ret);
void evidence_done(struct evidence *evidence);
