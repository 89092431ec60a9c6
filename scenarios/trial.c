/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "common/cleanup.h"
#include "scenarios/runner_internal.h"
#include "tools/toolkit/layer.h"

#define DEFAULT_TIMEOUT_MS (120u * 1000) /* of one call: a scenario does not wait for ever */

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
	group_start_more(group);
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

void run_start(struct run *run)
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
