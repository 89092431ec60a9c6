/* SPDX-License-Identifier: Apache-2.0 */

/* What a tree owns: its nodes, and the memory that is freed with it. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "monitor/policy/cel/cel_tree.h"

int cel_fail(struct cel_error *err, size_t at, const char *format, ...)
{
	va_list args;

	err->at = at;
	err->why.code = -EINVAL;
	va_start(args, format);
	(void)vsnprintf(err->why.text, sizeof(err->why.text), format, args);
	va_end(args);
	return -EINVAL;
}

struct cel_node *cel_node_new(struct cel_tree *tree, enum cel_node_kind kind, size_t at)
{
	struct cel_node *node = xcalloc(1, sizeof(*node));

	node->kind = kind;
	node->at = at;
	node->all = tree->all;
	tree->all = node;
	tree->nodes++;
	return node;
}

void cel_tree_done(struct cel_tree *tree)
{
	for (struct cel_node *node = tree->all; node;) {
		struct cel_node *next = node->all;

		free(node->regex);
		free(node);
		node = next;
	}
	for (size_t i = 0; i < tree->string_count; i++)
		free(tree->strings[i]);
	free(tree->strings);
	free(tree->uses);
	*tree = (struct cel_tree){0};
}

const struct cel_use *cel_use_of(const struct cel_tree *tree, size_t at)
{
	const struct cel_use *found = NULL;

	for (size_t i = 0; i < tree->use_count && tree->uses[i].base <= at; i++)
		found = &tree->uses[i];
	return found;
}

void *cel_tree_keep(struct cel_tree *tree, void *memory)
{
	tree->strings = xrealloc_array(tree->strings, tree->string_count + 1, sizeof(char *));
	tree->strings[tree->string_count++] = memory;
	return memory;
}
