/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An expression from text to value: it is refused with a place inside it, or it runs to an end on
 * any action; where nothing of what its guard demands is there, it is exactly false; and what
 * became code gives what walking its tree gives. Without a rule, any value comes out whole.
 */

#include "tests/support/fuzz.h"

#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_write.h"
#include "monitor/policy/cel/cel_run.h"
#include "monitor/policy/policy_index.h"
#include "monitor/policy/rule.h"
#include "tests/support/every_rule.h"

static struct str host_items[] = {STR("*.example.org"), STR("10.1.2.3")};
static const struct cel_list lists[] = {
	{.name = "hosts", .item = CEL_STRING, .strings = host_items, .count = 2},
	{.name = "none", .item = CEL_STRING},
};

/* Of which two use each other. */
static const struct cel_definition definitions[] = {
	{"m", STR("call.tool == 'bash' || 'secret' in session.labels")},
	{"l", STR("['a', '/x/*'].map(x, x)")},
	{"a", STR("macros.m && macros.b")},
	{"b", STR("!macros.a")},
};

/* Asks the index of a policy whose one rule is this one. */
static void check_guard(const struct policy *policy, const struct cel_env *env,
			enum cel_result result)
{
	struct candidates found;
	struct candidate_walk walk = {.of = &found};
	uint32_t number;

	policy_index_candidates(policy, env, &found);
	fuzz_expect(candidates_next(&walk, &number)
			    ? number == 0 && !candidates_next(&walk, &number)
			    : result == CEL_FALSE);
}

/* @tree: of what became code, to be walked beside it. */
static void run(struct policy *policy, const struct cel_tree *tree, struct str text)
{
	const struct cel_program walked = {.tree = *tree};
	const struct rule *rule = &policy->rules[0];

	for (unsigned i = 0; i < EVERY_ACTION_COUNT; i++) {
		struct str items[4];
		struct action action;
		struct cel_memo memo = {0};
		const uint64_t labels = i % 3 ? (UINT64_C(1) << (i % 3)) : 0;
		struct cel_env env = {.action = &action,
				      .labels = labels,
				      .label_names = policy->label_names,
				      .scratch = policy->scratch,
				      .memo = &memo};
		enum cel_result result;

		every_action(i, text, items, &action);
		if (!(rule->kinds & (1u << action.kind)))
			continue;
		if (policy->label_count <= 2)
			env.labels = 0;
		result = cel_eval(&rule->when, &env);
		fuzz_expect(result == CEL_FALSE || result == CEL_TRUE || result == CEL_FAILED);
		if (tree->root)
			fuzz_expect(cel_run_rule(&walked, &env) == result);
		check_guard(policy, &env, result);
	}
}

static _Alignas(16) char scratch[CEL_MAX_MEMORY];

static void add_labels(struct policy *policy)
{
	static const struct str names[] = {STR("secret"), STR("canary"), STR("weights")};

	for (unsigned i = 0; i < 3; i++)
		(void)policy_label_intern(policy, names[i]);
}

/* As a rule that is on one kind of action. */
static void run_as_rule(struct str text, unsigned kind)
{
	struct policy *policy = xcalloc(1, sizeof(*policy));
	const struct cel_scope scope = {
		.kinds = 1u << kind,
		.lists = lists,
		.list_count = 2,
		.definitions = definitions,
		.definition_count = sizeof(definitions) / sizeof(definitions[0]),
	};
	struct cel_tree tree = {0};
	struct cel_error err = {0};
	struct rule *rule;
	int r;

	policy->rules = rule = xcalloc(1, sizeof(*rule));
	policy->rule_count = 1;
	policy->scratch = scratch;
	add_labels(policy);
	rule->kinds = 1u << kind;
	r = cel_parse(text, &tree, &err);
	if (r == 0)
		r = cel_resolve(&tree, &scope, &rule->when.reads, &err);
	if (r == 0)
		r = cel_check(&tree, &err);
	if (r == 0 && guard_of_tree(policy, &tree, &rule->guard, &rule->labels_read) < 0)
		r = -1; /* a label that is no name */
	else if (r == 0)
		r = cel_compile(&tree, &rule->when, &err);
	fuzz_expect(err.at <= (tree.use_count ? tree.end : text.len));
	if (r == 0) {
		policy_index_build(policy);
		run(policy, &tree, text);
	}
	cel_tree_done(&tree);
	policy->scratch = NULL;
	(void)policy_free(policy);
}

