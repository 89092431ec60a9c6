/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spec as people see it (--dry-run) and give it back (--spec FILE). What is empty is left out;
 * unknown and missing members are errors.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "sandbox/spec.h"

#define MAX_EXACT (((int64_t)1 << 53) - 1) /* integers that a JSON number holds everywhere */

static void put_text(struct json_writer *w, const char *key, const char *value)
{
	if (value)
		json_put_string(w, key, value);
}

static void put_number(struct json_writer *w, const char *key, uint64_t value)
{
	if (value)
		json_put_u64(w, key, value);
}

static void put_flag(struct json_writer *w, const char *key, bool value)
{
	if (value)
		json_put_bool(w, key, value);
}

static void put_mount(struct json_writer *w, const struct spec_mount *m)
{
	json_begin_object(w, NULL);
	json_put_string(w, "kind", spec_mount_kind_name(m->kind));
	json_put_string(w, "target", m->target);
	put_text(w, "source", m->source);
	put_text(w, "upper", m->upper);
	put_text(w, "work", m->work);
	put_text(w, "text", m->text);
	put_number(w, "size_bytes", m->size_bytes);
	put_number(w, "mode", m->mode);
	put_flag(w, "writable", m->writable);
	put_flag(w, "optional", m->optional);
	put_flag(w, "idmap", m->idmap);
	json_end_object(w);
}

static void put_limits(struct json_writer *w, const struct spec_limits *limits)
{
	json_begin_object(w, "limits");
	put_number(w, "memory_bytes", limits->memory_bytes);
	put_number(w, "pids", limits->pids);
	put_number(w, "cpu_millis", limits->cpu_millis);
	put_number(w, "open_files", limits->open_files);
	put_number(w, "file_size_bytes", limits->file_size_bytes);
	json_end_object(w);
}

void spec_to_json(const struct spec *spec, struct buf *out)
{
	struct json_writer w = {.out = out, .indent = true};

	json_begin_object(&w, NULL);
	json_put_string(&w, "session", spec->session);
	json_put_string(&w, "hostname", spec->hostname);
	json_put_u64(&w, "uid", spec->uid);
	json_put_u64(&w, "gid", spec->gid);
	json_put_u64(&w, "outer_base", spec->outer_base);
	json_put_u64(&w, "outer_count", spec->outer_count);
	json_put_string(&w, "home", spec->home);
	json_put_string(&w, "workspace", spec->workspace);
	put_text(&w, "upper_dir", spec->upper_dir);
	json_put_bool(&w, "landlock", spec->landlock);
	json_put_bool(&w, "cgroup", spec->cgroup);
	put_limits(&w, &spec->limits);
	json_begin_array(&w, "env");
	for (char **e = spec->env; e && *e; e++)
		json_put_string(&w, NULL, *e);
	json_end_array(&w);
	json_begin_array(&w, "mounts");
	for (size_t i = 0; i < spec->mount_count; i++)
		put_mount(&w, &spec->mounts[i]);
	json_end_array(&w);
	json_end_object(&w);
}

/* An optional or checked member into its place; `node` may be NULL. */
static char *text_of(const struct json *node)
{
	return node ? xstrdup(json_string(node)) : NULL;
}

static bool flag_of(const struct json *node)
{
	return node && json_bool(node);
}

static int number_of(const struct json *node, const char *path, uint64_t max, uint64_t *ret,
		     struct error *err)
{
	const int64_t most = max > (uint64_t)MAX_EXACT ? MAX_EXACT : (int64_t)max;
	int64_t value = 0;

	if (!node)
		return 0;
	if (json_i64(node, 0, most, &value) < 0)
		return error_set(err, EINVAL, "%s: expected a whole number from 0 to %" PRId64,
				 path, most);
	*ret = (uint64_t)value;
	return 0;
}

static int u32_of(const struct json *node, const char *path, uint32_t *ret, struct error *err)
{
	uint64_t value = *ret;
	const int r = number_of(node, path, UINT32_MAX, &value, err);

	*ret = (uint32_t)value;
	return r;
}

