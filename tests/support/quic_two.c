/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/quic_two.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/cleanup.h"
#include "tests/support/hello.h"
#include "tests/support/quic_seal.h"

#define BLOCK	  16u
#define IDS	  64u
#define NUMBERS	  100u /* of packets; from 1 on, since the known connection had number 0 */
#define FREE_AT	  ((size_t)20 * BLOCK) /* means nothing to either reader */
#define RANDOM_AT 15u		       /* of the ClientHello, within the frames */
#define SAMPLE_AT 3u		       /* of header protection, behind a number of one byte */
#define BEGINNING 5u		       /* of the frames, which both readers take for something */

/* ---- AES and the field of GCM (SP 800-38D 6.3) ---- */

static void encrypt(const uint8_t key[BLOCK], const uint8_t in[BLOCK], uint8_t out[BLOCK])
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t room[2 * BLOCK];
	int len;

	if (!EVP_EncryptInit_ex(context, EVP_aes_128_ecb(), NULL, key, NULL) ||
	    !EVP_EncryptUpdate(context, room, &len, in, BLOCK))
		abort();
	EVP_CIPHER_CTX_free(context);
	memcpy(out, room, BLOCK);
}

struct element {
	uint64_t high, low;
};

static struct element element_of(const uint8_t bytes[BLOCK])
{
	struct element ret = {0};

	for (unsigned i = 0; i < 8; i++) {
		ret.high = ret.high << 8 | bytes[i];
		ret.low = ret.low << 8 | bytes[8 + i];
	}
	return ret;
}

static struct element sum(struct element a, struct element b)
{
	return (struct element){a.high ^ b.high, a.low ^ b.low};
}

static struct element product(struct element a, struct element b)
{
	struct element ret = {0};

	for (unsigned i = 0; i < 128; i++) {
		const uint64_t carry = 0 - (b.low & 1);

		if ((i < 64 ? a.high >> (63 - i) : a.low >> (127 - i)) & 1)
			ret = sum(ret, b);
		b = (struct element){b.high >> 1 ^ (carry & UINT64_C(0xe1) << 56),
				     b.low >> 1 | b.high << 63};
	}
	return ret;
}

/* One is the first bit. */
static struct element power(struct element of, unsigned times)
{
	struct element ret = {.high = UINT64_C(1) << 63};

	while (times--)
		ret = product(ret, of);
	return ret;
}

/* To the power of 2^128 - 2. */
static struct element inverse(struct element of)
{
	struct element ret = {.high = UINT64_C(1) << 63};

	for (unsigned i = 1; i < 128; i++) {
		of = product(of, of);
		ret = product(ret, of);
	}
	return ret;
}

/* ---- the two readings ---- */

struct reading {
	char id[QUIC_ID_TEXT];
	struct quic_keys keys;
	uint8_t number;
	uint8_t stream[BLOCK]; /* what the first frames are masked with */
};

static void stream_block(const struct reading *reading, uint32_t counter, uint8_t ret[BLOCK])
{
	uint8_t block[BLOCK] = {0};

	memcpy(block, reading->keys.iv, 12);
	block[11] ^= reading->number;
	block[14] = (uint8_t)(counter >> 8);
	block[15] = (uint8_t)counter;
	encrypt(reading->keys.key, block, ret);
}

static struct reading *make_readings(const char *name)
{
	struct reading *ret = xcalloc((size_t)IDS * NUMBERS, sizeof(*ret));
	struct reading *one = ret;

	for (unsigned id = 0; id < IDS; id++) {
		struct reading first;

		(void)snprintf(first.id, sizeof(first.id), "%s%04u", name, id);
		quic_make_keys(first.id, 1, &first.keys);
		for (first.number = 1; first.number <= NUMBERS; first.number++) {
			*one = first;
			stream_block(one, 2, one->stream);
			one++;
		}
	}
	return ret;
}

/*
 * To one of them the beginning is CONNECTION_CLOSE, with an error and a frame of one byte and a
 * reason of @reason bytes, all that follows; to the other an ACK of four numbers of one byte.
 */
static bool both_begin(const struct reading *closes, const struct reading *says, size_t reason)
{
	uint8_t differ[BEGINNING];

	for (unsigned i = 0; i < BEGINNING; i++)
		differ[i] = closes->stream[i] ^ says->stream[i];
	return differ[0] == (0x1c ^ 0x02) && differ[1] < 64 && differ[2] < 64 &&
	       differ[3] == (0x40 | reason >> 8) && (uint8_t)(differ[4] ^ reason) < 64;
}

/* ---- the packet ---- */

/* As @says reads them. */
static void put_frames(const struct reading *closes, const struct reading *says, const char *sni,
		       struct buf *to)
{
	_cleanup_buf_ struct buf hello = BUF_INIT(0);
	uint8_t beginning[BEGINNING] = {2, 0, 0, 0, 0};
	size_t reason;

	quic_client_hello(&hello, sni, 1000);
	reason = 4 + hello.len;
	beginning[4] = (uint8_t)(closes->stream[4] ^ says->stream[4] ^ reason);
	buf_put(to, beginning, sizeof(beginning));
	hello_number(to, 6, 1);
	hello_number(to, 0, 1);
	hello_number(to, 0x4000 | hello.len, 2);
	buf_put(to, hello.data, hello.len);
}

