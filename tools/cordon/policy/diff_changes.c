/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which rules of the two sides differ: only such a one, a default or a path that carries a label
 * can make them answer differently. A rule is the same if its members are, and the lists and macros
 * that its expressions name.
 */

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/rule.h"
#include "tools/cordon/policy/diff_internal.h"

/* These decide nothing. */
static const char *const said_only[] = {"because",   "category", "match",   "maturity",
					"not_match", "refs",	 "severity"};

static bool decides(const char *member)
{
	for (size_t i = 0; i < sizeof(said_only) / sizeof(said_only[0]); i++) {
		if (strcmp(member, said_only[i]) == 0)
			return false;
	}
	return true;
}

static bool has_members_of(const struct json *rule, const struct json *other)
{
	for (const struct json *m = json_first(other); m; m = json_next(m)) {
		const struct json *mine = json_get(rule, json_key(m));
		_cleanup_free_ char *a = NULL;
		_cleanup_free_ char *b = NULL;

		if (!decides(json_key(m)))
			continue;
		if (!mine)
			return false;
		a = json_print(m);
		b = json_print(mine);
		if (strcmp(a, b) != 0)
			return false;
	}
	return true;
}

static bool same_list(const struct cel_list *a, const struct policy *in)
{
	for (size_t i = 0; i < in->list_count; i++) {
		const struct cel_list *b = &in->lists[i];

		if (strcmp(a->name, b->name) != 0)
			continue;
		if (a->count != b->count || !a->strings != !b->strings)
			return false;
		for (size_t n = 0; n < a->count; n++) {
			if (a->strings ? !str_eq(a->strings[n], b->strings[n])
				       : a->integers[n] != b->integers[n])
				return false;
		}
		return true;
	}
	return false;
}

static bool same_macro(const struct cel_definition *a, const struct policy *in)
{
	for (size_t i = 0; i < in->macro_count; i++) {
		if (strcmp(a->name, in->macros[i].name) == 0)
			return str_eq(a->text, in->macros[i].text);
	}
	return false;
}

static bool names_the_same(const struct cel_tree *tree, const struct policy *of,
			   const struct policy *in)
{
	for (const struct cel_node *n = tree->all; n; n = n->all) {
		if (n->kind == NODE_NAMED && !same_list(n->list, in))
			return false;
	}
	for (size_t i = 0; i < tree->use_count; i++) {
		if (!same_macro(&of->macros[tree->uses[i].definition], in))
			return false;
	}
	return true;
}

static const struct json *json_of(const struct rule_tree *r)
{
	const struct json *node = json_first(json_get(r->source->doc, "rules"));

	for (size_t n = 0; n < r->in_file; n++)
		node = json_next(node);
	return node;
}

static const struct rule_tree *named(const struct policy_trees *set, const char *id)
{
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(set->rules[i].rule->info.id, id) == 0)
			return &set->rules[i];
	}
	return NULL;
}

static bool is_in(const struct rule_tree *r, const struct policy_trees *of,
		  const struct policy_trees *in)
{
	const struct rule_tree *other = named(in, r->rule->info.id);

	if (!other || !has_members_of(json_of(r), json_of(other)) ||
	    !has_members_of(json_of(other), json_of(r)) ||
	    !names_the_same(&r->tree, of->policy, in->policy))
		return false;
	for (size_t i = 0; i < r->step_count; i++) {
		if (!names_the_same(&r->steps[i].tree, of->policy, in->policy))
			return false;
	}
	return true;
}

static bool same_globs(const struct policy *a, const struct policy *b)
{
	if (a->glob_count != b->glob_count || a->label_count != b->label_count)
		return false;
	for (size_t i = 0; i < a->label_count; i++) {
		if (!str_eq(a->label_names[i], b->label_names[i]))
			return false;
	}
	for (size_t i = 0; i < a->glob_count; i++) {
		if (a->globs[i].labels != b->globs[i].labels ||
		    a->globs[i].except != b->globs[i].except ||
		    a->globs[i].group != b->globs[i].group ||
		    !str_eq(a->patterns[i], b->patterns[i]))
			return false;
	}
	return true;
}

void diff_find_changes(struct diffing *d)
{
	const struct policy_trees *const sets[] = {&d->old, &d->new};

	for (size_t s = 0; s < 2; s++) {
		const struct policy_trees *other = sets[1 - s];

		d->changed[s] = xcalloc(sets[s]->count + 1, sizeof(*d->changed[s]));
		for (size_t i = 0; i < sets[s]->count; i++) {
			const struct rule_tree *r = &sets[s]->rules[i];

			d->changed[s][i] = !is_in(r, sets[s], other);
			if (s == 0 && r->rule->verdict == VERDICT_ALLOW)
				constants_add_tree(&d->constants, &r->tree);
			if (!d->changed[s][i])
				continue;
			d->kinds |= r->rule->kinds;
			constants_add_tree(&d->of_side[s], &r->tree);
			constants_add_tree(&d->constants, &r->tree);
		}
	}
	if (!same_globs(d->old.policy, d->new.policy)) {
		constants_add_globs(&d->constants, d->old.policy);
		constants_add_globs(&d->constants, d->new.policy);
	}
}
