/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Actions and lists that the tests of expressions are about, and an expression's way to its value.
 */

#include "tests/support/test.h"

#include "monitor/policy/cel/cel_run.h"

static const struct str argv_items[] = {STR("tar"), STR("-cf"), STR("/dev/null"), STR("Größe")};

static const struct action exec_action = {
	.kind = ACTION_EXEC,
	.path = STR("/usr/bin/tar"),
	.name = STR("tar"),
	.cwd = STR("/home/agent/w"),
	.provenance = STR("image"),
	.call_id = STR("c1"),
	.call_tool = STR("bash"),
	.argv = {argv_items, 4},
};

static const struct action connect_action = {
	.kind = ACTION_CONNECT,
	.family = STR("inet"),
	.protocol = STR("tcp"),
	.address = STR("10.1.2.3"),
	.host = STR("API.Example.org"),
	.port = 443,
	.call_tool = STR("bash"),
};

static const struct action odd_action = {
	.kind = ACTION_CONNECT,
	.address = STR("no address"),
	.port = INT64_MIN,
};

static struct str host_items[] = {STR("*.example.org"), STR("10.0.0.1")};
static const struct cel_list lists[] = {
	{.name = "hosts", .item = CEL_STRING, .strings = host_items, .count = 2},
	{.name = "none", .item = CEL_STRING},
};
static const struct str label_names[] = {STR("secret"), STR("canary"), STR("weights")};

/* What became code must give the same when its tree is walked. */
static void check_general(const struct cel_tree *tree, const struct cel_env *env,
			  enum cel_result expected)
{
	const struct cel_program walked = {.tree = *tree};

	if (tree->root)
		assert_int_equal(cel_run_rule(&walked, env), expected);
}

/* Of rules. Return: 0, or -EINVAL with the place and the reason. Both are the caller's in any case.
 */
static int compile_text(struct str text, const struct action *action, struct cel_tree *tree,
			struct cel_program *program, struct cel_error *err)
{
	const struct cel_scope scope = {
		.kinds = 1u << action->kind, .lists = lists, .list_count = 2};
	struct cel_reads reads = {0};
	int r = cel_parse(text, tree, err);

	if (r == 0)
		r = cel_resolve(tree, &scope, &reads, err);
	if (r == 0)
		r = cel_check(tree, err);
	return r == 0 ? cel_compile(tree, program, err) : r;
}

/* Return: 0 with the result, or -EINVAL with the place and the reason. */
static int evaluate(struct str text, const struct action *action, enum cel_result *ret,
		    struct cel_error *err)
{
	static _Alignas(16) char scratch[CEL_MAX_MEMORY];
	struct cel_memo memo = {0};
	const struct cel_env env = {.action = action,
				    .labels = 5 /* secret, weights */,
				    .process_labels = 4 /* weights */,
				    .label_names = label_names,
				    .scratch = scratch,
				    .memo = &memo};
	struct cel_program program = {0};
	struct cel_tree tree = {0};
	const int r = compile_text(text, action, &tree, &program, err);

	if (r == 0) {
		*ret = cel_eval(&program, &env);
		check_general(&tree, &env, *ret);
	}
	cel_tree_done(&tree);
	cel_program_done(&program);
	return r;
}
