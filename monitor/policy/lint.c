/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/example.h"
#include "monitor/policy/lint_internal.h"
#include "monitor/policy/lint_tree.h"

static const struct {
	const char *name;
	const char *meaning;
	bool note;
} kinds[FINDING_KINDS] = {
	[FINDING_UNREACHABLE] = {"unreachable", "A rule, or a part of it, never matches.", false},
	[FINDING_REDUNDANT] = {"redundant", "A part of a rule's condition always holds.", false},
	[FINDING_SHADOWED] = {"shadowed", "A rule never decides, since another always does.",
			      false},
	[FINDING_CONTRADICTORY] = {"contradictory",
				   "Two rules say different things of the same actions.", false},
	[FINDING_UNUSED] = {"unused", "A list or macro is read by no rule.", false},
	[FINDING_UNREAD] = {"unread", "A label is set and read by no rule.", true},
	[FINDING_UNSET] = {"unset", "A label is read and set by nothing in these files.", true},
	[FINDING_UNASKED] = {"unasked", "A rule asks, or throttles, where nothing can wait.", true},
};

const char *finding_name(enum finding_kind kind)
{
	return kinds[kind].name;
}

const char *finding_meaning(enum finding_kind kind)
{
	return kinds[kind].meaning;
}

bool finding_is_note(enum finding_kind kind)
{
	return kinds[kind].note;
}

/* ---- findings ---- */

static struct finding *add_at(struct lint *l, enum finding_kind kind, const struct source *source,
			      size_t offset)
{
	struct finding *finding;

	l->findings = xrealloc_array(l->findings, l->count + 1, sizeof(*l->findings));
	finding = &l->findings[l->count++];
	*finding = (struct finding){.kind = kind, .file = source->name};
	json_position(source->text, source->len, offset, &finding->line, &finding->column);
	return finding;
}

static __attribute__((format(printf, 5, 6))) void add(struct lint *l, enum finding_kind kind,
						      const struct source *source, const char *path,
						      const char *format, ...)
{
	struct finding *finding;
	size_t offset = 0;
	va_list args;

	(void)json_locate(source->text, source->len, path, &offset);
	finding = add_at(l, kind, source, offset);
	va_start(args, format);
	(void)vsnprintf(finding->text, sizeof(finding->text), format, args);
	va_end(args);
}

void lint_add(struct lint *l, enum finding_kind kind, const struct rule_tree *r, const char *member,
	      const char *format, ...)
{
	_cleanup_free_ char *path = xasprintf("$.rules[%zu].%s", r->in_file, member);
	struct finding *finding;
	size_t offset = 0;
	va_list args;

	(void)json_locate(r->source->text, r->source->len, path, &offset);
	finding = add_at(l, kind, r->source, offset);
	finding->rule = r->rule->info.id;
	va_start(args, format);
	(void)vsnprintf(finding->text, sizeof(finding->text), format, args);
	va_end(args);
}

/* @member: whose expression @tree is, behind the rule. */
static void add_at_part(struct lint *l, const struct rule_tree *r, const char *member,
			const struct cel_tree *tree, const struct fixed_part *part)
{
	_cleanup_free_ char *path = xasprintf("$.rules[%zu]%s.when", r->in_file, member);
	const struct text_place place =
		policy_place_of(l->set.policy, tree, r->source, path, part->at->at);
	struct finding *finding;

	finding = add_at(l, part->value ? FINDING_REDUNDANT : FINDING_UNREACHABLE, place.source,
			 place.offset);
	finding->rule = r->rule->info.id;
	(void)snprintf(finding->text, sizeof(finding->text), "%s: %s", r->rule->info.id,
		       part->reason);
}

static int by_place(const void *a, const void *b)
{
	const struct finding *x = a;
	const struct finding *y = b;
	const int r = strcmp(x->file, y->file);

	if (r)
		return r;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return strcmp(x->text, y->text);
}

/* ---- rules ---- */

