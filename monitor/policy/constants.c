/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/constants.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/rule.h"

#define FILLER "x"

static const struct action_field *field_named(const char *name)
{
	for (size_t i = 0; i < action_field_count; i++) {
		if (strcmp(action_fields[i].name, name) == 0)
			return &action_fields[i];
	}
	return NULL;
}

/* ---- something that fits a pattern ---- */

static char *path_of_glob(struct str pattern)
{
	struct buf path = BUF_INIT(0);

	if (pattern.len && pattern.at[0] == '*')
		buf_putc(&path, '/');
	for (size_t i = 0; i < pattern.len; i++) {
		const char c = pattern.at[i];

		if (c == '~' && i == 0)
			buf_puts(&path, SESSION_HOME);
		else if (c == '*' && i > 0 && pattern.at[i - 1] == '*')
			continue; /* the second of "**" */
		else if (c == '*' || c == '?')
			buf_puts(&path, FILLER);
		else if (c == '\\' && i + 1 < pattern.len)
			buf_putc(&path, pattern.at[++i]);
		else
			buf_putc(&path, c);
	}
	return path.data ? path.data : xstrdup("");
}

static char *text_of_pattern(enum cel_function function, struct str pattern)
{
	const char *slash;

	switch ((int)function) {
	case FN_GLOB:
		return path_of_glob(pattern);
	case FN_HOST_MATCHES: {
		_cleanup_free_ char *host = path_of_glob(pattern);

		return xstrdup(*host == '/' ? host + 1 : host);
	}
	case FN_IN_CIDR:
		slash = pattern.len ? memchr(pattern.at, '/', pattern.len) : NULL;
		return xstrndup(pattern.at, slash ? (size_t)(slash - pattern.at) : pattern.len);
	default:
		return xstrndup(pattern.at, pattern.len);
	}
}

/* ---- gathering ---- */

bool constants_have(const struct constants *all, const struct constant *one)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct constant *c = &all->items[i];

		if (c->field == one->field && c->integer == one->integer &&
		    !c->text == !one->text && (!c->text || strcmp(c->text, one->text) == 0))
			return true;
	}
	return false;
}

static void add(struct constants *all, struct constant new)
{
	if (constants_have(all, &new)) {
		free(new.text);
		return;
	}
	all->items = xrealloc_array(all->items, all->count + 1, sizeof(*all->items));
	all->items[all->count++] = new;
}

/* The field that is compared: itself, folded, as a command line; an item of a list is of argv. */
static const struct action_field *field_of(const struct cel_node *node)
{
	while (node->kind == NODE_CALL && node->child &&
	       (node->function == FN_LOWER || node->function == FN_COMMAND))
		node = node->child;
	if (node->kind == NODE_FIELD)
		return node->field;
	return node->kind == NODE_VAR || node->kind == NODE_INDEX ? field_named("argv") : NULL;
}

static void add_constants(struct constants *all, const struct action_field *field,
			  const struct cel_node *node, enum cel_function function)
{
	if (node->kind == NODE_INT && field->type == FIELD_INT)
		add(all, (struct constant){.field = field, .integer = node->integer});
	for (const struct cel_node *item = node->kind == NODE_LIST ? node->child : NULL; item;
	     item = item->next) {
		if (item->kind == NODE_INT && field->type == FIELD_INT)
			add(all, (struct constant){.field = field, .integer = item->integer});
	}
	if (!cel_is_constant(node) || cel_has_integers(node) ||
	    (field->type != FIELD_STRING && field->type != FIELD_LIST))
		return;
	for (size_t i = 0; i < cel_constant_count(node); i++)
		add(all, (struct constant){
				 .field = field,
				 .text = text_of_pattern(function, cel_constant_string(node, i))});
}

static void gather_node(struct constants *all, const struct cel_node *node)
{
	const struct cel_node *a = node->child;
	const struct cel_node *b = a ? a->next : NULL;

	/* FN_SIZE: no pattern, the constant as it is. */
	if (b && node->kind == NODE_CALL && field_of(a))
		add_constants(all, field_of(a), b, node->function);
	if (b && node->kind == NODE_BINARY && field_of(a))
		add_constants(all, field_of(a), b, FN_SIZE);
	if (b && node->kind == NODE_BINARY && field_of(b))
		add_constants(all, field_of(b), a, FN_SIZE);
	if (node->kind == NODE_FIELD && node->field->type == FIELD_BOOL) {
		add(all, (struct constant){.field = node->field, .integer = 0});
		add(all, (struct constant){.field = node->field, .integer = 1});
	}
}

void constants_add_globs(struct constants *constants, const struct policy *policy)
{
	for (size_t i = 0; i < policy->glob_count; i++)
		add(constants, (struct constant){.field = field_named("path"),
						 .text = path_of_glob(policy->patterns[i])});
}

void constants_add_tree(struct constants *constants, const struct cel_tree *tree)
{
	for (const struct cel_node *n = tree->all; n; n = n->all)
		gather_node(constants, n);
}

void constants_done(struct constants *constants)
{
	for (size_t i = 0; i < constants->count; i++)
		free(constants->items[i].text);
	free(constants->items);
}

/* ---- use ---- */

bool constants_apply(const struct constant *c, struct str *item, struct action *action)
{
	char *at = (char *)action + c->field->offset;
	const struct str text = str_of(c->text ? c->text : "");
	const struct str_list list = {item, 1};
	const bool boolean = c->integer != 0;

	if (!(c->field->kinds & (1u << action->kind)))
		return false;
	switch (c->field->type) {
	case FIELD_STRING:
		memcpy(at, &text, sizeof(text));
		break;
	case FIELD_INT:
		memcpy(at, &c->integer, sizeof(c->integer));
		break;
	case FIELD_BOOL:
		memcpy(at, &boolean, sizeof(boolean));
		break;
	case FIELD_LIST:
		*item = text;
		memcpy(at, &list, sizeof(list));
		break;
	}
	if (strcmp(c->field->name, "path") == 0 && action->kind == ACTION_EXEC)
		action_derive_name(action);
	if (strcmp(c->field->name, "address") == 0) {
		action->host = action->address;
		action_derive_family(action);
		action_derive_loopback(action);
	}
	return true;
}
