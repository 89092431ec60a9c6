/* SPDX-License-Identifier: Apache-2.0 */

/* cordon policy keygen, sign and verify. */

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "monitor/policy/signature.h"
#include "tools/cordon/policy/policy_command.h"
#include "tools/toolkit/signed.h"

enum {
	KEY_SECRET = 0x3000,
	KEY_PUBLIC
};

struct sign_arguments {
	struct word_list paths;
	const char *key;
};

#define STATUS "Exit status: 0 if all went well; "
#define SEE    " See cordon-policy(1)."

/* ---- keygen ---- */

static error_t parse_keygen(int key, char *arg, struct argp_state *state)
{
	struct sign_arguments *a = state->input;

	if (key == ARGP_KEY_ARG && !a->key) {
		a->key = arg;
		return 0;
	}
	if (key == ARGP_KEY_ARG || (key == ARGP_KEY_END && !a->key))
		argp_error(state, "one file is to be named, for the key");
	return ARGP_ERR_UNKNOWN;
}

static const struct argp keygen_argp = {
	.parser = parse_keygen,
	.args_doc = "FILE",
	.doc = "Make a key to sign policies with: FILE, which is to be kept secret, and FILE.pub, "
	       "which --policy-key and /etc/cordon/policy.pub take. Both are minisign's, without a "
	       "password. Nothing is replaced.\v" STATUS "2 if not." SEE,
};

int policy_keygen_command(int argc, char **argv)
{
	struct sign_arguments a = {0};
	char id[KEY_ID_BYTES];
	struct error err;

	(void)argp_parse(&keygen_argp, argc, argv, 0, NULL, &a);
	if (signing_key_make(a.key, id, &err) < 0) {
		log_error("%s", err.text);
		return POLICY_FAILED;
	}
	(void)printf("key %s: %s (secret), %s.pub\n", id, a.key, a.key);
	return POLICY_GOOD;
}

/* ---- sign, verify ---- */

static error_t parse_sign(int key, char *arg, struct argp_state *state)
{
	struct sign_arguments *a = state->input;

	switch (key) {
	case KEY_SECRET:
	case KEY_PUBLIC:
		a->key = arg;
		return 0;
	case ARGP_KEY_ARG:
		word_list_add(&a->paths, arg);
		return 0;
	case ARGP_KEY_END:
		if (!a->paths.count)
			argp_error(state, "no policy is named");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option sign_options[] = {
	{"key", KEY_SECRET, "FILE", 0, "The secret key, as keygen makes it", 0},
	{0},
};

static const struct argp sign_argp = {
	.options = sign_options,
	.parser = parse_sign,
	.args_doc = "PATH...",
	.doc = "Sign policies: a file, or all *.json of a folder. The signature of FILE is written "
	       "to FILE" SIGNATURE_SUFFIX ", where sessions look for it.\v" STATUS
	       "2 if a file cannot be read, is no JSON, or its signature cannot be written." SEE,
};

static int sign_all(const struct sign_arguments *a, struct error *err)
{
	_cleanup_(sources_done) struct sources sources = {0};
	_cleanup_(signing_key_done) struct signing_key key;
	char id[KEY_ID_BYTES];
	int r = signing_key_read(a->key, &key, err);

	/* All are read before the first is signed. */
	for (size_t i = 0; i < a->paths.count && r == 0; i++)
		r = sources_add_path(&sources, a->paths.words[i], err);
	for (size_t i = 0; i < sources.count && r == 0; i++) {
		const struct source *source = &sources.items[i];

		r = signature_make(&key, source->name, source->text, source->len, err);
		if (r == 0) {
			policy_key_id(key.id, id);
			(void)printf("%s: signed by the key %s\n", source->name, id);
		}
	}
	return r;
}

int policy_sign_command(int argc, char **argv)
{
	struct sign_arguments a = {0};
	struct error err;
	int r;

	(void)argp_parse(&sign_argp, argc, argv, 0, NULL, &a);
	r = a.key ? sign_all(&a, &err)
		  : error_set(&err, EINVAL, "--key is missing: the file of `cordon policy keygen`");
	if (r < 0)
		log_error("%s", err.text);
	word_list_done(&a.paths);
	return r < 0 ? POLICY_FAILED : POLICY_GOOD;
}

static const struct argp_option verify_options[] = {
	{"policy-key", KEY_PUBLIC, "FILE", 0, "Public keys (default: the host's)", 0},
	{0},
};

static const struct argp verify_argp = {
	.options = verify_options,
	.parser = parse_sign,
	.args_doc = "PATH...",
	.doc = "Tell by whom policies are signed, as a session would find it.\v"
	       "Exit status: 0 if each is signed by one of the keys; 1 if one is not; 2 if one cannot "
	       "be read, or there are no keys." SEE,
};

/* Return: POLICY_GOOD, POLICY_BAD or a negative errno. */
static int verify_path(const char *path, const struct policy_keys *keys, struct error *err)
{
	_cleanup_(sources_done) struct sources sources = {.keys = keys};
	const int r = sources_add_path(&sources, path, err);

	if (r == -EKEYREJECTED)
		log_error("%s", err->text);
	for (size_t i = 0; i < sources.count; i++) {
		char id[KEY_ID_BYTES];

		if (!sources.items[i].signer)
			continue;
		policy_key_id(sources.items[i].signer->id, id);
		(void)printf("%s: signed by the key %s\n", sources.items[i].name, id);
	}
	return r == -EKEYREJECTED ? POLICY_BAD : r;
}

int policy_verify_command(int argc, char **argv)
{
	struct sign_arguments a = {0};
	struct policy_keys keys;
	int status = POLICY_GOOD;
	struct error err;
	int r;

	(void)argp_parse(&verify_argp, argc, argv, 0, NULL, &a);
	r = signed_keys(a.key, &keys, &err);
	if (r == 0 && !keys.count)
		r = error_set(&err, EINVAL,
			      "this host asks for no signatures; name keys with --policy-key");
	for (size_t i = 0; i < a.paths.count && r >= 0; i++) {
		r = verify_path(a.paths.words[i], &keys, &err);
		status = r > status ? r : status;
	}
	if (r < 0)
		log_error("%s", err.text);
	word_list_done(&a.paths);
	return r < 0 ? POLICY_FAILED : status;
}
