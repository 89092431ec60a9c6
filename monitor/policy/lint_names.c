/* SPDX-License-Identifier: Apache-2.0 */

/* Lists, macros and labels that are there for nobody, or that nobody gives. */

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/lint_internal.h"

static bool reads_list(const struct cel_tree *tree, const char *name)
{
	for (const struct cel_node *node = tree->all; node; node = node->all) {
		if (node->kind == NODE_NAMED && strcmp(node->list->name, name) == 0)
			return true;
	}
	return false;
}

static bool rule_reads_list(const struct rule_tree *r, const char *name)
{
	bool read = reads_list(&r->tree, name);

	for (size_t i = 0; i < r->step_count && !read; i++)
		read = reads_list(&r->steps[i].tree, name);
	return read;
}

static void look_at_lists(struct lint *l, const struct source *source)
{
	for (const struct json *list = json_first(json_get(source->doc, "lists")); list;
	     list = json_next(list)) {
		const char *name = json_key(list);
		_cleanup_free_ char *path = xasprintf("$.lists.%s", name);
		bool read = false;

		for (size_t i = 0; i < l->set.count && !read; i++)
			read = rule_reads_list(&l->set.rules[i], name);
		if (!read)
			lint_add_named(l, FINDING_UNUSED, source, path, "no rule reads the list %s",
				       name);
	}
}

static bool names_macro(const struct cel_tree *tree, const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < tree->use_count; i++) {
		if (strcmp(policy->macros[tree->uses[i].definition].name, name) == 0)
			return true;
	}
	return false;
}

static bool uses_macro(const struct rule_tree *r, const struct policy *policy, const char *name)
{
	bool used = names_macro(&r->tree, policy, name);

	for (size_t i = 0; i < r->step_count && !used; i++)
		used = names_macro(&r->steps[i].tree, policy, name);
	return used;
}

static void look_at_macros(struct lint *l, const struct source *source)
{
	for (const struct json *macro = json_first(json_get(source->doc, "macros")); macro;
	     macro = json_next(macro)) {
		const char *name = json_key(macro);
		_cleanup_free_ char *path = xasprintf("$.macros.%s", name);
		bool used = false;

		for (size_t i = 0; i < l->set.count && !used; i++)
			used = uses_macro(&l->set.rules[i], l->set.policy, name);
		if (!used)
			lint_add_named(l, FINDING_UNUSED, source, path, "no rule uses the macro %s",
				       name);
	}
}

static void look_at_labels(struct lint *l, const struct source *source)
{
	const struct policy *policy = l->set.policy;
	size_t n = 0;

	for (const struct json *row = json_first(json_get(source->doc, "labels")); row;
	     row = json_next(row), n++) {
		_cleanup_free_ char *path = xasprintf("$.labels[%zu].label", n);
		const char *name = json_get_string(row, "label");
		const int index = policy_label_index(policy, name);

		if (index >= 0 && !(policy_labels_read(policy) & (UINT64_C(1) << index)))
			lint_add_named(
				l, FINDING_UNREAD, source, path,
				"no rule reads the label %s: it is recorded and decides nothing",
				name);
	}
}

void lint_unset(struct lint *l)
{
	const struct policy *policy = l->set.policy;
	uint64_t missing = ~policy_labels_given(policy);

	for (size_t i = 0; i < l->set.count; i++) {
		const struct rule_tree *r = &l->set.rules[i];
		const uint64_t found =
			r->rule->labels_read == UINT64_MAX ? 0 : r->rule->labels_read & missing;

		for (uint64_t left = found; left; left &= left - 1) {
			const char *name = policy_label_name(policy, (size_t)__builtin_ctzll(left));

			lint_add(l, FINDING_UNSET, r, "when",
				 "%s reads the label %s, which nothing in these files sets: it "
				 "takes --label PATH=%s",
				 r->rule->info.id, name, name);
		}
		missing &= ~found;
	}
}

void lint_names(struct lint *l, const struct source *source)
{
	look_at_lists(l, source);
	look_at_macros(l, source);
	look_at_labels(l, source);
}
