/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is known of an execution once its leaf is empty, as actions: limits of the session that were
 * reached, by the counts of its cgroups, and processes that were still running when the program had
 * ended. The counts are the session's: of several executions at a time the one that ends first has
 * the hits.
 */

#include <stdio.h>
#include <string.h>

#include "monitor/judge.h"
#include "monitor/session_internal.h"

struct action execution_action(const struct execution *execution, enum action_kind kind)
{
	return (struct action){
		.kind = kind,
		.time_ns = monotonic_ns(),
		.exec_id = execution->id,
		.call_id = str_of(execution->call_id),
		.call_tool = str_of(execution->tool),
		.declared = declared_list(execution->declared),
	};
}

/* It is over: nothing is left that could be killed. */
static void tell(struct execution *execution, const struct action *action)
{
	struct judgement judgement;
	struct denial unused;

	judge_traced(execution->session, action, &judgement, &unused);
}

/* Return: how many are new. */
static uint64_t note_hits(struct execution *execution, struct str limit, uint64_t total,
			  uint64_t *seen)
{
	const uint64_t fresh = total > *seen ? total - *seen : 0;
	struct action action = execution_action(execution, ACTION_LIMIT);

	if (!fresh)
		return 0;
	*seen = total;
	action.limit = limit;
	action.hits = fresh > INT64_MAX ? INT64_MAX : (int64_t)fresh;
	tell(execution, &action);
	return fresh;
}

static struct str detachment(char how)
{
	return how == LEFT_ORPHAN	 ? STR("orphan")
	       : how == LEFT_OWN_SESSION ? STR("own session")
					 : STR("");
}

static struct str provenance(const struct session *session, char where, const char *program)
{
	if (where == LEFT_OF_IMAGE)
		return STR("image");
	if (where == LEFT_UNKNOWN)
		return STR("");
	if (strncmp(program, "/memfd:", strlen("/memfd:")) == 0)
		return STR("memfd");
	return path_is_below(program, session->workspace) ? STR("workspace") : STR("session");
}

static void note_left(struct execution *execution, const char *told)
{
	struct action action = execution_action(execution, ACTION_OUTLIVE);

	if (strnlen(told, 2) < 2) /* malformed */
		return;
	action.detached = detachment(told[0]);
	action.exe = str_of(told + 2);
	action.provenance = provenance(execution->session, told[1], told + 2);
	tell(execution, &action);
}

void ending_note(struct execution *execution, const struct msg *m, const char *payload)
{
	struct session *session = execution->session;
	struct exec_result *result = &execution->result;
	const char *by = session_layer(session, "limit.memory");
	uint64_t ended_before = 0; /* each call is told of its own end */
	const char *told;
	size_t at = 0;

	result->memory_kills =
		note_hits(execution, STR("memory"), m->memory_kills, &session->limits.memory_kills);
	result->refused_forks = note_hits(execution, STR("processes"), m->refused_forks,
					  &session->limits.refused_forks);
	result->disk_ends = note_hits(execution, STR("disk"), m->disk_ends, &ended_before);
	result->layer_bytes = m->layer_bytes;
	result->memory_is_each = by && strcmp(by, "rlimit") == 0;
	(void)msg_next_string(m, payload, &at); /* what went wrong */
	while ((told = msg_next_string(m, payload, &at)))
		note_left(execution, told);
}
