/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/policy_state.h"
#include "monitor/policy/rule.h"

static void put_field(struct json_writer *w, const struct action *action,
		      const struct action_field *field)
{
	const struct str_list *list;
	struct str text;

	switch (field->type) {
	case FIELD_STRING:
		text = action_string(action, field);
		/* It may be what the rule keeps from the agent, and others read the record. */
		if (field->offset == offsetof(struct action, text)) {
			json_put_u64(w, "text_bytes", text.len);
			return;
		}
		json_put_bytes(w, field->name, text.len ? text.at : "", text.len);
		return;
	case FIELD_INT:
		json_put_i64(w, field->name, action_integer(action, field));
		return;
	case FIELD_BOOL:
		json_put_bool(w, field->name, action_boolean(action, field));
		return;
	case FIELD_LIST:
		break;
	}
	list = action_list(action, field);
	json_begin_array(w, field->name);
	for (size_t i = 0; i < list->count; i++)
		json_put_bytes(w, NULL, list->items[i].len ? list->items[i].at : "",
			       list->items[i].len);
	json_end_array(w);
}

void policy_put_labels(struct json_writer *w, const char *key, const struct policy *policy,
		       uint64_t labels)
{
	const uint64_t known =
		policy->label_count < 64 ? (UINT64_C(1) << policy->label_count) - 1 : UINT64_MAX;

	json_begin_array(w, key);
	for (uint64_t left = labels & known; left; left &= left - 1) {
		const struct str name = policy->label_names[__builtin_ctzll(left)];

		json_put_bytes(w, NULL, name.at, name.len);
	}
	json_end_array(w);
}

/* For the default of a kind: what the built-in default for the network looks at, else nothing. */
static struct field_set default_fields(const struct policy *policy, const struct action *action)
{
	struct field_set fields = {0};

	if (policy->has_default[action->kind])
		return fields;
	for (size_t i = 0; i < action_field_count; i++) {
		const struct str name = str_of(action_fields[i].name);

		if ((action->kind == ACTION_CONNECT || action->kind == ACTION_SEND) &&
		    (str_eq(name, STR("family")) || str_eq(name, STR("loopback"))))
			field_set_add(&fields, i);
	}
	return fields;
}

const char *policy_because(const struct policy *policy, const struct action *action,
			   const struct decision *decision)
{
	if (decision->rule)
		return decision->rule->because;
	if (decision->verdict < VERDICT_ASK)
		return "No rule speaks of this; the default lets it pass.";
	if (!policy->has_default[action->kind])
		return "No rule allows connections out of this session. It has no way out: work "
		       "with what is here, use 127.0.0.1 for tests, or ask for the host to be "
		       "allowed.";
	return "No rule allows this, and the policy's default for such actions is to refuse them.";
}

bool policy_decided_by_labels(const struct policy *policy, const struct decision *decision)
{
	const struct rule *rule = decision->rule ? &policy->rules[decision->rule_index] : NULL;

	return rule && (rule->when.reads.labels || rule->when.reads.process_labels);
}

void policy_put_fields(struct json_writer *w, const struct action *action, struct field_set fields)
{
	const struct action_field *field;

	while ((field = field_set_take(&fields))) {
		if (!action_is_unknown(action, field))
			put_field(w, action, field);
	}
}

static void put_count(struct json_writer *w, const struct rule *rule)
{
	if (!rule->count.at_least)
		return;
	json_begin_object(w, "count");
	json_put_u64(w, "at_least", rule->count.at_least);
	json_put_u64(w, "window_ms", rule->count.window_ns / 1000000);
	json_end_object(w);
}

static void put_sequence(struct json_writer *w, const struct rule *rule,
			 const struct action *action, uint64_t began_ns)
{
	const struct sequence *s = &rule->sequence;

	if (!s->step_count)
		return;
	json_begin_object(w, "sequence");
	json_put_string(w, "by", sequence_key_name(s->by));
	if (s->within_ns)
		json_put_u64(w, "within_ms", s->within_ns / 1000000);
	/* An event of the trace may be younger than the action that was judged behind it. */
	if (began_ns)
		json_put_u64(w, "began_ms_ago",
			     action->time_ns > began_ns ? (action->time_ns - began_ns) / 1000000
							: 0);
	json_end_object(w);
}

static void put_budget(struct json_writer *w, const char *key, const struct policy *policy,
		       const struct budget *budget, const uint64_t *used)
{
	if (!budget->is_set)
		return;
	json_begin_object(w, key);
	json_put_string(w, "of", budget_of_name(budget->of));
	json_put_string(w, "per", budget_per_name(budget->per));
	if (budget->by_host)
		json_put_string(w, "by", "host");
	json_put_u64(w, "limit", budget->limit);
	if (budget->of == BUDGET_SPEND)
		json_put_string(w, "unit", policy->budgets.units[budget->unit]);
	if (used)
		json_put_u64(w, "used", *used);
	json_end_object(w);
}

void policy_put_budget(const struct policy *policy, const char *key, size_t index,
		       struct json_writer *w)
{
	put_budget(w, key, policy, &policy->rules[index].budget, NULL);
}

void policy_explain(const struct policy *policy, const struct policy_state *state,
		    const struct action *action, const struct decision *decision,
		    struct json_writer *w)
{
	const struct rule *rule = decision->rule ? &policy->rules[decision->rule_index] : NULL;

	json_put_string(w, "rule", rule ? rule->info.id : "default");
	json_put_string(w, "category", rule ? rule->info.category : NULL);
	json_put_string(w, "severity", rule ? rule->info.severity : NULL);
	json_put_string(w, "because", policy_because(policy, action, decision));
	json_begin_object(w, "matched");
	policy_put_fields(w, action,
			  rule ? rule->when.reads.fields : default_fields(policy, action));
	/* The labels that the decision saw: those that it set itself came after it. */
	if (rule && rule->when.reads.labels)
		policy_put_labels(w, "session.labels", policy,
				  (policy_state_labels(state) & ~decision->labels_added) |
					  decision->labels_removed);
	if (rule && rule->when.reads.process_labels)
		policy_put_labels(w, "process.labels", policy, decision->process_labels);
	json_end_object(w);
	if (rule) {
		put_count(w, rule);
		put_sequence(w, rule, action, decision->began_ns);
		put_budget(w, "budget", policy, &rule->budget, &decision->used);
	}
}

void policy_explain_would(const struct policy *policy, const struct policy_state *state,
			  const struct action *action, const struct decision *decision,
			  struct json_writer *w)
{
	const struct decision would = {.verdict = decision->would_verdict,
				       .rule = decision->would,
				       .rule_index = decision->would_index,
				       .labels_added = decision->labels_added,
				       .process_labels = decision->process_labels};

	json_begin_object(w, "would");
	json_put_string(w, "verdict", verdict_name(would.verdict));
	policy_explain(policy, state, action, &would, w);
	json_end_object(w);
}

void policy_put_reads(const struct policy *policy, const char *key, size_t rule_index,
		      const struct action *action, const struct labels_seen *labels,
		      struct json_writer *w)
{
	const struct rule *rule = &policy->rules[rule_index];

	json_begin_object(w, key);
	policy_put_fields(w, action, rule->when.reads.fields);
	if (rule->when.reads.labels)
		policy_put_labels(w, "session.labels", policy, labels->session);
	if (rule->when.reads.process_labels)
		policy_put_labels(w, "process.labels", policy, labels->process);
	json_end_object(w);
}
