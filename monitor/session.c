/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/redact.h"
#include "monitor/session_internal.h"

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

/* ---- ready ---- */

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

static int apply_labels(struct session *session, int root_fd, struct error *err)
{
	uint64_t network;

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
	for (size_t i = 0; i < session->label_count; i++) {
		const int r = label_one(session, root_fd, &session->labels[i], err);

		if (r < 0)
			return r;
	}
	network = policy_network_labels(session->policy);
	if (network) {
		const int r = trace_label_network(session->trace, session->slot, network);

		if (r < 0)
			return error_errno(err, r, "label what comes over the network");
	}
	if (policy_asks_for(session->policy, ACTION_MEM_EXEC))
		(void)trace_tell_maps(session->trace, session->slot);
	if (session->carries_connects)
		(void)trace_leave_connects(session->trace, session->slot);
	return trace_require_approval(session->trace, session->slot, true);
}

const char *session_layer(const struct session *session, const char *name)
{
	const size_t len = strlen(name);

	for (size_t i = 0; session->layers && session->layers[i]; i++)
		if (strncmp(session->layers[i], name, len) == 0 && session->layers[i][len] == '=')
			return session->layers[i] + len + 1;
	return NULL;
}

/*
 * The floor says itself what of the host can be written to: "bound.N=FOLDER", and where else
 * sockets of the host may be: "shown.N=PLACE". In lite it leaves to the gate what Landlock does not
 * hold: modes, owners, times and attributes of files.
 */
static void note_host_bound(struct session *session, size_t layer_count)
{
	const char *private_dir = session_layer(session, "private");
	const char *isolation = session_layer(session, "isolation");
	const bool is_lite = isolation && strcmp(isolation, "lite") == 0;
	size_t count = 0;
	bool has_sockets = false;

	session->host_bound = xcalloc(layer_count + 1, sizeof(*session->host_bound));
	for (size_t i = 0; i < layer_count; i++) {
		const char *folder = strchr(session->layers[i], '=');

		if (folder && strncmp(session->layers[i], "bound.", 6) == 0)
			session->host_bound[count++] = folder + 1;
		has_sockets |= strncmp(session->layers[i], "shown.", 6) == 0;
	}
	has_sockets |= count > 0;
	session->gates_files = is_lite || policy_gates_files(session->policy, count > 0);
	/* In lite there is no socket that could be connected. */
	session->carries_connects =
		!is_lite && has_sockets && policy_gates_connects(session->policy);
	if (!is_lite)
		return;
	session->writable = xcalloc(count + 2, sizeof(*session->writable));
	memcpy(session->writable, session->host_bound, count * sizeof(*session->writable));
	session->writable[count] = private_dir;
}

static void on_diag_socket(void *ctx, int result)
{
	struct session *session = ctx;

	if (result >= 0)
		session->diag_fd = result; /* never 0, which is taken */
}

/*
 * In a folder of the host that is writable here a socket may be the host's or the session's. It is
 * there before the first READY, since the init answers in order; without it all count as the
 * host's.
 */
static void watch_sockets(struct session *session)
{
	if (session->host_bound[0] && !session->writable)
		(void)session_ask_socket(session, SOCKET_DIAG, "", 0, on_diag_socket, session);
}

/* HELLO brings the layers as strings and, as its one descriptor, the session's root directory. */
void session_on_hello(struct session *session, const struct msg *m, const char *payload,
		      struct msg_fds *fds)
{
	struct error err;
	const char *layer;
	size_t count = 0;
	size_t at = 0;

	if (session->stage == SESSION_ENDING)
		return; /* it was told to end before it stood; the two crossed */
	if (session->stage != SESSION_STARTING || fds->count != 1) {
		(void)error_set(&err, EPROTO, "the session's init sent a HELLO out of turn");
		session_fail(session, &err);
		return;
	}
	while (msg_next_string(m, payload, &at))
		count++;
	session->layers = xcalloc(count + 1, sizeof(*session->layers));
	at = 0;
	for (size_t i = 0; (layer = msg_next_string(m, payload, &at)); i++)
		session->layers[i] = xstrdup(layer);
	note_host_bound(session, count);
	session_record_start(session);
	if (usage_start(session, &err) < 0 || apply_labels(session, fds->fd[0], &err) < 0) {
		session_fail(session, &err);
		return;
	}
	if (session->failed)
		return;
	session->stage = SESSION_READY;
	watch_sockets(session);
	if (session_publish_start(session, &err) < 0 || session_net_start(session, &err) < 0)
		session_fail(session, &err);
	else if (!session->net)
		session->ops->ready(session->ctx);
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

const char *const *session_layers(const struct session *session)
{
	return (const char *const *)session->layers;
}
