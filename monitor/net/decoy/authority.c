/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/decoy/tls.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "common/buf.h"

/* Clocks inside and outside are the same; clients refuse servers' certificates over 398 days. */
#define VALID_BEFORE (-24L * 3600)
#define VALID_AFTER  (90L * 24 * 3600)

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
	char *pem;
};

DEFINE_CLEANUP(X509 *, X509_free)

int authority_error(struct error *err, const char *what)
{
	char text[256] = "no reason given";
	const unsigned long code = ERR_get_error();

	if (code)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return error_set(err, EIO, "%s: %s", what, text);
}

EVP_PKEY *authority_make_key(void)
{
	return EVP_EC_gen("P-256");
}

static bool set_serial(X509 *certificate)
{
	unsigned char serial[16];
	BIGNUM *number;
	bool ok;

	if (RAND_bytes(serial, sizeof(serial)) != 1)
		return false;
	serial[0] &= 0x7f; /* positive */
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	return ok;
}

static bool set_name(X509_NAME *name, const char *organization, const char *common_name)
{
	/* Of a common name 64 characters are allowed; whom it is for stands in the extension. */
	const int len = (int)strnlen(common_name, 64);

	return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC,
					  (const unsigned char *)organization, -1, -1, 0) &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					  (const unsigned char *)common_name, len, -1, 0);
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = extension && X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	return ok;
}

static X509 *begin(EVP_PKEY *key)
{
	_cleanup_(X509_freep) X509 *certificate = X509_new();

	if (!certificate || !X509_set_version(certificate, X509_VERSION_3) ||
	    !set_serial(certificate) ||
	    !X509_gmtime_adj(X509_getm_notBefore(certificate), VALID_BEFORE) ||
	    !X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_AFTER) ||
	    !X509_set_pubkey(certificate, key))
		return NULL;
	return take_ptr(certificate);
}

static X509 *make_root(EVP_PKEY *key)
{
	_cleanup_(X509_freep) X509 *root = begin(key);
	X509_NAME *name = root ? X509_get_subject_name(root) : NULL;

	if (!name || !set_name(name, "cordon", "cordon decoy authority") ||
	    !X509_set_issuer_name(root, name) ||
	    !add_extension(root, root, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
	    !add_extension(root, root, NID_key_usage, "critical,keyCertSign,cRLSign") ||
	    !add_extension(root, root, NID_subject_key_identifier, "hash") ||
	    !X509_sign(root, key, EVP_sha256()))
		return NULL;
	return take_ptr(root);
}

X509 *authority_issue(const struct authority *authority, const char *host, EVP_PKEY *key)
{
	unsigned char address[16];
	const bool is_address =
		inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
	_cleanup_free_ char *names = xasprintf("%s:%s", is_address ? "IP" : "DNS", host);
	_cleanup_(X509_freep) X509 *leaf = begin(key);
	X509 *root = authority->certificate;

	if (!leaf || !set_name(X509_get_subject_name(leaf), "cordon decoy", host) ||
	    !X509_set_issuer_name(leaf, X509_get_subject_name(root)) ||
	    !add_extension(leaf, root, NID_basic_constraints, "critical,CA:FALSE") ||
	    !add_extension(leaf, root, NID_key_usage, "critical,digitalSignature") ||
	    !add_extension(leaf, root, NID_ext_key_usage, "serverAuth") ||
	    !add_extension(leaf, root, NID_subject_key_identifier, "hash") ||
	    !add_extension(leaf, root, NID_authority_key_identifier, "keyid") ||
	    !add_extension(leaf, root, NID_subject_alt_name, names) ||
	    !X509_sign(leaf, authority->key, EVP_sha256())) {
		ERR_clear_error();
		return NULL;
	}
	return take_ptr(leaf);
}

static char *to_pem(X509 *certificate)
{
	BIO *memory = BIO_new(BIO_s_mem());
	char *text = NULL;
	char *bytes;

	if (memory && PEM_write_bio_X509(memory, certificate)) {
		const long len = BIO_get_mem_data(memory, &bytes);

		text = xstrndup(bytes, (size_t)len);
	}
	BIO_free(memory);
	return text;
}

int authority_new(struct authority **ret, struct error *err)
{
	_cleanup_(authority_freep) struct authority *authority = xcalloc(1, sizeof(*authority));

	authority->key = authority_make_key();
	if (authority->key)
		authority->certificate = make_root(authority->key);
	if (authority->certificate)
		authority->pem = to_pem(authority->certificate);
	if (!authority->pem)
		return authority_error(err, "make the decoy's certificate authority");
	*ret = take_ptr(authority);
	return 0;
}

struct authority *authority_free(struct authority *authority)
{
	if (!authority)
		return NULL;
	EVP_PKEY_free(authority->key);
	X509_free(authority->certificate);
	free(authority->pem);
	free(authority);
	return NULL;
}

const char *authority_pem(const struct authority *authority)
{
	return authority->pem;
}
