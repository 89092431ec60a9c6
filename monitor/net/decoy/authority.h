/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The certificate authority of one session: made when the session starts, known to nobody but the
 * view whose trust store it is put into, and gone with the process: its key is never written.
 *
 * Sources: RFC 5280 (profile), RFC 5480 (P-256).
 */

#include "common/cleanup.h"
#include "common/error.h"

struct authority;
struct x509_st;
struct evp_pkey_st;

/* Errors: what OpenSSL says. */
int authority_new(struct authority **ret, struct error *err);
struct authority *authority_free(struct authority *authority);
DEFINE_CLEANUP(struct authority *, authority_free)

/* Its certificate, PEM, with a newline at its end; borrowed. */
const char *authority_pem(const struct authority *authority);

/* A certificate for a server of that name (or numeric address), for @key. Return: owned by the
 * caller; NULL if OpenSSL fails. */
struct x509_st *authority_issue(const struct authority *authority, const char *host,
				struct evp_pkey_st *key);
/* A P-256 key; NULL if OpenSSL fails. */
struct evp_pkey_st *authority_make_key(void);
/* An error text with what OpenSSL says. */
int authority_error(struct error *err, const char *what);
