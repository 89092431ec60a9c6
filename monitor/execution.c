/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/policy_state.h"
#include "monitor/session_internal.h"
#include "monitor/session_net.h"

#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP (1u << 2) /* Linux 6.9 */
#endif

static void on_handle_closed(uv_handle_t *handle)
{
	struct execution *execution = handle->data;
	struct session *session = execution->session;

	close_fd(&execution->program_pidfd);
	free(execution->call_id);
	free(execution->tool);
	free(execution);
	session_handle_closed(session);
}

struct execution *execution_find(struct session *session, uint32_t exec_id)
{
	struct execution *execution;

	DL_SEARCH_SCALAR(session->executions, execution, id, exec_id);
	return execution;
}

void execution_kill(struct execution *execution)
{
	const struct msg m = {.type = MSG_KILL, .exec = execution->id};

	if (execution->kill_sent)
		return;
	execution->kill_sent = true;
	(void)control_send(execution->session, &m, NULL, NULL, 0);
}

void execution_refused(struct execution *execution, const struct denial *denial)
{
	execution->result.denied++;
	if (denial != &execution->result.last_denial)
		execution->result.last_denial = *denial;
	if (denial->verdict != VERDICT_KILL)
		return;
	execution->result.killed = true;
	execution_kill(execution);
}

static void on_timeout(uv_timer_t *timer)
{
	struct execution *execution = timer->data;

	execution->result.timed_out = true;
	execution_kill(execution);
}

static void record_end_of(const struct execution *execution)
{
	static const char *const outcomes[] = {
		[EXEC_EXITED] = "exited",
		[EXEC_SIGNALED] = "signaled",
		[EXEC_NOT_STARTED] = "not started",
		[EXEC_SETUP_ERROR] = "setup error",
	};
	const struct exec_result *result = &execution->result;
	struct json_writer *w =
		event_begin(execution->session, "exec.end", execution->call_id, execution->id);

	policy_state_note_cpu(execution->session->state, execution->id,
			      result->user_time_us + result->system_time_us);
	json_begin_object(w, "fields");
	json_put_string(w, "outcome", outcomes[result->outcome]);
	json_put_i64(w, "status", result->status);
	if (result->timed_out)
		json_put_bool(w, "timed_out", true);
	if (result->error[0])
		json_put_string(w, "error", result->error);
	json_put_u64(w, "wall_ns", result->wall_ns);
	json_put_u64(w, "user_us", result->user_time_us);
	json_put_u64(w, "system_us", result->system_time_us);
	json_put_u64(w, "max_rss_kib", result->max_rss_kib);
	json_put_u64(w, "denied", result->denied);
	if (result->memory_kills)
		json_put_u64(w, "memory_kills", result->memory_kills);
	if (result->refused_forks)
		json_put_u64(w, "refused_forks", result->refused_forks);
	if (result->disk_ends)
		json_put_u64(w, "disk_ends", result->disk_ends);
	if (result->left)
		json_put_u64(w, "left", result->left);
	json_end_object(w);
	event_end(execution->session);
}

static void execution_end(struct execution *execution)
{
	struct session *session = execution->session;

	/* What the trace still holds of this execution belongs before its end in the record. */
	supervisor_drain(session->supervisor);
	loss_check(session);
	if (execution->gate) {
		session->totals.gated += gate_count(execution->gate);
		gate_stop(take_ptr(execution->gate));
	}
	pending_drop_execution(execution);
	session_net_drop_execution(execution);
	execution->result.wall_ns = monotonic_ns() - execution->started_ns;
	usage_end(execution);
	record_end_of(execution);
	lineages_end(session->lineages, execution->id);
	policy_state_end_execution(session->state, execution->id);
	DL_DELETE(session->executions, execution);
	execution->ops->ended(execution->ctx, execution->id, &execution->result);
	uv_close((uv_handle_t *)&execution->timeout, on_handle_closed);
}

void execution_end_all(struct session *session)
{
	while (session->executions) {
		struct execution *execution = session->executions;

		execution->result.outcome = EXEC_SIGNALED;
		execution->result.status = SIGKILL;
		if (session->failed) {
			execution->result.outcome = EXEC_SETUP_ERROR;
			(void)snprintf(execution->result.error, sizeof(execution->result.error),
				       "the session has ended: %.900s", session->failure.text);
		}
		execution_end(execution);
	}
}

