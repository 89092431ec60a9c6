/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The examples in the rules, run when all rules are there: each `match` must match its rule, each
 * `not_match` must not. An example stands alone: a fresh state, what was before, the labels it
 * names, its action `repeat` times.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/example.h"
#include "monitor/policy/policy_state.h"
#include "monitor/policy/rule.h"
#include "monitor/policy/why_false.h"

#define START_NS UINT64_C(1000000000)

struct run {
	const struct policy *policy;
	const struct rule *rule;
	struct policy_state *state;
	uint64_t now_ns;
	bool failed; /* an expression gave an error */
	struct rule_match last;
	struct action action; /* that it is of */
	char text[EXAMPLE_TEXT_BYTES];
};

static bool decide_alone(struct run *run, const struct action *action)
{
	const struct policy *policy = run->policy;
	const struct rule *rule = run->rule;
	const struct sequence *s = &rule->sequence;
	const uint32_t kind = 1u << action->kind;
	struct rule_match match = {.result = CEL_FALSE};
	const struct cel_env env = policy_env(policy, run->state, action, NULL);
	bool matched = false;
	bool refused;

	state_set_time(run->state, action->time_ns);
	budgets_measure(policy, run->state, action);
	if (rule->kinds & kind)
		matched = rule_matches(policy, run->state, rule, &env, &match);
	refused = matched && rule->verdict >= VERDICT_ASK;
	for (size_t i = 0; i < s->step_count; i++) {
		const struct step *step = &policy->steps[s->first_step + i];

		if (step->is.kinds & kind)
			step_take(policy, run->state, step, &env, refused);
	}
	if (s->step_count)
		sequences_follow(policy, run->state, action, refused);
	budgets_take(policy, run->state, action, refused);
	run->failed |= match.result == CEL_FAILED;
	run->last = match;
	run->action = *action;
	return matched;
}

/* Return: whether the last repetition matched. */
/* NOLINTNEXTLINE(misc-no-recursion): what was before has nothing before it */
static bool play(struct run *run, const struct example *e)
{
	struct action action;
	bool matched = false;

	for (size_t i = 0; i < e->before_count; i++)
		(void)play(run, &e->before[i]);
	example_add_labels(e, run->state);
	policy_state_note_cpu(run->state, 0, e->cpu_us);
	if (e->bytes_out)
		budgets_take_bytes(run->policy, run->state, &e->action, e->bytes_out);
	run->now_ns += e->after_ns;
	for (int64_t n = 0; n < e->repeat; n++) {
		example_action(e, n, run->now_ns, run->text, &action);
		matched = decide_alone(run, &action);
	}
	run->now_ns += (uint64_t)e->repeat * e->every_ns;
	return matched;
}

/* The step that it did not come to. */
static void tell_sequence(const struct run *run, struct buf *why)
{
	const struct sequence *s = &run->rule->sequence;
	const uint32_t reached = sequence_reached(run->policy, run->state, run->rule, &run->action);

	if (reached == s->places) {
		buf_puts(why, s->places ? ": its first step is longer ago than \"within\" says"
					: ": what must be missing has been, or \"since\" has not");
		return;
	}
	for (size_t i = 0; i < s->step_count; i++) {
		const struct step *step = &run->policy->steps[s->first_step + i];

		if (step->role == STEP_DONE && reached >= step->place &&
		    reached < step->place + step->repeat)
			buf_printf(why,
				   ": it does not come past $.sequence.steps[%u], which is not "
				   "done%s, or is undone by what is missing or \"until\"",
				   step->in_file, step->repeat > 1 ? " often enough" : "");
	}
}

/* Why the action that came last does not match, where that is not to be seen from the action. */
static void tell_why(const struct run *run, struct buf *why)
{
	const struct rule *rule = run->rule;
	const struct rule_match *last = &run->last;

	if (!rule_looks_back(rule))
		return;
	if (last->result == CEL_FALSE)
		buf_puts(why, ": \"when\" is false of its action");
	else if (!last->in_sequence)
		tell_sequence(run, why);
	else if (!last->over_budget)
		buf_printf(why, ": %" PRIu64 " are used, and its limit is %" PRIu64, last->used,
			   rule->budget.limit);
	else
		buf_printf(why, ": it is counted %u times of %u", state_counted(run->state, rule),
			   rule->count.at_least);
}

