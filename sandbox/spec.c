/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/limits.h"

static const char *const kind_names[] = {
	[MOUNT_BIND] = "bind", [MOUNT_OVERLAY] = "overlay", [MOUNT_TMPFS] = "tmpfs",
	[MOUNT_PROC] = "proc", [MOUNT_DEV] = "dev",	    [MOUNT_SYMLINK] = "symlink",
	[MOUNT_FILE] = "file", [MOUNT_COPY] = "copy",
};

static const char *const isolation_names[] = {
	[ISOLATION_FULL] = "full",
	[ISOLATION_LITE] = "lite",
};

static const char *const net_names[] = {
	[NET_NONE] = "none",
	[NET_RELAY] = "relay",
	[NET_DECOY] = "decoy",
};

const char *net_mode_name(unsigned net)
{
	return net < sizeof(net_names) / sizeof(net_names[0]) ? net_names[net] : NULL;
}

const char *isolation_name(unsigned isolation)
{
	return isolation < sizeof(isolation_names) / sizeof(isolation_names[0])
		       ? isolation_names[isolation]
		       : NULL;
}

char *spec_private_dir(const char *session)
{
	return xasprintf("/tmp/cordon-%s", session);
}

const char *spec_mount_kind_name(unsigned kind)
{
	return kind < sizeof(kind_names) / sizeof(kind_names[0]) ? kind_names[kind] : NULL;
}

struct spec_mount *spec_add_mount(struct spec *spec, enum spec_mount_kind kind, const char *source,
				  const char *target)
{
	struct spec_mount *m;

	spec->mounts = xrealloc_array(spec->mounts, spec->mount_count + 1, sizeof(*m));
	m = &spec->mounts[spec->mount_count++];
	*m = (struct spec_mount){.kind = kind,
				 .source = source ? xstrdup(source) : NULL,
				 .target = target ? xstrdup(target) : NULL};
	return m;
}

void spec_add_env(struct spec *spec, const char *assignment)
{
	const size_t name = strcspn(assignment, "=") + 1;
	size_t count = 0;

	for (; spec->env && spec->env[count]; count++)
		if (!strncmp(spec->env[count], assignment, name)) {
			free(spec->env[count]);
			spec->env[count] = xstrdup(assignment);
			return;
		}
	spec->env = xrealloc_array(spec->env, count + 2, sizeof(*spec->env));
	spec->env[count] = xstrdup(assignment);
	spec->env[count + 1] = NULL;
}

void spec_done(struct spec *spec)
{
	for (size_t i = 0; i < spec->mount_count; i++) {
		struct spec_mount *m = &spec->mounts[i];

		free(m->source);
		free(m->target);
		free(m->upper);
		free(m->work);
		free(m->text);
	}
	free(spec->mounts);
	for (char **e = spec->env; e && *e; e++)
		free(*e);
	free(spec->env);
	free(spec->session);
	free(spec->hostname);
	free(spec->home);
	free(spec->workspace);
	free(spec->upper_dir);
	*spec = (struct spec){0};
}

/* Absolute, and in the one spelling that has no "//", "/./", "/../" and no slash at its end. */
static bool is_plain_path(const char *path)
{
	if (!path || path[0] != '/' || strlen(path) >= MAX_PATH_BYTES)
		return false;
	if (!path[1])
		return true;
	for (const char *at = path; *at; at += strcspn(at + 1, "/") + 1) {
		const size_t len = strcspn(at + 1, "/");

		if (!len || (len == 1 && at[1] == '.') ||
		    (len == 2 && at[1] == '.' && at[2] == '.'))
			return false;
	}
	return true;
}

static bool is_name(const char *name, size_t max)
{
	if (!name || !name[0] || name[0] == '.' || name[0] == '-' || strlen(name) > max)
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '.' && *c != '_' && *c != '-')
			return false;
	return true;
}

static bool is_below(const char *path, const char *folder)
{
	const size_t len = strlen(folder);

	return !strncmp(path, folder, len) && (path[len] == '/' || !path[len]);
}

