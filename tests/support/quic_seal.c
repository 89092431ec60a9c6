/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/quic_seal.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "tests/support/hello.h"

#define ID_LEN	 8u
#define HASH_LEN QUIC_HASH_LEN

static void must(int is_done)
{
	if (!is_done)
		abort();
}

static void expand(const uint8_t secret[HASH_LEN], const char *label, uint8_t *to, size_t len)
{
	_cleanup_buf_ struct buf info = BUF_INIT(0);
	uint8_t hash[HASH_LEN];
	unsigned hash_len = HASH_LEN;

	hello_number(&info, len, 2);
	hello_vector(&info, label, strlen(label), 1);
	hello_number(&info, 0, 1);
	hello_number(&info, 1, 1);
	must(HMAC(EVP_sha256(), secret, HASH_LEN, (const uint8_t *)info.data, info.len, hash,
		  &hash_len) != NULL);
	memcpy(to, hash, len);
}

void quic_make_keys(const char *keys_of, uint32_t version, struct quic_keys *ret)
{
	const bool is_second = version != 1;
	const char *salt =
		is_second ? "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9"
			    "\xbd\x2e\xd9"
			  : "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc"
			    "\xbb\x7f\x0a";
	unsigned len = HASH_LEN;

	must(HMAC(EVP_sha256(), salt, 20, (const uint8_t *)keys_of, ID_LEN, ret->secret, &len) !=
	     NULL);
	expand(ret->secret, "tls13 client in", ret->secret, HASH_LEN);
	expand(ret->secret, is_second ? "tls13 quicv2 key" : "tls13 quic key", ret->key, 16);
	expand(ret->secret, is_second ? "tls13 quicv2 iv" : "tls13 quic iv", ret->iv, 12);
	expand(ret->secret, is_second ? "tls13 quicv2 hp" : "tls13 quic hp", ret->header, 16);
}

static void encrypt(const struct quic_keys *keys, const struct buf *head, struct buf *frames)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t *bytes = (uint8_t *)frames->data;
	uint8_t tag[16];
	int len;

	must(EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, keys->key, keys->iv));
	must(EVP_EncryptUpdate(context, NULL, &len, (const uint8_t *)head->data, (int)head->len));
	must(EVP_EncryptUpdate(context, bytes, &len, bytes, (int)frames->len));
	must(EVP_EncryptFinal_ex(context, tag, &len));
	must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, sizeof(tag), tag));
	EVP_CIPHER_CTX_free(context);
	buf_put(frames, tag, sizeof(tag));
}

static void protect(const struct quic_keys *keys, struct buf *head, const struct buf *sealed,
		    unsigned number_bytes)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t mask[32];
	int len;

	must(EVP_EncryptInit_ex(context, EVP_aes_128_ecb(), NULL, keys->header, NULL));
	must(EVP_EncryptUpdate(context, mask, &len,
			       (const uint8_t *)sealed->data + 4 - number_bytes, 16));
	EVP_CIPHER_CTX_free(context);
	head->data[0] = (char)(head->data[0] ^ (mask[0] & 0x0f));
	for (unsigned i = 0; i < number_bytes; i++) {
		char *byte = &head->data[head->len - number_bytes + i];

		*byte = (char)(*byte ^ mask[1 + i]);
	}
}

void quic_seal(struct buf *to, const struct quic_sealing *how, const struct buf *frames)
{
	const char *token = how->token ? how->token : "";
	_cleanup_buf_ struct buf head = BUF_INIT(0);
	_cleanup_buf_ struct buf sealed = BUF_INIT(0);
	struct quic_keys keys;
	size_t payload = frames->len < 4 ? 4 : frames->len;
	const size_t around =
		1 + 4 + 1 + ID_LEN + 1 + 2 + strlen(token) + 2 + how->number_bytes + 16;

	if (payload + around < how->least)
		payload = how->least - around;
	quic_make_keys(how->keys_of, how->version, &keys);
	for (unsigned i = 0; i < 4; i++)
		keys.iv[11 - i] ^= (uint8_t)(how->number >> 8 * i);
	hello_number(&head, (how->version == 1 ? 0xc0 : 0xd0) | (how->number_bytes - 1), 1);
	hello_number(&head, how->version, 4);
	hello_vector(&head, how->id ? how->id : how->keys_of, ID_LEN, 1);
	hello_number(&head, 0, 1);
	hello_number(&head, 0x4000 | strlen(token), 2);
	buf_puts(&head, token);
	hello_number(&head, 0x4000 | (how->number_bytes + payload + 16), 2);
	hello_number(&head, how->number, how->number_bytes);
	buf_put(&sealed, frames->data, frames->len);
	while (sealed.len < payload)
		buf_putc(&sealed, 0);
	encrypt(&keys, &head, &sealed);
	protect(&keys, &head, &sealed, how->number_bytes);
	buf_put(to, head.data, head.len);
	buf_put(to, sealed.data, sealed.len);
}

void quic_crypto(struct buf *to, const struct buf *handshake, size_t at, size_t len)
{
	hello_number(to, 6, 1);
	hello_number(to, 0x80000000 | at, 4);
	hello_number(to, 0x4000 | len, 2);
	buf_put(to, handshake->data + at, len);
}

void quic_client_hello(struct buf *to, const char *sni, size_t more)
{
	_cleanup_buf_ struct buf extensions = BUF_INIT(0);
	_cleanup_buf_ struct buf body = BUF_INIT(0);
	_cleanup_buf_ struct buf filling = BUF_INIT(0);

	hello_extension(&extensions, 16, "\0\3\2h3", 5);
	while (filling.len < more)
		buf_putc(&filling, 'f');
	if (more)
		hello_extension(&extensions, 0x1a1a, filling.data, filling.len);
	if (sni)
		hello_sni(&extensions, sni);
	hello_body(&body, &extensions);
	hello_number(to, 1, 1);
	hello_vector(to, body.data, body.len, 3);
}
