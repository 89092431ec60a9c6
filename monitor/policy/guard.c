/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What must hold for an expression to be anything but false: a set of keys (keys.h), one of
 * which must be there. The index keeps rules by these, so that an action only meets rules that can
 * match it.
 *
 * Soundness: if no key of a guard is there, the expression is exactly false, never an error. That
 * is so for an equality on a field or a pattern that it must match; for A || B with the keys of
 * both; for A && B with the keys of either, since false && error is false; for exists() over a list
 * that cannot fail with the keys of its condition. Where a process comes from may be unknown, which
 * is an error: it gives no key. Fields that are true or false (demand.c) are asked of what a key
 * has brought.
 */

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/rule.h"

struct gathering {
	struct policy *policy;
	/* for each loop around the node at hand: 1 + the field whose items it goes over, or 0 */
	uint32_t items_of[2 * CEL_MAX_LOOPS];
	uint64_t labels; /* named by the expression */
	bool labels_unclear;
	int failed; /* a label could not be interned */
};

static struct guard unknown(void)
{
	return (struct guard){.always = true};
}

static void add(struct guard *guard, struct key key)
{
	guard->keys = xrealloc_array(guard->keys, guard->count + 1, sizeof(*guard->keys));
	guard->keys[guard->count++] = key;
}

/* The field whose value (or one of whose items) the node is. */
static bool field_of(const struct gathering *g, const struct cel_node *node, uint32_t *ret)
{
	if (node->kind == NODE_FIELD && node->field->type != FIELD_LIST &&
	    !action_field_may_be_unknown(node->field))
		*ret = (uint32_t)(node->field - action_fields);
	else if (node->kind == NODE_VAR && g->items_of[node->slot])
		*ret = g->items_of[node->slot] - 1;
	else
		return false;
	return true;
}

/* The key that equality of the node with a constant demands, but for its hash. */
static bool key_of(const struct gathering *g, const struct cel_node *node, struct key *ret)
{
	*ret = (struct key){.kind = KEY_VALUE};
	if (field_of(g, node, &ret->field))
		return true;
	ret->kind = KEY_COMMAND;
	return node->kind == NODE_CALL && node->function == FN_COMMAND &&
	       node->child->kind == NODE_FIELD && node->child->field->type == FIELD_LIST &&
	       !action_field_may_be_unknown(node->child->field);
}

/* Return: its index; negative, and the expression fails, if there can be no such label. */
static int note_label(struct gathering *g, struct str name)
{
	const int index = policy_label_intern(g->policy, name);

	if (index < 0)
		g->failed = index;
	else
		g->labels |= UINT64_C(1) << index;
	return index;
}

static void add_label(struct gathering *g, struct guard *guard, struct str name)
{
	const int index = note_label(g, name);

	if (index >= 0)
		add(guard, (struct key){.kind = KEY_LABEL, .hash = (uint64_t)index});
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

static struct guard guard_of_equal(const struct gathering *g, const struct cel_node *a,
				   const struct cel_node *b)
{
	struct guard guard = {0};
	struct key key;
	uint64_t hash = 0;

	if (!key_of(g, a, &key) || !hash_of_literal(b, &hash)) {
		if (!key_of(g, b, &key) || !hash_of_literal(a, &hash))
			return unknown();
	}
	key.hash = hash;
	add(&guard, key);
	return guard;
}

/* x in [constants], 'x' in action.argv, 'x' in session.labels; a process has none that its session
 * does not have. */
static struct guard guard_of_in(struct gathering *g, const struct cel_node *a,
				const struct cel_node *b)
{
	struct guard guard = {0};
	struct key key;

	if (b->kind == NODE_LABELS && a->kind == NODE_STRING) {
		add_label(g, &guard, a->text);
		return guard;
	}
	if (b->kind == NODE_FIELD && a->kind == NODE_STRING &&
	    !action_field_may_be_unknown(b->field)) {
		if (action_field_is_file_labels(b->field))
			note_label(g, a->text);
		add(&guard, (struct key){.kind = KEY_VALUE,
					 .field = (uint32_t)(b->field - action_fields),
					 .hash = hash_string(a->text)});
		return guard;
	}
	if (!cel_is_constant(b) || !key_of(g, a, &key))
		return unknown();
	if (cel_has_integers(b)) {
		for (const struct cel_node *item = b->child; item; item = item->next) {
			key.hash = hash_integer(item->integer);
			add(&guard, key);
		}
		return guard;
	}
	for (size_t i = 0; i < cel_constant_count(b); i++) {
		key.hash = hash_string(cel_constant_string(b, i));
		add(&guard, key);
	}
	return guard;
}

static bool key_of_pattern(const struct cel_node *call, struct str pattern, struct key *ret)
{
	struct cidr net;

	switch ((int)call->function) {
	case FN_STARTS_WITH:
		*ret = (struct key){.kind = KEY_START};
		return hash_start(pattern, &ret->hash);
	case FN_GLOB:
		return key_of_glob(pattern, ret);
	case FN_HOST_MATCHES:
		return key_of_host(pattern, ret);
	case FN_IN_CIDR:
		if (cidr_parse(pattern, &net))
			return false;
		key_of_net(&net, ret);
		return true;
	default:
		return false;
	}
}

/* glob(), hostMatches(), inCIDR() and startsWith of a field with constants. */
static struct guard guard_of_call(const struct gathering *g, const struct cel_node *node)
{
	const struct cel_node *patterns = node->child ? node->child->next : NULL;
	struct guard guard = {0};
	struct key key;
	uint32_t field;

	if (!patterns || !cel_is_constant(patterns) || !field_of(g, node->child, &field))
		return unknown();
	for (size_t i = 0; i < cel_constant_count(patterns); i++) {
		if (!key_of_pattern(node, cel_constant_string(patterns, i), &key)) {
			free(guard.keys);
			return unknown();
		}
		key.field = field;
		add(&guard, key);
	}
	if (node->function == FN_IN_CIDR) {
		key_of_no_address(&key);
		key.field = field;
		add(&guard, key);
	}
	return guard;
}

static bool is_exists(const struct cel_node *loop)
{
	return loop->macro == MACRO_EXISTS && !loop->text2.len;
}

/* session.labels.exists(l, l == 'x') and ...exists(l, l in ['x', 'y']) */
static struct guard guard_of_labels(struct gathering *g, const struct cel_node *node)
{
	const struct cel_node *body = node->child->next;
	const struct cel_node *a = body->child;
	struct guard guard = {0};

	if (is_exists(node) && body->kind == NODE_BINARY && a->kind == NODE_VAR &&
	    a->slot == node->slot && (body->op == OP_EQ || body->op == OP_IN) &&
	    cel_is_constant(a->next) && !cel_has_integers(a->next)) {
		for (size_t i = 0; i < cel_constant_count(a->next); i++)
			add_label(g, &guard, cel_constant_string(a->next, i));
		return guard;
	}
	return unknown();
}

/* How many actions have a key, roughly: 0 few ... 2 a good part of their kind. */
static unsigned width_of_key(const struct key *key)
{
	static const char *const shared[] = {"family", "protocol", "provenance",
					     "result", "stdin",	   "stdout"};
	const struct action_field *field = &action_fields[key->field];

	if (key->kind == KEY_LABEL)
		return 1;
	if (key->kind != KEY_VALUE)
		return 0;
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
		if (strcmp(field->name, shared[i]) == 0)
			return 2;
	}
	if (strcmp(field->name, "op") == 0)
		return 1;
	return field->type == FIELD_BOOL ? 2 : 0;
}

