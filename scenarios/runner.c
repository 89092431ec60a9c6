/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "common/cleanup.h"
#include "scenarios/answers.h"
#include "scenarios/stage.h"
#include "tools/toolkit/layer.h"
#include "tools/toolkit/options.h"
#include "tools/toolkit/paths.h"

#define DEFAULT_TIMEOUT_MS (120u * 1000) /* of one call: a scenario does not wait for ever */

/* One trial while its session lives. */
struct run {
	struct trial *trial;
	struct group *group;
	struct stage stage;
	struct agent_session *agent; /* NULL before and after */
	size_t step;
	enum step_answer answer; /* of this step */
	char call_id[16];
	uint64_t started_ns;
	uint64_t step_started_ns;
};

/* Scenarios with the same policies and mode, under one supervisor. */
struct group {
	const struct runner_config *config;
	struct session_options options; /* of the supervisor */
	struct policy *policy;
	struct supervisor *supervisor;
	uv_loop_t loop;
	struct run *runs; /* owned */
	size_t count, next, live;
	uv_signal_t signals[3];
	bool interrupted;
};

static uint64_t now_ns(void)
{
	return uv_hrtime();
}

/* ---- the end of a trial ---- */

static void settle(struct run *run)
{
	struct trial *trial = run->trial;

	trial->wall_ns = now_ns() - run->started_ns;
	stage_remove(&run->stage);
	run->group->config->ops->done(run->group->config->ctx, trial);
}

static void fail(struct run *run, const struct error *err)
{
	run->trial->outcome = TRIAL_FAILED;
	run->trial->reason = *err;
}

/* The record goes, with the session's folder, unless there is something to look up in it. */
static void settle_record(struct run *run, const char *path)
{
	char *slash;

	if (run->group->config->keep || run->trial->outcome != TRIAL_AS_EXPECTED) {
		run->trial->record = xstrdup(path);
		return;
	}
	_cleanup_free_ char *dir = xstrdup(path);
	_cleanup_free_ char *decoy = NULL;

	(void)unlink(path);
	slash = strrchr(dir, '/');
	*slash = '\0';
	decoy = xasprintf("%s/decoy", dir);
	if (run->trial->seen.sent_count)
		layer_remove(decoy);
	(void)rmdir(dir);
}