static void look_at_step(struct lint *l, const struct rule_tree *r, const struct step_tree *t)
{
	const struct step *step = t->step;
	const char *event = step->role == STEP_SINCE   ? "sequence.since"
			    : step->role == STEP_UNTIL ? "sequence.until"
						       : NULL;
	_cleanup_free_ char *member =
		event ? xstrdup(event) : xasprintf("sequence.steps[%u]", step->in_file);
	_cleanup_free_ char *behind = xasprintf(".%s", member);
	struct fixed_part part;

	if (tree_fixed_part(t->tree.root, &part))
		add_at_part(l, r, behind, &t->tree, &part);
	if (step->is.only_reads && (step->is.kinds & (1u << ACTION_FILE_CHANGE)))
		lint_add(l, FINDING_UNREACHABLE, r, member,
			 "%s: a step on file.change never is: action.write is true there",
			 r->rule->info.id);
}

static void look_at_waiting(struct lint *l, const struct rule_tree *r)
{
	const bool asks = r->rule->verdict == VERDICT_ASK;

	if (!asks && r->rule->verdict != VERDICT_THROTTLE)
		return;
	for (unsigned k = 0; k < ACTION_KINDS; k++) {
		if ((r->rule->kinds & (1u << k)) && !action_waits((enum action_kind)k))
			lint_add(l, FINDING_UNASKED, r, "verdict", "%s: %s cannot wait: %s",
				 r->rule->info.id, action_kind_name((enum action_kind)k),
				 asks ? "nobody is asked, and it is refused"
				      : "it is not slowed down");
	}
}

static void look_at_one(struct lint *l, const struct rule_tree *r)
{
	const uint32_t change = 1u << ACTION_FILE_CHANGE;
	const uint32_t files = change | 1u << ACTION_FILE_OPEN;
	struct fixed_part part;

	look_at_waiting(l, r);
	if (tree_fixed_part(r->tree.root, &part))
		add_at_part(l, r, "", &r->tree, &part);
	for (size_t i = 0; i < r->step_count; i++)
		look_at_step(l, r, &r->steps[i]);
	if (r->rule->only_reads && (r->rule->kinds & change))
		lint_add(l, FINDING_UNREACHABLE, r, "on",
			 "%s: on file.change it never matches: action.write is true there",
			 r->rule->info.id);
	if (r->rule->only_host_bound && (r->rule->kinds & ~files))
		lint_add(l, FINDING_UNREACHABLE, r, "on",
			 "%s: action.provenance is \"host-bound\" of file.open and file.change "
			 "only",
			 r->rule->info.id);
}

/*
 * `b` matches whenever `a` does, decides then, and does all that `a` would. A rule that logs
 * or throttles decides nothing, so it does not hide one that allows; one that is only observed
 * hides nothing.
 */
static bool hides(const struct rule_tree *b, const struct rule_tree *a)
{
	if (a->rule->observed || b->rule->observed || (a->rule->kinds & ~b->rule->kinds) ||
	    rule_looks_back(b->rule) || (a->rule->labels & ~b->rule->labels) ||
	    (a->rule->declassify & ~b->rule->declassify) || !rule_outranks(b->rule, a->rule) ||
	    (b->rule->verdict <= VERDICT_THROTTLE && a->rule->verdict == VERDICT_ALLOW))
		return false;
	return tree_implies(a->tree.root, b->tree.root);
}

static void look_at_pair(struct lint *l, const struct rule_tree *a, const struct rule_tree *b)
{
	const char *id = a->rule->info.id;
	const char *other = b->rule->info.id;

	if (a->rule->verdict == b->rule->verdict)
		lint_add(l, FINDING_SHADOWED, a, "when",
			 "%s is never named: %s (%s too, %s) matches whatever it matches", id,
			 other, verdict_name(b->rule->verdict), b->rule->info.severity);
	else if (a->rule->kinds == b->rule->kinds && !rule_looks_back(a->rule) &&
		 tree_implies(b->tree.root, a->tree.root))
		lint_add(l, FINDING_CONTRADICTORY, a, "verdict",
			 "%s says %s and %s says %s of the same actions; %s holds", id,
			 verdict_name(a->rule->verdict), other, verdict_name(b->rule->verdict),
			 verdict_name(b->rule->verdict));
	else
		lint_add(l, FINDING_SHADOWED, a, "when",
			 "%s (%s) never decides: %s (%s) matches whatever it matches", id,
			 verdict_name(a->rule->verdict), other, verdict_name(b->rule->verdict));
}

