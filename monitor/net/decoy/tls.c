/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/decoy/tls.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

/* Of one session: a program that asks for more names than that has each made anew. */
#define MAX_LEAVES 64u
#define MAX_HOST   253u

struct leaf {
	char *host;
	X509 *certificate;
};

struct tls_server {
	const struct authority *authority; /* borrowed */
	SSL_CTX *context;
	EVP_PKEY *key; /* of all its certificates */
	struct leaf leaves[MAX_LEAVES];
	unsigned leaf_count; /* ever made: the oldest gives way */
};

struct tls {
	struct tls_server *server; /* borrowed */
	SSL *ssl;
	BIO *in, *out; /* the SSL's */
	char *host;
	char name[MAX_HOST + 1];
	char failure[128];
};

static X509 *find_leaf(struct tls_server *server, const char *host)
{
	struct leaf *leaf;
	X509 *made;

	for (unsigned i = 0; i < MAX_LEAVES && i < server->leaf_count; i++) {
		if (strcmp(server->leaves[i].host, host) == 0)
			return server->leaves[i].certificate;
	}
	made = authority_issue(server->authority, host, server->key);
	if (!made)
		return NULL;
	leaf = &server->leaves[server->leaf_count++ % MAX_LEAVES];
	free(leaf->host);
	X509_free(leaf->certificate);
	*leaf = (struct leaf){xstrdup(host), made};
	return made;
}

/* What may stand in a certificate: the client chose it. */
static bool copy_name(const char *name, char ret[MAX_HOST + 1])
{
	const size_t len = name ? strlen(name) : 0;

	if (!len || len > MAX_HOST)
		return false;
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)name[i];

		if (!isalnum(c) && c != '-' && c != '_' && c != '.')
			return false;
		ret[i] = (char)tolower(c);
	}
	ret[len] = '\0';
	return true;
}

static int choose_certificate(SSL *ssl, void *ctx)
{
	struct tls *tls = SSL_get_app_data(ssl);
	X509 *leaf;

	(void)ctx;
	if (!copy_name(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), tls->name))
		tls->name[0] = '\0';
	leaf = find_leaf(tls->server, tls->name[0] ? tls->name : tls->host);
	return leaf && SSL_use_certificate(ssl, leaf) == 1 &&
	       SSL_use_PrivateKey(ssl, tls->server->key) == 1;
}

/* HTTP/1.1 where it is offered, h2 for who speaks that alone; who wants neither gets none named. */
static int choose_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
		       const unsigned char *offered, unsigned int len, void *ctx)
{
	static const unsigned char ours[] = "\x08http/1.1\x02h2";
	unsigned char *chosen;

	(void)ssl;
	(void)ctx;
	if (SSL_select_next_proto(&chosen, ret_len, ours, sizeof(ours) - 1, offered, len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*ret = chosen;
	return SSL_TLSEXT_ERR_OK;
}

int tls_server_new(const struct authority *authority, struct tls_server **ret, struct error *err)
{
	_cleanup_(tls_server_freep) struct tls_server *server = xcalloc(1, sizeof(*server));

	server->authority = authority;
	server->key = authority_make_key();
	server->context = SSL_CTX_new(TLS_server_method());
	if (!server->key || !server->context)
		return authority_error(err, "make the decoy's TLS server");
	SSL_CTX_set_options(server->context, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(server->context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_cert_cb(server->context, choose_certificate, NULL);
	SSL_CTX_set_alpn_select_cb(server->context, choose_alpn, NULL);
	*ret = take_ptr(server);
	return 0;
}

struct tls_server *tls_server_free(struct tls_server *server)
{
	if (!server)
		return NULL;
	for (unsigned i = 0; i < MAX_LEAVES; i++) {
		free(server->leaves[i].host);
		X509_free(server->leaves[i].certificate);
	}
	SSL_CTX_free(server->context);
	EVP_PKEY_free(server->key);
	free(server);
	return NULL;
}

struct tls *tls_new(struct tls_server *server, const char *host)
{
	struct tls *tls = xcalloc(1, sizeof(*tls));

	tls->server = server;
	tls->host = xstrdup(host);
	tls->ssl = SSL_new(server->context);
	tls->in = BIO_new(BIO_s_mem());
	tls->out = BIO_new(BIO_s_mem());
	if (!tls->ssl || !tls->in || !tls->out) {
		BIO_free(tls->in);
		BIO_free(tls->out);
		ERR_clear_error();
		return tls_free(tls);
	}
	SSL_set_bio(tls->ssl, tls->in, tls->out);
	SSL_set_app_data(tls->ssl, tls);
	SSL_set_accept_state(tls->ssl);
	return tls;
}

struct tls *tls_free(struct tls *tls)
{
	if (!tls)
		return NULL;
	SSL_free(tls->ssl);
	free(tls->host);
	free(tls);
	return NULL;
}

static void take_out(struct tls *tls, struct buf *out)
{
	char *bytes;
	const long len = BIO_get_mem_data(tls->out, &bytes);

	if (len > 0)
		buf_put(out, bytes, (size_t)len);
	(void)BIO_reset(tls->out);
}

static void note_failure(struct tls *tls)
{
	const unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	(void)snprintf(tls->failure, sizeof(tls->failure), "%s", reason ? reason : "broken");
}

int tls_feed(struct tls *tls, const char *bytes, size_t len, struct buf *plain, struct buf *out)
{
	char piece[16384];
	int n;
	int why;
	int r = 0;

	ERR_clear_error();
	if (len > INT_MAX || BIO_write(tls->in, bytes, (int)len) != (int)len)
		return -EPROTO;
	while ((n = SSL_read(tls->ssl, piece, sizeof(piece))) > 0)
		buf_put(plain, piece, (size_t)n);
	why = SSL_get_error(tls->ssl, n);
	if (why == SSL_ERROR_ZERO_RETURN) {
		r = -EPIPE;
	} else if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
		note_failure(tls);
		r = -EPROTO;
	}
	take_out(tls, out);
	ERR_clear_error();
	return r;
}

int tls_write(struct tls *tls, const char *bytes, size_t len, struct buf *out)
{
	size_t written;
	int r = 0;

	ERR_clear_error();
	/* Into memory, which takes all or fails. */
	if (len && SSL_write_ex(tls->ssl, bytes, len, &written) != 1)
		r = -EPROTO;
	take_out(tls, out);
	ERR_clear_error();
	return r;
}

void tls_shut(struct tls *tls, struct buf *out)
{
	ERR_clear_error();
	if (SSL_is_init_finished(tls->ssl))
		(void)SSL_shutdown(tls->ssl);
	take_out(tls, out);
	ERR_clear_error();
}

bool tls_is_open(const struct tls *tls)
{
	return SSL_is_init_finished(tls->ssl);
}

const char *tls_name(const struct tls *tls)
{
	return tls->name;
}

const char *tls_failure(const struct tls *tls)
{
	return tls->failure;
}