static int open_workspace(const struct run *run, struct error *err)
{
	const int fd = open(run->stage.workspace, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_errno(err, errno, "open %s", run->stage.workspace) : fd;
}

static void evaluate(struct run *run, const char *record)
{
	_cleanup_close_ int workspace_fd = -1;
	struct trial *trial = run->trial;
	struct error err;
	int r = observe_record(&trial->seen, record, &err);

	if (r == 0)
		r = workspace_fd = open_workspace(run, &err);
	if (r < 0) {
		fail(run, &err);
		return;
	}
	findings_make(trial->scenario, &trial->seen, run->group->policy, workspace_fd,
		      &trial->findings);
	trial->outcome = trial->findings.ok ? TRIAL_AS_EXPECTED : TRIAL_MISMATCH;
}

static void start_more(struct group *group);

static void on_closed(void *ctx, const struct error *err)
{
	struct run *run = ctx;
	struct group *group = run->group;

	if (err)
		fail(run, err);
	else if (run->trial->outcome != TRIAL_FAILED && !group->interrupted)
		evaluate(run, agent_session_record(run->agent));
	settle_record(run, agent_session_record(run->agent));
	run->agent = NULL;
	group->live--;
	settle(run);
	start_more(group);
}

/* ---- steps ---- */

static void next_step(struct run *run);

static void on_call_done(void *ctx, const struct tool_result *result)
{
	struct run *run = ctx;
	struct call_seen *call = &run->trial->seen.calls[run->step];

	if (!run->agent)
		return; /* the session ended under it: on_closed() has told */
	observe_result(call, result, now_ns() - run->step_started_ns);
	observe_processes(call, agent_session_pid(run->agent));
	run->step++;
	next_step(run);
}

static void next_step(struct run *run)
{
	const struct runner_config *config = run->group->config;
	const struct scenario *scenario = run->trial->scenario;
	const struct step *step = &scenario->steps[run->step];
	struct tool_call *call;
	struct error err;

	config->ops->step(config->ctx, run->trial, run->step);
	if (run->step == scenario->step_count || run->group->interrupted) {
		agent_session_end(run->agent);
		return;
	}
	run->answer = step->answer;
	(void)snprintf(run->call_id, sizeof(run->call_id), "c%zu", run->step + 1);
	run->step_started_ns = now_ns();
	if (tool_call_start(run->agent,
			    &(struct tool_request){.call_id = run->call_id,
						   .tool = step->tool,
						   .args = step->arguments,
						   .done = on_call_done,
						   .ctx = run},
			    &call, &err) < 0) {
		fail(run, &err);
		agent_session_end(run->agent);
	}
}

static void on_ready(void *ctx)
{
	next_step(ctx);
}

static const struct agent_session_ops agent_ops = {.ready = on_ready, .closed = on_closed};

/* ---- the start of a trial ---- */

static bool is_on_host(const char *program)
{
	static const char *const folders[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					      "/usr/bin",	 "/sbin",	   "/bin"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", folders[i], program);

		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* Return: true if the host lacks something that the scenario is about. */
static bool is_skipped(struct run *run)
{
	const struct scenario *scenario = run->trial->scenario;
	struct error *reason = &run->trial->reason;
	const char *why;

	if (scenario->needs_trace && !supervisor_has_trace(run->group->supervisor, &why)) {
		(void)error_set(reason, EOPNOTSUPP, "it needs the trace: %s", why);
		return true;
	}
	for (const struct json *i = json_first(scenario->needs_programs); i; i = json_next(i)) {
		if (is_on_host(json_string(i)))
			continue;
		(void)error_set(reason, ENOENT, "it needs the program %s", json_string(i));
		return true;
	}
	return false;
}

static int open_session(struct run *run, struct error *err)
{
	struct stage *stage = &run->stage;
	int r = stage_build(run->trial->scenario, run->group->config->base, stage, err);

	if (r < 0)
		return r;
	if (!stage->options.timeout_ms)
		stage->options.timeout_ms = DEFAULT_TIMEOUT_MS;
	stage->options.policy = run->group->policy;
	stage->options.mode = run->group->options.mode;
	stage->options.trace = run->group->options.trace;
	if (run->trial->scenario->answers)
		stage->options.own_approver = answers_new(&run->group->loop, &run->answer);
	return agent_session_open(run->group->supervisor, &stage->options, &agent_ops, run,
				  &run->agent, err);
}

static void start_one(struct run *run)
{
	struct error err;

	run->started_ns = now_ns();
	observation_init(&run->trial->seen, run->trial->scenario->step_count);
	if (is_skipped(run)) {
		run->trial->outcome = TRIAL_SKIPPED;
		settle(run);
	} else if (open_session(run, &err) < 0) {
		fail(run, &err);
		settle(run);
	} else {
		run->group->live++;
	}
}

static void close_group(struct group *group)
{
	for (size_t i = 0; i < sizeof(group->signals) / sizeof(group->signals[0]); i++)
		uv_close((uv_handle_t *)&group->signals[i], NULL);
	supervisor_free(take_ptr(group->supervisor));
}

static void start_more(struct group *group)
{
	while (group->next < group->count && group->live < group->config->jobs &&
	       !group->interrupted)
		start_one(&group->runs[group->next++]);
	if (!group->live && group->supervisor)
		close_group(group);
}

/* ---- groups ---- */

static bool same_group(const struct scenario *a, const struct scenario *b)
{
	if (a->setup.has_mode != b->setup.has_mode || a->setup.mode != b->setup.mode ||
	    a->setup.policy_count != b->setup.policy_count)
		return false;
	for (size_t i = 0; i < a->setup.policy_count; i++) {
		if (strcmp(a->setup.policies[i], b->setup.policies[i]) != 0)
			return false;
	}
	return true;
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct group *group = handle->data;

	(void)signum;
	group->interrupted = true;
	for (size_t i = 0; i < group->count; i++) {
		if (group->runs[i].agent)
			agent_session_end(group->runs[i].agent);
	}
}

static void watch_signals(struct group *group)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		(void)uv_signal_init(&group->loop, &group->signals[i]);
		group->signals[i].data = group;
		(void)uv_signal_start(&group->signals[i], on_signal, numbers[i]);
	}
}

static void add_policy(struct session_options *options, const char *path)
{
	options->policies = xrealloc_array(options->policies, options->policy_count + 1,
					   sizeof(*options->policies));
	options->policies[options->policy_count++] = path;
}

/* The policies of the command line, or those that ship, and beside them the scenario's own. */
static int load_group(struct group *group, struct error *err)
{
	const struct session_options *base = group->config->base;
	const struct setup *setup = &group->runs[0].trial->scenario->setup;
	_cleanup_free_ char *shipped = NULL;
	int r = 0;

	group->options.mode = setup->has_mode ? setup->mode : base->mode;
	group->options.trace = base->trace;
	if (!base->policy_count)
		r = paths_policies(&shipped, err);
	if (r < 0)
		return r;
	if (shipped)
		add_policy(&group->options, shipped);
	for (size_t i = 0; i < base->policy_count; i++)
		add_policy(&group->options, base->policies[i]);
	for (size_t i = 0; i < setup->policy_count; i++)
		add_policy(&group->options, setup->policies[i]);
	r = load_policies(&group->options, &group->policy, err);
	for (size_t i = 0; r == 0 && i < group->count; i++) {
		const struct setup *s = &group->runs[i].trial->scenario->setup;

		for (size_t l = 0; r == 0 && l < s->label_count; l++)
			r = policy_add_label(group->policy, s->labels[l].name, err);
	}
	return r;
}

static int run_group(struct group *group, struct error *err)
{
	int r = load_group(group, err);

	(void)uv_loop_init(&group->loop);
	if (r == 0)
		r = start_supervisor(&group->options, &group->loop, &group->supervisor, err);
	if (r == 0) {
		watch_signals(group);
		start_more(group);
	}
	(void)uv_run(&group->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&group->loop);
	if (r == 0 && group->interrupted)
		r = error_set(err, EINTR, "ended by a signal");
	(void)policy_free(group->policy);
	session_options_done(&group->options);
	return r;
}

/* The scenario at `first`, and of those behind it what may run beside it. */
static int run_from(const struct scenario_set *set, size_t first, bool *taken,
		    const struct runner_config *config, struct trial *trials, struct error *err)
{
	struct group group = {.config = config};
	int r;

	group.runs = xcalloc(set->count - first, sizeof(*group.runs));
	for (size_t i = first; i < set->count; i++) {
		if (taken[i] || !same_group(&set->items[first], &set->items[i]))
			continue;
		taken[i] = true;
		group.runs[group.count++] = (struct run){.trial = &trials[i], .group = &group};
	}
	r = run_group(&group, err);
	free(group.runs);
	return r;
}

int runner_run(const struct scenario_set *set, const struct runner_config *config,
	       struct trial **ret, struct error *err)
{
	_cleanup_free_ bool *taken = xcalloc(set->count, sizeof(*taken));
	struct trial *trials = xcalloc(set->count, sizeof(*trials));
	int r = 0;

	*ret = trials;
	for (size_t i = 0; i < set->count; i++)
		trials[i].scenario = &set->items[i];
	for (size_t i = 0; r == 0 && i < set->count; i++) {
		if (!taken[i])
			r = run_from(set, i, taken, config, trials, err);
	}
	return r;
}

void trials_done(struct trial *trials, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		observation_done(&trials[i].seen);
		findings_done(&trials[i].findings);
		free(trials[i].record);
	}
	free(trials);
}
