/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What must hold for an expression to be anything but false: a set of tests on constants, one of
 * which must succeed. The index keeps rules by these, so that an action only meets rules that can
 * match it.
 *
 * Soundness: if no atom of a guard holds, the expression is exactly false, never an error. That is
 * so for an equality on a field; for A || B with the atoms of both; for A && B with the atoms of
 * either, since false && error is false.
 */

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/rule.h"

struct gathering {
	struct policy *policy;
	uint64_t labels; /* named by the expression */
	bool labels_unclear;
	int failed; /* a label could not be interned */
};

uint64_t hash_string(struct str text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < text.len; i++)
		h = (h ^ (unsigned char)text.at[i]) * UINT64_C(0x100000001b3);
	return h;
}

uint64_t hash_integer(int64_t value)
{
	uint64_t h = (uint64_t)value + UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	return h ^ (h >> 27);
}

static struct guard unknown(void)
{
	return (struct guard){.always = true};
}

static void add(struct guard *guard, struct atom atom)
{
	guard->atoms = xrealloc_array(guard->atoms, guard->count + 1, sizeof(*guard->atoms));
	guard->atoms[guard->count++] = atom;
}

/* The key that a node reads, if it is one; the label key is for session.labels. */
static bool key_of(const struct cel_node *node, struct atom *ret)
{
	*ret = (struct atom){0};
	if (node->kind == NODE_FIELD && node->field->type != FIELD_LIST) {
		ret->key = KEY_FIELD;
		ret->field = (uint32_t)(node->field - action_fields);
		return true;
	}
	if (node->kind == NODE_CALL && node->function == FN_COMMAND &&
	    node->child->kind == NODE_FIELD && node->child->field->type == FIELD_LIST) {
		ret->key = KEY_COMMAND;
		return true;
	}
	return false;
}

static void add_label(struct gathering *g, struct guard *guard, struct str name)
{
	const int index = policy_label_intern(g->policy, name);

	if (index < 0) {
		g->failed = index;
		return;
	}
	g->labels |= UINT64_C(1) << index;
	add(guard, (struct atom){.key = KEY_LABEL, .hash = (uint64_t)index});
}

static bool hash_of_literal(const struct cel_node *node, uint64_t *ret)
{
	if (node->kind == NODE_STRING)
		*ret = hash_string(node->text);
	else if (node->kind == NODE_INT)
		*ret = hash_integer(node->integer);
	else if (node->kind == NODE_BOOL)
		*ret = hash_integer(node->boolean);
	else
		return false;
	return true;
}

static struct guard guard_of_equal(const struct cel_node *a, const struct cel_node *b)
{
	struct guard guard = {0};
	struct atom atom;
	uint64_t hash = 0;

	if (!key_of(a, &atom) || !hash_of_literal(b, &hash)) {
		if (!key_of(b, &atom) || !hash_of_literal(a, &hash))
			return unknown();
	}
	atom.hash = hash;
	add(&guard, atom);
	return guard;
}

/* x in [constants] */
static struct guard guard_of_in(struct gathering *g, const struct cel_node *a,
				const struct cel_node *b)
{
	struct guard guard = {0};
	struct atom atom;

	if (b->kind == NODE_LABELS && a->kind == NODE_STRING) {
		add_label(g, &guard, a->text);
		return guard;
	}
	if (!cel_is_constant(b) || !key_of(a, &atom))
		return unknown();
	if (b->kind == NODE_LIST && b->type.item == CEL_INT) {
		for (const struct cel_node *item = b->child; item; item = item->next) {
			atom.hash = hash_integer(item->integer);
			add(&guard, atom);
		}
		return guard;
	}
	for (size_t i = 0; i < cel_constant_count(b); i++) {
		atom.hash = hash_string(cel_constant_string(b, i));
		add(&guard, atom);
	}
	return guard;
}

/* session.labels.exists(l, l == 'x') and ...exists(l, l in ['x', 'y']) */
static struct guard guard_of_loop(struct gathering *g, const struct cel_node *node)
{
	const struct cel_node *body = node->child->next;
	const struct cel_node *a = body->child;
	struct guard guard = {0};

