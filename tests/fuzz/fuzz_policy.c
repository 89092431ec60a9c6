/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A whole policy file. One that loads is asked about a stream of actions of every kind: the answers
 * must be those of asking every rule and every step, whatever the index left out. One that does not
 * load must say why and where.
 */

#include "tests/support/fuzz.h"

#include <string.h>

#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "tests/support/every_rule.h"

static void ask(const struct policy *policy, struct str text)
{
	struct policy_state *by_index = policy_state_new(policy);
	struct policy_state *by_rule = policy_state_new(policy);
	const struct rule_info *evicted;

	for (unsigned i = 0; i < EVERY_ACTION_COUNT; i++) {
		struct str items[4];
		struct action action;
		struct decision got;
		struct decision expected;

		every_action(i, text, items, &action);
		policy_decide(policy, by_index, &action, &got);
		every_rule_decide(policy, by_rule, &action, &expected);
		fuzz_expect(got.verdict == expected.verdict);
		fuzz_expect(got.rule == expected.rule);
		fuzz_expect(got.matched == expected.matched);
		fuzz_expect(got.found == expected.found);
		fuzz_expect(got.errno_value == expected.errno_value);
		fuzz_expect(policy_state_labels(by_index) == policy_state_labels(by_rule));
		fuzz_expect(got.labels_removed == expected.labels_removed);
		fuzz_expect(policy_state_evicted(by_index, &evicted) ==
			    policy_state_evicted(by_rule, &evicted));
		fuzz_expect(policy_because(policy, &action, &got)[0] != '\0');
	}
	(void)policy_state_free(by_index);
	(void)policy_state_free(by_rule);
}

/* The text of the file between its first two '#', as a value that its rules may know. */
static struct str marked_text(const char *text, size_t size)
{
	const char *start = memchr(text, '#', size);
	const char *end;

	if (!start)
		return STR("id_rsa");
	start++;
	end = memchr(start, '#', size - (size_t)(start - text));
	return end ? (struct str){start, (size_t)(end - start)} : STR("id_rsa");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = size ? (const char *)data : "";
	struct policy *policy = NULL;
	struct error err = {0};

	if (policy_load_text("p", text, size, &policy, &err) < 0) {
		fuzz_expect(!policy && err.code < 0 && err.text[0]);
		return 0;
	}
	ask(policy, marked_text(text, size));
	(void)policy_free(policy);
	return 0;
}
