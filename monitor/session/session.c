/* SPDX-License-Identifier: Apache-2.0 */

/* The life of a session: its start, its end, and what is done now and then in between. */

#include <errno.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/policy_state.h"
#include "monitor/redact.h"
#include "monitor/session/claimed_paths.h"
#include "monitor/session/session_internal.h"
#include "monitor/session/session_net.h"

/* How long the init may take to end after BYE before its socket is closed, which ends it anyway. */
#define ENDING_GRACE_MS 2000

/* ---- start ---- */

static void copy_labels(struct session *session, const struct session_config *config)
{
	session->labels = xcalloc(config->label_count, sizeof(*session->labels));
	session->label_count = config->label_count;
	for (size_t i = 0; i < config->label_count; i++) {
		session->labels[i].path = xstrdup(config->labels[i].path);
		session->labels[i].name = xstrdup(config->labels[i].name);
	}
}

static void session_free(struct session *session)
{
	for (size_t i = 0; i < session->label_count; i++) {
		free(session->labels[i].path);
		free(session->labels[i].name);
	}
	free(session->labels);
	for (size_t i = 0; session->layers && session->layers[i]; i++)
		free(session->layers[i]);
	free(session->layers);
	free(session->host_bound);
	if (session->diag_fd)
		close_fd(&session->diag_fd);
	free(session->writable);
	pending_free(session);
	free(session->inbox);
	free(session->id);
	free(session->workspace);
	(void)policy_state_free(session->state);
	(void)lineages_free(session->lineages);
	(void)past_free(session->past);
	(void)claimed_paths_free(session->claimed_paths);
	(void)record_abandon(session->record);
	(void)redactor_free(session->redactor);
	free(session);
}

void session_handle_closed(struct session *session)
{
	if (--session->handles == 0 && session->stage == SESSION_CLOSED)
		session_free(session);
}

static void on_handle_closed(uv_handle_t *handle)
{
	session_handle_closed(handle->data);
}

static int session_open_parts(struct session *session, const struct session_config *config,
			      struct error *err)
{
	const char *key_path = session->supervisor->key_path;
	int r;

	r = config->record_fd
		    ? record_open_fd(config->record_fd, config->record_path, config->id, key_path,
				     &session->record, err)
		    : record_open(config->record_path, config->id, key_path, &session->record, err);
	if (r < 0)
		return r;
	r = redactor_new(session->policy, session->net_config.canaries, &session->redactor, err);
	if (r < 0)
		return r;
	if (session->redactor)
		record_set_redactor(session->record, redactor_mask, session->redactor);
	if (config->ops->observer)
		record_set_observer(session->record, config->ops->observer, config->ctx);
	session->state = policy_state_new(session->policy);
	r = supervisor_add(session, config->trace, err);
	if (r < 0)
		return r;
	session->has_slot = true;
	return 0;
}

/* Here, so that no face can leave it out. */
static int check_mode(const struct session_config *config, struct error *err)
{
	const char *locked = policy_locked(config->policy);

	if (config->mode != MODE_OBSERVE || !locked)
		return 0;
	if (config->record_fd)
		(void)close(config->record_fd);
	return error_set(err, EPERM,
			 "policy %s is locked, and a session that only observes would not enforce "
			 "it: leave out --mode=observe or learn, --profile=observe or eval, or the "
			 "policy",
			 locked);
}

int session_start(const struct session_config *config, struct session **ret, struct error *err)
{
	struct session *session = xcalloc(1, sizeof(*session));
	int control_fd = config->control_fd;
	int r;

	session->supervisor = config->supervisor;
	session->policy = config->policy;
	session->mode = config->mode;
	session->approver = config->approver;
	session->approver_timeout_ms =
		config->approver_timeout_ms ? config->approver_timeout_ms : DEFAULT_APPROVER_MS;
	session->ops = config->ops;
	session->ctx = config->ctx;
	session->id = xstrdup(config->id);
	session->workspace = xstrdup(config->workspace);
	session->env = config->env;
	session->net_config = config->net;
	session->control_fd = -1;
	copy_labels(session, config);
	r = check_mode(config, err);
	if (r == 0)
		r = session_open_parts(session, config, err);
	if (r < 0) {
		close_fd(&control_fd);
		session_free(session);
		return r;
	}
	(void)uv_timer_init(session->supervisor->loop, &session->ending);
	session->ending.data = session;
	session->handles++;
	pending_start(session);
	r = control_open(session, control_fd, err);
	if (r < 0) {
		supervisor_remove(session);
		session->stage = SESSION_CLOSED;
		close_fd(&control_fd);
		uv_close((uv_handle_t *)&session->ending, on_handle_closed);
		uv_close((uv_handle_t *)&session->pendings.timer, on_handle_closed);
		return r;
	}
	*ret = session;
	return 0;
}

/* ---- end ---- */

/* The one way out: everything of the session is over, in this order. */
static void finish(struct session *session)
{
	if (session->stage == SESSION_CLOSED)
		return;
	control_close(session);
	session_end_orders(session);
	pending_end(session);
	execution_end_all(session);
	session_publish_end(session);
	session_net_end(session);
	supervisor_drain(session->supervisor);
	session->stage = SESSION_CLOSED;
	session_record_end(session);
	supervisor_remove(session);
	uv_close((uv_handle_t *)&session->ending, on_handle_closed);
	uv_close((uv_handle_t *)&session->pendings.timer, on_handle_closed);
	session->ops->closed(session->ctx, session->failed ? &session->failure : NULL);
}

static void on_ending(uv_timer_t *timer)
{
	finish(timer->data);
}

/*
 * May be called from anywhere, also from the middle of a decision: the session stops at once to
 * let anything through, and ends in the next turn of the loop. The first failure is the one told.
 */
void session_fail(struct session *session, const struct error *err)
{
	if (session->failed || session->stage == SESSION_CLOSED)
		return;
	session->failed = true;
	session->failure = *err;
	(void)uv_timer_start(&session->ending, on_ending, 0, 0);
}

void session_on_lost_init(struct session *session)
{
	struct error err;

	if (session->stage != SESSION_ENDING && !session->failed) {
		(void)error_set(&err, ECONNRESET,
				"the session's init ended by itself (killed, or out of memory)");
		session_fail(session, &err);
		return;
	}
	(void)uv_timer_start(&session->ending, on_ending, 0, 0);
}

void session_end(struct session *session)
{
	const struct msg m = {.type = MSG_BYE};

	if (session->stage >= SESSION_ENDING)
		return;
	session->stage = SESSION_ENDING;
	pending_end(session);
	(void)control_send(session, &m, NULL, NULL, 0);
	(void)uv_timer_start(&session->ending, on_ending, ENDING_GRACE_MS, 0);
}

/* ---- while it lives ---- */

/* From the supervisor's timer: what was lost is told, what was gathered is written. */
void session_tick(struct session *session)
{
	int r;

	if (session->stage == SESSION_CLOSED)
		return;
	loss_check(session);
	usage_tick(session);
	r = record_flush(session->record);
	if (r < 0)
		event_failed(session, r);
}

void session_totals(const struct session *session, struct session_totals *ret)
{
	*ret = session->totals;
	for (const struct execution *e = session->executions; e; e = e->next) {
		if (e->gate)
			ret->gated += gate_count(e->gate);
	}
}
