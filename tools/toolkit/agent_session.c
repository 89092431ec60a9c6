/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/agent_session.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "tools/toolkit/approver/approver.h"
#include "tools/toolkit/floor.h"
#include "tools/toolkit/paths.h"
#include "tools/toolkit/signed.h"

#include <shipped_policies.h>

struct agent_session {
	uv_loop_t *loop;
	struct floor *floor;
	struct session *session;   /* NULL once it has closed */
	struct approver *approver; /* NULL: none, or closed */
	const struct agent_session_ops *ops;
	void *ctx;
	uint32_t timeout_ms;
	int settle_fd; /* of the record, where its end is waited for; else -1 */
	bool floor_gone;
	struct error failure;
	bool failed;
	bool never_opened; /* agent_session_open failed: nobody hears of the end */
};

/* ---- the end ---- */

static void maybe_closed(struct agent_session *agent)
{
	if (agent->session || !agent->floor_gone)
		return;
	if (!agent->never_opened)
		agent->ops->closed(agent->ctx, agent->failed ? &agent->failure : NULL);
	floor_release(agent->floor);
	free(agent);
}

static void on_floor_gone(void *ctx)
{
	struct agent_session *agent = ctx;

	floor_settle(agent->floor);
	agent->floor_gone = true;
	maybe_closed(agent);
}

static void on_session_ready(void *ctx)
{
	struct agent_session *agent = ctx;

	agent->ops->ready(agent->ctx);
}

static void on_session_closed(void *ctx, const struct error *err)
{
	struct agent_session *agent = ctx;
	struct error unsettled;

	/* The session is over, and its end is told when the disk has it. */
	if (record_settle(&agent->settle_fd, agent_session_record(agent), &unsettled) < 0 && !err)
		err = &unsettled;
	if (err) {
		agent->failed = true;
		agent->failure = *err;
	}
	agent->session = NULL;
	approver_close(take_ptr(agent->approver));
	floor_expect_end(agent->floor);
	maybe_closed(agent);
}

static void on_event_line(void *ctx, const char *line, size_t len)
{
	struct agent_session *agent = ctx;

	if (agent->ops->observer)
		agent->ops->observer(agent->ctx, line, len);
}

static const struct session_ops monitor_ops = {
	.ready = on_session_ready, .closed = on_session_closed, .observer = on_event_line};

/* ---- the start ---- */

static int start_session(struct supervisor *supervisor, struct agent_session *agent,
			 const struct session_options *options, int control_fd, struct error *err)
{
	const struct plan *plan = floor_plan(agent->floor);
	const int record_fd =
		record_create(plan->record_path, options->record_sync, &agent->settle_fd, err);
	struct session_label *labels;
	int r;

	if (record_fd < 0) {
		(void)close(control_fd);
		return record_fd;
	}
	labels = plan_labels(plan, options);
	r = session_start(
		&(struct session_config){.supervisor = supervisor,
					 .policy = options->policy,
					 .mode = options->mode,
					 .trace = options->trace,
					 .approver = agent->approver,
					 .approver_timeout_ms = options->approver_timeout_ms,
					 .id = plan->id,
					 .workspace = plan->spec.workspace,
					 .control_fd = control_fd,
					 .record_path = plan->record_path,
					 .record_fd = record_fd,
					 .labels = labels,
					 .label_count = options->label_count,
					 .net = plan_net(plan, options),
					 .env = (const char *const *)plan->spec.env,
					 .ops = &monitor_ops,
					 .ctx = agent},
		&agent->session, err);
	plan_labels_free(labels, options->label_count);
	if (r < 0) {
		(void)unlink(plan->record_path); /* ours, and empty */
		close_fd(&agent->settle_fd);
	}
	return r;
}

int agent_session_open(struct supervisor *supervisor, const struct session_options *options,
		       const struct agent_session_ops *ops, void *ctx, struct agent_session **ret,
		       struct error *err)
{
	struct agent_session *agent = xcalloc(1, sizeof(*agent));
	int control_fd = -1;
	int r;

	assert(options->policy);
	agent->loop = supervisor_loop(supervisor);
	agent->ops = ops;
	agent->ctx = ctx;
	agent->timeout_ms = options->timeout_ms;
	agent->settle_fd = -1;
	agent->approver = options->own_approver
				  ? options->own_approver
				  : approver_open(options->approver,
						  &(struct approver_host){.loop = agent->loop});
	r = floor_start(&(struct floor_owner){agent->loop, on_floor_gone, agent}, options,
			&agent->floor, &control_fd, err);
	if (r < 0) {
		approver_close(agent->approver);
		free(agent);
		return r;
	}
	r = start_session(supervisor, agent, options, control_fd, err);
	if (r < 0) {
		/* The launcher ends by itself: its control socket is closed. */
		agent->never_opened = true;
		approver_close(take_ptr(agent->approver));
		floor_expect_end(agent->floor);
		return r;
	}
	*ret = agent;
	return 0;
}

