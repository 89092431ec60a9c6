/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/policy/explain_output.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/cordon/policy/policy_command.h"

static const char *answer_name(enum rule_answer answer)
{
	static const char *const names[] = {
		[RULE_FALSE] = "no",
		[RULE_MATCHED] = "matched",
		[RULE_BELOW_COUNT] = "below count",
		[RULE_NO_SEQUENCE] = "not after its steps",
		[RULE_IN_BUDGET] = "within budget",
		[RULE_FAILED] = "error: counts as a match",
		[RULE_FAILED_ALLOW] = "error: allows nothing",
	};

	return names[answer];
}

static size_t rules_on_kind(const struct explanation *e)
{
	size_t count = 0;

	for (size_t i = 0; i < policy_rule_count(e->policy); i++)
		count += (policy_rule_kinds(e->policy, i) & (1u << e->action.kind)) != 0;
	return count;
}

static void put_answers(struct json_writer *w, const struct explanation *e)
{
	json_begin_array(w, "asked");
	for (size_t i = 0; i < e->asked; i++) {
		const struct answer *a = &e->answers[i];
		const struct rule_info *info = policy_rule(e->policy, a->rule);
		uint64_t window_ns;
		const uint32_t at_least = policy_rule_at_least(e->policy, a->rule, &window_ns);

		json_begin_object(w, NULL);
		json_put_string(w, "rule", info->id);
		json_put_string(w, "file", info->file);
		json_put_string(w, "verdict",
				verdict_name(policy_rule_verdict(e->policy, a->rule)));
		json_put_string(w, "mode",
				policy_rule_is_observed(e->policy, a->rule) ? "observe"
									    : "enforce");
		json_put_string(w, "answer", answer_name(a->answer));
		if (at_least) {
			json_put_u64(w, "at_least", at_least);
			json_put_u64(w, "window_ms", window_ns / 1000000);
		}
		if (policy_rule_steps(e->policy, a->rule, &window_ns)) {
			json_put_u64(w, "steps", policy_rule_steps(e->policy, a->rule, &window_ns));
			json_put_u64(w, "within_ms", window_ns / 1000000);
		}
		policy_put_budget(e->policy, "budget", a->rule, w);
		policy_put_reads(e->policy, "reads", a->rule, &e->action, &e->labels_before, w);
		json_end_object(w);
	}
	json_end_array(w);
	json_put_u64(w, "not_asked", rules_on_kind(e) - e->asked);
}

void explain_print_json(const struct explanation *e, const struct policy_state *state)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out, .indent = true};
	const struct decision *d = &e->decision;

	json_begin_object(&w, NULL);
	put_action(&w, "action", &e->action);
	policy_put_labels(&w, "labels", e->policy, e->labels_before.session);
	policy_put_labels(&w, "process_labels", e->policy, e->labels_before.process);
	json_put_string(&w, "verdict", verdict_name(d->verdict));
	json_put_string(&w, "errno",
			d->verdict >= VERDICT_ASK ? strerrorname_np(d->errno_value) : NULL);
	policy_explain(e->policy, state, &e->action, d, &w);
	if (policy_tells_would(d))
		policy_explain_would(e->policy, state, &e->action, d, &w);
	policy_put_also(e->policy, d, &w);
	policy_put_labels(&w, "labels_set", e->policy, d->labels_added);
	policy_put_labels(&w, "labels_taken", e->policy, d->labels_removed);
	put_answers(&w, e);
	json_end_object(&w);
	(void)puts(out.data);
}

static void print_labels(const char *what, const struct policy *policy, uint64_t labels)
{
	if (!labels)
		return;
	(void)printf("%s", what);
	for (size_t i = 0; i < policy_label_count(policy); i++) {
		if (labels & (UINT64_C(1) << i))
			(void)printf(" %s", policy_label_name(policy, i));
	}
	(void)putchar('\n');
}

static void print_verdict(const struct explanation *e, bool colour)
{
	const struct decision *d = &e->decision;

	(void)printf("%s%s%s", verdict_colour(d->verdict, colour), verdict_name(d->verdict),
		     end_colour(colour));
	if (d->verdict >= VERDICT_ASK)
		(void)printf(" (%s)", strerrorname_np(d->errno_value));
	if (d->rule) {
		(void)printf(" by %s: ", d->rule->id);
		print_text(d->rule->category);
		(void)printf(", %s\n    ", d->rule->severity);
	} else {
		(void)printf(" by the default of %s\n    ", action_kind_name(e->action.kind));
	}
	print_text(policy_because(e->policy, &e->action, d));
	(void)putchar('\n');
}

