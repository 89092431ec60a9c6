/* SPDX-License-Identifier: Apache-2.0 */

/* What a loaded policy says of itself: its rules, its labels, what it needs to be watched. */

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/rule.h"

size_t policy_rule_count(const struct policy *policy)
{
	return policy->rule_count;
}

const struct rule_info *policy_rule(const struct policy *policy, size_t index)
{
	return index < policy->rule_count ? &policy->rules[index].info : NULL;
}

bool policy_rule_is_observed(const struct policy *policy, size_t index)
{
	return policy->rules[index].observed;
}

enum verdict policy_rule_verdict(const struct policy *policy, size_t index)
{
	return policy->rules[index].verdict;
}

uint32_t policy_rule_kinds(const struct policy *policy, size_t index)
{
	return policy->rules[index].kinds;
}

uint32_t policy_rule_at_least(const struct policy *policy, size_t index, uint64_t *ret_window_ns)
{
	*ret_window_ns = policy->rules[index].count.window_ns;
	return policy->rules[index].count.at_least;
}

uint32_t policy_rule_steps(const struct policy *policy, size_t index, uint64_t *ret_within_ns)
{
	*ret_within_ns = policy->rules[index].sequence.within_ns;
	return policy->rules[index].sequence.step_count;
}

const char *policy_file(const struct policy *policy, size_t index)
{
	return index < policy->file_count ? policy->files[index] : NULL;
}

enum on_loss policy_on_loss(const struct policy *policy)
{
	/* A policy that does not think of it must not be the weaker for it. */
	return policy->has_on_loss ? policy->on_loss : ON_LOSS_DENY_NEW;
}

enum verdict on_loss_verdict(enum on_loss on_loss)
{
	switch (on_loss) {
	case ON_LOSS_LOG:
		return VERDICT_LOG;
	case ON_LOSS_DENY_NEW:
		return VERDICT_DENY;
	case ON_LOSS_KILL:
		break;
	}
	return VERDICT_KILL;
}

const char *policy_hash(const struct policy *policy)
{
	return policy->hash;
}

const char *policy_locked(const struct policy *policy)
{
	return policy->locked;
}

const char *policy_signer(const struct policy *policy, size_t index)
{
	return index < policy->signer_count ? policy->signers[index] : NULL;
}

size_t policy_label_count(const struct policy *policy)
{
	return policy->label_count;
}

const char *policy_label_name(const struct policy *policy, size_t index)
{
	return index < policy->label_count ? policy->label_names[index].at : NULL;
}

int policy_label_index(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->label_count; i++) {
		if (strcmp(policy->label_names[i].at, name) == 0)
			return (int)i;
	}
	return -1;
}

void policy_facts_build(struct policy *policy)
{
	if (policy->glob_count)
		policy->patterns_found = globs_new(policy->patterns, policy->glob_count);
	policy->bytes_rules = xcalloc(policy->rule_count, sizeof(*policy->bytes_rules));
	for (uint32_t i = 0; i < policy->rule_count; i++) {
		const struct budget *budget = &policy->rules[i].budget;

		if (budget->is_set && budget->of == BUDGET_BYTES_OUT)
			policy->bytes_rules[policy->bytes_rule_count++] = i;
	}
}

void policy_facts_free(struct policy *policy)
{
	policy->patterns_found = globs_free(policy->patterns_found);
	free(policy->bytes_rules);
	policy->bytes_rules = NULL;
}

bool policy_needs_usage(const struct policy *policy)
{
	const uint32_t measured =
		1u << BUDGET_CPU_SECONDS | 1u << BUDGET_MEMORY | 1u << BUDGET_BYTES_WRITTEN;
	uint32_t kinds = 0;

	for (size_t i = 0; i < policy->rule_count; i++)
		kinds |= policy->rules[i].kinds;
	for (size_t i = 0; i < policy->step_count; i++)
		kinds |= policy->steps[i].is.kinds;
	return (kinds & (1u << ACTION_USAGE)) ||
	       ((policy->budgets.of[PER_SESSION] | policy->budgets.of[PER_CALL]) & measured);
}

bool policy_asks_for(const struct policy *policy, enum action_kind kind)
{
	bool asks = policy->has_default[kind] && policy->defaults[kind] > VERDICT_ALLOW;

	for (size_t i = 0; i < policy->rule_count; i++)
		asks |= (policy->rules[i].kinds & (1u << kind)) != 0;
	for (size_t i = 0; i < policy->step_count; i++)
		asks |= (policy->steps[i].is.kinds & (1u << kind)) != 0;
	return asks;
}

bool policy_budgets_bytes(const struct policy *policy)
{
	return (policy->budgets.of[PER_SESSION] | policy->budgets.of[PER_CALL]) &
	       1u << BUDGET_BYTES_OUT;
}

uint64_t policy_labels_read(const struct policy *policy)
{
	uint64_t labels = 0;

	for (size_t i = 0; i < policy->rule_count; i++)
		labels |= policy->rules[i].labels_read;
	return labels;
}

