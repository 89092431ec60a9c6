/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Macros over the items of a list or the keys of a map. In all() and exists() an error is dropped
 * if another item decides; everywhere else it is the result.
 */

#include "monitor/policy/cel/cel_extension.h"

struct loop {
	const struct cel_node *node;
	const struct cel_node *condition; /* NULL: none */
	const struct cel_node *result;	  /* of map and its like; else NULL */
	struct cel_value over;
	size_t count;
	struct cel_value *out; /* items or entries of the result */
	size_t out_count;
};

static void bind(struct cel_run *run, const struct loop *loop, size_t index)
{
	struct cel_value *var = &run->vars[loop->node->slot];
	const bool map = loop->over.kind == CEL_MAP;

	if (!loop->node->text2.len) {
		var[0] = map ? cel_key(&loop->over, index) : cel_item(&loop->over, index);
		return;
	}
	var[0] = map ? cel_key(&loop->over, index) : cel_of_int((int64_t)index);
	var[1] = map ? cel_entry(&loop->over, index) : cel_item(&loop->over, index);
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tree, which the parser bounds */

static struct cel_value condition(struct cel_run *run, const struct cel_node *node)
{
	const struct cel_value v = cel_run_node(run, node);

	if (v.kind == CEL_ERROR || v.kind == CEL_BOOL)
		return v;
	return cel_no_overload();
}

static struct cel_value run_quantifier(struct cel_run *run, const struct loop *loop)
{
	const bool decides = loop->node->macro == MACRO_EXISTS;
	struct cel_value failed = {.kind = CEL_NULL};

	for (size_t i = 0; i < loop->count && run->steps; i++) {
		struct cel_value v;

		bind(run, loop, i);
		v = condition(run, loop->condition);
		if (v.kind == CEL_ERROR)
			failed = v;
		else if (v.boolean == decides)
			return v;
	}
	return failed.kind == CEL_ERROR ? failed : cel_of_bool(!decides);
}

static struct cel_value run_exists_one(struct cel_run *run, const struct loop *loop)
{
	size_t found = 0;

	for (size_t i = 0; i < loop->count; i++) {
		struct cel_value v;

		bind(run, loop, i);
		v = condition(run, loop->condition);
		if (v.kind == CEL_ERROR)
			return v;
		found += v.boolean;
	}
	return cel_of_bool(found == 1);
}

/* What the item at hand adds to the result: nothing, or itself, or what it is mapped to. */
static struct cel_value collect(struct cel_run *run, struct loop *loop, size_t index)
{
	struct cel_value v = cel_of_bool(true);

	bind(run, loop, index);
	if (loop->condition)
		v = condition(run, loop->condition);
	if (v.kind == CEL_ERROR || !v.boolean)
		return v;
	if (loop->node->macro == MACRO_FILTER) {
		loop->out[loop->out_count++] = run->vars[loop->node->slot];
		return v;
	}
	v = cel_run_node(run, loop->result);
	if (v.kind == CEL_ERROR)
		return v;
	if (loop->node->macro == MACRO_MAP_ENTRIES) /* keyed by the loop's key, so never twice */
		loop->out[loop->out_count++] = run->vars[loop->node->slot];
	loop->out[loop->out_count++] = v;
	return v;
}

static struct cel_value run_collect(struct cel_run *run, struct loop *loop)
{
	const bool map = loop->node->macro == MACRO_MAP_ENTRIES;

	loop->out = cel_take(&run->arena, loop->count * (map ? 2 : 1) * sizeof(*loop->out));
	if (!loop->out)
		return cel_no_memory();
	for (size_t i = 0; i < loop->count; i++) {
		const struct cel_value v = collect(run, loop, i);

		if (v.kind == CEL_ERROR)
			return v;
	}
	return map ? cel_of_map(loop->out, loop->out_count / 2)
		   : cel_of_list(loop->out, loop->out_count);
}

/* An error that has a name is one where the name is used. */
static struct cel_value run_bind(struct cel_run *run, const struct cel_node *node,
				 const struct cel_value *v)
{
	run->vars[node->slot] = *v;
	return cel_run_node(run, node->child->next);
}

static struct cel_value run_optional(struct cel_run *run, const struct cel_node *node,
				     const struct cel_value *v)
{
	struct cel_value result;

	if (v->kind == CEL_ERROR)
		return *v;
	if (v->kind != CEL_OPTIONAL)
		return cel_no_overload();
	if (!cel_count(v))
		return *v;
	result = run_bind(run, node, cel_optional_get(v));
	if (result.kind == CEL_ERROR)
		return result;
	if (node->macro == MACRO_OPT_MAP)
		return cel_of_optional(run, &result);
	return result.kind == CEL_OPTIONAL ? result : cel_no_overload();
}

struct cel_value cel_run_loop(struct cel_run *run, const struct cel_node *node)
{
	struct loop loop = {.node = node, .over = cel_run_node(run, node->child)};
	const struct cel_node *part = node->child->next;

	if (node->macro == MACRO_BIND)
		return run_bind(run, node, &loop.over);
	if (node->macro > MACRO_BIND)
		return run_optional(run, node, &loop.over);
	if (loop.over.kind == CEL_ERROR)
		return loop.over;
	if (loop.over.kind != CEL_LIST && loop.over.kind != CEL_MAP)
		return cel_no_overload();
	loop.count = cel_count(&loop.over);
	if (node->macro < MACRO_MAP || node->filtered) {
		loop.condition = part;
		part = part->next;
	}
	loop.result = part;
	if (node->macro == MACRO_ALL || node->macro == MACRO_EXISTS)
		return run_quantifier(run, &loop);
	if (node->macro == MACRO_EXISTS_ONE)
		return run_exists_one(run, &loop);
	return run_collect(run, &loop);
}

/* NOLINTEND(misc-no-recursion) */
