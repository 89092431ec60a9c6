/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/session/observe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "common/syscall_table.h"
#include "monitor/gate/resolve.h"
#include "monitor/policy/policy_state.h"
#include "monitor/session/claimed_paths.h"
#include "monitor/session/file_labels.h"
#include "monitor/session/judge.h"
#include "monitor/session/session_internal.h"

static void apply(struct session *session, const struct trace_event *event, struct action *action)
{
	struct execution *execution = execution_find(session, event->exec_id);
	struct judgement judgement;
	struct denial denial;

	lineages_fill(session->lineages, action);
	past_fill(session->past, action);
	judge_traced(session, action, &judgement, &denial);
	past_note(session->past, action);
	if (judgement.decision.verdict == VERDICT_KILL && !judgement.proceed && execution) {
		execution->result.killed = true;
		execution->result.last_denial = denial;
		session->totals.killed++;
		execution_kill(execution);
	}
}

static struct action action_of(struct session *session, const struct trace_event *event,
			       enum action_kind kind)
{
	const struct execution *execution = execution_find(session, event->exec_id);

	return (struct action){
		.kind = kind,
		.time_ns = event->time_ns,
		.exec_id = event->exec_id,
		.pid = event->pid,
		.labels = event->process_labels,
		.exe = str_of(event->comm),
		.call_id = str_of(execution ? execution->call_id : NULL),
		.call_tool = str_of(execution ? execution->tool : NULL),
		.declared = declared_list(execution ? execution->declared : 0),
		.path = str_of(event->path),
		.target = str_of(event->target),
		.claimed = event->claimed,
		.result = event->result,
		.lineage_told = session->tells_lineage,
	};
}

static void on_open(struct session *session, const struct trace_event *event)
{
	const struct policy *policy = session->policy;
	struct action action = action_of(session, event, ACTION_FILE_OPEN);
	const unsigned access_mode = event->flags & O_ACCMODE;
	uint64_t of_path = 0;

	action.write = access_mode != O_RDONLY || (event->flags & (O_CREAT | O_TRUNC));
	action.create = (event->flags & O_CREAT) != 0;
	action.cut = (event->flags & O_TRUNC) != 0;
	action.created = event->created;
	action.folder = (event->flags & O_DIRECTORY) != 0;
	if (event->result >= 0 && access_mode != O_WRONLY)
		of_path = action.claimed ? policy_labels_of_path(policy, action.path)
					 : policy_labels_of_leaf(policy, action.path);
	/* The kernel did not know: what became of it since, nobody can tell. */
	policy_state_add_labels(session->state, of_path & ~event->process_labels);
	policy_state_add_session_labels(session->state, event->labels | of_path);
	judge_note_labels(session, &action);
	if (session->gates_files && action.write) {
		observe_done(session, event, &action);
		return;
	}
	/* Of reads that failed there are too many, and nothing came of them. */
	if (action.write)
		claimed_paths_settle(session->claimed_paths, !(event->flags & O_NOFOLLOW), &action);
	apply(session, event, &action);
}

/* Does the call follow a link that is its last name? Those with a flag for that mostly have it set.
 */
static bool follows_link(const char *name)
{
	static const char *const follow[] = {"chmod",	 "fchmodat", "fchmodat2",  "chown",
					     "truncate", "setxattr", "removexattr"};

	for (size_t i = 0; name && i < sizeof(follow) / sizeof(follow[0]); i++) {
		if (strcmp(name, follow[i]) == 0)
			return true;
	}
	return false;
}

static void on_change(struct session *session, const struct trace_event *event)
{
	static const struct {
		const char *prefix;
		const char *op;
	} ops[] = {
		{"unlink", "unlink"},	  {"rename", "rename"},	    {"link", "link"},
		{"symlink", "symlink"},	  {"mkdir", "mkdir"},	    {"rmdir", "rmdir"},
		{"mknod", "mknod"},	  {"chmod", "chmod"},	    {"fchmod", "chmod"},
		{"chown", "chown"},	  {"fchown", "chown"},	    {"lchown", "chown"},
		{"truncate", "truncate"}, {"setxattr", "setxattr"}, {"lsetxattr", "setxattr"},
		{"utime", "utime"},	  {"futimesat", "utime"},
	};

	const char *name = syscall_name((unsigned)event->syscall);
	struct action action = action_of(session, event, ACTION_FILE_CHANGE);

	action.op = str_of(name);
	for (size_t i = 0; name && i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strncmp(name, ops[i].prefix, strlen(ops[i].prefix)) == 0)
			action.op = str_of(ops[i].op);
	}
	action.write = true;
	if (session->gates_files) {
		observe_done(session, event, &action);
		return;
	}
	claimed_paths_settle(session->claimed_paths, follows_link(name), &action);
	apply(session, event, &action);
}

