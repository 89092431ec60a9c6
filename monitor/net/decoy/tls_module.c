/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/decoy/tls_module.h"

#include <string.h>

#include <openssl/evp.h>

#include "monitor/net/decoy/tls.h"

static struct md5 *md5_new(void)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (context)
		(void)EVP_DigestInit_ex(context, EVP_md5(), NULL);
	return (struct md5 *)context;
}

static void md5_add(struct md5 *md5, const void *bytes, size_t len)
{
	(void)EVP_DigestUpdate((EVP_MD_CTX *)md5, bytes, len);
}

static void md5_sum(struct md5 *md5, uint8_t ret[16])
{
	unsigned char sum[EVP_MAX_MD_SIZE] = {0};

	(void)EVP_DigestFinal_ex((EVP_MD_CTX *)md5, sum, NULL);
	memcpy(ret, sum, 16);
}

static struct md5 *md5_free(struct md5 *md5)
{
	EVP_MD_CTX_free((EVP_MD_CTX *)md5);
	return NULL;
}

__attribute__((visibility("default"))) const struct tls_module tls_module = {
	.authority_new = authority_new,
	.authority_free = authority_free,
	.authority_pem = authority_pem,
	.java_store = authority_java_store,
	.server_new = tls_server_new,
	.server_free = tls_server_free,
	.open = tls_new,
	.free = tls_free,
	.feed = tls_feed,
	.write = tls_write,
	.shut = tls_shut,
	.is_open = tls_is_open,
	.name = tls_name,
	.failure = tls_failure,
	.md5_new = md5_new,
	.md5_add = md5_add,
	.md5_sum = md5_sum,
	.md5_free = md5_free,
	.http2_new = http2_new,
	.http2_free = http2_free,
	.http2_feed = http2_feed,
	.http2_take = http2_take,
	.http2_is_over = http2_is_over,
};
