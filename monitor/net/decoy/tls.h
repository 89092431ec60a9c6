/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The server's side of TLS between two buffers: what the program sends is fed, what it says and
 * what is to be sent back come out. Knows no socket and no loop. Each name gets a certificate of
 * its own, made when it is first asked for.
 */

#include <stddef.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/error.h"

struct authority;
struct tls_server; /* one a session */
struct tls;	   /* one connection */

int tls_server_new(const struct authority *authority, struct tls_server **ret, struct error *err);
struct tls_server *tls_server_free(struct tls_server *server);
DEFINE_CLEANUP(struct tls_server *, tls_server_free)

/* @host: whom the certificate is for if the client names nobody. NULL if OpenSSL fails. */
struct tls *tls_new(struct tls_server *server, const char *host);
struct tls *tls_free(struct tls *tls);
DEFINE_CLEANUP(struct tls *, tls_free)

/*
 * tls_feed - @plain: gets what the program says; @out: what is to be sent to it.
 * Return: 0; -EPIPE when the program has ended the encrypted stream in order; -EPROTO when it does
 * not speak TLS as we do, or does not trust us (@out may hold an alert then).
 */
int tls_feed(struct tls *tls, const char *bytes, size_t len, struct buf *plain, struct buf *out);
/* Only after the handshake, which is over when the first plain bytes came. Errors: -EPROTO. */
int tls_write(struct tls *tls, const char *bytes, size_t len, struct buf *out);
/* We say no more. */
void tls_shut(struct tls *tls, struct buf *out);

/* The handshake is over. */
bool tls_is_open(const struct tls *tls);
/* The name that the client named, in lower case; empty: none. */
const char *tls_name(const struct tls *tls);
/* Why the handshake failed, as OpenSSL has it; empty if it did not. */
const char *tls_failure(const struct tls *tls);