static void mask_all(const struct reading *says, struct buf *frames)
{
	uint8_t stream[BLOCK];

	for (size_t i = 0; i < frames->len; i++) {
		if (i % BLOCK == 0)
			stream_block(says, (uint32_t)(2 + i / BLOCK), stream);
		frames->data[i] = (char)(frames->data[i] ^ stream[i % BLOCK]);
	}
}

/* Looks for bytes of the hello by which the protected header is right for both. */
static bool protect(const struct reading *closes, const struct reading *says, struct buf *sealed,
		    uint8_t ret[2])
{
	for (uint32_t i = 0; i < 1u << 16; i++) {
		uint8_t mask[2][BLOCK];

		sealed->data[RANDOM_AT] = (char)i;
		sealed->data[RANDOM_AT + 1] = (char)(i >> 8);
		encrypt(closes->keys.header, (const uint8_t *)sealed->data + SAMPLE_AT, mask[0]);
		encrypt(says->keys.header, (const uint8_t *)sealed->data + SAMPLE_AT, mask[1]);
		ret[0] = 0xc0 ^ (mask[0][0] & 0xf);
		ret[1] = closes->number ^ mask[0][1];
		if (((mask[0][0] ^ mask[1][0]) & 0xf) == 0 && (ret[1] ^ mask[1][1]) == says->number)
			return true;
	}
	return false;
}

static struct element hash(struct element key, const struct buf *of, struct element before)
{
	for (size_t at = 0; at < of->len; at += BLOCK) {
		uint8_t block[BLOCK] = {0};

		memcpy(block, of->data + at, of->len - at < BLOCK ? of->len - at : BLOCK);
		before = product(sum(before, element_of(block)), key);
	}
	return before;
}

static struct element hash_key(const struct reading *reading)
{
	uint8_t block[BLOCK] = {0};

	encrypt(reading->keys.key, block, block);
	return element_of(block);
}

static struct element tag(const struct reading *reading, struct buf *head, const struct buf *sealed)
{
	const struct element key = hash_key(reading);
	struct element ret = {0};
	uint8_t block[BLOCK];

	head->data[0] = (char)0xc0;
	head->data[head->len - 1] = (char)reading->number;
	ret = hash(key, sealed, hash(key, head, ret));
	ret = product(sum(ret, (struct element){head->len * 8, sealed->len * 8}), key);
	stream_block(reading, 1, block);
	return sum(ret, element_of(block));
}

static void put_element(char *to, struct element e)
{
	for (unsigned i = 0; i < 8; i++) {
		to[i] = (char)(to[i] ^ (char)(e.high >> 8 * (7 - i)));
		to[8 + i] = (char)(to[8 + i] ^ (char)(e.low >> 8 * (7 - i)));
	}
}

/* Makes both tags the same, by the free block. */
static void make_tag(const struct reading *closes, const struct reading *says, struct buf *head,
		     struct buf *sealed)
{
	const unsigned times = (unsigned)((sealed->len + BLOCK - 1 - FREE_AT) / BLOCK) + 1;
	const struct element weight =
		sum(power(hash_key(closes), times), power(hash_key(says), times));
	const struct element differ = sum(tag(closes, head, sealed), tag(says, head, sealed));
	char last[BLOCK] = {0};

	put_element(sealed->data + FREE_AT, product(differ, inverse(weight)));
	put_element(last, tag(says, head, sealed));
	buf_put(sealed, last, sizeof(last));
}

static bool seal(const struct reading *closes, const struct reading *says, const char *sni,
		 struct buf *to)
{
	_cleanup_buf_ struct buf head = BUF_INIT(0);
	_cleanup_buf_ struct buf sealed = BUF_INIT(0);
	uint8_t wire[2];

	put_frames(closes, says, sni, &sealed);
	mask_all(says, &sealed);
	if (!protect(closes, says, &sealed, wire))
		return false;
	hello_number(&head, 0xc0, 1);
	hello_number(&head, 1, 4);
	hello_vector(&head, says->id, QUIC_ID_TEXT - 1, 1);
	hello_number(&head, 0, 2); /* no id of the sender's, no token */
	hello_number(&head, 0x4000 | (1 + sealed.len + BLOCK), 2);
	hello_number(&head, 0, 1);
	make_tag(closes, says, &head, &sealed);
	buf_put(to, wire, 1);
	buf_put(to, head.data + 1, head.len - 2);
	buf_put(to, wire + 1, 1);
	buf_put(to, sealed.data, sealed.len);
	return true;
}

bool quic_seal_two(struct buf *to, const char *sni, char known[QUIC_ID_TEXT])
{
	_cleanup_free_ struct reading *close = make_readings("know");
	_cleanup_free_ struct reading *say = make_readings("goes");
	_cleanup_buf_ struct buf hello = BUF_INIT(0);
	bool is_found = false;

	quic_client_hello(&hello, sni, 1000);
	for (size_t i = 0; i < (size_t)IDS * NUMBERS && !is_found; i++) {
		for (size_t k = 0; k < (size_t)IDS * NUMBERS && !is_found; k++)
			is_found = both_begin(&close[i], &say[k], 4 + hello.len) &&
				   seal(&close[i], &say[k], sni, to);
		memcpy(known, close[i].id, QUIC_ID_TEXT);
	}
	return is_found;
}
