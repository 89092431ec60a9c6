/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What stands in minisign's files, below base64. */

#define SIGNATURE_KEY                                                               \
	"Ed" /* of keys; of a signature: over the file itself, which we do not take \
	      */
#define SIGNATURE_HASH	"ED" /* over the file's BLAKE2b-512 */
#define KEY_COMMENT	"untrusted comment: "
#define TRUSTED_COMMENT "trusted comment: "
#define MAX_KEY_TEXT	8192u

struct public_format {
	unsigned char algorithm[2];
	unsigned char id[8];
	unsigned char public[32];
};

struct secret_format {
	unsigned char algorithm[2];
	unsigned char password[2]; /* how one is used; zeros: there is none */
	unsigned char checksum_algorithm[2];
	unsigned char salt[32];
	unsigned char limits[16];
	unsigned char id[8];
	unsigned char secret[64];
	unsigned char checksum[32]; /* zeros without a password */
};

struct signature_format {
	unsigned char algorithm[2];
	unsigned char id[8];
	unsigned char signature[64];
};

_Static_assert(sizeof(struct public_format) == 42 && sizeof(struct secret_format) == 158 &&
		       sizeof(struct signature_format) == 74,
	       "bytes alone, and no holes");
