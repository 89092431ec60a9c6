/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A stream of actions shown to policies that look back: sequences by each key, budgets, counters.
 * The input says of each action its kind, process, names and time. Asked by index or rule by rule,
 * the answers are the same, what is remembered stays within what was taken, and what had to be
 * forgotten is told.
 */

#include "tests/support/fuzz.h"

#include <string.h>

#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "tests/support/every_rule.h"

#define BYTES_EACH 4u
#define NS_PER_MS  UINT64_C(1000000)

static struct policy *load(const char *path)
{
	struct policy *policy = NULL;
	struct error err = {0};

	fuzz_expect(policy_load(&path, 1, &policy, &err) == 0);
	return policy;
}

static void set(const struct action *action, const char *name, void *at, struct str text,
		int64_t integer)
{
	for (size_t i = 0; i < action_field_count; i++) {
		const struct action_field *field = &action_fields[i];

		if (strcmp(field->name, name) != 0 || !(field->kinds & (1u << action->kind)))
			continue;
		if (field->type == FIELD_STRING)
			memcpy((char *)at + field->offset, &text, sizeof(text));
		else if (field->type == FIELD_INT)
			memcpy((char *)at + field->offset, &integer, sizeof(integer));
	}
}

/* @name: room for a name of its own. */
static void action_of(const uint8_t *bytes, uint64_t *now, char name[8], struct action *ret)
{
	static const struct str words[] = {STR("/usr/bin/sh"), STR("sh"),     STR("a.example.org"),
					   STR("/x"),	       STR("rename"), STR("link")};
	const struct str word = words[bytes[2] % (sizeof(words) / sizeof(words[0]))];
	const struct str own = {name, 3};

	memcpy(name, "/", 2);
	name[1] = (char)('a' + bytes[2] % 26);
	name[2] = (char)('a' + bytes[3] % 26);
	*now += bytes[3] % 32 * NS_PER_MS * 100;
	*ret = (struct action){.kind = (enum action_kind)(bytes[0] % ACTION_KINDS),
			       .time_ns = *now,
			       .exec_id = 1 + (bytes[0] >> 6),
			       .pid = 1 + bytes[1] % 16,
			       .write = bytes[1] & 16,
			       .create = bytes[1] & 32,
			       .call_id = bytes[1] & 64 ? STR("c1") : STR("")};
	set(ret, "path", ret, bytes[1] & 128 ? word : own, 0);
	set(ret, "target", ret, STR("/bb"), 0);
	set(ret, "op", ret, words[4 + bytes[3] % 2], 0);
	set(ret, "host", ret, bytes[1] & 128 ? word : own, 0);
	set(ret, "name", ret, word, 0);
	set(ret, "port", ret, STR(""), bytes[3] % 8);
	set(ret, "parent", ret, STR(""), 1 + bytes[3] % 16);
	set(ret, "result", ret, STR(""), (int64_t)(bytes[3] % 16) - 2);
}

static void play(const struct policy *policy, const uint8_t *data, size_t size)
{
	struct policy_state *by_index = policy_state_new(policy);
	struct policy_state *by_rule = policy_state_new(policy);
	uint64_t now = UINT64_C(1000000000);

	for (size_t i = 0; i + BYTES_EACH <= size; i += BYTES_EACH) {
		const struct rule_info *forgot;
		struct decision got;
		struct decision expected;
		struct action action;
		char name[8];

		if (data[i] == 255) { /* from here on the trace is lost */
			policy_state_assume_unseen(by_index, data[i + 1] & 1, data[i + 1] & 2);
			policy_state_assume_unseen(by_rule, data[i + 1] & 1, data[i + 1] & 2);
			continue;
		}
		action_of(data + i, &now, name, &action);
		policy_decide(policy, by_index, &action, &got);
		every_rule_decide(policy, by_rule, &action, &expected);
		fuzz_expect(got.verdict == expected.verdict && got.rule == expected.rule);
		fuzz_expect(got.matched == expected.matched);
		fuzz_expect(got.found == expected.found);
		fuzz_expect(policy_state_labels(by_index) == policy_state_labels(by_rule));
		fuzz_expect(policy_state_evicted(by_index, &forgot) ==
			    policy_state_evicted(by_rule, &forgot));
		fuzz_expect(got.began_ns <= now);
	}
	(void)policy_state_free(by_index);
	(void)policy_state_free(by_rule);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct policy *sequences;
	static struct policy *budgets;

	if (!sequences) {
		sequences = load(STREAM_POLICIES "/sequences.json");
		budgets = load(STREAM_POLICIES "/budgets.json");
	}
	play(sequences, data, size);
	play(budgets, data, size);
	return 0;
}
