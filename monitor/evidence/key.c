/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/evidence/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/hex.h"
#include "monitor/evidence/chain.h"

#define SEED_HEX ((size_t)2 * crypto_sign_SEEDBYTES)

/* Others who may read the key could sign, and one who owns it could have put it there. */
static int check_file(int key_fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(key_fd, &st) < 0)
		return error_errno(err, errno, "cannot stat the record key %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "the record key %s is not a regular file", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return error_set(err, EPERM, "the record key %s belongs to uid %u, not to you",
				 path, st.st_uid);
	if (st.st_mode & 077)
		return error_set(err, EPERM,
				 "the record key %s is open to others (mode %o); chmod 600 it, or "
				 "remove it if they may have read it",
				 path, st.st_mode & 0777);
	return 0;
}

static int read_key(const char *path, struct record_key *ret, struct error *err)
{
	_cleanup_close_ int key_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	unsigned char seed[crypto_sign_SEEDBYTES];
	char text[SEED_HEX + 2];
	ssize_t n;
	bool is_key;
	int r;

	if (key_fd < 0)
		return error_errno(err, errno, "cannot open the record key %s", path);
	r = check_file(key_fd, path, err);
	if (r < 0)
		return r;
	n = read(key_fd, text, sizeof(text));
	if (n < 0)
		return error_errno(err, errno, "cannot read the record key %s", path);
	is_key = n == (ssize_t)SEED_HEX + 1 && text[SEED_HEX] == '\n' &&
		 hex_get(text, sizeof(seed), seed);
	if (is_key)
		(void)crypto_sign_seed_keypair(ret->public, ret->secret, seed);
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(text, sizeof(text));
	if (!is_key)
		return error_set(err, EINVAL,
				 "%s is not a record key; move it away and a new one is made",
				 path);
	return 0;
}

/* Writes a new key beside `path` and gives it that name unless there is one: link(2) never
 * replaces. */
static int make_key(const char *path, struct error *err)
{
	_cleanup_free_ char *draft = xasprintf("%s.XXXXXX", path);
	_cleanup_close_ int draft_fd = mkostemp(draft, O_CLOEXEC); /* mode 0600 */
	unsigned char seed[crypto_sign_SEEDBYTES];
	char text[SEED_HEX + 1];
	ssize_t n;
	int r = 0;

	if (draft_fd < 0)
		return error_errno(err, errno, "cannot make the record key %s", path);
	randombytes_buf(seed, sizeof(seed));
	hex_put(seed, sizeof(seed), text);
	text[SEED_HEX] = '\n';
	n = write(draft_fd, text, sizeof(text));
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(text, sizeof(text));
	if (n != (ssize_t)sizeof(text))
		r = n < 0 ? -errno : -ENOSPC;
	else if (fsync(draft_fd) < 0 || (link(draft, path) < 0 && errno != EEXIST))
		r = -errno;
	(void)unlink(draft);
	return r < 0 ? error_errno(err, r, "cannot make the record key %s", path) : 0;
}

int key_load(const char *path, bool create, struct record_key *ret, struct error *err)
{
	int r;

	r = read_key(path, ret, err);
	if (r != -ENOENT || !create)
		return r;
	r = make_key(path, err);
	if (r < 0)
		return r;
	return read_key(path, ret, err);
}

void key_done(struct record_key *key)
{
	sodium_memzero(key, sizeof(*key));
}
