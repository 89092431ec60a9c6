/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inside of lint_tree.c: tests that are a range of values rather than a set of constants. */

#include <stdbool.h>
#include <stdint.h>

#include "monitor/policy/cel/cel.h"
#include "monitor/policy/lint_tree.h"

/* An integer between two, both included. */
struct int_range {
	const struct cel_node *value; /* what is tested */
	int64_t low;
	int64_t high;
	bool exact; /* else some of these do not pass */
};

/* False: the node is no such test. One that nothing passes has low > high. */
bool range_of_test(const struct cel_node *node, struct int_range *ret);
/* A test that no value of its field passes. */
bool range_is_beyond(const struct cel_node *node, struct fixed_part *ret);
/* @a, @b: constants of inCIDR(). Each network of the one lies within one of the other. */
bool networks_lie_within(const struct cel_node *a, const struct cel_node *b);
