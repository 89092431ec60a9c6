/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/signature.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/input.h"
#include "monitor/policy/signature_format.h"
#include "monitor/policy/trusted.h"

void policy_key_id(const unsigned char id[8], char ret[KEY_ID_BYTES])
{
	/* A number of 64 bits, least byte first. */
	for (size_t i = 0; i < 8; i++)
		(void)snprintf(ret + 2 * i, 3, "%02X", id[7 - i]);
}

/* The next line, ended by NUL in place of its newline; NULL: there is none. */
static char *next_line(char **text)
{
	char *line = *text;
	char *end = line ? strchr(line, '\n') : NULL;

	if (!line || !*line)
		return NULL;
	if (end)
		*end++ = '\0';
	*text = end;
	return line;
}

static bool is_prefixed(const char *line, const char *prefix)
{
	return line && strncmp(line, prefix, strlen(prefix)) == 0;
}

/* True if the line is base64 of just so many bytes. */
static bool decode(const char *line, unsigned char *ret, size_t len)
{
	size_t got = 0;

	return line &&
	       sodium_base642bin(ret, len, line, strlen(line), NULL, &got, NULL,
				 sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       got == len;
}

/* ---- keys ---- */

static int parse_keys(const char *path, char *text, struct policy_keys *ret, struct error *err)
{
	char *line;

	while ((line = next_line(&text))) {
		struct public_format key;

		if (!*line || is_prefixed(line, KEY_COMMENT))
			continue;
		if (!decode(line, (unsigned char *)&key, sizeof(key)) ||
		    memcmp(key.algorithm, SIGNATURE_KEY, 2) != 0)
			return error_set(err, EINVAL,
					 "%s: holds something else than public keys; it has those "
					 "that `cordon policy keygen` or `minisign -G` writes as "
					 "*.pub, one behind the other",
					 path);
		if (ret->count == MAX_POLICY_KEYS)
			return error_set(err, E2BIG, "%s: more than %u keys", path,
					 MAX_POLICY_KEYS);
		memcpy(ret->items[ret->count].id, key.id, sizeof(key.id));
		memcpy(ret->items[ret->count++].public, key.public, sizeof(key.public));
	}
	if (!ret->count)
		return error_set(err, EINVAL, "%s: there is no key in it", path);
	return 0;
}

int policy_keys_read(const char *path, struct policy_keys *ret, struct error *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT(MAX_KEY_TEXT + INPUT_ROOM);
	struct stat st = {0};
	_cleanup_close_ int fd = -1;
	int r;

	*ret = (struct policy_keys){0};
	if (sodium_init() < 0)
		return error_set(err, EIO, "libsodium cannot be initialised");
	(void)snprintf(ret->from, sizeof(ret->from), "%s", path);
	fd = trusted_open("policy key", path, &st, err);
	if (fd < 0)
		return fd;
	ret->owner = st.st_uid;
	r = input_check(fd, "policy key ", path, err);
	if (r == 0)
		r = input_read_document(fd, path, MAX_KEY_TEXT, &text, err);
	return r < 0 ? r : parse_keys(path, text.data, ret, err);
}

/* ---- one signature ---- */

struct signature {
	struct signature_format of_file;
	const char *comment;
	unsigned char of_comment[64];
};

/* Cuts @text into lines. Four of them and nothing behind: there is one way to write a signature. */
static bool parse_signature(char *text, struct signature *ret)
{
	char *lines[5];

	for (size_t i = 0; i < 5; i++)
		lines[i] = next_line(&text);
	if (!is_prefixed(lines[0], KEY_COMMENT) || !is_prefixed(lines[2], TRUSTED_COMMENT) ||
	    lines[4])
		return false;
	ret->comment = lines[2] + strlen(TRUSTED_COMMENT);
	return decode(lines[1], (unsigned char *)&ret->of_file, sizeof(ret->of_file)) &&
	       decode(lines[3], ret->of_comment, sizeof(ret->of_comment));
}

static bool verify(const struct signature *signature, const struct policy_key *key,
		   const char *text, size_t len)
{
	_cleanup_buf_ struct buf whole = BUF_INIT(0);
	unsigned char hash[crypto_generichash_BYTES_MAX];

	if (crypto_generichash(hash, sizeof(hash), (const unsigned char *)text, len, NULL, 0) < 0 ||
	    crypto_sign_verify_detached(signature->of_file.signature, hash, sizeof(hash),
					key->public) != 0)
		return false;
	buf_put(&whole, signature->of_file.signature, sizeof(signature->of_file.signature));
	buf_puts(&whole, signature->comment);
	return crypto_sign_verify_detached(signature->of_comment, (unsigned char *)whole.data,
					   whole.len, key->public) == 0;
}

static const struct policy_key *find_key(const struct policy_keys *keys, const unsigned char id[8])
{
	for (size_t i = 0; i < keys->count; i++) {
		if (memcmp(keys->items[i].id, id, sizeof(keys->items[i].id)) == 0)
			return &keys->items[i];
	}
	return NULL;
}

/* A signature of a few lines; a pipe or a device is none, and is not waited for. */
static int read_signature(const struct policy_keys *keys, const char *path, const char *file,
			  struct buf *out, struct error *err)
{
	_cleanup_close_ int fd = input_open_file("the signature ", file, err);

	if (fd == -ENOENT)
		return error_set(err, EKEYREJECTED,
				 "policy %s: is not signed (there is no %s), and only what a key "
				 "of %s signed is loaded; have it signed with `cordon policy "
				 "sign`, or name a policy that is",
				 path, file, keys->from);
	return fd < 0 ? fd : input_read_document(fd, file, MAX_KEY_TEXT, out, err);
}

int signature_check(const struct policy_keys *keys, const char *path, const char *text, size_t len,
		    const struct policy_key **ret, struct error *err)
{
	_cleanup_free_ char *file = xasprintf("%s" SIGNATURE_SUFFIX, path);
	_cleanup_buf_ struct buf written = BUF_INIT(MAX_KEY_TEXT + INPUT_ROOM);
	struct signature signature;
	char id[KEY_ID_BYTES];
	int r = read_signature(keys, path, file, &written, err);

	if (r < 0)
		return r;
	if (strlen(written.data) != written.len || !parse_signature(written.data, &signature))
		return error_set(err, EKEYREJECTED,
				 "policy %s: %s is no signature in minisign's format; sign the "
				 "policy anew",
				 path, file);
	if (memcmp(signature.of_file.algorithm, SIGNATURE_HASH, 2) != 0)
		return error_set(err, EKEYREJECTED,
				 "policy %s: %s is of an old or unknown kind; sign the policy anew "
				 "with `cordon policy sign`, or minisign without -l",
				 path, file);
	policy_key_id(signature.of_file.id, id);
	*ret = find_key(keys, signature.of_file.id);
	if (!*ret)
		return error_set(err, EKEYREJECTED,
				 "policy %s: is signed by the key %s, which is none of %s; have it "
				 "signed by one of these, or the key put there",
				 path, id, keys->from);
	if (!verify(&signature, *ret, text, len))
		return error_set(err, EKEYREJECTED,
				 "policy %s: its signature %s does not fit: the policy or the "
				 "signature was changed after the key %s signed it, or the "
				 "signature is another file's; look at what changed, and have it "
				 "signed anew",
				 path, file, id);
	return 0;
}