static void note_true(void *ctx, size_t rule, enum rule_answer answer)
{
	bool *is_true = ctx;

	is_true[rule] = answer != RULE_FALSE;
}

/*
 * The rules that are true of an action that `a` matches: of its first example. What hides `a` is
 * among them, and the index finds them, so that not each rule is compared with each other.
 */
static void rules_beside(const struct lint *l, const struct rule_tree *a, bool *is_true)
{
	const struct json *node = json_first(json_get(a->source->doc, "rules"));
	const struct rule_teller teller = {note_true, is_true};
	struct example_place place = {
		.policy = l->set.policy, .source = a->source, .path = "$", .kinds = a->rule->kinds};
	struct policy_state *state = policy_state_new(l->set.policy);
	char text[EXAMPLE_TEXT_BYTES];
	struct decision decision;
	struct example example;
	struct action action;

	for (size_t n = 0; n < a->in_file; n++)
		node = json_next(node);
	memset(is_true, 0, l->set.count * sizeof(*is_true));
	if (example_decode(&place, json_first(json_get(node, "match")), &example) == 0) {
		example_add_labels(&example, state);
		example_action(&example, example.repeat - 1, 1, text, &action);
		policy_decide_told(l->set.policy, state, &action, &decision, &teller);
	}
	example_done(&example);
	(void)policy_state_free(state);
}

static void look_at_rules(struct lint *l)
{
	_cleanup_free_ bool *is_true = xcalloc(l->set.count + 1, sizeof(*is_true));

	for (size_t i = 0; i < l->set.count; i++) {
		look_at_one(l, &l->set.rules[i]);
		lint_look_back(l, &l->set.rules[i]);
		rules_beside(l, &l->set.rules[i], is_true);
		for (size_t j = 0; j < l->set.count; j++) {
			if (i == j || !is_true[j] || !hides(&l->set.rules[j], &l->set.rules[i]))
				continue;
			look_at_pair(l, &l->set.rules[i], &l->set.rules[j]);
			break; /* one is enough to say it */
		}
	}
}

/* ---- lists, macros and labels ---- */

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
			add(l, FINDING_UNUSED, source, path, "no rule reads the list %s", name);
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
			add(l, FINDING_UNUSED, source, path, "no rule uses the macro %s", name);
	}
}

static void look_at_labels(struct lint *l, const struct source *source)
{
	const struct policy *policy = l->set.policy;
	size_t n = 0;

	for (const struct json *row = json_first(json_get(source->doc, "labels")); row;
	     row = json_next(row), n++) {
		_cleanup_free_ char *path = xasprintf("$.labels[%zu].label", n);
		const char *name = json_string(json_get(row, "label"));
		const int index = policy_label_index(policy, name);

		if (index >= 0 && !(policy_labels_read(policy) & (UINT64_C(1) << index)))
			add(l, FINDING_UNREAD, source, path,
			    "no rule reads the label %s: it is recorded and decides nothing", name);
	}
}

static uint64_t labels_set(const struct policy *policy)
{
	uint64_t set = policy_labels_of_paths(policy);

	for (size_t i = 0; i < policy->rule_count; i++)
		set |= policy->rules[i].labels;
	return set;
}

static void look_at_unset(struct lint *l)
{
	const struct policy *policy = l->set.policy;
	uint64_t missing = ~labels_set(policy);

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

/* ---- all ---- */

int policy_lint(const char *const *paths, size_t count, struct lint *ret, struct error *err)
{
	int r;

	*ret = (struct lint){0};
	r = policy_trees_load(paths, count, &ret->set, err);
	if (r < 0)
		return r;
	look_at_rules(ret);
	for (size_t s = 0; s < ret->set.sources.count; s++) {
		look_at_lists(ret, &ret->set.sources.items[s]);
		look_at_macros(ret, &ret->set.sources.items[s]);
		look_at_labels(ret, &ret->set.sources.items[s]);
	}
	look_at_unset(ret);
	if (ret->count)
		qsort(ret->findings, ret->count, sizeof(*ret->findings), by_place);
	return 0;
}

void lint_done(struct lint *lint)
{
	free(lint->findings);
	policy_trees_done(&lint->set);
}
