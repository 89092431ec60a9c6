/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The general evaluator: walks a resolved tree. Everything that an expression can say; for rules
 * that need less there is cel_fast.c, which agrees with it.
 *
 * It takes no memory but from the arena that the caller gives, and ends after a number of steps.
 */

#include "monitor/policy/cel/cel.h"
#include "monitor/policy/cel/cel_value.h"

struct cel_run {
	const struct cel_env *env;
	struct cel_arena arena;
	uint64_t steps; /* left */
	struct cel_value vars[CEL_MAX_VARS];
};

/* An error is a value with its place; see cel_value.h. */
struct cel_value cel_run_node(struct cel_run *run, const struct cel_node *node);
/* cel_run_container.c: NODE_LIST; NODE_MAP; NODE_SELECT and NODE_HAS; NODE_INDEX. */
struct cel_value cel_run_list(struct cel_run *run, const struct cel_node *node);
struct cel_value cel_run_map(struct cel_run *run, const struct cel_node *node);
struct cel_value cel_run_select(struct cel_run *run, const struct cel_node *node);
struct cel_value cel_run_index(struct cel_run *run, const struct cel_node *node);
/* NODE_LOOP, NODE_CALL with its operands in place. */
struct cel_value cel_run_loop(struct cel_run *run, const struct cel_node *node);
struct cel_value cel_run_call(struct cel_run *run, const struct cel_node *node,
			      const struct cel_value *args, unsigned count);
struct cel_value cel_too_costly(void);
