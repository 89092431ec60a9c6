/* SPDX-License-Identifier: Apache-2.0 */

/* What a session has its trace look for, and what it takes for granted where nobody looks. */

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "common/cleanup.h"
#include "monitor/policy/policy_state.h"
#include "monitor/session/claimed_paths.h"
#include "monitor/session/judge.h"
#include "monitor/session/session_internal.h"

static int label_one(struct session *session, int root_fd, const struct owned_label *label,
		     struct error *err)
{
	const struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
	const int index = policy_label_index(session->policy, label->name);
	_cleanup_close_ int file_fd = -1;
	int r;

	if (index < 0)
		return error_set(err, EINVAL, "label \"%s\" is not known to the policy",
				 label->name);
	file_fd = (int)syscall(SYS_openat2, root_fd, label->path, &how, sizeof(how));
	if (file_fd < 0)
		return error_errno(err, errno,
				   "label %s=%s: the file is not in the session's view "
				   "(--bind or --workspace puts it there)",
				   label->path, label->name);
	r = trace_label_file(session->trace, session->slot, file_fd, UINT64_C(1) << index);
	return r < 0 ? error_errno(err, r, "label %s=%s", label->path, label->name) : 0;
}

/*
 * Without a trace nobody sees a read. Every label that anything here can have is then taken as set
 * from the start: rules that depend on labels err on the side of refusing. The same after a loss.
 */
void session_assume_labels(struct session *session)
{
	uint64_t labels = policy_labels_given(session->policy);

	for (size_t i = 0; i < session->label_count; i++) {
		const int index = policy_label_index(session->policy, session->labels[i].name);

		labels |= index < 0 ? 0 : UINT64_C(1) << index;
	}
	if (!labels || !policy_uses_labels(session->policy))
		return;
	policy_state_add_labels(session->state, labels);
	session->labels_assumed = true;
	policy_state_fix_labels(session->state);
	judge_note_labels(session, NULL);
}

void session_assume_steps(struct session *session, bool from_start)
{
	lineages_lose(session->lineages);
	if (!session->gates_files) /* else it is told by who carries changes out */
		past_lose(session->past);
	policy_state_assume_unseen(session->state, session->gates_files, from_start);
}

int session_trace_start(struct session *session, int root_fd, struct error *err)
{
	uint64_t network;
	int r;

	session->tells_lineage = policy_reads_lineage(session->policy);
	session->tells_file_labels = policy_reads_file_labels(session->policy);
	if (policy_reads_past(session->policy))
		session->past = past_new();
	if (!session->trace) {
		session_assume_labels(session);
		session_assume_steps(session, true);
		return 0;
	}
	session->lineages = lineages_new();
	session->claimed_paths = claimed_paths_new(root_fd);
	for (size_t i = 0; i < session->label_count; i++) {
		r = label_one(session, root_fd, &session->labels[i], err);
		if (r < 0)
			return r;
	}
	network = policy_network_labels(session->policy);
	if (network) {
		r = trace_label_network(session->trace, session->slot, network);
		if (r < 0)
			return error_errno(err, r, "label what comes over the network");
	}
	if (policy_asks_for(session->policy, ACTION_MEM_EXEC))
		(void)trace_tell_maps(session->trace, session->slot);
	if (session->carries_connects)
		(void)trace_leave_connects(session->trace, session->slot);
	r = trace_require_approval(session->trace, session->slot, true);
	return r < 0 ? error_errno(err, r, "have the trace verify what is run") : 0;
}
