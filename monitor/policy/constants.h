/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Actions that rules tell apart: a rule looks at fields and compares them with constants, so the
 * actions at which it turns are those that have these constants, or something that fits these
 * patterns, in these fields.
 */

#include <stddef.h>

#include "monitor/policy/example.h"
#include "monitor/policy/trees.h"

struct constant {
	const struct action_field *field;
	char *text; /* owned; of a string field, or an item of a list; NULL: `integer` */
	int64_t integer;
};

struct constants {
	struct constant *items; /* owned */
	size_t count;
};

/* Adds those of an expression, and of paths that carry labels, that are not there yet. Free with
 * constants_done(). */
void constants_add_tree(struct constants *constants, const struct cel_tree *tree);
void constants_add_globs(struct constants *constants, const struct policy *policy);
bool constants_have(const struct constants *constants, const struct constant *one);
void constants_done(struct constants *constants);

/*
 * constants_apply - the action with the constant in it, and what follows from it derived anew.
 * Return: false if such actions have no such field. Borrows; @item: room for a list of one.
 */
bool constants_apply(const struct constant *constant, struct str *item, struct action *action);
