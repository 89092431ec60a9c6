/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * All that the decoys need of OpenSSL and nghttp2, as functions of a module that is loaded when a
 * session has decoys: to load and relocate them would be felt at every start of cordon without.
 *
 * The certificate authority is that of one session: known to nobody but the view whose trust store
 * it is put into, and gone with the process; its key is never written. Between two buffers, TLS
 * knows no socket and no loop: what a program sends is fed, what it says and what is to be sent
 * back come out. Each name that is asked for gets a certificate of its own.
 *
 * Sources: RFC 5280 (profile of certificates), RFC 5480 (P-256), RFC 8446, RFC 1321.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "monitor/net/decoy/http2.h"

struct authority;
struct tls_server; /* one a session */
struct tls;	   /* one connection */
struct md5;

struct tls_module {
	/* Errors: what OpenSSL says. */
	int (*authority_new)(struct authority **ret, struct error *err);
	struct authority *(*authority_free)(struct authority *authority);
	/* Its certificate, PEM, with a newline at its end; borrowed. */
	const char *(*authority_pem)(const struct authority *authority);
	/* The certificates of @pem as a trust store for Java. Errors: -E2BIG; -EIO. */
	int (*java_store)(const char *pem, size_t len, struct buf *out);

	int (*server_new)(const struct authority *authority, struct tls_server **ret,
			  struct error *err);
	struct tls_server *(*server_free)(struct tls_server *server);

	/* @host: whom the certificate is for if the client names nobody. NULL if OpenSSL fails. */
	struct tls *(*open)(struct tls_server *server, const char *host);
	struct tls *(*free)(struct tls *tls);
	/*
	 * @plain: gets what the program says; @out: what is to be sent to it.
	 * Return: 0; -EPIPE when the program has ended the encrypted stream in order; -EPROTO when
	 * it does not speak TLS as we do, or does not trust us (@out may hold an alert then).
	 */
	int (*feed)(struct tls *tls, const char *bytes, size_t len, struct buf *plain,
		    struct buf *out);
	/* Only after the handshake. Errors: -EPROTO. */
	int (*write)(struct tls *tls, const char *bytes, size_t len, struct buf *out);
	/* We say no more. */
	void (*shut)(struct tls *tls, struct buf *out);
	/* The handshake is over. */
	bool (*is_open)(const struct tls *tls);
	/* The name that the client named, in lower case; empty: none. */
	const char *(*name)(const struct tls *tls);
	/* Why the handshake failed, as OpenSSL has it; empty if it did not. */
	const char *(*failure)(const struct tls *tls);

	/* What clients of object stores hold their uploads against; protects nothing. */
	struct md5 *(*md5_new)(void);
	void (*md5_add)(struct md5 *md5, const void *bytes, size_t len);
	void (*md5_sum)(struct md5 *md5, uint8_t ret[16]);
	struct md5 *(*md5_free)(struct md5 *md5);

	/* http2.h */
	struct http2 *(*http2_new)(const struct http2_ops *ops, void *ctx);
	struct http2 *(*http2_free)(struct http2 *http2);
	int (*http2_feed)(struct http2 *http2, const char *bytes, size_t len);
	void (*http2_take)(struct http2 *http2, struct buf *out);
	bool (*http2_is_over)(const struct http2 *http2);
};

/* In the module itself, and in tests that are linked with it. */
extern const struct tls_module tls_module;

/* Once loaded it stays. Errors: what dlopen(3) says. */
int tls_module_load(const char *path, const struct tls_module **ret, struct error *err);
