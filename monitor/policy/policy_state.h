/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What one session has done so far, as far as rules remember it: labels, counters, sequences,
 * budgets. policy_state_new() takes all memory that it will ever need.
 */

#include <stdbool.h>
#include <stdint.h>

#include "monitor/action.h"
#include "monitor/policy/policy.h"

struct policy_state;

struct policy_state *policy_state_new(const struct policy *policy);
struct policy_state *policy_state_free(struct policy_state *state);
/* As if it were new, but that nothing is allocated: for tools that try many actions. */
void policy_state_reset(struct policy_state *state);
uint64_t policy_state_labels(const struct policy_state *state);
/*
 * process.labels of an action: what its process has read or got from others, of the labels that
 * the session has; and all that nobody can tell the process of. Of tool calls and results, which
 * are the agent's and no process's, as of whatever has no pid: all that the session has.
 */
uint64_t policy_state_process_labels(const struct policy_state *state, const struct action *action);
/*
 * They are taken away only by rules with "declassify". What is added is of every process, but with
 * the second, where the kernel tells which processes have them: see the member of an action.
 */
void policy_state_add_labels(struct policy_state *state, uint64_t labels);
void policy_state_add_session_labels(struct policy_state *state, uint64_t labels);
/* From here on nothing takes labels away: nobody can tell what is read. */
void policy_state_fix_labels(struct policy_state *state);

/*
 * How often a sequence was forgotten that could still have come to its end, for want of room: what
 * @ret_last is written to see may be missed from there on. It is borrowed; NULL if it never was.
 */
uint64_t policy_state_evicted(const struct policy_state *state, const struct rule_info **ret_last);
/*
 * True if one of these rules can do more than log: refuse or delay, or change labels, by which
 * other rules decide. If not, nothing is missed but an entry.
 */
bool policy_state_evicted_acts(const struct policy_state *state);
/*
 * What is seen after it happened is seen no more (or, @from_start, never was): steps of sequences
 * that need it count as having happened, except for rules that allow, or do no more than log.
 * @gates_files: writes are decided before, and so still seen. @from_start: nor is it seen which
 * process starts which; those of one execution count as one lineage.
 */
void policy_state_assume_unseen(struct policy_state *state, bool gates_files, bool from_start);

/* An execution has ended, and nothing of it lives on: what sequences kept of it is let go. With a
 * trace that is done as each process ends. */
void policy_state_end_execution(struct policy_state *state, uint32_t exec_id);

/* An execution (0: one that nobody told of) has ended that took so much processor time, of all its
 * processes; what proc.usage told of it before is part of that. */
void policy_state_note_cpu(struct policy_state *state, uint32_t exec_id, uint64_t us);
