/* SPDX-License-Identifier: Apache-2.0 */

/* What an approver is told: everything that policy knew. */

#include "monitor/judge.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "monitor/session_internal.h"

static void put_labels(const struct session *session, struct json_writer *w)
{
	const uint64_t labels = policy_state_labels(session->state);

	json_begin_array(w, "labels");
	for (size_t i = 0; i < policy_label_count(session->policy); i++)
		if (labels & (UINT64_C(1) << i))
			json_put_string(w, NULL, policy_label_name(session->policy, i));
	json_end_array(w);
}

void question_write(const struct session *session, const struct action *action,
		    const struct decision *decision, uint64_t id, struct buf *out)
{
	struct json_writer w = {.out = out, .exact = true};

	json_begin_object(&w, NULL);
	json_put_u64(&w, "version", 1);
	json_put_u64(&w, "id", id);
	json_put_string(&w, "session", session->id);
	json_put_u64(&w, "timeout_ms", session->approver_timeout_ms);
	json_put_bytes(&w, "call", action->call_id.len ? action->call_id.at : "",
		       action->call_id.len);
	json_put_bytes(&w, "tool", action->call_tool.len ? action->call_tool.at : "",
		       action->call_tool.len);
	json_put_u64(&w, "exec_id", action->exec_id);
	json_put_u64(&w, "pid", action->pid);
	json_put_string(&w, "kind", action_kind_name(action->kind));
	judge_put_fields(&w, action);
	policy_explain(session->policy, session->state, action, decision, &w);
	policy_put_also(session->policy, decision, &w);
	put_labels(session, &w);
	approval_suggest(action, &w);
	json_end_object(&w);
}