struct mount_nodes {
	const struct json *kind, *target, *source, *upper, *work, *text;
	const struct json *size_bytes, *mode, *writable, *optional, *idmap;
};

#define FIELD(_struct, _name, _type, _required)                           \
	{                                                                 \
#_name, _type, _required, offsetof(struct _struct, _name) \
	}

static const struct json_field mount_fields[] = {
	FIELD(mount_nodes, kind, JSON_STRING, true),
	FIELD(mount_nodes, target, JSON_STRING, true),
	FIELD(mount_nodes, source, JSON_STRING, false),
	FIELD(mount_nodes, upper, JSON_STRING, false),
	FIELD(mount_nodes, work, JSON_STRING, false),
	FIELD(mount_nodes, text, JSON_STRING, false),
	FIELD(mount_nodes, size_bytes, JSON_NUMBER, false),
	FIELD(mount_nodes, mode, JSON_NUMBER, false),
	FIELD(mount_nodes, writable, JSON_BOOL, false),
	FIELD(mount_nodes, optional, JSON_BOOL, false),
	FIELD(mount_nodes, idmap, JSON_BOOL, false),
};

static int kind_of(const char *name, const char *path, enum spec_mount_kind *ret, struct error *err)
{
	for (unsigned kind = 0; spec_mount_kind_name(kind); kind++)
		if (!strcmp(spec_mount_kind_name(kind), name)) {
			*ret = (enum spec_mount_kind)kind;
			return 0;
		}
	return error_set(err, EINVAL, "%s.kind: there is no mount kind \"%s\"", path, name);
}

static int read_mount(const struct json *node, const char *path, struct spec *spec,
		      struct error *err)
{
	_cleanup_free_ char *size_path = xasprintf("%s.size_bytes", path);
	_cleanup_free_ char *mode_path = xasprintf("%s.mode", path);
	struct mount_nodes n = {0};
	enum spec_mount_kind kind = MOUNT_BIND;
	struct spec_mount *m;
	int r;

	if (spec->mount_count >= SPEC_MAX_MOUNTS)
		return error_set(err, E2BIG, "%s: more than %u mounts", path, SPEC_MAX_MOUNTS);
	r = json_decode(node, path, mount_fields, sizeof(mount_fields) / sizeof(mount_fields[0]),
			&n, err);
	if (!r)
		r = kind_of(json_string(n.kind), path, &kind, err);
	if (r < 0)
		return r;
	m = spec_add_mount(spec, kind, NULL, NULL);
	m->target = text_of(n.target);
	m->source = text_of(n.source);
	m->upper = text_of(n.upper);
	m->work = text_of(n.work);
	m->text = text_of(n.text);
	m->writable = flag_of(n.writable);
	m->optional = flag_of(n.optional);
	m->idmap = flag_of(n.idmap);
	r = number_of(n.size_bytes, size_path, UINT64_MAX, &m->size_bytes, err);
	return r ? r : u32_of(n.mode, mode_path, &m->mode, err);
}

struct limit_nodes {
	const struct json *memory_bytes, *pids, *cpu_millis, *open_files, *file_size_bytes;
};

static const struct json_field limit_fields[] = {
	FIELD(limit_nodes, memory_bytes, JSON_NUMBER, false),
	FIELD(limit_nodes, pids, JSON_NUMBER, false),
	FIELD(limit_nodes, cpu_millis, JSON_NUMBER, false),
	FIELD(limit_nodes, open_files, JSON_NUMBER, false),
	FIELD(limit_nodes, file_size_bytes, JSON_NUMBER, false),
};