/* Of a rule, that are to match or are not to. */
struct example_list {
	const struct rule *rule;
	struct written_when when;
	const char *path;
	const struct json *items;
	bool expected;
};

struct told {
	struct buf why, parts; /* behind the reason; below it */
};

static void tell_parts(const struct run *run, const struct written_when *when, struct buf *out)
{
	const struct cel_env env = policy_env(run->policy, run->state, &run->action, NULL);

	if (run->rule->kinds & (1u << run->action.kind) && run->last.result == CEL_FALSE)
		condition_tell_false(when, &env, out);
}

/* @told: filled unless it matches. */
static bool run_example(const struct example_list *list, const struct example *e, bool *ret_failed,
			struct told *told)
{
	struct run run = {.policy = list->when.policy,
			  .rule = list->rule,
			  .state = state_new_for_rule(list->when.policy, list->rule),
			  .now_ns = START_NS};
	const bool matched = play(&run, e);

	*ret_failed = run.failed;
	if (!matched && list->expected) {
		tell_why(&run, &told->why);
		tell_parts(&run, &list->when, &told->parts);
	}
	(void)policy_state_free(run.state);
	return matched;
}

static int fail_unmatched(const struct example_place *place, struct told *told)
{
	_cleanup_free_ char *text =
		xasprintf("this example should match the rule and does not%.*s", (int)told->why.len,
			  told->why.len ? told->why.data : "");
	const int r = example_fail(place, "", text);

	buf_putc(&told->parts, '\0');
	(void)error_append(place->err, told->parts.data);
	return r;
}

static int check_example(const struct example_place *place, const struct example_list *list,
			 const struct json *node)
{
	struct told told = {BUF_INIT(0), BUF_INIT(0)};
	struct example e;
	bool matched = false;
	bool failed = false;
	int r = example_decode(place, node, &e);

	if (r == 0)
		matched = run_example(list, &e, &failed, &told);
	example_done(&e);
	if (failed)
		r = example_fail(
			place, "",
			"\"when\" ends in an error on this example (an index outside its list, "
			"a text that is no address); let it be true or false");
	else if (r == 0 && matched != list->expected)
		r = list->expected
			    ? fail_unmatched(place, &told)
			    : example_fail(place, "",
					   "this example should not match the rule and does");
	buf_done(&told.why);
	buf_done(&told.parts);
	return r;
}

static int check_list(struct example_place *place, const struct example_list *list)
{
	size_t n = 0;

	for (const struct json *node = json_first(list->items); node; node = json_next(node), n++) {
		_cleanup_free_ char *at = xasprintf("%s[%zu]", list->path, n);
		int r;

		place->path = at;
		r = check_example(place, list, node);
		if (r < 0)
			return r;
	}
	place->path = list->path;
	return n ? 0
		 : example_fail(place, "",
				"at least one example each in match and not_match; where no action "
				"could be one, write a default for the kind, or say in \"when\" "
				"which are meant");
}

static int check_rule(struct example_place *place, const struct rule *rule, const struct json *node,
		      size_t n)
{
	_cleanup_free_ char *match = xasprintf("$.rules[%zu].match", n);
	_cleanup_free_ char *not_match = xasprintf("$.rules[%zu].not_match", n);
	_cleanup_free_ char *when = xasprintf("$.rules[%zu].when", n);
	struct example_list list = {.rule = rule,
				    .when = {.policy = place->policy,
					     .source = place->source,
					     .path = when,
					     .text = json_string(json_get(node, "when")),
					     .kinds = rule->kinds},
				    .path = match,
				    .items = json_get(node, "match"),
				    .expected = true};
	int r;

	place->about = rule->info.id;
	place->kinds = rule->kinds;
	r = check_list(place, &list);
	if (r < 0)
		return r;
	list.path = not_match;
	list.items = json_get(node, "not_match");
	list.expected = false;
	return check_list(place, &list);
}

int policy_check_examples(const struct policy *policy, const struct source *source, size_t *next,
			  struct error *err)
{
	struct example_place place = {.policy = policy, .source = source, .err = err};
	const struct json *node = json_first(json_get(source->doc, "rules"));
	int r = 0;

	for (size_t n = 0; node && r == 0; node = json_next(node), n++) {
		r = check_rule(&place, &policy->rules[*next], node, n);
		++*next;
	}
	return r;
}