static int check_target(const struct spec_mount *m, struct error *err)
{
	if (!is_plain_path(m->target) || !m->target[1])
		return error_set(
			err, EINVAL,
			"mount target \"%s\" must be an absolute path below / without \"..\"",
			m->target);
	if (m->kind == MOUNT_PROC || m->kind == MOUNT_DEV) {
		const char *only = m->kind == MOUNT_PROC ? "/proc" : "/dev";

		if (strcmp(m->target, only) != 0)
			return error_set(err, EINVAL, "mount of kind %s must be at %s, not at %s",
					 kind_names[m->kind], only, m->target);
		return 0;
	}
	if (is_below(m->target, "/proc") || is_below(m->target, "/dev") ||
	    is_below(m->target, "/sys"))
		return error_set(err, EINVAL,
				 "mount target %s: /proc, /dev and /sys cannot be mounted into; "
				 "choose another target (SOURCE:TARGET)",
				 m->target);
	return 0;
}

static int check_mount(const struct spec_mount *m, struct error *err)
{
	const bool has_source =
		m->kind == MOUNT_BIND || m->kind == MOUNT_OVERLAY || m->kind == MOUNT_COPY;
	const bool has_text = m->kind == MOUNT_SYMLINK || m->kind == MOUNT_FILE;
	const bool has_layers = m->kind == MOUNT_OVERLAY;

	if (!spec_mount_kind_name(m->kind))
		return error_set(err, EINVAL, "mount of unknown kind %d", (int)m->kind);
	if (!m->target)
		return error_set(err, EINVAL, "mount of kind %s without a target",
				 kind_names[m->kind]);
	if (has_source != (m->source != NULL) || (has_source && !is_plain_path(m->source)))
		return error_set(err, EINVAL, "mount %s of kind %s: source must be %s", m->target,
				 kind_names[m->kind], has_source ? "an absolute path" : "empty");
	if (has_layers != (m->upper != NULL) || has_layers != (m->work != NULL) ||
	    (has_layers && (!is_plain_path(m->upper) || !is_plain_path(m->work))))
		return error_set(err, EINVAL, "mount %s of kind %s: upper and work must be %s",
				 m->target, kind_names[m->kind],
				 has_layers ? "absolute paths" : "empty");
	if (has_text != (m->text != NULL) || (m->text && strlen(m->text) > SPEC_MAX_TEXT))
		return error_set(err, EINVAL, "mount %s of kind %s: text must be %s", m->target,
				 kind_names[m->kind], has_text ? "there, at most 64 KiB" : "empty");
	if (m->kind == MOUNT_SYMLINK && (!m->text[0] || strlen(m->text) >= MAX_PATH_BYTES))
		return error_set(err, EINVAL, "symlink %s: bad text", m->target);
	if (m->mode & ~01777u)
		return error_set(err, EINVAL, "mount %s: mode %o has set-id bits", m->target,
				 m->mode);
	if (has_source && (is_below(m->source, "/proc") || is_below(m->source, "/sys")))
		return error_set(err, EINVAL,
				 "%s cannot be mounted into the sandbox: it is the host's view of "
				 "its processes and devices",
				 m->source);
	return check_target(m, err);
}

static int check_mounts(const struct spec *spec, struct error *err)
{
	const struct spec_mount *overlay = NULL;
	unsigned overlays = 0;
	unsigned procs = 0;
	unsigned devs = 0;

	if (spec->mount_count > SPEC_MAX_MOUNTS)
		return error_set(err, E2BIG, "%zu mounts, at most %u are possible",
				 spec->mount_count, SPEC_MAX_MOUNTS);
	for (size_t i = 0; i < spec->mount_count; i++) {
		const int r = check_mount(&spec->mounts[i], err);

		if (r < 0)
			return r;
		procs += spec->mounts[i].kind == MOUNT_PROC;
		devs += spec->mounts[i].kind == MOUNT_DEV;
		if (spec->mounts[i].kind == MOUNT_OVERLAY) {
			overlay = &spec->mounts[i];
			overlays++;
		}
	}
	if (overlays > 1 || !overlay != !spec->upper_dir ||
	    (overlay && strcmp(overlay->upper, spec->upper_dir) != 0))
		return error_set(err, EINVAL,
				 "a spec has at most one mount of kind overlay, and \"upper_dir\" "
				 "is its \"upper\"");
	if (spec->isolation == ISOLATION_FULL && (procs != 1 || devs > 1))
		return error_set(err, EINVAL,
				 "a spec has one mount of kind proc and at most one "
				 "of kind dev");
	return 0;
}

/* Landlock adds up: what is writable is so with all that is below it. */
static int check_not_reopened(const struct spec *spec, const struct spec_mount *m,
			      struct error *err)
{
	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct spec_mount *above = &spec->mounts[i];

