/* SPDX-License-Identifier: Apache-2.0 */

/* Each rule by itself, and beside those that are true of the same actions. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/example.h"
#include "monitor/policy/lint_internal.h"
#include "monitor/policy/lint_tree.h"
#include "monitor/policy/policy_state.h"

/* @member: whose expression @tree is, behind the rule. */
static void add_at_part(struct lint *l, const struct rule_tree *r, const char *member,
			const struct cel_tree *tree, const struct fixed_part *part)
{
	_cleanup_free_ char *path = xasprintf("$.rules[%zu]%s.when", r->in_file, member);
	const struct text_place place =
		policy_place_of(l->set.policy, tree, r->source, path, part->at->at);
	struct finding *finding;

	finding = lint_add_at(l, part->value ? FINDING_REDUNDANT : FINDING_UNREACHABLE,
			      place.source, place.offset);
	finding->rule = r->rule->info.id;
	(void)snprintf(finding->text, sizeof(finding->text), "%s: %s", r->rule->info.id,
		       part->reason);
}

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
	const uint32_t placed = change | 1u << ACTION_FILE_OPEN | 1u << ACTION_CONNECT |
				1u << ACTION_SEND | 1u << ACTION_BIND;
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
	if (r->rule->only_host_bound && (r->rule->kinds & ~placed))
		lint_add(l, FINDING_UNREACHABLE, r, "on",
			 "%s: action.provenance is \"host-bound\" of file.open, file.change, "
			 "net.connect, net.send and net.bind only",
			 r->rule->info.id);
}

/*
 * `b` matches whenever `a` does, decides then, and does all that `a` would. A rule that logs
 * or only adds to it decides nothing, so it does not hide one that allows; one that is only
 * observed hides nothing.
 */
static bool hides(const struct rule_tree *b, const struct rule_tree *a)
{
	if (a->rule->observed || b->rule->observed || (a->rule->kinds & ~b->rule->kinds) ||
	    rule_looks_back(b->rule) || (a->rule->labels & ~b->rule->labels) ||
	    (a->rule->declassify & ~b->rule->declassify) || !rule_outranks(b->rule, a->rule) ||
	    (b->rule->verdict <= VERDICT_REDACT && a->rule->verdict == VERDICT_ALLOW))
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

void lint_rules(struct lint *l)
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
