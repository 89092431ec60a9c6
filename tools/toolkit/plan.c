/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/plan.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "tools/toolkit/layer.h"
#include "tools/toolkit/paths.h"
#include "tools/toolkit/reach.h"
#include "tools/toolkit/ready.h"

static int make_id(char **ret)
{
	unsigned char noise[4];
	char stamp[80]; /* whatever the numbers, as the compiler sees it */
	struct tm parts;
	const time_t now = time(NULL);

	if (getrandom(noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
		return -errno;
	(void)gmtime_r(&now, &parts);
	/* Not strftime(3): it would read the time zone's file. */
	(void)snprintf(stamp, sizeof(stamp), "%04d%02d%02dT%02d%02d%02d", parts.tm_year + 1900,
		       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
	*ret = xasprintf("%s-%02x%02x%02x%02x", stamp, noise[0], noise[1], noise[2], noise[3]);
	return 0;
}

static bool is_at_or_below(const char *path, const char *folder)
{
	const size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool is_home_or_above(const char *dir)
{
	const char *home = getenv("HOME");

	return strcmp(dir, "/") == 0 || (home && is_at_or_below(home, dir));
}

/*
 * Without --workspace the current folder is the workspace, as the user of a command expects; but
 * never a home folder or one above it, which would show all that is in it by accident. @ret: NULL
 * for none.
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
	if (options->workspace_dir || !is_home_or_above(resolved))
		*ret = xstrdup(resolved);
	return 0;
}

void plan_tell_workspace(const struct session_options *options)
{
	_cleanup_free_ char *workspace = NULL;
	_cleanup_free_ char *current = realpath(".", NULL);
	struct error err;

	if (options->spec_path || options->workspace_dir || options->empty_workspace ||
	    choose_workspace(options, &workspace, &err) < 0 || workspace)
		return;
	log_info("%s is no workspace by itself; this session gets an empty one "
		 "(--workspace DIR names another)",
		 current);
}

static int build_spec(const struct session_options *options, const char *id, const char *state_dir,
		      const struct trust *trust, struct spec *ret, struct error *err)
{
	_cleanup_free_ char *workspace = NULL;
	struct spec_bind own[TRUST_BINDS];
	_cleanup_free_ const char **env = NULL;
	int r;

	if (options->spec_path)
		return plan_read_spec(options, id, state_dir, ret, err);
	r = choose_workspace(options, &workspace, err);
	if (r < 0)
		return r;
	env = trust_env(trust, options->env, options->env_count);
	return spec_build(&(struct spec_options){.session = id,
						 .state_dir = state_dir,
						 .isolation = options->isolation,
						 .net = options->net.mode,
						 .workspace_dir = workspace,
						 .workspace_mode = options->workspace_mode,
						 .binds = options->binds,
						 .bind_count = options->bind_count,
						 .own = own,
						 .own_count = trust_binds(trust, own),
						 .limits = options->limits,
						 .env = env},
			  ret, err);
}

int plan_dry_spec(const struct session_options *options, struct spec *ret, struct error *err)
{
	_cleanup_free_ char *state = NULL;
	_cleanup_free_ char *dir = NULL;
	const char *id = options->session_id ? options->session_id : "dry-run";
	int r;

	r = paths_state_dir(&state, err);
	if (r < 0)
		return r;
	dir = xasprintf("%s/sessions/%s", state, id);
	return build_spec(options, id, dir, &(struct trust){0}, ret, err);
}

int plan_name(struct plan *plan, const struct session_options *options, struct error *err)
{
	int r = 0;

	if (options->session_id)
		plan->id = xstrdup(options->session_id);
	else
		r = make_id(&plan->id);
	return r < 0 ? error_errno(err, r, "make up a session id")
		     : spec_check_session(plan->id, err);
}

static bool needs_decoy(const struct session_options *options)
{
	return options->net.mode == NET_DECOY ||
	       (options->net.mode == NET_RELAY && options->policy &&
		policy_decoys(options->policy));
}

static void drop_layers(const char *state_dir)
{
	_cleanup_free_ char *layers = xasprintf("%s/layers", state_dir);

	layer_remove(layers);
}

/* Known for sure only when there is a spec. */
static bool may_have_layers(const struct session_options *options)
{
	return !options->spec_path && !options->empty_workspace &&
	       options->isolation == ISOLATION_FULL &&
	       (options->workspace_mode == WORKSPACE_DEFAULT ||
		options->workspace_mode == WORKSPACE_COW);
}

static int fill(struct plan *plan, const struct session_options *options, struct error *err)
{
	int r = paths_session_dir(plan->id, &plan->state_dir, err);

	if (r == 0 && needs_decoy(options)) {
		plan->evidence_dir = xasprintf("%s/decoy", plan->state_dir);
		r = trust_make(&plan->trust, plan->state_dir, err);
	}
	if (r < 0)
		return r;
	plan->record_path = options->record_path ? xstrdup(options->record_path)
						 : xasprintf("%s/record.jsonl", plan->state_dir);
	r = build_spec(options, plan->id, plan->state_dir, &plan->trust, &plan->spec, err);
	if (r == 0 && options->net.publish_count && plan->spec.isolation == ISOLATION_LITE)
		r = error_set(
			err, EINVAL,
			"--publish %s: isolation lite has no network of its own, so a service "
			"is on the host already; --isolation=full has one",
			options->net.publish[0]);
	return r;
}

int plan_make(struct plan *plan, const struct session_options *options, struct error *err)
{
	const bool took_ready = may_have_layers(options) && ready_take_folder(plan->id);
	int r = fill(plan, options, err);

	if (took_ready && plan->state_dir && !plan->spec.upper_dir)
		drop_layers(plan->state_dir);
	if (r == 0 && options->session_id && plan->spec.upper_dir)
		r = layer_check_owner(plan->spec.upper_dir, spec_overlaid(&plan->spec), err);
	return r < 0 ? r : reach_check(plan, options, err);
}

struct net_config plan_net(const struct plan *plan, const struct session_options *options)
{
	return (struct net_config){
		.resolver = options->net.resolver,
		.allow_private = options->net.allow_private,
		.tls = plan->trust.module,
		.authority = plan->trust.authority,
		.script = options->net.script,
		.evidence_dir = plan->evidence_dir,
		.publish = options->net.publish,
		.canaries = (const char *const *)options->net.canaries,
	};
}

const char *plan_caveat(const struct spec *spec)
{
	return spec->isolation == ISOLATION_LITE
		       ? "isolation is lite: no namespaces, Landlock, seccomp and the gate alone "
			 "hold this session (SECURITY.md)"
		       : NULL;
}

void plan_done(struct plan *plan)
{
	spec_done(&plan->spec);
	free(plan->id);
	free(plan->state_dir);
	free(plan->record_path);
	free(plan->evidence_dir);
	trust_done(&plan->trust);
	*plan = (struct plan){0};
}

void warn_of_label(const struct label_option *label)
{
	log_warning(
		"--label %s=%s: no rule reads the label \"%s\": it is recorded and decides nothing",
		label->path, label->name, label->name);
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
	if (realpath(path, resolved) && is_at_or_below(resolved, spec->workspace))
		return xstrdup(resolved);
	return xasprintf("%s/%s", spec->workspace, path);
}

struct session_label *plan_labels(const struct plan *plan, const struct session_options *options)
{
	struct session_label *labels = xcalloc(options->label_count, sizeof(*labels));

	for (size_t i = 0; i < options->label_count; i++) {
		labels[i].path = path_inside(&plan->spec, options->labels[i].path);
		labels[i].name = options->labels[i].name;
	}
	return labels;
}

void plan_labels_free(struct session_label *labels, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(without_const(labels[i].path));
	free(labels);
}