/*
 * The group is the program's own: exec.c makes it the leader of a session. Before 6.9 a group has a
 * number only. The kernel gives it to nobody else as long as one of the group is there; for another
 * to have it all of them must end, and all numbers be used up, between the two calls.
 */
static void send_signal(const struct execution *execution, int signum)
{
	pid_t pid;

	if (syscall(SYS_pidfd_send_signal, execution->program_pidfd, signum, NULL,
		    PIDFD_SIGNAL_PROCESS_GROUP) == 0 ||
	    errno != EINVAL)
		return;
	pid = (pid_t)proc_pid_of(execution->program_pidfd);
	if (pid > 1) /* -1 is everybody */
		(void)kill(-pid, signum);
}

static unsigned hands_fds(const struct session *session)
{
	return session->gates_files || session->carries_connects ? 2 : 0;
}

static void close_unused(const struct gate_config *config)
{
	int fds[] = {config->listener_fd, config->hands_fd ? config->hands_fd : -1,
		     config->bell_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		close_fd(&fds[i]);
}

/*
 * The fds of READY come in this order: listener (EXEC_GATE), pidfd, socket and bell of the hands
 * (EXEC_WITH_HANDS), pty master (EXEC_TTY).
 */
void execution_on_ready(struct session *session, const struct msg *m, struct msg_fds *fds)
{
	struct execution *execution = execution_find(session, m->exec);
	const unsigned hands = hands_fds(session);
	const unsigned expected = 2u + hands + (execution && execution->tty ? 1u : 0u);
	const struct gate_config config = {
		.loop = session->supervisor->loop,
		.listener_fd = take_fd(&fds->fd[0]),
		.hands_fd = hands ? take_fd(&fds->fd[2]) : 0,
		.bell_fd = hands ? take_fd(&fds->fd[3]) : -1,
		.carries_binds = session->gates_files,
		.carries_connects = session->carries_connects,
		.exec_id = m->exec,
		.host_bound = session->host_bound,
		.diag_fd = session->diag_fd,
		.owners = {session->workspace, session->writable},
		.ops = &execution_gate_ops,
		.ctx = execution,
	};
	struct error err = {0};
	int r = 0;

	if (!execution || execution->gate || fds->count != expected) {
		close_unused(&config);
		(void)error_set(&err, EPROTO, "the session's init announced execution %u wrongly",
				m->exec);
		session_fail(session, &err);
		return;
	}
	if (session->trace)
		r = trace_tag(session->trace, fds->fd[1], session->slot, m->exec);
	/* It found no program to execute, or a signal ended it: its EXIT is on the way. */
	if (r == -ESRCH)
		r = 0;
	if (r < 0) {
		close_unused(&config);
		(void)error_errno(&err, r, "put execution %u under trace", m->exec);
	} else {
		r = gate_start(&config, &execution->gate, &err);
	}
	if (r < 0) {
		(void)snprintf(execution->result.error, sizeof(execution->result.error), "%s",
			       err.text);
		execution_kill(execution);
		return;
	}
	execution->program_pidfd = take_fd(&fds->fd[1]);
	usage_of_leaf(execution);
	if (execution->early_signal)
		send_signal(execution, execution->early_signal);
	if (execution->tty)
		execution->ops->tty(execution->ctx, take_fd(&fds->fd[2 + hands]));
}

void execution_on_exit(struct session *session, const struct msg *m, const char *payload)
{
	struct execution *execution = execution_find(session, m->exec);
	struct exec_result *result;

	if (!execution)
		return; /* ended already: killed while its EXIT was on the way */
	result = &execution->result;
	result->outcome =
		m->outcome <= EXEC_SETUP_ERROR ? (enum exec_outcome)m->outcome : EXEC_SETUP_ERROR;
	result->status = m->status;
	result->user_time_us = m->user_time_us;
	result->system_time_us = m->system_time_us;
	result->max_rss_kib = m->max_rss_kib;
	result->left = m->left;
	if (result->outcome == EXEC_SETUP_ERROR && m->payload_len && !result->error[0])
		(void)snprintf(result->error, sizeof(result->error), "%s", payload);
	/* It was killed because it could not be guarded. */
	if (result->error[0])
		result->outcome = EXEC_SETUP_ERROR;
	/* What the trace still holds was before. */
	supervisor_drain(session->supervisor);
	ending_note(execution, m, payload);
	execution_end(execution);
}

static void put_string(struct buf *payload, const char *text)
{
	buf_put(payload, text, strlen(text) + 1);
}

static uint32_t put_strings(struct buf *payload, const char *const *strings)
{
	uint32_t count = 0;

	while (strings && strings[count])
		put_string(payload, strings[count++]);
	return count;
}

static struct execution *execution_new(struct session *session, const struct exec_request *request,
				       const struct exec_ops *ops, void *ctx)
{
	struct execution *execution = xcalloc(1, sizeof(*execution));

	execution->session = session;
	execution->program_pidfd = -1;
	execution->id = ++session->last_exec_id;
	execution->call_id = xstrdup(request->call_id);
	execution->tool = xstrdup(request->tool);
	execution->declared = request->declared;
	execution->ops = ops;
	execution->tty = request->tty;
	execution->ctx = ctx;
	execution->started_ns = monotonic_ns();
	(void)uv_timer_init(session->supervisor->loop, &execution->timeout);
	execution->timeout.data = execution;
	session->handles++;
	session->totals.execs++;
	DL_APPEND(session->executions, execution);
	return execution;
}

static void record_start_of(const struct execution *execution, const struct exec_request *request)
{
	struct json_writer *w =
		event_begin(execution->session, "exec.start", execution->call_id, execution->id);

	json_begin_object(w, "fields");
	json_put_string(w, "tool", execution->tool);
	json_begin_array(w, "argv");
	for (size_t i = 0; request->argv[i]; i++)
		json_put_string(w, NULL, request->argv[i]);
	json_end_array(w);
	if (request->cwd)
		json_put_string(w, "cwd", request->cwd);
	json_end_object(w);
	event_end(execution->session);
}

int session_exec(struct session *session, const struct exec_request *request,
		 const struct exec_ops *ops, void *ctx, uint32_t *ret_exec_id, struct error *err)
{
	_cleanup_buf_ struct buf payload = BUF_INIT(MAX_MESSAGE_BYTES);
	struct msg m = {.type = MSG_EXEC,
			.flags = EXEC_GATE | (request->tty ? EXEC_TTY : 0u) |
				 (session->gates_files ? EXEC_FILES : 0u) |
				 (session->carries_connects ? EXEC_CONNECTS : 0u)};
	struct execution *execution;
	int r;

	if (session->stage != SESSION_READY || session->failed)
		return error_set(err, EPIPE, "the session has ended%s%s",
				 session->failed ? ": " : "",
				 session->failed ? session->failure.text : "");
	put_string(&payload, request->cwd ? request->cwd : session->workspace);
	m.argc = put_strings(&payload, request->argv);
	m.envc = put_strings(&payload, request->env ? request->env : session->env);
	if (m.argc > MAX_ARGV_ITEMS || m.envc > MAX_ARGV_ITEMS)
		return error_set(err, E2BIG,
				 "%s: %u arguments and %u environment strings; at most %u of each "
				 "(xargs(1) shares them out)",
				 request->argv[0], m.argc, m.envc, MAX_ARGV_ITEMS);
	if (payload.overflow)
		return error_set(err, E2BIG,
				 "arguments and environment are over %u bytes; pass long text "
				 "through a file or stdin",
				 MAX_MESSAGE_BYTES);
	m.payload_len = (uint32_t)payload.len;
	m.exec = session->last_exec_id + 1;
	r = control_send(session, &m, payload.data, request->stdio_fds, 3);
	if (r == -ENOBUFS)
		return error_set(err, r,
				 "%u requests wait for the session already, which takes none "
				 "(stopped, or short of memory); try again later",
				 MAX_OUTBOX);
	if (r < 0)
		return error_errno(err, r, "ask the session to start %s", request->argv[0]);
	execution = execution_new(session, request, ops, ctx);
	if (request->timeout_ms)
		(void)uv_timer_start(&execution->timeout, on_timeout, request->timeout_ms, 0);
	record_start_of(execution, request);
	*ret_exec_id = execution->id;
	return 0;
}

void session_kill_exec(struct session *session, uint32_t exec_id)
{
	struct execution *execution = execution_find(session, exec_id);

	if (execution)
		execution_kill(execution);
}

void session_signal_exec(struct session *session, uint32_t exec_id, int signum)
{
	struct execution *execution = execution_find(session, exec_id);

	if (execution && execution->program_pidfd >= 0)
		send_signal(execution, signum);
	else if (execution)
		execution->early_signal = signum;
}
