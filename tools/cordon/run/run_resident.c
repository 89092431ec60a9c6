/* SPDX-License-Identifier: Apache-2.0 */

/* A run that the resident supervisor watches: what it is told, and what it answers. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "tools/cordon/run/run_internal.h"
#include "tools/toolkit/agent_session.h"
#include "tools/toolkit/paths.h"

/*
 * The resident supervisor is no ancestor of what it watches. Where Yama lets an ordinary user's
 * process look into its descendants only, it could not read what they ask for; in a user namespace
 * it has the right anyway.
 */
bool run_may_be_watched(const struct run *run)
{
	_cleanup_close_ int scope_fd = -1;
	char scope = '0';

	/* It is our caller's ports that are meant, in our caller's network. */
	if (run->options->session.net.publish_count)
		return false;
	if (floor_plan(run->floor)->spec.isolation == ISOLATION_FULL || geteuid() == 0)
		return true;
	scope_fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	return scope_fd < 0 || (read(scope_fd, &scope, 1) == 1 && scope == '0');
}

static void on_accepted(void *ctx, const char *no_trace, uint64_t unread_labels)
{
	struct run *run = ctx;
	const struct session_options *options = &run->options->session;

	run_tell_floor(run);
	for (size_t i = 0; i < options->label_count && i < 64 && !run->options->quiet; i++) {
		if (unread_labels & (UINT64_C(1) << i))
			warn_of_label(&options->labels[i]);
	}

	if (no_trace[0] && !run->options->quiet)
		log_warning("no trace: %s", no_trace);
	close_fd(&run->control_fd);
	close_fd(&run->record_fd);
}

static void on_declined(void *ctx)
{
	struct run *run = ctx;

	run->client = NULL;
	run_watch_here(run);
	if (run->unheard_signal && run->command)
		command_signal(run->command, run->unheard_signal);
}

static const struct resident_client_ops client_ops = {.accepted = on_accepted,
						      .declined = on_declined,
						      .tty = run_on_tty,
						      .closed = run_on_closed};

static size_t count_of(char *const *strings)
{
	size_t count = 0;

	while (strings[count])
		count++;
	return count;
}

/* Policies by absolute path, since the server's current folder is another. */
static int find_policies(const struct session_options *options, char **ret)
{
	if (!options->policy_count)
		return paths_policies(&ret[0], NULL);
	for (size_t i = 0; i < options->policy_count; i++) {
		ret[i] = realpath(options->policies[i], NULL);
		if (!ret[i])
			return -errno;
	}
	return 0;
}

static int send_run(struct run *run, const char *const *policies, size_t policy_count,
		    const char *policy_key)
{
	const struct session_options *options = &run->options->session;
	const struct plan *plan = floor_plan(run->floor);
	struct session_label *labels = plan_labels(plan, options);
	const int fds[RESIDENT_FDS] = {run->control_fd, run->record_fd, STDIN_FILENO, STDOUT_FILENO,
				       STDERR_FILENO};
	struct resident_run request = {
		.head = {.kind = RESIDENT_RUN,
			 .mode = options->mode,
			 .trace = options->trace,
			 .tty = run_wants_tty(),
			 .timeout_ms = options->timeout_ms,
			 .approver = run->approver != NULL,
			 .approver_timeout_ms = options->approver_timeout_ms,
			 .declared = run->options->declared,
			 .cost = run->options->cost,
			 .policies = (uint32_t)policy_count,
			 .privates = (uint32_t)options->net.private_count,
			 .canaries = (uint32_t)options->net.canary_count,
			 .labels = (uint32_t)options->label_count,
			 .args = (uint32_t)count_of(run->options->command),
			 .vars = (uint32_t)count_of(plan->spec.env)},
		.session = plan->id,
		.workspace = plan->spec.workspace,
		.record_path = plan->record_path,
		.policies = policies,
		.policy_key = policy_key,
		.policy_text = options->policy_text,
		.resolver = options->net.resolver,
		.allow_private = options->net.allow_private,
		.canaries = (const char *const *)options->net.canaries,
		.labels = labels,
		.args = (const char *const *)run->options->command,
		.vars = (const char *const *)plan->spec.env,
	};
	int r = resident_identity_get(&request.head.identity);

	if (!r)
		r = resident_client_start(
			&(struct resident_owner){&run->loop, &client_ops, run, run->approver},
			take_fd(&run->hail), &request, fds, &run->client);
	plan_labels_free(labels, options->label_count);
	return r;
}

void run_hail_resident(struct run *run)
{
	if (run->options->resident)
		run->hail = resident_hail();
}

/* One that is stopped keeps no session that it has not got, and gets none. */
static int hear(const struct run *run)
{
	const int r = run->hail < 0 ? run->hail : resident_hear(run->hail);

	if (r == -ETIMEDOUT && !run->options->quiet)
		log_warning("the resident supervisor does not answer, so this run does without it; "
			    "`cordon serve --status` looks for it, --resident=off asks for none");
	return r;
}

int run_ask_resident(struct run *run)
{
	const struct session_options *options = &run->options->session;
	const size_t count = options->policy_count ? options->policy_count : 1;
	char **policies = xcalloc(count, sizeof(*policies));
	_cleanup_free_ char *key = options->policy_key ? realpath(options->policy_key, NULL) : NULL;
	int r = find_policies(options, policies);

	if (!r && options->policy_key && !key)
		r = -errno;
	if (!r) {
		r = hear(run);
		run->spawn_server = r == -ENOENT || r == -ECONNREFUSED;
	}
	if (!r)
		r = send_run(run, (const char *const *)policies, count, key);
	for (size_t i = 0; i < count; i++)
		free(policies[i]);
	free(policies);
	return r;
}
