/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What executions use while they run, as actions of their own: only where a rule asks for it, a few
 * times a second, and less often where there is much to look at. What has not changed is not told
 * again. The end of an execution is told too, so that what it used last counts, and its memory no
 * more.
 */

#include <errno.h>
#include <string.h>

#include "monitor/judge.h"
#include "monitor/session_internal.h"

#define SAMPLE_NS   UINT64_C(200000000)
#define TIMES_TAKEN 20 /* of the time that looking took goes by before the next look */

int usage_start(struct session *session, struct error *err)
{
	session->usage.is_needed = policy_needs_usage(session->policy);
	if (!session->usage.is_needed || proc_usage_is_there())
		return 0;
	return error_set(err, EOPNOTSUPP,
			 "the policy has rules on what runs uses (proc.usage, or a budget of "
			 "cpu_seconds, memory or bytes_written), and this kernel cannot tell "
			 "which processes are whose: it was built without CONFIG_PROC_CHILDREN. "
			 "Leave these rules out here");
}

void usage_of_leaf(struct execution *execution)
{
	if (execution->session->usage.is_needed)
		execution->leaf_pid =
			proc_parent_of(execution->program_pidfd, &execution->leaf_started);
}

/* Return: true if it is to be killed. */
static bool judge_usage(struct execution *execution, const struct proc_usage *usage,
			struct denial *ret_denial)
{
	struct session *session = execution->session;
	struct action action = execution_action(execution, ACTION_USAGE);
	struct judgement judgement;

	action.cpu_ms = (int64_t)usage->cpu_ms;
	action.memory_bytes = (int64_t)usage->memory_bytes;
	action.written_bytes = (int64_t)usage->written_bytes;
	execution->usage = *usage;
	judge_traced(session, &action, &judgement, ret_denial);
	return judgement.decision.verdict == VERDICT_KILL && !judgement.proceed;
}

static void look_at(struct execution *execution)
{
	struct proc_usage usage;
	struct denial denial;

	if (proc_usage_read(execution->leaf_pid, execution->leaf_started, &usage) < 0 ||
	    memcmp(&usage, &execution->usage, sizeof(usage)) == 0 ||
	    !judge_usage(execution, &usage, &denial))
		return;
	execution->result.killed = true;
	execution->result.last_denial = denial;
	execution->session->totals.killed++;
	execution_kill(execution);
}

void usage_tick(struct session *session)
{
	const uint64_t now = session->usage.is_needed ? monotonic_ns() : 0;
	uint64_t took;

	if (!session->usage.is_needed || now < session->usage.next_ns || session->failed)
		return;
	for (struct execution *execution = session->executions; execution;
	     execution = execution->next) {
		if (execution->leaf_pid && !execution->kill_sent)
			look_at(execution);
	}
	took = monotonic_ns() - now;
	session->usage.next_ns =
		now + (took * TIMES_TAKEN > SAMPLE_NS ? took * TIMES_TAKEN : SAMPLE_NS);
}

void usage_end(struct execution *execution)
{
	const struct exec_result *result = &execution->result;
	const uint64_t cpu_ms = (result->user_time_us + result->system_time_us) / 1000;
	struct proc_usage usage = execution->usage;
	struct denial unused;

	if (!execution->session->usage.is_needed)
		return;
	usage.memory_bytes = 0;
	if (cpu_ms > usage.cpu_ms)
		usage.cpu_ms = cpu_ms;
	/* It is over: nothing is left that could be killed. */
	(void)judge_usage(execution, &usage, &unused);
}
