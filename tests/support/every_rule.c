/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/every_rule.h"

#include <errno.h>
#include <string.h>

#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "monitor/policy/rule.h"

void every_rule_decide(const struct policy *policy, struct policy_state *state,
		       const struct action *action, struct decision *ret)
{
	const struct cel_env env = policy_env(policy, state, action, NULL); /* nothing is shared */
	const enum verdict otherwise = policy_default(policy, action);
	const struct rule *best = NULL;
	uint64_t declassified = 0;
	uint64_t set = 0;
	bool decided = false;

	*ret = (struct decision){.verdict = otherwise};
	state_set_time(state, action->time_ns);
	budgets_measure(policy, state, action);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];
		struct rule_match match;

		if (!(rule->kinds & (1u << action->kind)) ||
		    !rule_matches(policy, state, rule, &env, &match))
			continue;
		ret->labels_added |= rule->labels & ~env.labels;
		set |= rule->labels;
		if (match.result == CEL_TRUE)
			declassified |= rule->declassify;
		if (match.result == CEL_FAILED && rule->verdict == VERDICT_ALLOW)
			continue;
		ret->matched++;
		if (rule->verdict != VERDICT_ALLOW && ret->found++ < MAX_FOUND)
			ret->found_rules[ret->found - 1] = (uint16_t)i;
		decided |= rule->verdict != VERDICT_LOG;
		if (!best || rule->verdict > best->verdict ||
		    (rule->verdict == best->verdict &&
		     (rule->severity_rank > best->severity_rank ||
		      (rule->severity_rank == best->severity_rank &&
		       strcmp(rule->info.id, best->info.id) < 0))))
			best = rule;
	}
	policy_state_add_labels(state, ret->labels_added);
	if (best && (decided || best->verdict >= otherwise)) {
		ret->verdict = best->verdict;
		ret->rule = &best->info;
		ret->errno_value = best->errno_value;
	} else {
		ret->errno_value = otherwise >= VERDICT_ASK ? EPERM : 0;
	}
	if (ret->verdict < VERDICT_ASK)
		ret->labels_removed = state_remove_labels(state, declassified & ~set);
	for (size_t i = 0; i < policy->step_count; i++) {
		if (policy->steps[i].is.kinds & (1u << action->kind))
			step_take(policy, state, &policy->steps[i], &env,
				  ret->verdict >= VERDICT_ASK);
	}
	sequences_follow(policy, state, action, ret->verdict >= VERDICT_ASK);
	budgets_take(policy, state, action, ret->verdict >= VERDICT_ASK);
}

void every_action(unsigned index, struct str text, struct str items[4], struct action *ret)
{
	static const struct str words[] = {
		STR("/home/agent/.ssh/id_rsa"),
		STR("/usr/bin/ssh"),
		STR("x.gguf"),
		STR("169.254.169.254"),
		STR("10.1.2.3"),
		STR("::1"),
		STR("a.b.example.org"),
		STR("EXAMPLE.org."),
		STR(""),
		STR("sh"),
		STR("-c"),
		STR("env A=1 ssh h"),
	};
	const unsigned kind = index % ACTION_KINDS;
	struct action *a = ret;

	*a = (struct action){.kind = (enum action_kind)kind,
			     .time_ns = UINT64_C(1000000000) * (index + 1),
			     .exec_id = 1,
			     .pid = 1 + index / ACTION_KINDS};
	for (size_t i = 0; i < action_field_count; i++) {
		const struct action_field *field = &action_fields[i];
		const size_t pick =
			((size_t)index * 7 + i * 5) % (sizeof(words) / sizeof(words[0]) + 2);
		const bool own = pick >= sizeof(words) / sizeof(words[0]);
		const struct str value = own ? text : words[pick];
		const int64_t integer = (int64_t)index * 111 - 443 + (own ? 443 : 0);
		const bool boolean = pick % 2;
		char *at = (char *)a + field->offset;

		if (!(field->kinds & (1u << kind)))
			continue;
		if (field->type == FIELD_STRING)
			memcpy(at, &value, sizeof(value));
		else if (field->type == FIELD_INT)
			memcpy(at, &integer, sizeof(integer));
		else if (field->type == FIELD_BOOL)
			memcpy(at, &boolean, sizeof(boolean));
	}
	for (size_t i = 0; i < 4; i++)
		items[i] = i == 1 ? text : words[(index + i) % (sizeof(words) / sizeof(words[0]))];
	a->parent = 1 + index % 3; /* a fork is of a process that did something */
	if (kind == ACTION_EXEC)
		a->argv = (struct str_list){items, index % 5};
}
