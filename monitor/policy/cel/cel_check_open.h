/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The checker of open scopes: cel_check_open.c walks the tree, cel_check_overload.c knows what
 * operators and functions take. A type is never NULL but inside of a list or map that is written
 * empty: there it is whatever fits.
 */

#include "monitor/policy/cel/cel.h"

struct open_typing {
	struct cel_tree *tree;
	struct cel_error *err;
	const struct cel_type *vars[CEL_MAX_VARS];
};

const struct cel_type *open_list(struct open_typing *t, const struct cel_type *item);
const struct cel_type *open_map(struct open_typing *t, const struct cel_type *key,
				const struct cel_type *value);
const struct cel_type *open_optional(struct open_typing *t, const struct cel_type *item);
/* What type() of such a value is, and the name of a type. */
const struct cel_type *open_type_of(struct open_typing *t, const struct cel_type *named);
/* The type that takes in both; NULL if only dyn does. Either may be NULL: free. */
const struct cel_type *open_join(struct open_typing *t, const struct cel_type *a,
				 const struct cel_type *b);
/* What an optional holds; the type itself if it is another. */
const struct cel_type *open_held(const struct cel_type *type);
/* Whether a value of the type may be of the kind. */
bool open_is(const struct cel_type *type, enum cel_kind kind);

/* Types a node whose children are typed: an operator, a call. */
int open_operator(struct open_typing *t, struct cel_node *node);
int open_call(struct open_typing *t, struct cel_node *node);
