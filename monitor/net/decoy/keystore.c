/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A store of certificates as Java reads it: JKS, which every version knows. All numbers are
 * big-endian:
 *
 *	magic, version, count
 *	each: kind of entry, alias, milliseconds since 1970, kind of certificate, length, DER
 *	SHA-1 of the password in UTF-16, a sentence, and all of the above
 *
 * That sum protects nothing, since everybody knows the password; it is there to be found right.
 * Source: java.security.KeyStore, and what keytool(1) makes.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "monitor/net/decoy/tls.h"

#define JKS_MAGIC	  0xfeedfeedu
#define JKS_VERSION	  2u
#define JKS_TRUSTED_ENTRY 2u
#define JKS_COUNT_AT	  8u /* bytes before the count */

static void put_u16(struct buf *out, unsigned value)
{
	buf_putc(out, (char)(value >> 8));
	buf_putc(out, (char)value);
}

static void put_u32(struct buf *out, uint32_t value)
{
	put_u16(out, value >> 16);
	put_u16(out, value & 0xffff);
}

static void put_text(struct buf *out, const char *text)
{
	put_u16(out, (unsigned)strlen(text));
	buf_puts(out, text);
}

static void put_certificate(struct buf *out, unsigned number, const void *der, size_t len)
{
	char alias[32];

	(void)snprintf(alias, sizeof(alias), "trusted-%u", number);
	put_u32(out, JKS_TRUSTED_ENTRY);
	put_text(out, alias);
	put_u32(out, 0);
	put_u32(out, 0); /* since when it is there: shown, never asked for */
	put_text(out, "X.509");
	put_u32(out, (uint32_t)len);
	buf_put(out, der, len);
}

static unsigned put_certificates(struct buf *out, BIO *pem)
{
	unsigned count = 0;
	unsigned char *der = NULL;
	char *header = NULL;
	char *name = NULL;
	long len = 0;

	while (PEM_read_bio(pem, &name, &header, &der, &len)) {
		if (strcmp(name, PEM_STRING_X509) == 0)
			put_certificate(out, count++, der, (size_t)len);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	ERR_clear_error(); /* the end is one */
	return count;
}

static bool put_sum(struct buf *out)
{
	static const char sentence[] = "Mighty Aphrodite";
	static const char password[] = "changeit";
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool ok = context && EVP_DigestInit_ex(context, EVP_sha1(), NULL);

	for (size_t i = 0; ok && password[i]; i++)
		ok = EVP_DigestUpdate(context, (const char[]){0, password[i]}, 2);
	ok = ok && EVP_DigestUpdate(context, sentence, sizeof(sentence) - 1) &&
	     EVP_DigestUpdate(context, out->data, out->len) &&
	     EVP_DigestFinal_ex(context, sum, &len);
	EVP_MD_CTX_free(context);
	if (ok)
		buf_put(out, sum, len);
	return ok;
}

int authority_java_store(const char *pem, size_t len, struct buf *out)
{
	BIO *memory = BIO_new_mem_buf(pem, (int)len);
	unsigned count;

	if (!memory)
		return -ENOMEM;
	put_u32(out, JKS_MAGIC);
	put_u32(out, JKS_VERSION);
	put_u32(out, 0);
	count = put_certificates(out, memory);
	BIO_free(memory);
	if (out->overflow)
		return -E2BIG;
	for (unsigned i = 0; i < 4; i++)
		out->data[JKS_COUNT_AT + i] = (char)(count >> (24 - 8 * i));
	return put_sum(out) ? 0 : -EIO;
}
