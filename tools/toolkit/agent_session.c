/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/agent_session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "common/log.h"
#include "sandbox/spec_wire.h"
#include "tools/toolkit/layer.h"
#include "tools/toolkit/live.h"
#include "tools/toolkit/paths.h"

/* How long the launcher may take to clean up behind a session that has ended. */
#define LAUNCHER_GRACE_MS 5000

struct agent_session {
	struct spec spec;
	char *id;
	char *state_dir; /* of this session */
	char *record_path;
	int lock_fd;		 /* live.h */
	struct session *session; /* NULL once it has closed */
	const struct agent_session_ops *ops;
	void *ctx;
	bool discard;
	uint32_t timeout_ms;
	bool session_closed;
	bool launcher_exited;
	bool has_changes;
	struct error failure;
	bool failed;
	bool never_opened; /* agent_session_open failed: nobody hears of the end */
	uv_process_t launcher;
	uv_timer_t grace; /* runs from the session's end to the launcher's */
	unsigned handles;
};

static int make_id(char **ret)
{
	unsigned char noise[4];
	char stamp[32];
	struct tm parts;
	const time_t now = time(NULL);

	if (getrandom(noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
		return -errno;
	(void)gmtime_r(&now, &parts);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &parts);
	*ret = xasprintf("%s-%02x%02x%02x%02x", stamp, noise[0], noise[1], noise[2], noise[3]);
	return 0;
}

/* ---- the spec ---- */

static bool is_home_or_above(const char *dir)
{
	const char *home = getenv("HOME");
	const size_t len = strlen(dir);

	return strcmp(dir, "/") == 0 ||
	       (home && strncmp(home, dir, len) == 0 && (home[len] == '/' || home[len] == '\0'));
}

/*
 * Without --workspace the current folder is the workspace, as the user of a command expects; but
 * never a home folder or one above it, which would show all that is in it by accident.
 */
static int choose_workspace(const struct session_options *options, char **ret, struct error *err)
{
	char resolved[PATH_MAX];

	*ret = NULL;
	if (options->empty_workspace)
		return 0;
	if (!realpath(options->workspace_dir ? options->workspace_dir : ".", resolved))
		return error_errno(err, errno, "workspace %s",
				   options->workspace_dir ? options->workspace_dir : ".");
	if (!options->workspace_dir && is_home_or_above(resolved)) {
		log_info("%s is no workspace by itself; this session gets an empty one "
			 "(--workspace DIR names another)",
			 resolved);
		return 0;
	}
	*ret = xstrdup(resolved);
	return 0;
}

static int build_spec(const struct session_options *options, const char *id, const char *state_dir,
		      struct spec *ret, struct error *err)
{
	_cleanup_free_ char *workspace = NULL;
	struct json *doc = NULL;
	int r;

	if (options->spec_path) {
		r = json_parse_file(options->spec_path, &doc, err);
		if (r < 0)
			return r;
		r = spec_from_json(doc, ret, err);
		json_free(doc);
		return r < 0 ? error_prefix(err, "%s", options->spec_path) : 0;
	}
	r = choose_workspace(options, &workspace, err);
	if (r < 0)
		return r;
	return spec_build(&(struct spec_options){.session = id,
						 .state_dir = state_dir,
						 .workspace_dir = workspace,
						 .workspace_mode = options->workspace_mode,
						 .binds = options->binds,
						 .bind_count = options->bind_count,
						 .limits = options->limits,
						 .env = options->env},
			  ret, err);
}

/* For --dry-run: the same spec, with a state folder that is named but not made. */
int agent_session_spec(const struct session_options *options, struct spec *ret, struct error *err)
{
	_cleanup_free_ char *state = NULL;
	_cleanup_free_ char *dir = NULL;
	const char *id = options->session_id ? options->session_id : "dry-run";
	int r;

	r = paths_state_dir(&state, err);
	if (r < 0)
		return r;
	dir = xasprintf("%s/sessions/%s", state, id);
	return build_spec(options, id, dir, ret, err);
}

/* ---- the end ---- */

static void agent_free(struct agent_session *agent)
{
	spec_done(&agent->spec);
	free(agent->id);
	free(agent->state_dir);
	free(agent->record_path);
	free(agent);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct agent_session *agent = handle->data;

	if (--agent->handles == 0)
		agent_free(agent);
}

static void maybe_closed(struct agent_session *agent)
{
	if (!agent->session_closed || !agent->launcher_exited)
		return;
	if (agent->spec.upper_dir)
		agent->has_changes = layer_settle(agent->spec.upper_dir, agent->discard);
	(void)rmdir(agent->state_dir); /* goes if nothing is kept there */
	live_leave(agent->id, &agent->lock_fd);
	if (agent->launcher.type == UV_PROCESS)
		uv_close((uv_handle_t *)&agent->launcher, on_handle_closed);
	uv_close((uv_handle_t *)&agent->grace, on_handle_closed);
	if (!agent->never_opened)
		agent->ops->closed(agent->ctx, agent->failed ? &agent->failure : NULL);
}

static void on_launcher_exit(uv_process_t *process, int64_t status, int signal)
{
	struct agent_session *agent = process->data;

	(void)status;
	(void)signal;
	agent->launcher_exited = true;
	maybe_closed(agent);
}

static void on_grace_over(uv_timer_t *timer)
{
	struct agent_session *agent = timer->data;

	/* Its death takes the init with it (PR_SET_PDEATHSIG). */
	(void)uv_process_kill(&agent->launcher, SIGKILL);
}

static void on_session_ready(void *ctx)
{
	struct agent_session *agent = ctx;

	agent->ops->ready(agent->ctx);
}

static void on_session_closed(void *ctx, const struct error *err)
{
	struct agent_session *agent = ctx;

	if (err) {
		agent->failed = true;
		agent->failure = *err;
	}
	agent->session = NULL;
	agent->session_closed = true;
	if (!agent->launcher_exited)
		(void)uv_timer_start(&agent->grace, on_grace_over, LAUNCHER_GRACE_MS, 0);
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

/* The launcher gets the spec, its end of the control socket and the session's lock; nothing else.
 */
static int start_launcher(struct supervisor *supervisor, struct agent_session *agent,
			  int *ret_control_fd, struct error *err)
{
	_cleanup_free_ char *program = NULL;
	_cleanup_close_ int spec_fd = -1;
	_cleanup_close_ int ours_fd = -1;
	_cleanup_close_ int theirs_fd = -1;
	int pair[2];
	int r;

	r = paths_launcher(&program, err);
	if (r < 0)
		return r;
	spec_fd = spec_to_memfd(&agent->spec, err);
	if (spec_fd < 0)
		return spec_fd;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_errno(err, errno, "make the control socket");
	ours_fd = pair[0];
	theirs_fd = pair[1];

	char name[] = "cordon-launch";
	char *args[] = {name, NULL};
	char *env[] = {NULL};
	uv_stdio_container_t stdio[6] = {
		{.flags = UV_IGNORE},
		{.flags = UV_IGNORE},
		{.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
		{.flags = UV_INHERIT_FD, .data.fd = spec_fd},
		{.flags = UV_INHERIT_FD, .data.fd = theirs_fd},
		{.flags = UV_INHERIT_FD, .data.fd = agent->lock_fd},
	};
	const uv_process_options_t options = {
		/* What the user types at his terminal is for the command, not for its keeper. */
		.flags = UV_PROCESS_DETACHED,
		.exit_cb = on_launcher_exit,
		.file = program,
		.args = args,
		.env = env,
		.stdio = stdio,
		.stdio_count = 6,
	};
	r = uv_spawn(supervisor_loop(supervisor), &agent->launcher, &options);
	agent->launcher.data = agent;
	agent->handles++;
	if (r < 0)
		return error_errno(err, r, "start %s", program);
	agent->launcher_exited = false;
	*ret_control_fd = take_fd(&ours_fd);
	return 0;
}

/* A label's path as the session sees it: what exists on the host is named from here, else inside.
 */
static char *path_inside(const struct spec *spec, const char *path)
{
	char resolved[PATH_MAX];

	if (path[0] == '/')
		return xstrdup(path);
	if (strncmp(path, "~/", 2) == 0)
		return xasprintf("%s/%s", spec->home, path + 2);
	if (realpath(path, resolved) &&
	    strncmp(resolved, spec->workspace, strlen(spec->workspace)) == 0)
		return xstrdup(resolved);
	return xasprintf("%s/%s", spec->workspace, path);
}

static int start_session(struct supervisor *supervisor, struct agent_session *agent,
			 const struct session_options *options, int control_fd, struct error *err)
{
	struct session_label *labels = xcalloc(options->label_count, sizeof(*labels));
	int r;

	for (size_t i = 0; i < options->label_count; i++) {
		labels[i].path = path_inside(&agent->spec, options->labels[i].path);
		labels[i].name = options->labels[i].name;
	}
	r = session_start(&(struct session_config){.supervisor = supervisor,
						   .id = agent->id,
						   .workspace = agent->spec.workspace,
						   .control_fd = control_fd,
						   .record_path = agent->record_path,
						   .labels = labels,
						   .label_count = options->label_count,
						   .env = (const char *const *)agent->spec.env,
						   .ops = &monitor_ops,
						   .ctx = agent},
			  &agent->session, err);
	for (size_t i = 0; i < options->label_count; i++)
		free((char *)(uintptr_t)labels[i].path);
	free(labels);
	return r;
}

static int prepare(struct agent_session *agent, const struct session_options *options,
		   struct error *err)
{
	int r = 0;

	if (options->session_id)
		agent->id = xstrdup(options->session_id);
	else
		r = make_id(&agent->id);
	if (r < 0)
		return error_errno(err, r, "make up a session id");
	r = spec_check_session(agent->id, err);
	if (r < 0)
		return r;
	live_sweep();
	agent->lock_fd = live_enter(agent->id, options->discard, err);
	if (agent->lock_fd < 0)
		return agent->lock_fd;
	r = paths_session_dir(agent->id, &agent->state_dir, err);
	if (r < 0)
		return r;
	agent->record_path = options->record_path ? xstrdup(options->record_path)
						  : xasprintf("%s/record.jsonl", agent->state_dir);
	agent->discard = options->discard;
	agent->timeout_ms = options->timeout_ms;
	return build_spec(options, agent->id, agent->state_dir, &agent->spec, err);
}

int agent_session_open(struct supervisor *supervisor, const struct session_options *options,
		       const struct agent_session_ops *ops, void *ctx, struct agent_session **ret,
		       struct error *err)
{
	struct agent_session *agent = xcalloc(1, sizeof(*agent));
	int control_fd = -1;
	int r;

	agent->ops = ops;
	agent->ctx = ctx;
	agent->lock_fd = -1;
	r = prepare(agent, options, err);
	if (r < 0) {
		if (agent->state_dir)
			(void)rmdir(agent->state_dir);
		live_leave(agent->id, &agent->lock_fd);
		agent_free(agent);
		return r;
	}
	(void)uv_timer_init(supervisor_loop(supervisor), &agent->grace);
	agent->grace.data = agent;
	agent->handles = 1;
	agent->launcher_exited = true; /* until it runs */
	r = start_launcher(supervisor, agent, &control_fd, err);
	if (r == 0)
		r = start_session(supervisor, agent, options, control_fd, err);
	if (r < 0) {
		/* A launcher that runs ends by itself: its control socket is closed. */
		agent->never_opened = true;
		agent->session_closed = true;
		maybe_closed(agent);
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
	return &agent->spec;
}

const char *agent_session_record(const struct agent_session *agent)
{
	return agent->record_path;
}

const char *agent_session_changes(const struct agent_session *agent)
{
	return agent->has_changes ? agent->spec.upper_dir : NULL;
}

int load_policies(const struct session_options *options, struct policy **ret, struct error *err)
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
	r = policy_load(options->policy_count ? options->policies : defaults,
			options->policy_count ? options->policy_count : 1, &policy, err);
	for (size_t i = 0; r == 0 && i < options->label_count; i++)
		r = policy_add_label(policy, options->labels[i].name, err);
	if (r < 0) {
		(void)policy_free(policy);
		return r;
	}
	*ret = policy;
	return 0;
}

int start_supervisor(const struct session_options *options, uv_loop_t *loop, struct policy *policy,
		     struct supervisor **ret, struct error *err)
{
	char *key_path = NULL;
	int r;

	r = paths_record_key(&key_path, err);
	if (r < 0)
		return r;
	r = supervisor_new(&(struct supervisor_config){.loop = loop,
						       .policy = policy,
						       .mode = options->mode,
						       .trace = options->trace,
						       .key_path = key_path},
			   ret, err);
	free(key_path);
	return r;
}

uv_loop_t *agent_session_loop(const struct agent_session *agent)
{
	return agent->grace.loop;
}

uint32_t agent_session_timeout_ms(const struct agent_session *agent)
{
	return agent->timeout_ms;
}

const char *agent_session_why_ended(const struct agent_session *agent)
{
	return agent->failed ? agent->failure.text : "it was closed";
}