	if (node->child->kind != NODE_LABELS)
		return unknown();
	if (node->op == OP_OR && body->kind == NODE_BINARY && a->kind == NODE_VAR &&
	    a->slot == node->slot && (body->op == OP_EQ || body->op == OP_IN) &&
	    cel_is_constant(a->next)) {
		for (size_t i = 0; i < cel_constant_count(a->next); i++)
			add_label(g, &guard, cel_constant_string(a->next, i));
		return guard;
	}
	return unknown();
}

/* How many actions a guard lets pass, roughly: 0 few ... 3 all. */
static unsigned width(const struct guard *guard)
{
	unsigned widest = 0;

	if (guard->always)
		return 3;
	for (size_t i = 0; i < guard->count; i++) {
		const struct atom *atom = &guard->atoms[i];
		unsigned w = atom->key == KEY_LABEL ? 1 : 0;

		if (atom->key == KEY_FIELD && action_fields[atom->field].type == FIELD_BOOL)
			w = 2;
		widest = w > widest ? w : widest;
	}
	return widest;
}

static struct guard either(struct guard a, struct guard b)
{
	if (a.always || b.always) {
		free(a.atoms);
		free(b.atoms);
		return unknown();
	}
	for (size_t i = 0; i < b.count; i++)
		add(&a, b.atoms[i]);
	free(b.atoms);
	return a;
}

static struct guard narrower(struct guard a, struct guard b)
{
	const unsigned wa = width(&a);
	const unsigned wb = width(&b);

	if (wa < wb || (wa == wb && a.count <= b.count)) {
		free(b.atoms);
		return a;
	}
	free(a.atoms);
	return b;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tree, which the parser bounds */

static struct guard guard_of(struct gathering *g, const struct cel_node *node)
{
	struct guard guard = {0};
	struct atom atom;

	if (node->kind == NODE_LOOP)
		return guard_of_loop(g, node);
	if (node->kind == NODE_NOT && node->child->kind == NODE_FIELD &&
	    key_of(node->child, &atom)) {
		atom.hash = hash_integer(false);
		add(&guard, atom);
		return guard;
	}
	if (node->kind == NODE_FIELD && key_of(node, &atom)) {
		atom.hash = hash_integer(true);
		add(&guard, atom);
		return guard;
	}
	if (node->kind != NODE_BINARY)
		return unknown();
	if (node->op == OP_AND || node->op == OP_OR) {
		const struct guard a = guard_of(g, node->child);
		const struct guard b = guard_of(g, node->child->next);

		return node->op == OP_AND ? narrower(a, b) : either(a, b);
	}
	if (node->op == OP_EQ)
		return guard_of_equal(node->child, node->child->next);
	if (node->op == OP_IN)
		return guard_of_in(g, node->child, node->child->next);
	return unknown();
}

/* Labels read anywhere: those named where that can be told, else all. */
static void gather_labels(struct gathering *g, const struct cel_node *node)
{
	struct guard guard = {0};

	if (node->kind == NODE_LABELS)
		g->labels_unclear = true;
	if (node->kind == NODE_LOOP && node->child->kind == NODE_LABELS)
		guard = guard_of_loop(g, node);
	else if (node->kind == NODE_BINARY && node->op == OP_IN &&
		 node->child->next->kind == NODE_LABELS && node->child->kind == NODE_STRING)
		guard = guard_of_in(g, node->child, node->child->next);
	else
		guard.always = true;
	free(guard.atoms);
	if (!guard.always)
		return;
	for (const struct cel_node *child = node->child; child; child = child->next)
		gather_labels(g, child);
}

/* NOLINTEND(misc-no-recursion) */

int guard_of_tree(struct policy *policy, const struct cel_tree *tree, struct guard *ret,
		  uint64_t *ret_labels)
{
	struct gathering g = {.policy = policy};

	*ret = guard_of(&g, tree->root);
	gather_labels(&g, tree->root);
	*ret_labels = g.labels_unclear ? UINT64_MAX : g.labels;
	return g.failed;
}
