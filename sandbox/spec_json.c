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

#include "common/json_write.h"
#include "sandbox/spec.h"

#define MAX_EXACT ((UINT64_C(1) << 53) - 1) /* integers that a JSON number holds everywhere */

enum member_type {
	TEXT,
	U32,
	U64,
	FLAG,
	KIND,	   /* enum spec_mount_kind, by its name */
	ISOLATION, /* enum isolation, likewise */
	NET,	   /* enum net_mode, likewise */
	OBJECT,
	ARRAY, /* these two are read and written apart */
};

static const enum json_type json_types[] = {
	[TEXT] = JSON_STRING, [U32] = JSON_NUMBER,    [U64] = JSON_NUMBER,
	[FLAG] = JSON_BOOL,   [KIND] = JSON_STRING,   [ISOLATION] = JSON_STRING,
	[NET] = JSON_STRING,  [OBJECT] = JSON_OBJECT, [ARRAY] = JSON_ARRAY,
};

/* How a member of a struct stands in JSON under its own name. */
struct member {
	const char *name;
	enum member_type type;
	bool required; /* and written also when it is empty */
	size_t offset;
};

#define MEMBER(_struct, _name, _type, _required)                          \
	{                                                                 \
#_name, _type, _required, offsetof(struct _struct, _name) \
	}

#define COUNT(_array) (sizeof(_array) / sizeof((_array)[0]))

#define MAX_MEMBERS 16

static const struct member mount_members[] = {
	MEMBER(spec_mount, kind, KIND, true),	    MEMBER(spec_mount, target, TEXT, true),
	MEMBER(spec_mount, source, TEXT, false),    MEMBER(spec_mount, upper, TEXT, false),
	MEMBER(spec_mount, work, TEXT, false),	    MEMBER(spec_mount, text, TEXT, false),
	MEMBER(spec_mount, size_bytes, U64, false), MEMBER(spec_mount, mode, U32, false),
	MEMBER(spec_mount, writable, FLAG, false),  MEMBER(spec_mount, optional, FLAG, false),
	MEMBER(spec_mount, idmap, FLAG, false),
};

static const struct member limit_members[] = {
	MEMBER(spec_limits, memory_bytes, U64, false),
	MEMBER(spec_limits, pids, U32, false),
	MEMBER(spec_limits, cpu_millis, U32, false),
	MEMBER(spec_limits, open_files, U32, false),
	MEMBER(spec_limits, file_size_bytes, U64, false),
	MEMBER(spec_limits, layer_bytes, U64, false),
};

static const struct member spec_members[] = {
	MEMBER(spec, session, TEXT, true),    MEMBER(spec, isolation, ISOLATION, false),
	MEMBER(spec, net, NET, false),	      MEMBER(spec, hostname, TEXT, true),
	MEMBER(spec, uid, U32, true),	      MEMBER(spec, gid, U32, true),
	MEMBER(spec, outer_base, U32, true),  MEMBER(spec, outer_count, U32, true),
	MEMBER(spec, home, TEXT, true),	      MEMBER(spec, workspace, TEXT, true),
	MEMBER(spec, upper_dir, TEXT, false), MEMBER(spec, landlock, FLAG, true),
	MEMBER(spec, cgroup, FLAG, true),     MEMBER(spec, limits, OBJECT, true),
	MEMBER(spec, env, ARRAY, true),	      MEMBER(spec, mounts, ARRAY, true),
};

_Static_assert(COUNT(mount_members) <= MAX_MEMBERS && COUNT(limit_members) <= MAX_MEMBERS &&
		       COUNT(spec_members) <= MAX_MEMBERS,
	       "read_members() has room for them");

static void put_number(struct json_writer *w, const struct member *member, uint64_t number)
{
	if (member->required || number)
		json_put_u64(w, member->name, number);
}

static void put_member(struct json_writer *w, const struct member *member, const void *at)
{
	switch (member->type) {
	case TEXT:
		if (member->required || *(char *const *)at)
			json_put_string(w, member->name, *(char *const *)at);
		break;
	case U32:
		put_number(w, member, *(const uint32_t *)at);
		break;
	case U64:
		put_number(w, member, *(const uint64_t *)at);
		break;
	case FLAG:
		if (member->required || *(const bool *)at)
			json_put_bool(w, member->name, *(const bool *)at);
		break;
	case KIND:
		json_put_string(w, member->name,
				spec_mount_kind_name(*(const enum spec_mount_kind *)at));
		break;
	case ISOLATION:
		json_put_string(w, member->name, isolation_name(*(const enum isolation *)at));
		break;
	case NET:
		json_put_string(w, member->name, net_mode_name(*(const enum net_mode *)at));
		break;
	case OBJECT:
	case ARRAY:
		break;
	}
}

static void put_members(struct json_writer *w, const struct member *members, size_t count,
			const void *from)
{
	for (size_t i = 0; i < count; i++)
		put_member(w, &members[i], (const char *)from + members[i].offset);
}

