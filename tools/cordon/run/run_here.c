/* SPDX-License-Identifier: Apache-2.0 */

/* A run that is watched in its own process, and what else needs more than its client. */

#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "tools/cordon/run/run_internal.h"
#include "tools/toolkit/agent_session.h"

/* Whether a relayed session has decoys, for which its view must be made, the policy says. */
static int load_decoys(struct run *run, struct error *err)
{
	struct session_options *options = &run->options->session;
	const bool asks = options->net.mode == NET_RELAY;
	const int r = asks ? load_policies(options, &run->policy, err) : 0;

	options->policy = run->policy;
	return r;
}

int run_here_begin(struct run *run, struct error *err)
{
	const int r = load_decoys(run, err);

	return r < 0 ? r : learn_session_start(&run->options->session, &run->learn, err);
}

static const struct command_ops command_ops = {.tty = run_on_tty, .closed = run_on_closed};

static int start_command(struct run *run, struct error *err)
{
	const struct session_options *options = &run->options->session;
	const struct plan *plan = floor_plan(run->floor);
	struct session_label *labels = plan_labels(plan, options);
	const struct command_config config = {
		.session = {.supervisor = run->supervisor,
			    .policy = run->policy,
			    .mode = options->mode,
			    .trace = options->trace,
			    .approver = run->approver,
			    .approver_timeout_ms = options->approver_timeout_ms,
			    .id = plan->id,
			    .workspace = plan->spec.workspace,
			    .control_fd = take_fd(&run->control_fd),
			    .record_path = plan->record_path,
			    .record_fd = take_fd(&run->record_fd),
			    .labels = labels,
			    .label_count = options->label_count,
			    .net = plan_net(plan, options),
			    .env = (const char *const *)plan->spec.env},
		.argv = (const char *const *)run->options->command,
		.stdio_fds = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO},
		.tty = run_wants_tty(),
		.timeout_ms = options->timeout_ms,
		.declared = run->options->declared,
		.cost = run->options->cost,
	};
	const int r = command_start(&config, &command_ops, run, &run->command, err);

	plan_labels_free(labels, options->label_count);
	return r;
}

void run_watch_here(struct run *run)
{
	struct run_options *options = run->options;
	const char *reason;
	struct error err;
	int r;

	run_tell_floor(run);
	r = load_and_supervise(&options->session, &run->loop, &run->policy, &run->supervisor, &err);
	if (r == 0 && !supervisor_has_trace(run->supervisor, &reason) && !options->quiet) {
		_cleanup_free_ char *text = no_trace_text(run->policy, reason);

		log_warning("no trace: %s", text);
	}
	if (r == 0 && !options->quiet)
		warn_of_labels(&options->session, run->policy);
	if (r == 0)
		r = start_command(run, &err);
	if (r < 0) {
		(void)unlink(floor_plan(run->floor)->record_path); /* ours, and empty */
		run_on_closed(run, &(struct command_outcome){0}, &err);
	}
}

int run_here_end(struct run *run)
{
	return learn_session_end(&run->learn, floor_plan(run->floor)->record_path);
}

void run_here_settle(struct run *run)
{
	supervisor_free(run->supervisor);
}

void run_here_failed(struct run *run, const struct error *err)
{
	log_error("%s", err->text);
	(void)policy_free(run->policy);
}