/* 3: all. */
static unsigned width(const struct guard *guard)
{
	unsigned widest = 0;

	if (guard->always)
		return 3;
	for (size_t i = 0; i < guard->count; i++) {
		const unsigned w = width_of_key(&guard->keys[i]);

		widest = w > widest ? w : widest;
	}
	return widest;
}

static struct guard either(struct guard a, struct guard b)
{
	if (a.always || b.always) {
		free(a.keys);
		free(b.keys);
		return unknown();
	}
	for (size_t i = 0; i < b.count; i++)
		add(&a, b.keys[i]);
	free(b.keys);
	return a;
}

static struct guard narrower(struct guard a, struct guard b)
{
	const unsigned wa = width(&a);
	const unsigned wb = width(&b);

	if (wa < wb || (wa == wb && a.count <= b.count)) {
		free(b.keys);
		return a;
	}
	free(a.keys);
	return b;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tree, which the parser bounds */

static struct guard guard_of(struct gathering *g, const struct cel_node *node);

/* exists() is false if its condition is false for every item; all() may be true of no item. */
static struct guard guard_of_loop(struct gathering *g, const struct cel_node *node)
{
	const struct cel_node *list = node->child;

	if (list->kind == NODE_LABELS)
		return guard_of_labels(g, node);
	if (!is_exists(node) || (list->kind != NODE_FIELD && !cel_is_constant(list)) ||
	    (list->kind == NODE_FIELD && action_field_is_lineage(list->field)))
		return unknown();
	g->items_of[node->slot] =
		list->kind == NODE_FIELD ? (uint32_t)(list->field - action_fields) + 1 : 0;
	return guard_of(g, list->next);
}

static struct guard guard_of(struct gathering *g, const struct cel_node *node)
{
	const bool negated = node->kind == NODE_NOT;
	const struct cel_node *inner = negated ? node->child : node;
	struct guard guard = {0};
	struct key key;

	if (node->kind == NODE_LOOP)
		return guard_of_loop(g, node);
	if (node->kind == NODE_CALL)
		return guard_of_call(g, node);
	if (inner->kind == NODE_FIELD && key_of(g, inner, &key)) {
		key.hash = hash_integer(!negated);
		add(&guard, key);
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
		return guard_of_equal(g, node->child, node->child->next);
	if (node->op == OP_IN)
		return guard_of_in(g, node->child, node->child->next);
	return unknown();
}

static bool has_labels(const struct cel_node *node)
{
	return node->kind == NODE_LABELS ||
	       (node->kind == NODE_FIELD && action_field_is_file_labels(node->field));
}

/* Labels read anywhere: those named where that can be told, else all. */
static void gather_labels(struct gathering *g, const struct cel_node *node)
{
	struct guard guard = {0};

	if (has_labels(node))
		g->labels_unclear = true;
	if (node->kind == NODE_LOOP && node->child->kind == NODE_LABELS)
		guard = guard_of_labels(g, node);
	else if (node->kind == NODE_BINARY && node->op == OP_IN && has_labels(node->child->next) &&
		 node->child->kind == NODE_STRING)
		guard = guard_of_in(g, node->child, node->child->next);
	else
		guard.always = true;
	free(guard.keys);
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
	ret->flags = tree_flags(tree);
	gather_labels(&g, tree->root);
	*ret_labels = g.labels_unclear ? UINT64_MAX : g.labels;
	return g.failed;
}
