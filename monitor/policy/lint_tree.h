/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What can be told of typed expressions without running them. All of it errs on the side of "cannot
 * be told": what is said to hold does hold, for every action and session.
 */

#include <stdbool.h>

#include "monitor/policy/cel/cel.h"

/*
 * Where `a` is true `b` is, and where `a` is not false `b` is not false either: for expressions
 * that may end in an error both matter (cordon-policy(5), "Errors at decision time").
 */
bool tree_implies(const struct cel_node *a, const struct cel_node *b);

/* A part of an expression that has the same value for every action. */
struct fixed_part {
	const struct cel_node *whole;
	const struct cel_node *at; /* the place in it to show */
	bool value;
	char reason[256];
};

/* The first such part (but for literals), if one is found. */
bool tree_fixed_part(const struct cel_node *root, struct fixed_part *ret);
