/* SPDX-License-Identifier: Apache-2.0 */

/* Keys to sign with, and signing: what `cordon policy` does, and no session. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/input.h"
#include "monitor/policy/signature.h"
#include "monitor/policy/signature_format.h"
#include "monitor/policy/source.h"

static void put_base64(struct buf *out, const void *bytes, size_t len)
{
	char text[256];

	(void)sodium_bin2base64(text, sizeof(text), bytes, len, sodium_base64_VARIANT_ORIGINAL);
	buf_puts(out, text);
	buf_putc(out, '\n');
	sodium_memzero(text, sizeof(text));
}

/* Beside it first, so that there is the whole file or none. @replace: what has that name. */
static int write_file(const char *path, const struct buf *text, mode_t mode, bool replace,
		      struct error *err)
{
	_cleanup_free_ char *draft = xasprintf("%s.XXXXXX", path);
	_cleanup_close_ int fd = mkostemp(draft, O_CLOEXEC); /* mode 0600 */
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return error_errno(err, errno, "cannot make %s", path);
	n = write(fd, text->data, text->len);
	if (n != (ssize_t)text->len)
		r = n < 0 ? -errno : -ENOSPC;
	else if (fchmod(fd, mode) < 0 || fsync(fd) < 0 ||
		 (replace ? rename(draft, path) : link(draft, path)) < 0)
		r = -errno;
	if (r < 0 || !replace)
		(void)unlink(draft);
	if (r == -EEXIST)
		return error_set(err, EEXIST, "%s is there already; choose another name", path);
	return r < 0 ? error_errno(err, r, "cannot make %s", path) : 0;
}

int signing_key_make(const char *path, char ret_id[KEY_ID_BYTES], struct error *err)
{
	_cleanup_free_ char *public_path = xasprintf("%s.pub", path);
	struct secret_format secret = {.algorithm = SIGNATURE_KEY, .checksum_algorithm = "B2"};
	struct public_format public = {.algorithm = SIGNATURE_KEY};
	_cleanup_buf_ struct buf secret_text = BUF_INIT(0);
	_cleanup_buf_ struct buf public_text = BUF_INIT(0);
	int r;

	if (sodium_init() < 0)
		return error_set(err, EIO, "libsodium cannot be initialised");
	(void)crypto_sign_keypair(public.public, secret.secret);
	randombytes_buf(public.id, sizeof(public.id));
	memcpy(secret.id, public.id, sizeof(secret.id));
	policy_key_id(public.id, ret_id);
	buf_printf(&secret_text, KEY_COMMENT "secret key %s for policies, without a password\n",
		   ret_id);
	put_base64(&secret_text, &secret, sizeof(secret));
	buf_printf(&public_text, KEY_COMMENT "minisign public key %s\n", ret_id);
	put_base64(&public_text, &public, sizeof(public));
	r = write_file(path, &secret_text, 0600, false, err);
	if (r == 0) {
		r = write_file(public_path, &public_text, 0644, false, err);
		if (r < 0)
			(void)unlink(path);
	}
	sodium_memzero(&secret, sizeof(secret));
	sodium_memzero(secret_text.data, secret_text.len);
	return r;
}

/* Others who may read the key could sign, and one who owns it could have put it there. */
static int check_file(int key_fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(key_fd, &st) < 0)
		return error_errno(err, errno, "cannot look at the key %s", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return error_set(err, EPERM, "the key %s belongs to user %u, not to you", path,
				 (unsigned)st.st_uid);
	if (st.st_mode & 077)
		return error_set(err, EPERM,
				 "the key %s is open to others (mode %o); chmod 600 it, or make "
				 "another if they may have read it",
				 path, (unsigned)st.st_mode & 0777);
	return 0;
}

static int decode_secret(const char *path, char *text, struct signing_key *ret, struct error *err)
{
	char *line = strchr(text, '\n');
	struct secret_format secret;
	size_t got = 0;
	int r = 0;

	if (!line || strncmp(text, KEY_COMMENT, strlen(KEY_COMMENT)) != 0 ||
	    sodium_base642bin((unsigned char *)&secret, sizeof(secret), line + 1, strlen(line + 1),
			      "\n", &got, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    got != sizeof(secret) || memcmp(secret.algorithm, SIGNATURE_KEY, 2) != 0)
		r = error_set(err, EINVAL, "%s is no secret key; `cordon policy keygen` makes one",
			      path);
	else if (secret.password[0] || secret.password[1])
		r = error_set(err, EINVAL,
			      "the key %s has a password; sign with minisign -S -s %s -m FILE, "
			      "which asks for it and makes the same signature",
			      path, path);
	if (r == 0) {
		memcpy(ret->id, secret.id, sizeof(ret->id));
		memcpy(ret->secret, secret.secret, sizeof(ret->secret));
	}
	sodium_memzero(&secret, sizeof(secret));
	return r;
}

int signing_key_read(const char *path, struct signing_key *ret, struct error *err)
{
	_cleanup_close_ int fd = input_open_file("the key ", path, err);
	_cleanup_buf_ struct buf text = BUF_INIT(MAX_KEY_TEXT + INPUT_ROOM);
	int r = fd < 0 ? fd : check_file(fd, path, err);

	if (r == 0)
		r = input_read_document(fd, path, MAX_KEY_TEXT, &text, err);
	if (r == 0)
		r = decode_secret(path, text.data, ret, err);
	if (text.data)
		sodium_memzero(text.data, text.len);
	return r;
}

void signing_key_done(struct signing_key *key)
{
	sodium_memzero(key, sizeof(*key));
}

int signature_make(const struct signing_key *key, const char *path, const char *text, size_t len,
		   struct error *err)
{
	_cleanup_free_ char *file = xasprintf("%s" SIGNATURE_SUFFIX, path);
	_cleanup_buf_ struct buf comment = BUF_INIT(0);
	_cleanup_buf_ struct buf whole = BUF_INIT(0);
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct signature_format signature = {.algorithm = SIGNATURE_HASH};
	unsigned char hash[crypto_generichash_BYTES_MAX];
	unsigned char of_comment[crypto_sign_BYTES];
	char id[KEY_ID_BYTES];

	policy_key_id(key->id, id);
	memcpy(signature.id, key->id, sizeof(signature.id));
	(void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)text, len, NULL, 0);
	(void)crypto_sign_detached(signature.signature, NULL, hash, sizeof(hash), key->secret);
	buf_printf(&comment, "timestamp:%lld\tfile:", (long long)time(NULL));
	/* A name may hold anything; a line may not hold a line's end. */
	for (const char *c = base_of(path); *c; c++)
		buf_putc(&comment, (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c);
	buf_puts(&comment, "\thashed");
	buf_put(&whole, signature.signature, sizeof(signature.signature));
	buf_put(&whole, comment.data, comment.len);
	(void)crypto_sign_detached(of_comment, NULL, (unsigned char *)whole.data, whole.len,
				   key->secret);
	buf_printf(&out, KEY_COMMENT "signature of a policy by the key %s\n", id);
	put_base64(&out, &signature, sizeof(signature));
	buf_printf(&out, TRUSTED_COMMENT "%s\n", comment.data);
	put_base64(&out, of_comment, sizeof(of_comment));
	return write_file(file, &out, 0644, true, err);
}