static void print_other(const char *how, const struct policy *policy, size_t index)
{
	const struct rule_info *info = policy_rule(policy, index);

	(void)printf("    %s %s (%s, %s)\n", how, info->id, info->severity,
		     verdict_name(policy_rule_verdict(policy, index)));
}

/* Rules that matched, too: a verdict hides none of them from the record. */
static void print_others(const struct explanation *e)
{
	struct also also;

	if (policy_tells_would(&e->decision))
		print_other("only observed:", e->policy, e->decision.would_index);
	policy_also(e->policy, &e->decision, &also);
	for (size_t i = 0; i < also.count; i++)
		print_other(policy_rule_is_observed(e->policy, also.rules[i]) ? "only observed:"
									      : "also",
			    e->policy, also.rules[i]);
	if (also.omitted)
		(void)printf("    and %u more, none of them more severe\n", also.omitted);
}

/* What besides its expression the rule waits for. */
static void print_conditions(const struct policy *policy, size_t rule)
{
	_cleanup_buf_ struct buf budget = BUF_INIT(0);
	struct json_writer w = {.out = &budget};
	uint64_t window_ns;
	const uint32_t at_least = policy_rule_at_least(policy, rule, &window_ns);

	if (at_least)
		(void)printf(" (%u times in %g s)", at_least, (double)window_ns / 1e9);
	if (policy_rule_steps(policy, rule, &window_ns) && window_ns)
		(void)printf(" (after others, within %g s)", (double)window_ns / 1e9);
	else if (policy_rule_steps(policy, rule, &window_ns))
		(void)printf(" (after others)");
	policy_put_budget(policy, NULL, rule, &w);
	if (budget.len) {
		(void)printf(" (");
		print_members(budget.data, budget.len, "");
		(void)printf(")");
	}
	if (policy_rule_is_observed(policy, rule))
		(void)printf(" (observed only)");
}

static void print_answer(const struct explanation *e, const struct answer *a, bool colour)
{
	_cleanup_buf_ struct buf reads = BUF_INIT(0);
	struct json_writer w = {.out = &reads};
	const enum verdict verdict = policy_rule_verdict(e->policy, a->rule);

	colour = colour && a->answer != RULE_FALSE;
	(void)printf("  %-11s %s%-5s%s %s", answer_name(a->answer), verdict_colour(verdict, colour),
		     verdict_name(verdict), end_colour(colour),
		     policy_rule(e->policy, a->rule)->id);
	print_conditions(e->policy, a->rule);
	(void)putchar('\n');
	policy_put_reads(e->policy, NULL, a->rule, &e->action, &e->labels_before, &w);
	if (reads.len > strlen("{}")) {
		(void)printf("              ");
		print_members(reads.data, reads.len, "action.");
		(void)putchar('\n');
	}
}

static void print_answers(const struct explanation *e, bool colour)
{
	const size_t not_asked = rules_on_kind(e) - e->asked;

	for (size_t i = 0; i < e->asked; i++)
		print_answer(e, &e->answers[i], colour);
	if (not_asked)
		(void)printf("  %zu other rule%s on %s had no need to be asked: nothing that %s "
			     "for is there\n",
			     not_asked, not_asked == 1 ? "" : "s", action_kind_name(e->action.kind),
			     not_asked == 1 ? "it looks" : "they look");
}

void explain_print_plainly(const struct explanation *e)
{
	_cleanup_buf_ struct buf action = BUF_INIT(0);
	struct json_writer w = {.out = &action};
	const bool colour = is_colourful();

	put_action(&w, NULL, &e->action);
	print_members(action.data, action.len, "");
	(void)putchar('\n');
	print_labels("labels before:", e->policy, e->labels_before.session);
	if (e->labels_before.process != e->labels_before.session)
		print_labels("of its process:", e->policy, e->labels_before.process);
	print_verdict(e, colour);
	print_others(e);
	print_labels("sets the labels:", e->policy, e->decision.labels_added);
	print_labels("takes away the labels:", e->policy, e->decision.labels_removed);
	if (rules_on_kind(e))
		(void)printf("rules that were asked:\n");
	print_answers(e, colour);
}