void agent_session_end(struct agent_session *agent)
{
	if (agent->session)
		session_end(agent->session);
}

struct session *agent_session_monitor(struct agent_session *agent)
{
	return agent->session;
}

const struct spec *agent_session_spec_of(const struct agent_session *agent)
{
	return &floor_plan(agent->floor)->spec;
}

const char *agent_session_record(const struct agent_session *agent)
{
	return floor_plan(agent->floor)->record_path;
}

const char *agent_session_changes(const struct agent_session *agent)
{
	return floor_changes(agent->floor);
}

int load_policies_signed(const struct session_options *options, const struct policy_keys *keys,
			 struct policy **ret, struct error *err)
{
	_cleanup_free_ char *shipped = NULL;
	struct policy *policy = NULL;
	const char *defaults[1];
	int r;

	if (!options->policy_count) {
		r = paths_policies(&shipped, err);
		if (r < 0)
			return r;
		defaults[0] = shipped;
	}
	r = policy_load_with(
		&(struct policy_files){
			.paths = options->policy_count ? options->policies : defaults,
			.count = options->policy_count ? options->policy_count : 1,
			.more = options->policy_text,
			.checked = SHIPPED_POLICIES_HASH,
			.keys = keys,
		},
		&policy, err);
	for (size_t i = 0; r == 0 && i < options->label_count; i++)
		r = policy_add_label(policy, options->labels[i].name, err);
	if (r < 0) {
		(void)policy_free(policy);
		return r;
	}
	*ret = policy;
	return 0;
}

int load_policies(const struct session_options *options, struct policy **ret, struct error *err)
{
	struct policy_keys keys;
	const int r = signed_keys(options->policy_key, &keys, err);

	return r < 0 ? r : load_policies_signed(options, keys.count ? &keys : NULL, ret, err);
}

void warn_of_labels(const struct session_options *options, const struct policy *policy)
{
	for (size_t i = 0; i < options->label_count; i++) {
		if (!policy_reads_label(policy, options->labels[i].name))
			warn_of_label(&options->labels[i]);
	}
}

/* What only is seen after it happened can be killed for, not refused. */
char *no_trace_text(const struct policy *policy, const char *reason)
{
	const size_t blind = policy_count_blind(policy);

	if (!blind)
		return xstrdup(reason);
	return xasprintf("%s; %zu rule%s never asked: see cordon policy check --trace=off", reason,
			 blind, blind == 1 ? " that kills is" : "s that kill are");
}

int start_supervisor(const struct session_options *options, uv_loop_t *loop,
		     struct supervisor **ret, struct error *err)
{
	char *key_path = NULL;
	int r;

	r = paths_record_key(&key_path, err);
	if (r < 0)
		return r;
	r = supervisor_new(&(struct supervisor_config){.loop = loop,
						       .trace = options->trace,
						       .key_path = key_path},
			   ret, err);
	free(key_path);
	return r;
}

struct supervising {
	const struct session_options *options;
	uv_loop_t *loop;
	struct supervisor *supervisor;
	struct error err;
	int r;
};

static void *supervise_in_thread(void *ctx)
{
	struct supervising *it = ctx;

	it->r = start_supervisor(it->options, it->loop, &it->supervisor, &it->err);
	return NULL;
}

/* Signals are for the thread that there always is. Return: whether there is another. */
static bool start_thread(pthread_t *ret, struct supervising *supervising)
{
	sigset_t all;
	sigset_t before;
	bool is_started;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	is_started = pthread_create(ret, NULL, supervise_in_thread, supervising) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return is_started;
}

/*
 * It is the kernel's work that goes to the other thread, and not the policies: a second thread's
 * heap grows a page at a time, by a system call each.
 */
int load_and_supervise(const struct session_options *options, uv_loop_t *loop,
		       struct policy **policy, struct supervisor **ret, struct error *err)
{
	struct supervising supervising = {.options = options, .loop = loop};
	bool is_threaded;
	pthread_t thread;
	int r;

	if (*policy)
		return start_supervisor(options, loop, ret, err);
	is_threaded = start_thread(&thread, &supervising);
	r = load_policies(options, policy, err);
	if (is_threaded)
		(void)pthread_join(thread, NULL);
	else
		(void)supervise_in_thread(&supervising);
	/* What is wrong with a policy is said first: that is the same on every host. */
	if (r < 0) {
		supervisor_free(supervising.supervisor);
		return r;
	}
	if (supervising.r < 0)
		*err = supervising.err;
	else
		*ret = supervising.supervisor;
	return supervising.r;
}

pid_t agent_session_pid(const struct agent_session *agent)
{
	return floor_launcher_pid(agent->floor);
}

uv_loop_t *agent_session_loop(const struct agent_session *agent)
{
	return agent->loop;
}

uint32_t agent_session_timeout_ms(const struct agent_session *agent)
{
	return agent->timeout_ms;
}

const char *agent_session_why_ended(const struct agent_session *agent)
{
	return agent->failed ? agent->failure.text : "it was closed";
}
