/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * AES-128 forwards, and what is opened with it (FIPS 197, NIST SP 800-38D), for keys that are no
 * secret: those of QUIC's first packets can be computed by anybody (RFC 9001 5.2). So it may take
 * tables and time that depend on the key, is a page long, and no library has to be there for it.
 * Nothing else may use it. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AES_BLOCK     16u
#define GCM_NONCE_LEN 12u
#define GCM_TAG_LEN   16u

struct aes128 {
	uint8_t round[11][AES_BLOCK];
};

void aes128_init(struct aes128 *aes, const uint8_t key[AES_BLOCK]);
void aes128_encrypt(const struct aes128 *aes, const uint8_t in[AES_BLOCK], uint8_t out[AES_BLOCK]);

struct gcm_box {
	const uint8_t *nonce; /* GCM_NONCE_LEN */
	const uint8_t *head;  /* not encrypted, and held to the tag */
	size_t head_len;
	uint8_t *bytes; /* opened where they stand; the tag follows them */
	size_t len;	/* without the tag */
};

/* Return: false if the tag is another: nothing was changed. */
bool aes128_gcm_open(const struct aes128 *aes, const struct gcm_box *box);
