/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inside of lint_tree.c: tests of texts that nothing passes, or all. */

#include <stdbool.h>

#include "monitor/policy/cel/cel.h"
#include "monitor/policy/lint_tree.h"

/* A comparison with what no text of its field is or has, or with nothing. */
bool text_is_beyond(const struct cel_node *node, struct fixed_part *ret);
