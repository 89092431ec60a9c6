/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What those had who could write a file that is run: action.file_labels. The kernel knows of files
 * of which it sees how labels go on; of those that every process has nobody can tell which files
 * they went to, so all have them that somebody inside could write.
 */

#include "monitor/file_labels.h"
#include "monitor/policy/policy_state.h"
#include "monitor/session_internal.h"

static uint64_t of_every_process(const struct session *session, const struct action *action)
{
	struct action unread = *action;

	if (str_eq(action->provenance, STR("image")))
		return 0;
	unread.labels = 0;
	return policy_state_process_labels(session->state, &unread) |
	       (session->trace ? trace_everywhere_labels(session->trace, session->slot) : 0);
}

void file_labels_fill(const struct session *session, uint64_t known, struct file_labels *ret,
		      struct action *action)
{
	const struct policy *policy = session->policy;
	const uint64_t labels = known | of_every_process(session, action) |
				policy_labels_of_path(policy, action->path) |
				policy_labels_of_path(policy, action->interpreter);
	size_t count = 0;

	for (size_t i = 0; i < policy_label_count(policy); i++)
		if (labels & (UINT64_C(1) << i))
			ret->names[count++] = str_of(policy_label_name(policy, i));
	action->file_labels = (struct str_list){ret->names, count};
}

void file_labels_of_exec(const struct session *session, const struct gate_request *request,
			 struct file_labels *ret, struct action *action)
{
	uint64_t known = 0;

	for (unsigned i = 0; session->trace && i < request->held; i++)
		known |= trace_file_labels(session->trace, session->slot, request->held_fds[i]);
	file_labels_fill(session, known, ret, action);
}
