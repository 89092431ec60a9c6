/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inside of the module: authority.c, keystore.c and tls.c. What each function does stands in
 * tls_module.h. */

#include "common/cleanup.h"
#include "monitor/net/decoy/tls_module.h"

struct x509_st;
struct evp_pkey_st;

int authority_new(struct authority **ret, struct error *err);
struct authority *authority_free(struct authority *authority);
DEFINE_CLEANUP(struct authority *, authority_free)
const char *authority_pem(const struct authority *authority);
int authority_java_store(const char *pem, size_t len, struct buf *out);

/* A certificate for a server of that name (or numeric address), for @key. Return: owned by the
 * caller; NULL if OpenSSL fails. */
struct x509_st *authority_issue(const struct authority *authority, const char *host,
				struct evp_pkey_st *key);
/* A P-256 key; NULL if OpenSSL fails. */
struct evp_pkey_st *authority_make_key(void);
/* An error text with what OpenSSL says. */
int authority_error(struct error *err, const char *what);

int tls_server_new(const struct authority *authority, struct tls_server **ret, struct error *err);
struct tls_server *tls_server_free(struct tls_server *server);
DEFINE_CLEANUP(struct tls_server *, tls_server_free)

struct tls *tls_new(struct tls_server *server, const char *host);
struct tls *tls_free(struct tls *tls);
int tls_feed(struct tls *tls, const char *bytes, size_t len, struct buf *plain, struct buf *out);
int tls_write(struct tls *tls, const char *bytes, size_t len, struct buf *out);
void tls_shut(struct tls *tls, struct buf *out);
bool tls_is_open(const struct tls *tls);
const char *tls_name(const struct tls *tls);
const char *tls_failure(const struct tls *tls);
