/* SPDX-License-Identifier: Apache-2.0 */

#include "monitor/policy/why_false.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/cel/cel_run.h"

#define PARTS_TOLD   3u
#define VALUES_BYTES 160u

struct telling {
	const struct written_when *when;
	const struct cel_env *env;
	const struct cel_tree *tree;
	struct buf *out;
	unsigned told;
};

/* NOLINTNEXTLINE(misc-no-recursion): CEL_MAX_DEPTH bounds trees */
static void collect(const struct cel_node *node, struct cel_reads *ret)
{
	if (node->kind == NODE_FIELD)
		field_set_add(&ret->fields, (size_t)(node->field - action_fields));
	if (node->kind == NODE_LABELS && node->boolean)
		ret->process_labels = true;
	else if (node->kind == NODE_LABELS)
		ret->labels = true;
	for (const struct cel_node *child = node->child; child; child = child->next)
		collect(child, ret);
}

static void put_values(const struct telling *t, const struct cel_node *part, struct buf *out)
{
	struct json_writer w = {.out = out};
	struct cel_reads reads = {0};

	collect(part, &reads);
	json_begin_object(&w, NULL);
	policy_put_fields(&w, t->env->action, reads.fields);
	if (reads.labels)
		policy_put_labels(&w, "session.labels", t->when->policy, t->env->labels);
	if (reads.process_labels)
		policy_put_labels(&w, "process.labels", t->when->policy, t->env->process_labels);
	json_end_object(&w);
	if (out->len <= VALUES_BYTES)
		return;
	out->len = VALUES_BYTES;
	while (out->len && ((unsigned char)out->data[out->len] & 0xc0) == 0x80)
		out->len--;
	buf_puts(out, "...");
}

/* An operator's own place is between its operands. */
static size_t begin_of(const struct telling *t, const struct cel_node *part)
{
	size_t at = part->at;

	while (part->child &&
	       (part->kind == NODE_BINARY || part->kind == NODE_COND || part->kind == NODE_SELECT ||
		part->kind == NODE_INDEX || part->kind == NODE_LOOP ||
		(part->kind == NODE_CALL && part->method))) {
		part = part->child;
		if (cel_use_of(t->tree, part->at) != cel_use_of(t->tree, at))
			break;
		at = part->at;
	}
	return at;
}

static void tell(struct telling *t, const struct cel_node *part)
{
	const struct text_place place = policy_place_of(t->when->policy, t->tree, t->when->source,
							t->when->path, begin_of(t, part));
	_cleanup_buf_ struct buf values = BUF_INIT(0);
	_cleanup_free_ char *reason = NULL;
	struct error here = {0};

	put_values(t, part, &values);
	reason = xasprintf("this is false, of %.*s", (int)values.len, values.data);
	(void)source_error_at(place.source, &here, EINVAL, place.offset, reason);
	buf_printf(t->out, "\n    %s", here.text);
}

static bool is_false(const struct telling *t, const struct cel_node *part)
{
	struct cel_run *run = xcalloc(1, sizeof(*run));
	void *memory = xcalloc(1, CEL_MAX_MEMORY);
	struct cel_value v;
	bool ret;

	run->env = t->env;
	run->arena = (struct cel_arena){memory, CEL_MAX_MEMORY, 0};
	run->steps = CEL_MAX_STEPS;
	v = cel_run_node(run, part);
	ret = v.kind == CEL_BOOL && !v.boolean;
	free(memory);
	free(run);
	return ret;
}

/* NOLINTNEXTLINE(misc-no-recursion): CEL_MAX_DEPTH bounds trees */
static void tell_parts(struct telling *t, const struct cel_node *node)
{
	if (node->kind == NODE_BINARY && node->op == OP_AND) {
		tell_parts(t, node->child);
		tell_parts(t, node->child->next);
	} else if (t->told < PARTS_TOLD && is_false(t, node)) {
		t->told++;
		tell(t, node);
	}
}

void condition_tell_false(const struct written_when *when, const struct cel_env *env,
			  struct buf *out)
{
	_cleanup_(cel_tree_done) struct cel_tree tree = {0};
	struct cel_reads reads = {0};
	struct cel_error why = {0};
	struct telling t = {.when = when, .env = env, .tree = &tree, .out = out};

	if (condition_type(when->policy, when->kinds, when->text, &tree, &reads, &why) == 0)
		tell_parts(&t, tree.root);
}