		if (above->writable && is_below(m->target, above->target))
			return error_set(err, EINVAL,
					 "%s cannot be read-only below %s, which is writable: "
					 "isolation lite has no mounts; leave one of them out",
					 m->target, above->target);
	}
	return 0;
}

static int check_lite(const struct spec *spec, struct error *err)
{
	_cleanup_free_ char *private_dir = spec_private_dir(spec->session);

	if (!spec->landlock || spec->upper_dir)
		return error_set(err, EINVAL,
				 "isolation lite stands on Landlock and has no overlay: "
				 "\"landlock\" must be true, \"upper_dir\" not there");
	if (spec->net != NET_NONE)
		return error_set(err, EINVAL,
				 "isolation lite has no network namespace, so \"net\" can only be "
				 "\"none\" (%s is asked for); --isolation=full has one",
				 net_mode_name(spec->net));
	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct spec_mount *m = &spec->mounts[i];
		const bool is_private = m->kind == MOUNT_TMPFS && m->writable &&
					is_below(m->target, private_dir) &&
					strcmp(m->target, private_dir) != 0;
		const bool is_there = m->kind == MOUNT_BIND && strcmp(m->source, m->target) == 0;
		const int r = m->writable ? 0 : check_not_reopened(spec, m, err);

		if (r < 0)
			return r;
		if (!is_private && !is_there)
			return error_set(err, EINVAL,
					 "mount %s of kind %s: isolation lite has no mounts, only "
					 "binds at their own path and tmpfs folders below %s",
					 m->target, kind_names[m->kind], private_dir);
	}
	return 0;
}

static int check_env(const struct spec *spec, struct error *err)
{
	size_t count = 0;
	size_t bytes = 0;

	for (char **e = spec->env; e && *e; e++) {
		if (!strchr(*e, '=') || (*e)[0] == '=')
			return error_set(err, EINVAL, "environment entry \"%s\" is not NAME=value",
					 *e);
		count++;
		bytes += strlen(*e) + 1;
	}
	if (count > SPEC_MAX_ENV || bytes > SPEC_MAX_ENV_BYTES)
		return error_set(err, E2BIG,
				 "environment of %zu entries, %zu bytes; at most %u, %u", count,
				 bytes, SPEC_MAX_ENV, SPEC_MAX_ENV_BYTES);
	return 0;
}

static int check_ids(const struct spec *spec, struct error *err)
{
	if (!spec->uid || !spec->gid || spec->uid >= SPEC_RANGE_IDS || spec->gid >= SPEC_RANGE_IDS)
		return error_set(err, EINVAL, "uid %u, gid %u: must be 1..65535", spec->uid,
				 spec->gid);
	if (spec->outer_count == 1)
		return 0;
	if (spec->outer_count != SPEC_RANGE_IDS || spec->outer_base < SPEC_RANGE_IDS ||
	    spec->outer_base > UINT32_MAX - 2 * SPEC_RANGE_IDS)
		return error_set(err, EINVAL,
				 "host ids %u+%u: a session maps one id, or %u of them from %u up",
				 spec->outer_base, spec->outer_count, SPEC_RANGE_IDS,
				 SPEC_RANGE_IDS);
	return 0;
}

int spec_check_session(const char *session, struct error *err)
{
	if (is_name(session, 64))
		return 0;
	return error_set(
		err, EINVAL,
		"session id \"%s\": 1 to 64 of A-Z a-z 0-9 . _ -, not starting with . or -",
		session ? session : "");
}

int spec_check(const struct spec *spec, struct error *err)
{
	int r = spec_check_session(spec->session, err);

	if (r < 0)
		return r;
	if (!is_name(spec->hostname, 63))
		return error_set(err, EINVAL, "host name \"%s\" is not usable",
				 spec->hostname ? spec->hostname : "");
	if (!is_plain_path(spec->home) || !is_plain_path(spec->workspace))
		return error_set(err, EINVAL, "home and workspace must be absolute paths");
	if (spec->upper_dir && !is_plain_path(spec->upper_dir))
		return error_set(err, EINVAL, "upper_dir must be an absolute path");
	r = check_ids(spec, err);
	if (!r)
		r = check_env(spec, err);
	if (!r)
		r = check_mounts(spec, err);
	return r || spec->isolation == ISOLATION_FULL ? r : check_lite(spec, err);
}