void spec_to_json(const struct spec *spec, struct buf *out)
{
	struct json_writer w = {.out = out, .indent = true};

	json_begin_object(&w, NULL);
	put_members(&w, spec_members, COUNT(spec_members), spec);
	json_begin_object(&w, "limits");
	put_members(&w, limit_members, COUNT(limit_members), &spec->limits);
	json_end_object(&w);
	json_begin_array(&w, "env");
	for (char **e = spec->env; e && *e; e++)
		json_put_string(&w, NULL, *e);
	json_end_array(&w);
	json_begin_array(&w, "mounts");
	for (size_t i = 0; i < spec->mount_count; i++) {
		json_begin_object(&w, NULL);
		put_members(&w, mount_members, COUNT(mount_members), &spec->mounts[i]);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
}

static int read_number(const struct json *node, uint64_t max, uint64_t *ret, struct error *err)
{
	int64_t value = 0;

	if (json_i64(node, 0, (int64_t)max, &value) < 0)
		return error_set(err, EINVAL, "expected a whole number from 0 to %" PRIu64, max);
	*ret = (uint64_t)value;
	return 0;
}

/* The number of a name; @what: for the error. */
static int read_name(const char *name, const char *(*name_of)(unsigned), const char *what,
		     unsigned *ret, struct error *err)
{
	for (unsigned number = 0; name_of(number); number++)
		if (!strcmp(name_of(number), name)) {
			*ret = number;
			return 0;
		}
	return error_set(err, EINVAL, "there is no %s \"%s\"", what, name);
}

static int read_member(const struct json *node, enum member_type type, void *to, struct error *err)
{
	uint64_t number = 0;
	unsigned choice = 0;
	int r = 0;

	switch (type) {
	case TEXT:
		*(char **)to = xstrdup(json_string(node));
		break;
	case U32:
		r = read_number(node, UINT32_MAX, &number, err);
		*(uint32_t *)to = (uint32_t)number;
		break;
	case U64:
		r = read_number(node, MAX_EXACT, &number, err);
		*(uint64_t *)to = number;
		break;
	case FLAG:
		*(bool *)to = json_bool(node);
		break;
	case KIND:
		r = read_name(json_string(node), spec_mount_kind_name, "mount kind", &choice, err);
		*(enum spec_mount_kind *)to = (enum spec_mount_kind)choice;
		break;
	case ISOLATION:
		r = read_name(json_string(node), isolation_name, "isolation", &choice, err);
		*(enum isolation *)to = (enum isolation)choice;
		break;
	case NET:
		r = read_name(json_string(node), net_mode_name, "net", &choice, err);
		*(enum net_mode *)to = (enum net_mode)choice;
		break;
	case OBJECT:
	case ARRAY:
		break;
	}
	return r;
}

static int read_members(const struct json *object, const char *path, const struct member *members,
			size_t count, void *to, struct error *err)
{
	struct json_field fields[MAX_MEMBERS];
	const struct json *nodes[MAX_MEMBERS];
	int r;

	for (size_t i = 0; i < count; i++)
		fields[i] = (struct json_field){members[i].name, json_types[members[i].type],
						members[i].required, i * sizeof(struct json *)};
	r = json_decode(object, path, fields, count, nodes, err);
	for (size_t i = 0; i < count && r == 0; i++) {
		if (!nodes[i])
			continue;
		r = read_member(nodes[i], members[i].type, (char *)to + members[i].offset, err);
		if (r < 0)
			r = error_prefix(err, "%s.%s", path, members[i].name);
	}
	return r;
}

static int read_env(const struct json *list, struct spec *spec, struct error *err)
{
	if (json_length(list) > SPEC_MAX_ENV)
		return error_set(err, E2BIG, "$.env: more than %u entries", SPEC_MAX_ENV);
	for (const struct json *item = json_first(list); item; item = json_next(item)) {
		if (!json_string(item))
			return error_set(err, EINVAL, "$.env: expected strings");
		spec_add_env(spec, json_string(item));
	}
	return 0;
}

static int read_mounts(const struct json *list, struct spec *spec, struct error *err)
{
	int r = 0;

	if (json_length(list) > SPEC_MAX_MOUNTS)
		return error_set(err, E2BIG, "$.mounts: more than %u mounts", SPEC_MAX_MOUNTS);
	for (const struct json *item = json_first(list); item && r == 0; item = json_next(item)) {
		char path[32];

		(void)snprintf(path, sizeof(path), "$.mounts[%zu]", spec->mount_count);
		r = read_members(item, path, mount_members, COUNT(mount_members),
				 spec_add_mount(spec, MOUNT_BIND, NULL, NULL), err);
	}
	return r;
}

static int read_spec(const struct json *doc, struct spec *spec, struct error *err)
{
	int r = read_members(doc, "$", spec_members, COUNT(spec_members), spec, err);

	if (r == 0)
		r = read_members(json_get(doc, "limits"), "$.limits", limit_members,
				 COUNT(limit_members), &spec->limits, err);
	if (r == 0)
		r = read_env(json_get(doc, "env"), spec, err);
	if (r == 0)
		r = read_mounts(json_get(doc, "mounts"), spec, err);
	return r < 0 ? r : spec_check(spec, err);
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
