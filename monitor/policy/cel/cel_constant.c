/* SPDX-License-Identifier: Apache-2.0 */

/* Nodes that are known when they are loaded: strings, and lists of strings or ints. */

#include "monitor/policy/cel/cel.h"

bool cel_is_constant(const struct cel_node *node)
{
	if (node->kind != NODE_LIST)
		return node->kind == NODE_STRING || node->kind == NODE_NAMED;
	for (const struct cel_node *item = node->child; item; item = item->next) {
		if ((item->kind != NODE_STRING && item->kind != NODE_INT) ||
		    item->kind != node->child->kind)
			return false;
	}
	return true;
}

bool cel_has_integers(const struct cel_node *node)
{
	return node->kind == NODE_LIST && node->child && node->child->kind == NODE_INT;
}

size_t cel_constant_count(const struct cel_node *node)
{
	size_t n = 0;

	if (node->kind == NODE_STRING)
		return 1;
	if (node->kind == NODE_NAMED)
		return node->list->count;
	for (const struct cel_node *item = node->child; item; item = item->next)
		n++;
	return n;
}

struct str cel_constant_string(const struct cel_node *node, size_t index)
{
	const struct cel_node *item = node->child;

	if (node->kind == NODE_STRING)
		return node->text;
	if (node->kind == NODE_NAMED)
		return node->list->strings[index];
	while (index-- > 0)
		item = item->next;
	return item->text;
}
