/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An expression from text to value: it is refused with a place inside it, or it runs to an end on
 * any action; and where nothing of what its guard demands is there, it is exactly false.
 */

#include "tests/support/fuzz.h"

#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_write.h"
#include "monitor/policy/rule.h"
#include "tests/support/every_rule.h"

static struct str host_items[] = {STR("*.example.org"), STR("10.1.2.3")};
static const struct cel_list lists[] = {
	{.name = "hosts", .item = CEL_STRING, .strings = host_items, .count = 2},
	{.name = "none", .item = CEL_STRING},
};

/* Asks the index of a policy whose one rule is this one. */
static void check_guard(const struct policy *policy, const struct action *action, uint64_t labels,
			enum cel_result result)
{
	uint64_t bits[INDEX_WORDS] = {0};
	size_t words = 0;

	(void)policy_index_candidates(policy, action, labels, bits, &words);
	fuzz_expect(result == CEL_FALSE || (words == 1 && bits[0] == 1));
}

static void run(struct policy *policy, struct str text)
{
	const struct rule *rule = &policy->rules[0];

	for (unsigned i = 0; i < EVERY_ACTION_COUNT; i++) {
		struct str items[4];
		struct action action;
		const uint64_t labels = i % 3 ? (UINT64_C(1) << (i % 3)) : 0;
		struct cel_env env = {&action, labels, policy->label_names};
		enum cel_result result;

		every_action(i, text, items, &action);
		if (!(rule->kinds & (1u << action.kind)))
			continue;
		if (policy->label_count <= 2)
			env.labels = 0;
		result = cel_eval(&rule->when, &env);
		fuzz_expect(result == CEL_FALSE || result == CEL_TRUE || result == CEL_FAILED);
		check_guard(policy, &action, env.labels, result);
	}
}

/* The first byte chooses the kind of action; the rest is the expression. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *policy = xcalloc(1, sizeof(*policy));
	const struct str text = {(const char *)data + 1, size ? size - 1 : 0};
	struct cel_tree tree = {0};
	struct cel_error err = {0};
	struct cel_scope scope = {1, lists, 2};
	struct rule *rule;
	int r = -1;

	policy->rules = rule = xcalloc(1, sizeof(*rule));
	policy->rule_count = 1;
	for (unsigned i = 0; i < 3; i++) {
		static const struct str names[] = {STR("secret"), STR("canary"), STR("weights")};

		(void)policy_label_intern(policy, names[i]);
	}
	if (size) {
		scope.kinds = rule->kinds = 1u << (data[0] % ACTION_KINDS);
		r = cel_parse(text, &tree, &err);
	}
	if (r == 0)
		r = cel_type(&tree, &scope, &rule->when.reads, &err);
	if (r == 0 && guard_of_tree(policy, &tree, &rule->guard, &rule->labels_read) < 0)
		r = -1; /* a label that is no name */
	else if (r == 0)
		r = cel_compile(&tree, &rule->when, &err);
	fuzz_expect(err.at <= text.len);
	cel_tree_done(&tree);
	if (r == 0) {
		policy_index_build(policy);
		run(policy, text);
	}
	(void)policy_free(policy);
	return 0;
}
