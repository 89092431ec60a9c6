/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The examples in the rules, run when all rules are there: each `match` must match its rule, each
 * `not_match` must not. An example stands alone: a fresh state, the labels it names, its action
 * `repeat` times.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/example.h"
#include "monitor/policy/rule.h"

#define START_NS UINT64_C(1000000000)

/* Return: whether the last repetition matched; *ret_failed if an expression gave an error. */
static bool run_example(const struct policy *policy, const struct rule *rule,
			const struct example *e, bool *ret_failed)
{
	struct policy_state *state = state_new_for_rule(policy, rule);
	enum cel_result result = CEL_FALSE;
	bool matched = false;
	char text[EXAMPLE_TEXT_BYTES];
	struct action action;

	policy_state_add_labels(state, e->labels);
	for (int64_t n = 0; n < e->repeat; n++) {
		example_action(e, n, START_NS, text, &action);
		state_set_time(state, action.time_ns);
		matched = rule_matches(policy, state, rule, &action, &result);
		*ret_failed |= result == CEL_FAILED;
	}
	(void)policy_state_free(state);
	return matched;
}

static int check_example(const struct example_place *place, const struct rule *rule,
			 const struct json *node, bool expected)
{
	struct example e;
	bool matched = false;
	bool failed = false;
	const int r = example_decode(place, node, &e);

	if (r == 0)
		matched = run_example(place->policy, rule, &e, &failed);
	example_done(&e);
	if (failed)
		return example_fail(
			place, "",
			"\"when\" ends in an error on this example (an index outside its list, "
			"a text that is no address); let it be true or false");
	if (r < 0 || matched == expected)
		return r;
	return example_fail(place, "",
			    expected ? "this example should match the rule and does not"
				     : "this example should not match the rule and does");
}

static int check_list(struct example_place *place, const struct rule *rule, const char *path,
		      const struct json *list, bool expected)
{
	size_t n = 0;

	for (const struct json *node = json_first(list); node; node = json_next(node), n++) {
		_cleanup_free_ char *at = xasprintf("%s[%zu]", path, n);
		int r;

		place->path = at;
		r = check_example(place, rule, node, expected);
		if (r < 0)
			return r;
	}
	place->path = path;
	return n ? 0 : example_fail(place, "", "at least one example each in match and not_match");
}

int policy_check_examples(const struct policy *policy, const struct source *source, size_t *next,
			  struct error *err)
{
	struct example_place place = {.policy = policy, .source = source, .err = err};
	const struct json *node = json_first(json_get(source->doc, "rules"));
	int r = 0;

	for (size_t n = 0; node && r == 0; node = json_next(node), n++) {
		_cleanup_free_ char *match = xasprintf("$.rules[%zu].match", n);
		_cleanup_free_ char *not_match = xasprintf("$.rules[%zu].not_match", n);
		const struct rule *rule = &policy->rules[(*next)++];

		place.about = rule->info.id;
		place.kinds = rule->kinds;
		r = check_list(&place, rule, match, json_get(node, "match"), true);
		if (r == 0)
			r = check_list(&place, rule, not_match, json_get(node, "not_match"), false);
	}
	return r;
}