static void on_call(struct session *session, const struct trace_event *event)
{
	struct action action = action_of(session, event, ACTION_PROC_CALL);

	action.op = str_of(syscall_name((unsigned)event->syscall));
	/* Ids, flags and requests are ints; of a pointer nothing can be asked. */
	action.arg0 = (int32_t)event->args[0];
	action.arg1 = (int32_t)event->args[1];
	apply(session, event, &action);
}

/* A call failed since something was used up. */
static void on_limit(struct session *session, const struct trace_event *event)
{
	const char *name = syscall_name((unsigned)event->syscall);
	struct action action = action_of(session, event, ACTION_LIMIT);

	action.op = str_of(name);
	action.hits = 1;
	if (name && strncmp(name, "inotify", strlen("inotify")) == 0)
		action.limit = STR("watches");
	else if (event->result == -EMFILE || event->result == -ENFILE)
		action.limit = STR("descriptors");
	else
		action.limit = event->result == -EFBIG ? STR("file size") : STR("disk");
	apply(session, event, &action);
}

/*
 * As the gate says it of a program: what is on a mount that can be written to is the workspace's or
 * the session's, and the trace leaves out the rest. Lite has no such mounts. What has no name from
 * the root on is a file that was never in a folder, or memory that processes share.
 */
static struct str map_provenance(const struct session *session, const char *path)
{
	if (path[0] != '/')
		return strncmp(path, "memfd:", strlen("memfd:")) == 0	   ? STR("memfd")
		       : path[0] == '.' /* too deep for all of its path */ ? STR("session")
									   : STR("anonymous");
	if (path_is_below(path, session->workspace))
		return STR("workspace");
	return session->writable && !path_is_below_any(path, session->writable) ? STR("image")
										: STR("session");
}

static void on_map(struct session *session, const struct trace_event *event)
{
	struct action action = action_of(session, event, ACTION_MEM_EXEC);
	char nameless[NAME_MAX + 2];
	struct file_labels names;

	if (event->path[0] && event->path[0] != '/' && event->path[0] != '.') {
		(void)snprintf(nameless, sizeof(nameless), "/%s", event->path);
		action.path = str_of(nameless); /* as the gate has it */
	}
	action.op = str_of(syscall_name((unsigned)event->syscall));
	action.write = (event->flags & PROT_WRITE) != 0;
	action.provenance = map_provenance(session, event->path);
	if (session->tells_file_labels)
		file_labels_fill(session, event->labels, &names, &action);
	apply(session, event, &action);
}

static void on_signal(struct session *session, const struct trace_event *event)
{
	struct action action = action_of(session, event, ACTION_SIGNAL);

	action.signal = event->result;
	action.result = 0;
	action.relation = str_of(event->relation);
	action.receiver = event->receiver;
	apply(session, event, &action);
}

void observe_event(struct session *session, const struct trace_event *event)
{
	struct action action;

	if (session->stage == SESSION_CLOSED)
		return;
	switch (event->kind) {
	case TRACE_EXEC:
		observe_exec(session, event);
		break;
	case TRACE_FORK:
		action = action_of(session, event, ACTION_FORK);
		action.parent = event->parent_pid;
		lineages_fork(session->lineages, event->exec_id, event->parent_pid, event->pid);
		apply(session, event, &action);
		break;
	case TRACE_EXIT:
		action = action_of(session, event, ACTION_PROC_EXIT);
		apply(session, event, &action);
		lineages_exit(session->lineages, event->pid);
		break;
	case TRACE_OPEN:
		on_open(session, event);
		break;
	case TRACE_CONNECT:
		observe_connect(session, event);
		break;
	case TRACE_CHANGE:
		on_change(session, event);
		break;
	case TRACE_EXEC_MISMATCH:
	case TRACE_EXEC_REFUSED:
		observe_mismatch(session, event);
		break;
	case TRACE_CALL:
		on_call(session, event);
		break;
	case TRACE_LIMIT:
		on_limit(session, event);
		break;
	case TRACE_SIGNAL:
		on_signal(session, event);
		break;
	case TRACE_MAP:
		on_map(session, event);
		break;
	}
}
