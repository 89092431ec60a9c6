/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a session has used; shared by budget.c (what actions use) and budget_usage.c (what is
 * measured beside them). */

#include "monitor/policy/budget.h"
#include "monitor/policy/keyed.h"

#define BY_EXECUTION   (UINT64_C(1) << 63) /* of what belongs to no call */
#define MAX_EXECUTIONS 256u
#define US_PER_SECOND  1000000u

struct budget_state {
	uint64_t used[BUDGETS]; /* of the session; processor time in microseconds */
	uint64_t spent[MAX_BUDGET_UNITS];
	struct keyed *calls;			      /* BUDGETS words of each; NULL: not needed */
	struct keyed *distinct[BUDGET_PERS][BUDGETS]; /* what was counted already */
	struct keyed *executions;		      /* whose first process was counted already */
	struct keyed *usage;			      /* by execution, USAGE_WORDS: as last told */
	struct keyed *hosts[BUDGET_PERS]; /* bytes that went to each; NULL: not needed */
};

/* Of one execution, as last told of. */
enum {
	USAGE_CPU_US,
	USAGE_MEMORY,
	USAGE_WRITTEN,
	USAGE_WORDS
};

/* budget.c */
/* Text and number as a key of a table; never 0. */
uint64_t budget_key(const struct policy *policy, struct str text, uint64_t more);
uint64_t budget_key_of_call(const struct policy *policy, const struct action *action);
/* The amounts of the action's call, made if need be. */
uint64_t *budget_call(const struct policy *policy, struct policy_state *state,
		      const struct action *action);

/* budget_usage.c */
/* Bytes that went to the action's host, of the session or of its call. */
uint64_t budget_bytes_to_host(const struct policy *policy, const struct budget_state *budgets,
			      enum budget_per per, const struct action *action);
