/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rules that look back, and can never have seen enough: their examples hold, for these take no time
 * and stand alone, and in a session they never match.
 */

#include <inttypes.h>

#include "monitor/policy/lint_internal.h"
#include "monitor/policy/lint_tree.h"

/* What is checked before is decided and recorded one after the other: never faster than that. */
#define MIN_ACTION_NS 1000u

static const char *id_of(const struct rule_tree *r)
{
	return r->rule->info.id;
}

static bool all_checked_before(uint32_t kinds)
{
	for (unsigned k = 0; k < ACTION_KINDS; k++) {
		if ((kinds & (1u << k)) &&
		    (action_enforced((enum action_kind)k) != ENFORCED_BEFORE ||
		     k == ACTION_FILE_CHANGE))
			return false;
	}
	return true;
}

static void look_at_window(struct lint *l, const struct rule_tree *r)
{
	const struct count_spec *count = &r->rule->count;
	const uint64_t needed_ns =
		(uint64_t)(count->at_least ? count->at_least - 1 : 0) * MIN_ACTION_NS;

	if (count->at_least && needed_ns > count->window_ns && all_checked_before(r->rule->kinds))
		lint_add(l, FINDING_UNREACHABLE, r, "count.window",
			 "%s: %" PRIu32 " actions take longer than its window of %" PRIu64
			 " ms: each is decided and recorded on its own",
			 id_of(r), count->at_least, count->window_ns / 1000000);
}

/* Of a socket that is no file there is no path to go by. */
static bool has_no_path(const struct cel_tree *tree, uint32_t kinds)
{
	const uint32_t net =
		1u << ACTION_CONNECT | 1u << ACTION_SEND | 1u << ACTION_BIND | 1u << ACTION_LISTEN;

	return !(kinds & ~net) && (tree_demands_bool(tree, "loopback", false) ||
				   tree_demands_text(tree, "family", STR("inet")) ||
				   tree_demands_text(tree, "family", STR("inet6")));
}

static void look_at_key(struct lint *l, const struct rule_tree *r)
{
	const struct sequence *s = &r->rule->sequence;
	bool never = has_no_path(&r->tree, r->rule->kinds);

	if (!s->step_count || s->by != BY_FILE)
		return;
	for (size_t i = 0; i < r->step_count; i++)
		never |= r->steps[i].step->role == STEP_DONE &&
			 has_no_path(&r->steps[i].tree, r->steps[i].step->is.kinds);
	if (never)
		lint_add(l, FINDING_UNREACHABLE, r, "sequence.by",
			 "%s: by \"file\", and a socket of the network has no path", id_of(r));
}

/* Kinds of which each one is an amount of its own, so that refusing them bounds it. */
static uint32_t kinds_that_use(enum budget_of of)
{
	switch (of) {
	case BUDGET_TOOL_CALLS:
		return 1u << ACTION_TOOL_CALL;
	case BUDGET_CONNECTIONS:
		return 1u << ACTION_CONNECT;
	case BUDGET_HOSTS:
		return 1u << ACTION_CONNECT | 1u << ACTION_SEND;
	case BUDGET_FILES_WRITTEN:
	case BUDGET_PROCESSES_CREATED:
	case BUDGET_PROCESSES_ALIVE:
	case BUDGET_CPU_SECONDS:
	case BUDGET_MEMORY:
	case BUDGET_BYTES_WRITTEN:
	case BUDGET_BYTES_OUT:
	case BUDGET_SPEND:
	case BUDGETS:
		break;
	}
	return 0;
}

static bool is_always_true(const struct cel_tree *tree)
{
	return tree->root->kind == NODE_BOOL && tree->root->boolean;
}

/* `b` refuses all that would use more than its limit, so that no more is ever used. */
static bool caps(const struct rule_tree *b, const struct budget *budget)
{
	const struct rule *rule = b->rule;
	const uint32_t using = kinds_that_use(budget->of);

	return using && rule->budget.is_set && rule->budget.of == budget->of &&
	       rule->budget.per == budget->per && rule->verdict >= VERDICT_DENY &&
	       !rule->observed && !(using & ~rule->kinds) && !rule->count.at_least &&
	       !rule->sequence.step_count && is_always_true(&b->tree);
}

static void look_at_budget(struct lint *l, const struct rule_tree *r)
{
	const struct budget *budget = &r->rule->budget;
	/* The action that is refused would have been one more. */
	const uint64_t own = (r->rule->kinds & kinds_that_use(budget->of)) ? 1 : 0;

	for (size_t i = 0; i < l->set.count && budget->is_set; i++) {
		const struct rule_tree *other = &l->set.rules[i];

		if (other == r || !caps(other, budget) ||
		    other->rule->budget.limit + own > budget->limit)
			continue;
		lint_add(l, FINDING_UNREACHABLE, r, "budget.limit",
			 "%s: more than %" PRIu64
			 " %s are never used: %s refuses what is over %" PRIu64,
			 id_of(r), budget->limit, budget_of_name(budget->of), id_of(other),
			 other->rule->budget.limit);
		return;
	}
}

void lint_look_back(struct lint *lint, const struct rule_tree *rule)
{
	look_at_window(lint, rule);
	look_at_key(lint, rule);
	look_at_budget(lint, rule);
}
