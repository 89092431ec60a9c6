/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Loading: files -> texts -> documents -> lists and macros of all files -> labels, defaults and
 * rules of each -> index. Files are taken in the order of their names, so the order of arguments
 * does not matter.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/policy_index.h"
#include "monitor/policy/rule.h"

static void free_policyp(struct policy **policy)
{
	*policy = policy_free(*policy);
}

static int by_id(const void *a, const void *b)
{
	const struct rule_info *const *x = a;
	const struct rule_info *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

/* At the second of the two, in the order of files and rules. */
static int same_id(const struct policy *policy, const struct sources *s, const struct rule_info *a,
		   const struct rule_info *b, struct error *err)
{
	const struct rule_info *first = a < b ? a : b;
	const struct rule_info *second = a < b ? b : a;
	size_t in_file = 0;
	size_t file = 0;
	_cleanup_free_ char *path = NULL;

	for (size_t i = 0; &policy->rules[i].info != second; i++)
		in_file += policy->rules[i].info.file == second->file;
	while (policy->files[file] != second->file)
		file++;
	path = xasprintf("$.rules[%zu].id", in_file);
	return source_error(&s->items[file], err, EEXIST, path,
			    "a rule with the id \"%s\" is in %s already: rename one", second->id,
			    first->file);
}

static int check_ids(const struct policy *policy, const struct sources *s, struct error *err)
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
	_cleanup_free_ const struct rule_info **ids = xcalloc(policy->rule_count, sizeof(*ids));

	for (size_t i = 0; i < policy->rule_count; i++)
		ids[i] = &policy->rules[i].info;
	if (policy->rule_count)
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): sorts pointers */
		qsort(ids, policy->rule_count, sizeof(*ids), by_id);
	for (size_t i = 1; i < policy->rule_count; i++) {
		if (strcmp(ids[i - 1]->id, ids[i]->id) == 0)
			return same_id(policy, s, ids[i - 1], ids[i], err);
	}
	return 0;
}

/* Neither what was checked already, nor the very bytes that somebody else has checked. */
static bool must_run_examples(const struct policy *policy, const struct sources *s)
{
	return !s->has_examples_checked &&
	       !(s->checked_hash && strcmp(s->checked_hash, policy->hash) == 0);
}

static void note_signer(struct policy *policy, const struct policy_key *key)
{
	char id[KEY_ID_BYTES];

	if (!key)
		return;
	policy_key_id(key->id, id);
	for (size_t i = 0; i < policy->signer_count; i++) {
		if (strcmp(policy->signers[i], id) == 0)
			return;
	}
	memcpy(policy->signers[policy->signer_count++], id, sizeof(id));
}

int policy_build(struct sources *s, struct policy **ret, struct error *err)
{
	_cleanup_(free_policyp) struct policy *policy = xcalloc(1, sizeof(*policy));
	size_t next = 0;
	int r = 0;

	if (sodium_init() < 0)
		return error_set(err, EIO, "libsodium cannot be initialised");
	randombytes_buf(policy->hash_key, sizeof(policy->hash_key));
	sources_sort(s);
	sources_hash(s, policy->hash);
	policy->sources = s;
	policy->files = xcalloc(s->count, sizeof(*policy->files));
	for (size_t i = 0; i < s->count && r == 0; i++)
		r = policy_decode_names(policy, &s->items[i], i, err);
	if (r == 0)
		r = policy_check_macros(policy, err);
	for (size_t i = 0; i < s->count && r == 0; i++) {
		policy->files[policy->file_count++] = xstrdup(s->items[i].name);
		note_signer(policy, s->items[i].signer);
		r = policy_decode(policy, &s->items[i], err);
	}
	if (r == 0)
		r = check_ids(policy, s, err);
	if (r == 0)
		r = policy_check_locked(policy, s, err);
	if (r == 0)
		r = sequences_share(policy, err);
	for (size_t i = 0; i < s->count && r == 0 && must_run_examples(policy, s); i++)
		r = policy_check_examples(policy, &s->items[i], &next, err);
	if (r < 0)
		return r;
	policy_index_build(policy);
	policy_facts_build(policy);
	*ret = take_ptr(policy);
	return 0;
}

/* What policy_build() made of sources that go now. */
static int let_go(int r, struct policy **policy)
{
	if (r == 0)
		(*policy)->sources = NULL;
	return r;
}

static int add_paths(struct sources *s, const char *const *paths, size_t count, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = sources_add_path(s, paths[i], err);
	return r;
}

static int load(const struct policy_files *files, struct policy **ret, struct error *err)
{
	_cleanup_(sources_done) struct sources s = {.checked_hash = files->checked,
						    .keys = files->keys};
	const int r = add_paths(&s, files->paths, files->count, err);

	return r < 0 ? r : let_go(policy_build(&s, ret, err), ret);
}

int policy_load(const char *const *paths, size_t count, struct policy **ret, struct error *err)
{
	return load(&(struct policy_files){.paths = paths, .count = count}, ret, err);
}

int policy_load_with(const struct policy_files *files, struct policy **ret, struct error *err)
{
	_cleanup_(sources_done) struct sources s = {.has_examples_checked = true,
						    .keys = files->keys};
	_cleanup_(free_policyp) struct policy *alone = NULL;
	int r = load(files, &alone, err);

	if (r < 0 || !files->more) {
		*ret = take_ptr(alone);
		return r;
	}
	r = add_paths(&s, files->paths, files->count, err);
	if (r == 0)
		r = sources_add_text(&s, "options", files->more, strlen(files->more), err);
	return r < 0 ? r : let_go(policy_build(&s, ret, err), ret);
}

int policy_load_text(const char *name, const char *text, size_t len, struct policy **ret,
		     struct error *err)
{
	_cleanup_(sources_done) struct sources s = {0};
	const int r = sources_add_text(&s, name, text, len, err);

	return r < 0 ? r : let_go(policy_build(&s, ret, err), ret);
}

struct policy *policy_free(struct policy *policy)
{
	if (!policy)
		return NULL;
	policy_index_free(policy);
	policy_facts_free(policy);
	for (size_t i = 0; i < policy->rule_count; i++)
		rule_done(&policy->rules[i]);
	policy_free_macros(policy);
	policy_free_redact(policy);
	for (size_t i = 0; i < policy->list_count; i++) {
		free(without_const(policy->lists[i].name));
		cel_list_done(&policy->lists[i]);
	}
	for (size_t i = 0; i < policy->label_count; i++)
		free(without_const(policy->label_names[i].at));
	for (size_t i = 0; i < policy->glob_count; i++)
		free(without_const(policy->patterns[i].at));
	for (size_t i = 0; i < policy->file_count; i++)
		free(policy->files[i]);
	for (size_t i = 0; i < policy->step_count; i++)
		condition_done(&policy->steps[i].is);
	budget_needs_done(&policy->budgets);
	free(policy->steps);
	free(policy->sequences);
	free(policy->rules);
	free(policy->lists);
	free(policy->scratch);
	free(policy->globs);
	free(policy->patterns);
	free(policy->files);
	free(policy);
	return NULL;
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
