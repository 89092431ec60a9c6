/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/quic_open.h"

#include <string.h>

#include <sodium.h>

#include "monitor/net/aes_gcm.h"

#define HASH_LEN crypto_auth_hmacsha256_BYTES
#define SALT_LEN 20u

struct keys {
	uint8_t key[AES_BLOCK];
	uint8_t iv[GCM_NONCE_LEN];
	uint8_t header[AES_BLOCK];
};

static void hmac(const uint8_t *key, size_t key_len, const uint8_t *bytes, size_t len,
		 uint8_t ret[HASH_LEN])
{
	crypto_auth_hmacsha256_state state;

	(void)crypto_auth_hmacsha256_init(&state, key, key_len);
	(void)crypto_auth_hmacsha256_update(&state, bytes, len);
	(void)crypto_auth_hmacsha256_final(&state, ret);
}

/* HKDF-Expand-Label of RFC 8446 7.1, without a context, of at most one hash. */
static void expand(const uint8_t secret[HASH_LEN], const char *label, uint8_t *to, uint8_t len)
{
	uint8_t info[32] = {0, len, (uint8_t)strlen(label)};
	const size_t label_len = strlen(label);
	uint8_t hash[HASH_LEN];

	memcpy(info + 3, label, label_len);
	info[3 + label_len] = 0;     /* of the context */
	info[3 + label_len + 1] = 1; /* the first block */
	hmac(secret, HASH_LEN, info, 3 + label_len + 2, hash);
	memcpy(to, hash, len);
}

static void derive(uint32_t version, const struct reader *id, struct keys *ret)
{
	static const uint8_t salt_1[SALT_LEN] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34,
						 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8,
						 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
	static const uint8_t salt_2[SALT_LEN] = {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6,
						 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26,
						 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9};
	const bool is_second = version == QUIC_VERSION_2;
	uint8_t secret[HASH_LEN];

	hmac(is_second ? salt_2 : salt_1, SALT_LEN, id->at, id->left, secret);
	expand(secret, "tls13 client in", secret, HASH_LEN);
	expand(secret, is_second ? "tls13 quicv2 key" : "tls13 quic key", ret->key, AES_BLOCK);
	expand(secret, is_second ? "tls13 quicv2 iv" : "tls13 quic iv", ret->iv, GCM_NONCE_LEN);
	expand(secret, is_second ? "tls13 quicv2 hp" : "tls13 quic hp", ret->header, AES_BLOCK);
}

/* RFC 9000 A.3: that which ends so and is the nearest to the one that is to come. */
static uint64_t whole_number(uint64_t part, unsigned bytes, uint64_t next)
{
	const uint64_t window = UINT64_C(1) << 8 * bytes;
	const uint64_t number = (next & ~(window - 1)) | part;

	if (number + window / 2 <= next)
		return number + window;
	if (number > next + window / 2 && number >= window)
		return number - window;
	return number;
}

/* Takes the protection off, RFC 9001 5.4. Return: how many bytes the number has. */
static unsigned open_header(uint8_t *room, size_t number_at, const struct keys *keys)
{
	uint8_t mask[AES_BLOCK];
	struct aes128 aes;
	unsigned bytes;

	aes128_init(&aes, keys->header);
	aes128_encrypt(&aes, room + number_at + 4, mask);
	room[0] ^= mask[0] & 0x0f;
	bytes = (room[0] & 3u) + 1;
	for (unsigned i = 0; i < bytes; i++)
		room[number_at + i] ^= mask[1 + i];
	return bytes;
}

bool quic_open(const struct quic_packet *packet, const struct reader *id, uint64_t next,
	       uint8_t *room, struct quic_opened *ret)
{
	struct gcm_box box = {.head = room};
	struct aes128 aes;
	struct keys keys;
	struct reader number;
	unsigned bytes;

	if (packet->len < packet->number_at + 4 + AES_BLOCK)
		return false; /* nothing to take the mask from */
	derive(packet->version, id, &keys);
	memcpy(room, packet->bytes, packet->len);
	bytes = open_header(room, packet->number_at, &keys);
	number = (struct reader){room + packet->number_at, bytes, false};
	ret->number = whole_number(reader_number(&number, bytes), bytes, next);
	box.head_len = packet->number_at + bytes;
	for (unsigned i = 0; i < 8; i++)
		keys.iv[GCM_NONCE_LEN - 1 - i] ^= (uint8_t)(ret->number >> 8 * i);
	box.nonce = keys.iv;
	box.bytes = room + box.head_len;
	box.len = packet->len - box.head_len - GCM_TAG_LEN;
	ret->frames = box.bytes;
	ret->len = box.len;
	aes128_init(&aes, keys.key);
	return aes128_gcm_open(&aes, &box);
}
