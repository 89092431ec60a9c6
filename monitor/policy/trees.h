/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A set of policy files with all that loading does not keep: their texts, and the expressions of
 * their rules as typed trees. For tools that look at policies rather than decide by them.
 */

#include <stddef.h>

#include "common/error.h"
#include "monitor/policy/cel/cel.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/source.h"

struct rule;
struct step;

struct step_tree {
	const struct step *step; /* borrowed from the policy */
	struct cel_tree tree;
};

struct rule_tree {
	const struct rule *rule;     /* borrowed from the policy */
	const struct source *source; /* where it stands */
	size_t in_file;		     /* its number there */
	struct cel_tree tree;
	struct step_tree *steps; /* owned; in the order of the policy's */
	size_t step_count;
};

/* Owns all. */
struct policy_trees {
	struct sources sources;
	struct policy *policy;
	struct rule_tree *rules; /* in the order of the policy's */
	size_t count;
};

/* Loads as policy_load() does, with its errors. Free with policy_trees_done(), also after one. */
int policy_trees_load(const char *const *paths, size_t count, struct policy_trees *ret,
		      struct error *err);
void policy_trees_done(struct policy_trees *set);
