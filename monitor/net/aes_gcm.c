/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/aes_gcm.h"

#include <string.h>

static const uint8_t sbox[256] = {
	0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab,
	0x76, 0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4,
	0x72, 0xc0, 0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71,
	0xd8, 0x31, 0x15, 0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2,
	0xeb, 0x27, 0xb2, 0x75, 0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6,
	0xb3, 0x29, 0xe3, 0x2f, 0x84, 0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb,
	0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf, 0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45,
	0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8, 0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5,
	0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2, 0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44,
	0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73, 0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a,
	0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb, 0xe0, 0x32, 0x3a, 0x0a, 0x49,
	0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79, 0xe7, 0xc8, 0x37, 0x6d,
	0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08, 0xba, 0x78, 0x25,
	0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a, 0x70, 0x3e,
	0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e, 0xe1,
	0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
	0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb,
	0x16,
};

static uint8_t twice(uint8_t byte)
{
	return (uint8_t)(byte << 1 ^ (byte & 0x80 ? 0x1b : 0));
}

static void mix_in(uint8_t block[AES_BLOCK], const uint8_t with[AES_BLOCK])
{
	for (unsigned i = 0; i < AES_BLOCK; i++)
		block[i] ^= with[i];
}

void aes128_init(struct aes128 *aes, const uint8_t key[AES_BLOCK])
{
	uint8_t constant = 1;

	memcpy(aes->round[0], key, AES_BLOCK);
	for (unsigned r = 1; r < 11; r++) {
		const uint8_t *before = aes->round[r - 1];
		uint8_t *now = aes->round[r];

		for (unsigned i = 0; i < 4; i++)
			now[i] = before[i] ^ sbox[before[12 + (i + 1) % 4]];
		now[0] ^= constant;
		constant = twice(constant);
		for (unsigned i = 4; i < AES_BLOCK; i++)
			now[i] = before[i] ^ now[i - 4];
	}
}

static void substitute_and_shift(uint8_t block[AES_BLOCK])
{
	uint8_t from[AES_BLOCK];

	memcpy(from, block, AES_BLOCK);
	for (unsigned i = 0; i < AES_BLOCK; i++)
		block[i] = sbox[from[(i + 4 * (i % 4)) % AES_BLOCK]];
}

static void mix_column(uint8_t column[4])
{
	const uint8_t first = column[0];
	const uint8_t all = column[0] ^ column[1] ^ column[2] ^ column[3];

	for (unsigned i = 0; i < 4; i++) {
		const uint8_t next = i < 3 ? column[i + 1] : first;

		column[i] ^= all ^ twice(column[i] ^ next);
	}
}

void aes128_encrypt(const struct aes128 *aes, const uint8_t in[AES_BLOCK], uint8_t out[AES_BLOCK])
{
	memmove(out, in, AES_BLOCK);
	mix_in(out, aes->round[0]);
	for (unsigned r = 1; r < 11; r++) {
		substitute_and_shift(out);
		for (unsigned i = 0; i < AES_BLOCK && r < 10; i += 4)
			mix_column(out + i);
		mix_in(out, aes->round[r]);
	}
}

/* ---- GCM ---- */

/* An element of GF(2^128) as SP 800-38D 6.3 writes it: the first bit is the highest. */
struct element {
	uint64_t high, low;
};

static uint64_t number(const uint8_t bytes[8])
{
	uint64_t ret = 0;

	for (unsigned i = 0; i < 8; i++)
		ret = ret << 8 | bytes[i];
	return ret;
}

static void put_number(uint8_t to[8], uint64_t what)
{
	for (unsigned i = 0; i < 8; i++)
		to[i] = (uint8_t)(what >> 8 * (7 - i));
}

/* What a factor comes to, four bits of the other one at a time. */
struct table {
	struct element times[16];
	uint64_t rest[16]; /* of the four bits that leave at the low end */
};

/* Times x. */
static struct element shift(struct element e)
{
	const uint64_t carry = 0 - (e.low & 1);

	return (struct element){e.high >> 1 ^ (carry & UINT64_C(0xe1) << 56),
				e.low >> 1 | e.high << 63};
}

static struct table table_of(struct element y)
{
	struct table ret = {.times[8] = y};
	struct element *times = ret.times;

	times[4] = shift(y);
	times[2] = shift(times[4]);
	times[1] = shift(times[2]);
	for (unsigned i = 1; i < 16; i++) {
		const unsigned rest = i & (i - 1);
		struct element left = {.low = i};

		if (rest)
			times[i] = (struct element){times[i ^ rest].high ^ times[rest].high,
						    times[i ^ rest].low ^ times[rest].low};
		for (unsigned bit = 0; bit < 4; bit++)
			left = shift(left);
		ret.rest[i] = left.high;
	}
	return ret;
}

static struct element multiply(const struct table *table, struct element x)
{
	struct element product = {0};

	for (unsigned bit = 0; bit < 128; bit += 4) {
		const unsigned four =
			(unsigned)((bit < 64 ? x.low >> bit : x.high >> (bit - 64)) & 15);
		const uint64_t rest = table->rest[product.low & 15];

		product.low = (product.low >> 4 | product.high << 60) ^ table->times[four].low;
		product.high = product.high >> 4 ^ rest ^ table->times[four].high;
	}
	return product;
}

/* Filled up with zeros to whole blocks. */
static void add(struct element *hash, const struct table *table, const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at < len; at += AES_BLOCK) {
		uint8_t block[AES_BLOCK] = {0};

		memcpy(block, bytes + at, len - at < AES_BLOCK ? len - at : AES_BLOCK);
		hash->high ^= number(block);
		hash->low ^= number(block + 8);
		*hash = multiply(table, *hash);
	}
}

static void count_up(uint8_t counter[AES_BLOCK])
{
	for (unsigned i = AES_BLOCK - 1; i >= GCM_NONCE_LEN && !++counter[i]; i--)
		;
}

bool aes128_gcm_open(const struct aes128 *aes, const struct gcm_box *box)
{
	uint8_t counter[AES_BLOCK] = {[AES_BLOCK - 1] = 1};
	uint8_t block[AES_BLOCK] = {0};
	struct element hash = {0};
	struct table table;

	memcpy(counter, box->nonce, GCM_NONCE_LEN);
	aes128_encrypt(aes, block, block);
	table = table_of((struct element){number(block), number(block + 8)});
	add(&hash, &table, box->head, box->head_len);
	add(&hash, &table, box->bytes, box->len);
	put_number(block, box->head_len * 8);
	put_number(block + 8, box->len * 8);
	add(&hash, &table, block, AES_BLOCK);
	aes128_encrypt(aes, counter, block);
	if ((hash.high ^ number(block)) != number(box->bytes + box->len) ||
	    (hash.low ^ number(block + 8)) != number(box->bytes + box->len + 8))
		return false;
	for (size_t at = 0; at < box->len; at += AES_BLOCK) {
		count_up(counter);
		aes128_encrypt(aes, counter, block);
		for (size_t i = 0; i < AES_BLOCK && at + i < box->len; i++)
			box->bytes[at + i] ^= block[i];
	}
	return true;
}
