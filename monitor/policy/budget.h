/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Budgets: a rule that matches its action only once more has been used than it allows, by the whole
 * session or by one tool call. What the action itself uses is counted with it.
 *
 * Amounts are kept by what is used, not by rule: an action moves a few numbers, however many rules
 * ask for them. Only what some rule asks for is kept. Files and hosts are counted once each, in
 * tables that hold more of them than any rule allows; what they lose beyond that is counted twice,
 * which is too much of what was over its limit already.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/action.h"

enum budget_of {
	BUDGET_TOOL_CALLS,
	BUDGET_PROCESSES_CREATED,
	BUDGET_PROCESSES_ALIVE,
	BUDGET_FILES_WRITTEN, /* different ones, opened for writing */
	BUDGET_CONNECTIONS,   /* that leave the session */
	BUDGET_HOSTS,	      /* different ones that these went to */
	BUDGET_CPU_SECONDS,   /* of executions, also while they run */
	BUDGET_MEMORY,	      /* bytes, of those that run now */
	BUDGET_BYTES_WRITTEN, /* given to write(2) and its like */
	BUDGET_BYTES_OUT,     /* that flows out of the session have carried */
	BUDGET_SPEND,	      /* what tool calls say that they cost, in one unit */
	BUDGETS
};

enum budget_per {
	PER_SESSION,
	PER_CALL,
	BUDGET_PERS
};

#define MAX_BUDGET_DISTINCT 4095u /* limit of files and hosts */
#define MAX_BUDGET_CALLS    256u  /* whose amounts are kept; a call that has ended needs none */
#define MAX_BUDGET_HOSTS    1024u /* of each of which the bytes are kept, "by": "host" */
#define MAX_BUDGET_UNITS    8u	  /* of spend, over all rules */

struct budget {
	bool is_set;
	enum budget_of of;
	enum budget_per per;
	bool by_host; /* bytes_out: of the action's host alone */
	size_t unit;  /* spend: index of its unit */
	uint64_t limit;
};

/* What rules of a policy ask for. */
struct budget_needs {
	uint32_t of[BUDGET_PERS];	       /* bit per enum budget_of */
	size_t distinct[BUDGET_PERS][BUDGETS]; /* keys of its table; 0: none */
	uint32_t rule;			       /* one that asks for amounts of calls */
	bool by_host[BUDGET_PERS];
	uint32_t host_rule;	       /* one that asks for bytes of hosts */
	char *units[MAX_BUDGET_UNITS]; /* owned */
	size_t unit_count;
};

struct budget_state;
struct error;
struct json;
struct policy;
struct policy_state;
struct rule;
struct source;

const char *budget_of_name(enum budget_of of);
const char *budget_per_name(enum budget_per per);

/* budget_json.c: the member "budget" of a rule at @path. */
int budget_decode(struct policy *policy, const struct source *source, struct rule *rule,
		  const struct json *node, const char *path, struct error *err);

/* NULL if no rule needs it. */
struct budget_state *budget_state_new(const struct policy *policy);
struct budget_state *budget_state_free(struct budget_state *budgets);
void budget_state_reset(struct budget_state *budgets); /* NULL: nothing */

void budget_needs_done(struct budget_needs *needs);

/* Whether more than the rule's limit is used with this action. @ret_used: how much. */
bool budget_is_over(const struct policy *policy, const struct policy_state *state,
		    const struct rule *rule, const struct action *action, uint64_t *ret_used);
/* Before the verdict: what a proc.usage tells is used already. */
void budgets_measure(const struct policy *policy, struct policy_state *state,
		     const struct action *action);
/* After the verdict. @refused: it did not happen. */
void budgets_take(const struct policy *policy, struct policy_state *state,
		  const struct action *action, bool refused);
/* Of the flow that this action began: so many bytes more have gone out. */
void budgets_take_bytes(const struct policy *policy, struct policy_state *state,
			const struct action *action, uint64_t bytes);
