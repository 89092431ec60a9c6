/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a face knows to a spec: the options are looked at on the host, and the view is laid
 * out. Nothing is created here, so that --dry-run leaves no trace; the launcher makes the layers.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/spec.h"
#include "sandbox/spec_host.h"
#include "sandbox/spec_view.h"

#define AGENT_ID   1000u
#define AGENT_HOME "/home/agent"

static struct spec_limits default_limits(void)
{
	const long pages = sysconf(_SC_PHYS_PAGES);
	const long page = sysconf(_SC_PAGESIZE);
	struct spec_limits limits = {.pids = 2048, .open_files = 16384};

	/* Three quarters of the machine: ordinary builds fit, the host stays alive. */
	if (pages > 0 && page > 0)
		limits.memory_bytes = (uint64_t)pages / 4 * 3 * (uint64_t)page;
	return limits;
}

static struct spec_limits merge_limits(struct spec_limits asked)
{
	struct spec_limits limits = default_limits();

	if (asked.memory_bytes)
		limits.memory_bytes = asked.memory_bytes;
	if (asked.pids)
		limits.pids = asked.pids;
	if (asked.cpu_millis)
		limits.cpu_millis = asked.cpu_millis;
	if (asked.open_files)
		limits.open_files = asked.open_files;
	if (asked.file_size_bytes)
		limits.file_size_bytes = asked.file_size_bytes;
	limits.layer_bytes = asked.layer_bytes;
	return limits;
}

static void add_env(struct spec *spec, const char *tmp, const char *const *more)
{
	static const char *const base[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"USER=agent",
		"LOGNAME=agent",
		"SHELL=/bin/sh",
		"LANG=C.UTF-8",
	};
	_cleanup_free_ char *home_is = xasprintf("HOME=%s", spec->home);
	_cleanup_free_ char *tmp_is = xasprintf("TMPDIR=%s", tmp);

	for (size_t i = 0; i < sizeof(base) / sizeof(base[0]); i++)
		spec_add_env(spec, base[i]);
	spec_add_env(spec, home_is);
	spec_add_env(spec, tmp_is);
	/* What is there and cannot be read is an error to git, unlike what is not there. */
	if (spec->isolation == ISOLATION_LITE)
		spec_add_env(spec, "GIT_CONFIG_NOSYSTEM=1");
	for (; more && *more; more++)
		spec_add_env(spec, *more);
}

/* A place of the session's own: in lite below its private folder, else anywhere in its view. */
static char *inside(const struct spec *spec, const char *name, const char *path)
{
	_cleanup_free_ char *private_dir = NULL;

	if (spec->isolation == ISOLATION_FULL)
		return xstrdup(path);
	private_dir = spec_private_dir(spec->session);
	return xasprintf("%s/%s", private_dir, name);
}

static bool may_idmap(const struct spec *spec)
{
	return spec->isolation == ISOLATION_FULL && spec->outer_count > 1;
}

static int add_binds(struct spec *spec, const struct spec_options *options, struct error *err)
{
	for (size_t i = 0; i < options->bind_count; i++) {
		const struct spec_bind *b = &options->binds[i];
		_cleanup_free_ char *real = NULL;
		struct spec_mount *m;
		int r = host_real_path("bind", b->source, &real, err);

		if (r < 0)
			return r;
		r = host_check_bind(real, b->writable, options->state_dir, err);
		if (r < 0)
			return r;
		if (spec->isolation == ISOLATION_LITE && b->target && strcmp(b->target, real) != 0)
			return error_set(err, EINVAL,
					 "bind %s:%s: isolation lite has no mounts, so nothing can "
					 "be shown at another path; leave the second path out",
					 b->source, b->target);
		m = spec_add_mount(spec, MOUNT_BIND, real,
				   spec->isolation == ISOLATION_LITE ? real
				   : b->target			     ? b->target
								     : b->source);
		m->writable = b->writable;
		m->idmap = may_idmap(spec);
	}
	return 0;
}

static void add_own(struct spec *spec, const struct spec_options *options)
{
	for (size_t i = 0; i < options->own_count; i++)
		spec_add_mount(spec, MOUNT_BIND, options->own[i].source, options->own[i].target);
}

static int add_workspace(struct spec *spec, const struct spec_options *options, struct error *err)
{
	_cleanup_free_ char *real = NULL;
	struct spec_mount *m;
	int r;

	if (!options->workspace_dir) {
		spec->workspace = inside(spec, "workspace", "/workspace");
		view_add_tmpfs(spec, spec->workspace, 0755, 16);
		return 0;
	}
	r = host_real_path("workspace", options->workspace_dir, &real, err);
	if (!r)
		r = host_check_workspace(real, options, err);
	if (r < 0)
		return r;
	spec->workspace = xstrdup(real);
	m = spec_add_mount(spec,
			   options->workspace_mode == WORKSPACE_COW ? MOUNT_OVERLAY : MOUNT_BIND,
			   real, real);
	m->idmap = may_idmap(spec);
	m->writable = options->workspace_mode != WORKSPACE_RO;
	if (m->kind == MOUNT_OVERLAY)
		spec_set_layers(spec, m, options->state_dir);
	return 0;
}

/* The mode that is meant where none was named. */
static int choose_mode(struct spec_options *options, struct error *err)
{
	const bool is_lite = options->isolation == ISOLATION_LITE;

	if (options->workspace_mode == WORKSPACE_DEFAULT)
		options->workspace_mode = is_lite ? WORKSPACE_RO : WORKSPACE_COW;
	if (!is_lite || options->workspace_mode != WORKSPACE_COW)
		return 0;
	return error_set(err, EINVAL,
			 "workspace %s:cow: keeping changes apart needs a mount namespace, which "
			 "isolation lite does without; use :ro, or :live to change it on the host",
			 options->workspace_dir ? options->workspace_dir : "");
}

static int build(const struct spec_options *options, struct spec *spec, struct error *err)
{
	_cleanup_free_ char *tmp = NULL;
	int r;

	if (!options->session || !options->session[0])
		return error_set(err, EINVAL, "a sandbox needs a session id");
	spec->isolation = options->isolation;
	spec->net = options->net;
	spec->session = xstrdup(options->session);
	spec->hostname = xstrdup("cordon");
	spec->uid = spec->gid = AGENT_ID;
	r = host_outer_ids(options, &spec->outer_base, &spec->outer_count, err);
	if (r < 0)
		return r;
	spec->home = inside(spec, "home", AGENT_HOME);
	tmp = inside(spec, "tmp", "/tmp");
	spec->landlock = spec->cgroup = true;
	spec->limits = merge_limits(options->limits);
	add_env(spec, tmp, options->env);
	view_add_system(spec, tmp);
	add_own(spec, options);
	r = add_workspace(spec, options, err);
	if (!r)
		r = add_binds(spec, options, err);
	return r ? r : spec_check(spec, err);
}

int spec_build(const struct spec_options *options, struct spec *ret, struct error *err)
{
	struct spec_options chosen = *options;
	struct spec spec = {0};
	int r = choose_mode(&chosen, err);

	if (!r)
		r = build(&chosen, &spec, err);
	if (r < 0) {
		spec_done(&spec);
		return r;
	}
	*ret = spec;
	return 0;
}