static int read_limits(const struct json *node, struct spec_limits *limits, struct error *err)
{
	struct limit_nodes n = {0};
	int r = json_decode(node, "$.limits", limit_fields,
			    sizeof(limit_fields) / sizeof(limit_fields[0]), &n, err);

	if (!r)
		r = number_of(n.memory_bytes, "$.limits.memory_bytes", UINT64_MAX,
			      &limits->memory_bytes, err);
	if (!r)
		r = number_of(n.file_size_bytes, "$.limits.file_size_bytes", UINT64_MAX,
			      &limits->file_size_bytes, err);
	if (!r)
		r = u32_of(n.pids, "$.limits.pids", &limits->pids, err);
	if (!r)
		r = u32_of(n.cpu_millis, "$.limits.cpu_millis", &limits->cpu_millis, err);
	if (!r)
		r = u32_of(n.open_files, "$.limits.open_files", &limits->open_files, err);
	return r;
}

struct spec_nodes {
	const struct json *session, *hostname, *uid, *gid, *outer_base, *outer_count, *home;
	const struct json *workspace, *upper_dir, *landlock, *cgroup, *limits, *env, *mounts;
};

static const struct json_field spec_fields[] = {
	FIELD(spec_nodes, session, JSON_STRING, true),
	FIELD(spec_nodes, hostname, JSON_STRING, true),
	FIELD(spec_nodes, uid, JSON_NUMBER, true),
	FIELD(spec_nodes, gid, JSON_NUMBER, true),
	FIELD(spec_nodes, outer_base, JSON_NUMBER, true),
	FIELD(spec_nodes, outer_count, JSON_NUMBER, true),
	FIELD(spec_nodes, home, JSON_STRING, true),
	FIELD(spec_nodes, workspace, JSON_STRING, true),
	FIELD(spec_nodes, upper_dir, JSON_STRING, false),
	FIELD(spec_nodes, landlock, JSON_BOOL, true),
	FIELD(spec_nodes, cgroup, JSON_BOOL, true),
	FIELD(spec_nodes, limits, JSON_OBJECT, true),
	FIELD(spec_nodes, env, JSON_ARRAY, true),
	FIELD(spec_nodes, mounts, JSON_ARRAY, true),
};

static int read_lists(const struct spec_nodes *n, struct spec *spec, struct error *err)
{
	const struct json *item;
	unsigned at = 0;

	if (json_length(n->env) > SPEC_MAX_ENV)
		return error_set(err, E2BIG, "$.env: more than %u entries", SPEC_MAX_ENV);
	for (item = json_first(n->env); item; item = json_next(item)) {
		if (!json_string(item))
			return error_set(err, EINVAL, "$.env: expected strings");
		spec_add_env(spec, json_string(item));
	}
	for (item = json_first(n->mounts); item; item = json_next(item), at++) {
		char path[32];
		int r;

		(void)snprintf(path, sizeof(path), "$.mounts[%u]", at);
		r = read_mount(item, path, spec, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_spec(const struct json *doc, struct spec *spec, struct error *err)
{
	struct spec_nodes n = {0};
	int r = json_decode(doc, "$", spec_fields, sizeof(spec_fields) / sizeof(spec_fields[0]), &n,
			    err);

	if (r < 0)
		return r;
	spec->session = text_of(n.session);
	spec->hostname = text_of(n.hostname);
	spec->home = text_of(n.home);
	spec->workspace = text_of(n.workspace);
	spec->upper_dir = text_of(n.upper_dir);
	spec->landlock = flag_of(n.landlock);
	spec->cgroup = flag_of(n.cgroup);
	r = u32_of(n.uid, "$.uid", &spec->uid, err);
	if (!r)
		r = u32_of(n.gid, "$.gid", &spec->gid, err);
	if (!r)
		r = u32_of(n.outer_base, "$.outer_base", &spec->outer_base, err);
	if (!r)
		r = u32_of(n.outer_count, "$.outer_count", &spec->outer_count, err);
	if (!r)
		r = read_limits(n.limits, &spec->limits, err);
	if (!r)
		r = read_lists(&n, spec, err);
	return r ? r : spec_check(spec, err);
}

int spec_from_json(const struct json *doc, struct spec *ret, struct error *err)
{
	struct spec spec = {0};
	const int r = read_spec(doc, &spec, err);

	if (r < 0) {
		spec_done(&spec);
		return r;
	}
	*ret = spec;
	return 0;
}
