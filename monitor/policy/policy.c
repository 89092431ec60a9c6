/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Loading: files -> texts -> documents -> lists of all files -> labels, defaults and rules of each
 * -> index. Files are taken in the order of their names, so the order of arguments does not matter.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/rule.h"

#define MAX_FILES 1024u

struct sources {
	struct source *items;
	size_t count;
};

static void sources_done(struct sources *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->items[i].name);
		free(s->items[i].text);
		json_free(s->items[i].doc);
	}
	free(s->items);
}

static void free_policyp(struct policy **policy)
{
	*policy = policy_free(*policy);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int by_name(const void *a, const void *b)
{
	const struct source *x = a;
	const struct source *y = b;
	const int r = strcmp(base_of(x->name), base_of(y->name));

	return r ? r : strcmp(x->name, y->name);
}

/* Only who may change the policy anyhow may be able to write it. */
static int check_owner(const char *path, const struct stat *st, struct error *err)
{
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return error_set(err, EPERM,
				 "policy %s: others than its owner may write it; chmod go-w %s",
				 path, path);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return error_set(err, EPERM,
				 "policy %s: belongs to user %u, not to root or to you; chown it "
				 "or use a copy of your own",
				 path, (unsigned)st->st_uid);
	return 0;
}

static int add_text(struct sources *s, const char *name, const char *text, size_t len,
		    struct error *err)
{
	struct source *source;

	if (s->count == MAX_FILES)
		return error_set(err, E2BIG, "more than %u policy files", MAX_FILES);
	s->items = xrealloc_array(s->items, s->count + 1, sizeof(*s->items));
	source = &s->items[s->count++];
	*source = (struct source){.name = xstrdup(name), .text = xstrndup(text, len), .len = len};
	return json_parse(name, text, len, &source->doc, err);
}

static int read_fd(int fd, const char *path, struct buf *out, struct error *err)
{
	for (;;) {
		char *at = buf_reserve(out, 65536);
		ssize_t n;

		if (!at)
			return error_set(err, E2BIG, "policy %s: more than %u bytes", path,
					 MAX_JSON_BYTES);
		n = read(fd, at, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "cannot read policy %s", path);
		if (n == 0)
			return 0;
		out->len += (size_t)n;
	}
}

static int add_file(struct sources *s, const char *path, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_cleanup_buf_ struct buf text = BUF_INIT(MAX_JSON_BYTES + 65536);
	struct stat st;
	int r;

	if (fd < 0)
		return error_errno(err, errno, "cannot open policy %s", path);
	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "cannot stat policy %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "policy %s: not a file", path);
	r = check_owner(path, &st, err);
	if (r == 0)
		r = read_fd(fd, path, &text, err);
	if (r < 0)
		return r;
	return add_text(s, path, text.data ? text.data : "", text.len, err);
}

static int add_folder(struct sources *s, const char *path, const struct stat *st, struct error *err)
{
	const size_t before = s->count;
	DIR *dir;
	int r = check_owner(path, st, err);

	if (r < 0)
		return r;
	dir = opendir(path);
	if (!dir)
		return error_errno(err, errno, "cannot open policy folder %s", path);
	for (struct dirent *e = readdir(dir); e && r == 0; e = readdir(dir)) {
		const size_t len = strlen(e->d_name);
		_cleanup_free_ char *file = NULL;

		if (e->d_name[0] == '.' || len < 6 || strcmp(e->d_name + len - 5, ".json") != 0)
			continue;
		file = xasprintf("%s/%s", path, e->d_name);
		r = add_file(s, file, err);
	}
	(void)closedir(dir);
	if (r == 0 && s->count == before)
		return error_set(err, ENOENT, "policy folder %s: no *.json in it", path);
	return r;
}

static void hash_sources(struct policy *policy, const struct sources *s)
{
	unsigned char hash[crypto_generichash_BYTES];
	crypto_generichash_state h;

	(void)crypto_generichash_init(&h, NULL, 0, sizeof(hash));
	for (size_t i = 0; i < s->count; i++) {
		const char *name = base_of(s->items[i].name);
		const uint64_t len = s->items[i].len;

		(void)crypto_generichash_update(&h, (const unsigned char *)name, strlen(name) + 1);
		(void)crypto_generichash_update(&h, (const unsigned char *)&len, sizeof(len));
		(void)crypto_generichash_update(&h, (const unsigned char *)s->items[i].text, len);
	}
	(void)crypto_generichash_final(&h, hash, sizeof(hash));
	(void)sodium_bin2hex(policy->hash, sizeof(policy->hash), hash, sizeof(hash));
}

static int by_id(const void *a, const void *b)
{
	const struct rule_info *const *x = a;
	const struct rule_info *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

static int check_ids(const struct policy *policy, struct error *err)
{
	_cleanup_free_ const struct rule_info **ids = xcalloc(policy->rule_count, sizeof(*ids));

	for (size_t i = 0; i < policy->rule_count; i++)
		ids[i] = &policy->rules[i].info;
	if (policy->rule_count)
		qsort(ids, policy->rule_count, sizeof(*ids), by_id);
	for (size_t i = 1; i < policy->rule_count; i++) {
		if (strcmp(ids[i - 1]->id, ids[i]->id) == 0)
			return error_set(err, EEXIST,
					 "two rules have the id \"%s\" (in %s and %s): rename one",
					 ids[i]->id, ids[i - 1]->file, ids[i]->file);
	}
	return 0;
}

static int build(struct sources *s, struct policy **ret, struct error *err)
{
	_cleanup_(free_policyp) struct policy *policy = xcalloc(1, sizeof(*policy));
	int r = 0;

	if (sodium_init() < 0)
		return error_set(err, EIO, "libsodium cannot be initialised");
	randombytes_buf(policy->hash_key, sizeof(policy->hash_key));
	if (s->count)
		qsort(s->items, s->count, sizeof(*s->items), by_name);
	hash_sources(policy, s);
	policy->files = xcalloc(s->count, sizeof(*policy->files));
	for (size_t i = 0; i < s->count && r == 0; i++)
		r = policy_decode_lists(policy, &s->items[i], err);
	for (size_t i = 0; i < s->count && r == 0; i++) {
		r = policy_decode(policy, &s->items[i], err);
		policy->files[policy->file_count++] = take_ptr(s->items[i].name);
	}
	if (r == 0)
		r = check_ids(policy, err);
	if (r < 0)
		return r;
	policy_index_build(policy);
	*ret = take_ptr(policy);
	return 0;
}

int policy_load(const char *const *paths, size_t count, struct policy **ret, struct error *err)
{
	_cleanup_(sources_done) struct sources s = {0};

	for (size_t i = 0; i < count; i++) {
		struct stat st;
		int r;

		if (stat(paths[i], &st) < 0)
			return error_errno(err, errno, "cannot open policy %s", paths[i]);
		r = S_ISDIR(st.st_mode) ? add_folder(&s, paths[i], &st, err)
					: add_file(&s, paths[i], err);
		if (r < 0)
			return r;
	}
	return build(&s, ret, err);
}

int policy_load_text(const char *name, const char *text, size_t len, struct policy **ret,
		     struct error *err)
{
	_cleanup_(sources_done) struct sources s = {0};
	const int r = add_text(&s, name, text, len, err);

	return r < 0 ? r : build(&s, ret, err);
}

static void free_name(const char *text)
{
	char *owned;

	memcpy(&owned, &text, sizeof(owned)); /* const only for readers */
	free(owned);
}

struct policy *policy_free(struct policy *policy)
{
	if (!policy)
		return NULL;
	policy_index_free(policy);
	for (size_t i = 0; i < policy->rule_count; i++)
		rule_done(&policy->rules[i]);
	for (size_t i = 0; i < policy->list_count; i++) {
		free_name(policy->lists[i].name);
		cel_list_done(&policy->lists[i]);
	}
	for (size_t i = 0; i < policy->label_count; i++)
		free_name(policy->label_names[i].at);
	for (size_t i = 0; i < policy->glob_count; i++)
		free(policy->globs[i].pattern);
	for (size_t i = 0; i < policy->file_count; i++)
		free(policy->files[i]);
	free(policy->rules);
	free(policy->lists);
	free(policy->globs);
	free(policy->files);
	free(policy);
	return NULL;
}

size_t policy_rule_count(const struct policy *policy)
{
	return policy->rule_count;
}

const struct rule_info *policy_rule(const struct policy *policy, size_t index)
{
	return index < policy->rule_count ? &policy->rules[index].info : NULL;
}

const char *policy_file(const struct policy *policy, size_t index)
{
	return index < policy->file_count ? policy->files[index] : NULL;
}

const char *policy_hash(const struct policy *policy)
{
	return policy->hash;
}

size_t policy_label_count(const struct policy *policy)
{
	return policy->label_count;
}

const char *policy_label_name(const struct policy *policy, size_t index)
{
	return index < policy->label_count ? policy->label_names[index].at : NULL;
}

int policy_label_index(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->label_count; i++) {
		if (strcmp(policy->label_names[i].at, name) == 0)
			return (int)i;
	}
	return -1;
}

uint64_t policy_labels_of_path(const struct policy *policy, struct str path)
{
	uint64_t labels = 0;

	for (size_t i = 0; i < policy->glob_count;) {
		const size_t group = policy->globs[i].group;
		bool given = false;
		bool taken = false;
		uint64_t bit = 0;

		for (; i < policy->glob_count && policy->globs[i].group == group; i++) {
			const struct label_glob *g = &policy->globs[i];

			bit = g->labels;
			if (g->except ? (!given || taken) : given)
				continue;
			if (!glob_match(str_of(g->pattern), path, false))
				continue;
			given |= !g->except;
			taken |= g->except;
		}
		if (given && !taken)
			labels |= bit;
	}
	return labels;
}

uint64_t policy_labels_read(const struct policy *policy)
{
	uint64_t labels = 0;

	for (size_t i = 0; i < policy->rule_count; i++)
		labels |= policy->rules[i].labels_read;
	return labels;
}

bool policy_uses_labels(const struct policy *policy)
{
	return policy_labels_read(policy) != 0;
}

int policy_add_label(struct policy *policy, const char *name, struct error *err)
{
	const int r = policy_label_intern(policy, str_of(name));

	if (r == -E2BIG)
		return error_set(err, r, "label %s: there are %u labels already", name, MAX_LABELS);
	if (r < 0)
		return error_set(
			err, r, "label \"%.64s\": a name has letters a-z, digits, _ - and .", name);
	return 0;
}
