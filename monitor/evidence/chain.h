/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The chain of a record's lines: what the writer puts behind a line, and what the reader checks.
 * Pure but for libsodium; sodium_init() comes first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/evidence/record.h"

#define CHAIN_HEX 64u  /* a hash as hex */
#define SIGN_HEX  128u /* a signature as hex */

/* Most bytes that a line has behind what the caller wrote: prev, hash, signature, brace, newline.
 */
#define CHAIN_TAIL_BYTES 320u

/* The hash of a line's bytes, as lower-case hex with its NUL. */
void chain_hash(const char *line, size_t len, char ret_hex[CHAIN_HEX + 1]);

/* Ed25519 over the head of a chain, with a 64-byte secret key, as hex with its NUL. */
void chain_sign(const char head[CHAIN_HEX + 1], const unsigned char *secret,
		char ret_hex[SIGN_HEX + 1]);

/* A chain as a reader follows it, line by line. Start from all zeros. */
struct chain_check {
	uint64_t lines;
	char head[CHAIN_HEX + 1]; /* of the last line that holds */
	char session[65];
	char signer[CHAIN_HEX + 1]; /* set by session.end */
	bool closed;		    /* session.end was there */
};

/*
 * chain_check_line - whether one line (without its newline) follows.
 * Return: 0, or -EBADMSG with what is wrong at @reason; then the check is as it was before.
 */
int chain_check_line(struct chain_check *check, const char *line, size_t len, char *ret_reason,
		     size_t reason_size);