uint64_t policy_network_labels(const struct policy *policy)
{
	return policy->network_labels & policy_labels_read(policy);
}

bool policy_reads_label(const struct policy *policy, const char *name)
{
	const int index = policy_label_index(policy, name);

	return index >= 0 && (policy_labels_read(policy) & (UINT64_C(1) << index));
}

bool reads_text(const struct cel_reads *reads)
{
	struct field_set left = reads->fields;
	const struct action_field *field;

	while ((field = field_set_take(&left))) {
		if (field->offset == offsetof(struct action, text))
			return true;
	}
	return false;
}

bool policy_reads_results(const struct policy *policy)
{
	bool reads = false;

	for (size_t i = 0; i < policy->rule_count; i++)
		reads |= reads_text(&policy->rules[i].when.reads);
	for (size_t i = 0; i < policy->step_count; i++)
		reads |= reads_text(&policy->steps[i].is.when.reads);
	return reads;
}

static bool reads_lineage(const struct cel_reads *reads)
{
	struct field_set left = reads->fields;
	const struct action_field *field;

	while ((field = field_set_take(&left))) {
		if (action_field_is_lineage(field))
			return true;
	}
	return false;
}

bool policy_rule_reads_lineage(const struct policy *policy, size_t index)
{
	const struct sequence *s = &policy->rules[index].sequence;
	bool reads = reads_lineage(&policy->rules[index].when.reads);

	for (size_t i = 0; i < s->step_count; i++)
		reads |= reads_lineage(&policy->steps[s->first_step + i].is.when.reads);
	return reads;
}

bool policy_reads_lineage(const struct policy *policy)
{
	bool reads = false;

	for (size_t i = 0; i < policy->rule_count; i++)
		reads |= policy_rule_reads_lineage(policy, i);
	return reads;
}

typedef bool (*field_test)(const struct action_field *field);

static bool reads_one(const struct cel_reads *reads, field_test is_it)
{
	struct field_set left = reads->fields;
	const struct action_field *field;

	while ((field = field_set_take(&left))) {
		if (is_it(field))
			return true;
	}
	return false;
}

static bool policy_reads(const struct policy *policy, field_test is_it)
{
	bool reads = false;

	for (size_t i = 0; i < policy->rule_count; i++)
		reads |= reads_one(&policy->rules[i].when.reads, is_it);
	for (size_t i = 0; i < policy->step_count; i++)
		reads |= reads_one(&policy->steps[i].is.when.reads, is_it);
	return reads;
}

bool policy_reads_file_labels(const struct policy *policy)
{
	return policy_reads(policy, action_field_is_file_labels);
}

bool policy_reads_past(const struct policy *policy)
{
	return policy_reads(policy, action_field_is_past);
}

bool policy_uses_labels(const struct policy *policy)
{
	return policy_labels_read(policy) != 0;
}

uint64_t policy_labels_given(const struct policy *policy)
{
	uint64_t given = policy_labels_of_paths(policy) | policy->network_labels;

	for (size_t i = 0; i < policy->rule_count; i++)
		given |= policy->rules[i].labels;
	return given;
}

bool policy_gates_connects(const struct policy *policy)
{
	static const enum action_kind kinds[] = {ACTION_CONNECT, ACTION_SEND};

	const uint32_t both = 1u << ACTION_CONNECT | 1u << ACTION_SEND;

	for (size_t i = 0; i < 2; i++)
		if (policy->has_default[kinds[i]] && policy->defaults[kinds[i]] > VERDICT_LOG)
			return true;
	for (size_t i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].verdict >= VERDICT_THROTTLE && (policy->rules[i].kinds & both))
			return true;
	return false;
}

bool policy_gates_files(const struct policy *policy, bool host_bound)
{
	const uint32_t open = 1u << ACTION_FILE_OPEN;
	const uint32_t change = 1u << ACTION_FILE_CHANGE;
	const uint32_t bind = 1u << ACTION_BIND;

	if (policy->has_default[ACTION_FILE_CHANGE] &&
	    policy->defaults[ACTION_FILE_CHANGE] > VERDICT_LOG)
		return true;
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule->verdict < VERDICT_THROTTLE || (rule->only_host_bound && !host_bound))
			continue;
		if ((rule->kinds & change) || ((rule->kinds & open) && rule->only_writes) ||
		    ((rule->kinds & bind) && rule->only_host_bound))
			return true;
	}
	return false;
}

const char *policy_decoys(const struct policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		if (policy->rules[i].verdict == VERDICT_DECOY && !policy->rules[i].observed)
			return policy->rules[i].info.id;
	}
	for (unsigned kind = 0; kind < ACTION_KINDS; kind++) {
		if (policy->has_default[kind] && policy->defaults[kind] == VERDICT_DECOY)
			return "default";
	}
	return NULL;
}
