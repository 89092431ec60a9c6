/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the files of cel_resolve() share: cel_resolve.c walks the tree and binds names and
 * functions, cel_resolve_member.c knows what action, session, call, lists and macros have.
 */

#include "monitor/policy/cel/cel.h"

struct resolving {
	struct cel_tree *tree;
	const struct cel_scope *scope;
	struct cel_reads *reads;
	struct cel_error *err;

	struct {
		struct str name;
		unsigned slot;
	} vars[CEL_MAX_VARS];

	unsigned var_count;
	unsigned loops;
	unsigned binds; /* cel.bind, optMap, optFlatMap */
};

/* Any node. */
int resolve_node(struct resolving *r, struct cel_node *node);
/* A member of action, call, session, lists or macros; of has() what of it is known. */
int resolve_member(struct resolving *r, struct cel_node *node);
