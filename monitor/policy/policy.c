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
		r = policy_decode(policy, &s->items[i], err);
	}
	if (r == 0)
		r = check_ids(policy, s, err);
	if (r == 0)
		r = sequences_share(policy, err);
	for (size_t i = 0; i < s->count && r == 0 && !s->has_examples_checked; i++)
		r = policy_check_examples(policy, &s->items[i], &next, err);
	if (r < 0)
		return r;
	policy_index_build(policy);
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

int policy_load(const char *const *paths, size_t count, struct policy **ret, struct error *err)
{
	_cleanup_(sources_done) struct sources s = {0};
	const int r = add_paths(&s, paths, count, err);

	return r < 0 ? r : let_go(policy_build(&s, ret, err), ret);
}

int policy_load_with(const char *const *paths, size_t count, const char *more, struct policy **ret,
		     struct error *err)
{
	_cleanup_(sources_done) struct sources s = {.has_examples_checked = true};
	_cleanup_(free_policyp) struct policy *alone = NULL;
	int r = policy_load(paths, count, &alone, err);

	if (r < 0 || !more) {
		*ret = take_ptr(alone);
		return r;
	}
	r = add_paths(&s, paths, count, err);
	if (r == 0)
		r = sources_add_text(&s, "options", more, strlen(more), err);
	return r < 0 ? r : let_go(policy_build(&s, ret, err), ret);
}

int policy_load_text(const char *name, const char *text, size_t len, struct policy **ret,
		     struct error *err)
{
	_cleanup_(sources_done) struct sources s = {0};
	const int r = sources_add_text(&s, name, text, len, err);

	return r < 0 ? r : let_go(policy_build(&s, ret, err), ret);
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
	policy_free_macros(policy);
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
	for (size_t i = 0; i < policy->step_count; i++)
		condition_done(&policy->steps[i].is);
	budget_needs_done(&policy->budgets);
	free(policy->steps);
	free(policy->sequences);
	free(policy->rules);
	free(policy->lists);
	free(policy->scratch);
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

bool policy_rule_is_observed(const struct policy *policy, size_t index)
{
	return policy->rules[index].observed;
}

enum verdict policy_rule_verdict(const struct policy *policy, size_t index)
{
	return policy->rules[index].verdict;
}

uint32_t policy_rule_kinds(const struct policy *policy, size_t index)
{
	return policy->rules[index].kinds;
}

uint32_t policy_rule_at_least(const struct policy *policy, size_t index, uint64_t *ret_window_ns)
{
	*ret_window_ns = policy->rules[index].count.window_ns;
	return policy->rules[index].count.at_least;
}

uint32_t policy_rule_steps(const struct policy *policy, size_t index, uint64_t *ret_within_ns)
{
	*ret_within_ns = policy->rules[index].sequence.within_ns;
	return policy->rules[index].sequence.step_count;
}

const char *policy_file(const struct policy *policy, size_t index)
{
	return index < policy->file_count ? policy->files[index] : NULL;
}

enum on_loss policy_on_loss(const struct policy *policy)
{
	/* A policy that does not think of it must not be the weaker for it. */
	return policy->has_on_loss ? policy->on_loss : ON_LOSS_DENY_NEW;
}

enum verdict on_loss_verdict(enum on_loss on_loss)
{
	switch (on_loss) {
	case ON_LOSS_LOG:
		return VERDICT_LOG;
	case ON_LOSS_DENY_NEW:
		return VERDICT_DENY;
	case ON_LOSS_KILL:
		break;
	}
	return VERDICT_KILL;
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

uint64_t policy_labels_of_paths(const struct policy *policy)
{
	uint64_t labels = 0;

	for (size_t i = 0; i < policy->glob_count; i++)
		labels |= policy->globs[i].labels;
	return labels;
}

uint64_t policy_labels_of_read(const struct policy *policy, const struct action *action)
{
	if (action->kind != ACTION_FILE_OPEN || action->write || action->result < 0)
		return 0;
	return policy_labels_of_path(policy, action->path);
}

uint64_t policy_labels_read(const struct policy *policy)
{
	uint64_t labels = 0;

	for (size_t i = 0; i < policy->rule_count; i++)
		labels |= policy->rules[i].labels_read;
	return labels;
}

bool policy_reads_label(const struct policy *policy, const char *name)
{
	const int index = policy_label_index(policy, name);

	return index >= 0 && (policy_labels_read(policy) & (UINT64_C(1) << index));
}

static bool reads_text(const struct cel_reads *reads)
{
	for (uint64_t left = reads->fields; left; left &= left - 1) {
		if (strcmp(action_fields[__builtin_ctzll(left)].name, "text") == 0)
			return true;
	}
	return false;
}

bool policy_reads_results(const struct policy *policy)
{
	bool reads = false;

	for (size_t i = 0; i < policy->rule_count; i++)
		reads |= reads_text(&policy->rules[i].when.reads);
	for (size_t i = 0; i < policy->step_count; i++)
		reads |= reads_text(&policy->steps[i].is.when.reads);
	return reads;
}

bool policy_uses_labels(const struct policy *policy)
{
	return policy_labels_read(policy) != 0;
}

uint64_t policy_labels_given(const struct policy *policy)
{
	uint64_t given = 0;

	for (size_t i = 0; i < policy->glob_count; i++)
		given |= policy->globs[i].except ? 0 : policy->globs[i].labels;
	for (size_t i = 0; i < policy->rule_count; i++)
		given |= policy->rules[i].labels;
	return given;
}

bool policy_gates_files(const struct policy *policy, bool host_bound)
{
	const uint32_t open = 1u << ACTION_FILE_OPEN;
	const uint32_t change = 1u << ACTION_FILE_CHANGE;

	if (policy->has_default[ACTION_FILE_CHANGE] &&
	    policy->defaults[ACTION_FILE_CHANGE] > VERDICT_LOG)
		return true;
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule->verdict < VERDICT_THROTTLE || (rule->only_host_bound && !host_bound))
			continue;
		if ((rule->kinds & change) || ((rule->kinds & open) && rule->only_writes))
			return true;
	}
	return false;
}

const char *policy_decoys(const struct policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		if (policy->rules[i].verdict == VERDICT_DECOY && !policy->rules[i].observed)
			return policy->rules[i].info.id;
	}
	for (unsigned kind = 0; kind < ACTION_KINDS; kind++) {
		if (policy->has_default[kind] && policy->defaults[kind] == VERDICT_DECOY)
			return "default";
	}
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