/* A value is what it says it is, all the way down to where `left` nodes were looked at. */
/* NOLINTNEXTLINE(misc-no-recursion): values are nested no deeper than what made them */
static void walk(const struct cel_value *v, unsigned *left)
{
	char text[CEL_TEXT_MAX];

	fuzz_expect(v->kind <= CEL_OPTIONAL);
	if (!*left || !--*left)
		return;
	fuzz_expect(cel_type_value_by_name(str_of(cel_type_value_name(v->kind))) == v->kind);
	if (v->kind == CEL_TIMESTAMP) {
		struct cel_value again;

		cel_print_timestamp(v, text);
		again = cel_read_timestamp(str_of(text));
		fuzz_expect(again.integer == v->integer && again.nanos == v->nanos);
	} else if (v->kind == CEL_DURATION) {
		cel_print_duration(v->integer, text);
		fuzz_expect(cel_read_duration(str_of(text)).integer == v->integer);
	}
	if (v->kind != CEL_LIST && v->kind != CEL_MAP && v->kind != CEL_OPTIONAL)
		return;
	for (size_t i = 0; i < cel_count(v); i++) {
		const struct cel_value item = v->kind == CEL_MAP ? cel_entry(v, i) : cel_item(v, i);

		walk(&item, left);
	}
}

static bool null_may_be(const struct cel_type *type)
{
	return type->wrapper || type->kind == CEL_DURATION || type->kind == CEL_TIMESTAMP ||
	       type->kind == CEL_OPTIONAL;
}

/* What was found out before the run holds. */
static void check_type(struct cel_tree *tree, const struct cel_value *v)
{
	const struct cel_type *type = tree->root->type;

	fuzz_expect(*cel_type_text(tree, type));
	if (v->kind == CEL_ERROR || type->kind == CEL_DYN)
		return;
	fuzz_expect(v->kind == type->kind || (v->kind == CEL_NULL && null_may_be(type)));
}

/* As `cordon policy eval` runs it, with variables of several types. */
static void run_open(struct str text)
{
	static const struct cel_value items[] = {{.kind = CEL_INT, .integer = INT64_MIN},
						 {.kind = CEL_DOUBLE, .number = 0.5}};
	static const struct cel_variable variables[] = {
		{"i", {.kind = CEL_INT, .integer = 7}, NULL},
		{"u", {.kind = CEL_UINT, .uinteger = UINT64_MAX}, NULL},
		{"s",
		 {.kind = CEL_STRING,
		  .text = STR("Gr\xc3\xb6\xc3\x9f"
			      "e")},
		 NULL},
		{"b", {.kind = CEL_BYTES, .text = STR("\xff\x00")}, NULL},
		{"l", {.kind = CEL_LIST, .list = {items, 2}}, NULL},
		{"m.m", {.kind = CEL_MAP, .list = {items, 1}}, NULL},
		{"t", {.kind = CEL_TIMESTAMP, .integer = 1, .nanos = 999999999}, NULL},
		{"d", {.kind = CEL_DURATION, .integer = INT64_MIN}, NULL},
	};
	const struct cel_scope scope = {.open = true,
					.variables = variables,
					.variable_count = sizeof(variables) / sizeof(variables[0]),
					.container = "m.x"};
	const struct cel_env env = {0};
	struct cel_run r = {.env = &env, .arena = {scratch, sizeof(scratch), 0}, .steps = 100000};
	struct cel_tree tree = {0};
	struct cel_error err = {0};
	struct cel_reads reads;
	unsigned left = 10000;
	struct cel_value v;

	if (cel_parse(text, &tree, &err) == 0 && cel_resolve(&tree, &scope, &reads, &err) == 0) {
		const bool typed = cel_check_open(&tree, &err) == 0;

		v = cel_run_node(&r, tree.root);
		if (typed)
			check_type(&tree, &v);
		if (v.kind == CEL_ERROR)
			fuzz_expect(v.error.at <= text.len && *v.error.reason);
		else
			walk(&v, &left);
	}
	fuzz_expect(err.at <= text.len);
	cel_tree_done(&tree);
}

/* The first byte chooses the kind of action, or none; the rest is the expression. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str text = {(const char *)data + 1, size ? size - 1 : 0};

	if (!size)
		return 0;
	run_open(text);
	run_as_rule(text, data[0] % ACTION_KINDS);
	return 0;
}
