/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/toolkit/paths.h"

#define MAX_BUNDLE (16u << 20)
#define USUAL	   "/etc/ssl/certs/ca-certificates.crt"

/* Where distributions have the authorities that are trusted, in one file. */
static const char *const places[] = {
	USUAL,
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

/* And where they have those for Java, which runtimes of distributions link to. */
static const char *const java_places[] = {
	"/etc/ssl/certs/java/cacerts",
	"/etc/pki/ca-trust/extracted/java/cacerts",
	"/var/lib/ca-certificates/java-cacerts",
};

#define PLACES	    (sizeof(places) / sizeof(places[0]))
#define JAVA_PLACES (sizeof(java_places) / sizeof(java_places[0]))
_Static_assert(PLACES + JAVA_PLACES == TRUST_BINDS, "there is room for all");

/* Libraries and programs that look where they like, and what tells them. */
static const char *const variables[] = {
	"SSL_CERT_FILE=" USUAL,	 "REQUESTS_CA_BUNDLE=" USUAL, "NODE_EXTRA_CA_CERTS=" USUAL,
	"GIT_SSL_CAINFO=" USUAL, "CURL_CA_BUNDLE=" USUAL,     "PIP_CERT=" USUAL,
	"AWS_CA_BUNDLE=" USUAL,	 "CARGO_HTTP_CAINFO=" USUAL,
};

#define VARIABLES (sizeof(variables) / sizeof(variables[0]))

/* A host without any trusts nobody but us. */
static void read_host_bundle(struct buf *out)
{
	for (size_t i = 0; i < PLACES && !out->len; i++) {
		_cleanup_close_ int file_fd = open(places[i], O_RDONLY | O_CLOEXEC);
		char piece[65536];
		ssize_t n;

		while (file_fd >= 0 && (n = read(file_fd, piece, sizeof(piece))) > 0)
			buf_put(out, piece, (size_t)n);
	}
}

static int write_file(const char *path, const struct buf *text, struct error *err)
{
	_cleanup_close_ int file_fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	size_t at = 0;

	while (file_fd >= 0 && at < text->len) {
		const ssize_t n = write(file_fd, text->data + at, text->len - at);

		if (n < 0 && errno != EINTR)
			return error_errno(err, errno, "write %s", path);
		at += n > 0 ? (size_t)n : 0;
	}
	return file_fd < 0 ? error_errno(err, errno, "make %s", path) : 0;
}

static bool host_has_java(void)
{
	for (size_t i = 0; i < JAVA_PLACES; i++) {
		if (access(java_places[i], F_OK) == 0)
			return true;
	}
	return false;
}

static int make_java_store(struct trust *trust, const char *folder, const struct buf *text,
			   struct error *err)
{
	_cleanup_buf_ struct buf store = BUF_INIT(MAX_BUNDLE);
	int r;

	if (!host_has_java())
		return 0;
	r = trust->module->java_store(text->data, text->len, &store);
	if (r < 0)
		return error_set(err, r, "make a trust store for Java: %s", strerror(-r));
	trust->java_store = xasprintf("%s/java-cacerts", folder);
	return write_file(trust->java_store, &store, err);
}

int trust_make(struct trust *trust, const char *folder, struct error *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT(MAX_BUNDLE);
	_cleanup_free_ char *path = NULL;
	int r = paths_tls_module(&path, err);

	if (r == 0)
		r = tls_module_load(path, &trust->module, err);
	if (r == 0)
		r = trust->module->authority_new(&trust->authority, err);
	if (r < 0)
		return r;
	read_host_bundle(&text);
	if (text.len && text.data[text.len - 1] != '\n')
		buf_putc(&text, '\n');
	buf_puts(&text, trust->module->authority_pem(trust->authority));
	trust->bundle = xasprintf("%s/ca-certificates.crt", folder);
	r = write_file(trust->bundle, &text, err);
	return r < 0 ? r : make_java_store(trust, folder, &text, err);
}

void trust_settle(const struct trust *trust)
{
	if (trust->bundle)
		(void)unlink(trust->bundle);
	if (trust->java_store)
		(void)unlink(trust->java_store);
}

void trust_done(struct trust *trust)
{
	if (trust->module)
		(void)trust->module->authority_free(trust->authority);
	free(trust->bundle);
	free(trust->java_store);
	*trust = (struct trust){0};
}

size_t trust_binds(const struct trust *trust, struct spec_bind ret[TRUST_BINDS])
{
	size_t n = 0;

	for (size_t i = 0; trust->bundle && i < PLACES; i++) {
		if (strcmp(places[i], USUAL) == 0 || access(places[i], F_OK) == 0)
			ret[n++] = (struct spec_bind){.source = trust->bundle, .target = places[i]};
	}
	for (size_t i = 0; trust->java_store && i < JAVA_PLACES; i++) {
		if (access(java_places[i], F_OK) == 0)
			ret[n++] = (struct spec_bind){.source = trust->java_store,
						      .target = java_places[i]};
	}
	return n;
}

static bool is_named(const char *const *env, size_t count, const char *variable)
{
	const size_t len = strcspn(variable, "=") + 1;

	for (size_t i = 0; i < count; i++) {
		if (strncmp(env[i], variable, len) == 0)
			return true;
	}
	return false;
}

const char **trust_env(const struct trust *trust, const char *const *env, size_t count)
{
	const char **all = xcalloc(count + VARIABLES + 1, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; trust->bundle && i < VARIABLES; i++) {
		if (!is_named(env, count, variables[i]))
			all[n++] = variables[i];
	}
	for (size_t i = 0; i < count; i++)
		all[n++] = env[i];
	return all;
}
