/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/cleanup.h"
#include "scenarios/decode_internal.h"

struct setup_row {
	const struct json *files, *canaries, *labels, *binds, *env, *policies, *limits, *mode, *net,
		*decoys;
};

static const struct json_field setup_fields[] = {
	{"files", JSON_ARRAY, false, offsetof(struct setup_row, files)},
	{"canaries", JSON_ARRAY, false, offsetof(struct setup_row, canaries)},
	{"labels", JSON_ARRAY, false, offsetof(struct setup_row, labels)},
	{"binds", JSON_ARRAY, false, offsetof(struct setup_row, binds)},
	{"env", JSON_OBJECT, false, offsetof(struct setup_row, env)},
	{"policies", JSON_ARRAY, false, offsetof(struct setup_row, policies)},
	{"limits", JSON_OBJECT, false, offsetof(struct setup_row, limits)},
	{"mode", JSON_STRING, false, offsetof(struct setup_row, mode)},
	{"net", JSON_STRING, false, offsetof(struct setup_row, net)},
	{"decoys", JSON_ARRAY, false, offsetof(struct setup_row, decoys)},
};

/* ---- files and canaries ---- */

struct made_row {
	const struct json *path, *content, *mode;
};

static const struct json_field made_fields[] = {
	{"path", JSON_STRING, true, offsetof(struct made_row, path)},
	{"content", JSON_STRING, false, offsetof(struct made_row, content)},
	{"mode", JSON_STRING, false, offsetof(struct made_row, mode)},
};

/* Octal digits, as chmod(1) takes them; set-id bits cannot be had inside. */
static bool parse_mode(const char *text, uint32_t *ret)
{
	const size_t len = strlen(text);

	if (len < 3 || len > 4 || text[strspn(text, "01234567")] || (len == 4 && text[0] != '0'))
		return false;
	*ret = (uint32_t)strtoul(text, NULL, 8);
	return true;
}

static bool is_bindable(const char *path)
{
	return (path[0] == '/' && is_workspace_path(path + 1)) ||
	       (strncmp(path, "~/", 2) == 0 && is_workspace_path(path + 2));
}

static int decode_made(const struct place *place, const struct json *node, bool canary,
		       struct setup_file *ret)
{
	struct made_row row;
	int r = place_decode(place, node, made_fields, 3, &row);

	if (r < 0)
		return r;
	*ret = (struct setup_file){.path = json_string(row.path),
				   .content = json_string(row.content),
				   .mode = 0644,
				   .canary = canary};
	if (!is_workspace_path(ret->path) && !is_bindable(ret->path))
		return place_error(place, "path: must be relative, or start with / or ~/, and may "
					  "not contain ..");
	if (!canary && !ret->content)
		return place_error(place, "member \"content\" (string) is missing");
	if (row.mode && !parse_mode(json_string(row.mode), &ret->mode))
		return place_error(place, "mode: three or four octal digits are wanted, not \"%s\"",
				   json_string(row.mode));
	return 0;
}

static int decode_files(const struct place *place, const char *member, const struct json *array,
			struct setup *setup)
{
	size_t n = 0;
	int r = 0;

	for (const struct json *i = json_first(array); r == 0 && i; i = json_next(i)) {
		_cleanup_free_ char *path = xasprintf("%s.%s[%zu]", place->path, member, n++);

		r = decode_made(&(struct place){place->file, path, place->err}, i,
				strcmp(member, "canaries") == 0,
				&setup->files[setup->file_count++]);
	}
	return r;
}

/* ---- labels ---- */

struct label_row {
	const struct json *label, *paths;
};

static const struct json_field label_fields[] = {
	{"label", JSON_STRING, true, offsetof(struct label_row, label)},
	{"paths", JSON_ARRAY, true, offsetof(struct label_row, paths)},
};

static void add_label(struct setup *setup, const char *path, const char *name)
{
	setup->labels =
		xrealloc_array(setup->labels, setup->label_count + 1, sizeof(*setup->labels));
	setup->labels[setup->label_count++] = (struct label_option){path, name};
}

static int decode_labels(const struct place *place, const struct json *array, struct setup *setup)
{
	size_t n = 0;

	for (const struct json *i = json_first(array); i; i = json_next(i)) {
		_cleanup_free_ char *path = xasprintf("%s.labels[%zu]", place->path, n++);
		const struct place at = {place->file, path, place->err};
		struct label_row row;
		int r = place_decode(&at, i, label_fields, 2, &row);

		if (r == 0)
			r = check_strings(&at, row.paths);
		if (r < 0)
			return r;
		for (const struct json *p = json_first(row.paths); p; p = json_next(p))
			add_label(setup, json_string(p), json_string(row.label));
	}
	for (size_t i = 0; i < setup->file_count; i++) {
		if (setup->files[i].canary)
			add_label(setup, setup->files[i].path, "canary");
	}
	return 0;
}

/* ---- binds, environment, policies, limits, mode ---- */

struct bind_row {
	const struct json *source, *target, *writable;
};

static const struct json_field bind_fields[] = {
	{"source", JSON_STRING, true, offsetof(struct bind_row, source)},
	{"target", JSON_STRING, true, offsetof(struct bind_row, target)},
	{"writable", JSON_BOOL, false, offsetof(struct bind_row, writable)},
};

/* A path in a scenario starts from the folder that the scenario's file is in. */
static char *beside(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');

	if (path[0] == '/' || !slash)
		return xstrdup(path);
	return xasprintf("%.*s/%s", (int)(slash - file), file, path);
}

static int decode_binds(const struct place *place, const struct json *array, struct setup *setup)
{
	setup->binds = xcalloc(json_length(array), sizeof(*setup->binds));
	setup->bind_sources = xcalloc(json_length(array), sizeof(*setup->bind_sources));
	for (const struct json *i = json_first(array); i; i = json_next(i)) {
		_cleanup_free_ char *path =
			xasprintf("%s.binds[%zu]", place->path, setup->bind_count);
		const struct place at = {place->file, path, place->err};
		struct bind_row row;
		const int r = place_decode(&at, i, bind_fields, 3, &row);

		if (r < 0)
			return r;
		if (json_string(row.target)[0] != '/')
			return place_error(&at, "target: must be an absolute path");
		setup->bind_sources[setup->bind_count] =
			beside(place->file, json_string(row.source));
		setup->binds[setup->bind_count] =
			(struct spec_bind){.source = setup->bind_sources[setup->bind_count],
					   .target = json_string(row.target),
					   .writable = json_bool(row.writable)};
		setup->bind_count++;
	}
	return 0;
}

static int decode_env(const struct place *place, const struct json *object, struct setup *setup)
{
	setup->env = xcalloc(json_length(object) + 1, sizeof(*setup->env));
	for (const struct json *m = json_first(object); m; m = json_next(m)) {
		const char *name = json_key(m);

		if (!name[0] || strchr(name, '='))
			return place_error(place, "\"%.64s\" is no name of a variable", name);
		if (!json_string(m))
			return place_error(place, "%.64s: expected string, found %s", name,
					   json_type_name(json_type(m)));
		setup->env[setup->env_count++] = xasprintf("%s=%s", name, json_string(m));
	}
	return 0;
}

struct limit_row {
	const struct json *memory, *pids, *cpus, *file_size, *layer, *seconds;
};

static const struct json_field limit_fields[] = {
	{"memory_bytes", JSON_NUMBER, false, offsetof(struct limit_row, memory)},
	{"pids", JSON_NUMBER, false, offsetof(struct limit_row, pids)},
	{"cpus", JSON_NUMBER, false, offsetof(struct limit_row, cpus)},
	{"file_size_bytes", JSON_NUMBER, false, offsetof(struct limit_row, file_size)},
	{"layer_bytes", JSON_NUMBER, false, offsetof(struct limit_row, layer)},
	{"call_seconds", JSON_NUMBER, false, offsetof(struct limit_row, seconds)},
};

static int take_number(const struct place *place, const struct json *node, int64_t max,
		       uint64_t *ret)
{
	int64_t value;

	if (!node)
		return 0;
	if (json_i64(node, 1, max, &value) < 0)
		return place_error(place, "%s: must be a whole number from 1 to %lld",
				   json_key(node), (long long)max);
	*ret = (uint64_t)value;
	return 0;
}

static int decode_limits(const struct place *place, const struct json *node, struct setup *setup)
{
	struct limit_row row;
	uint64_t pids = 0;
	uint64_t seconds = 0;
	int r = place_decode(place, node, limit_fields,
			     sizeof(limit_fields) / sizeof(limit_fields[0]), &row);

	if (r == 0)
		r = take_number(place, row.memory, INT64_C(1) << 50, &setup->limits.memory_bytes);
	if (r == 0)
		r = take_number(place, row.file_size, INT64_C(1) << 50,
				&setup->limits.file_size_bytes);
	if (r == 0)
		r = take_number(place, row.layer, INT64_C(1) << 50, &setup->limits.layer_bytes);
	if (r == 0)
		r = take_number(place, row.pids, 4194304, &pids);
	if (r == 0)
		r = take_number(place, row.seconds, 4000000, &seconds);
	if (r < 0)
		return r;
	if (row.cpus && !(json_number(row.cpus) >= 0.01 && json_number(row.cpus) <= 4096))
		return place_error(place, "cpus: must be a number from 0.01 to 4096");
	setup->limits.pids = (uint32_t)pids;
	setup->limits.cpu_millis = (uint32_t)(json_number(row.cpus) * 1000);
	setup->timeout_ms = (uint32_t)seconds * 1000;
	return 0;
}

static int decode_policies(const struct place *place, const struct json *array, struct setup *setup)
{
	const int r = check_strings(place, array);

	setup->policies = xcalloc(json_length(array), sizeof(*setup->policies));
	for (const struct json *i = json_first(array); r == 0 && i; i = json_next(i))
		setup->policies[setup->policy_count++] = beside(place->file, json_string(i));
	return r;
}

static int decode_mode(const struct place *place, const struct json *node, struct setup *setup)
{
	static const char *const names[] = {"enforce", "observe"};
	unsigned mode = 0;
	const int r = place_choose(place, node, names, 2, &mode);

	setup->has_mode = true;
	setup->mode = (enum monitor_mode)mode;
	return r;
}

static int decode_net(const struct place *place, const struct setup_row *row, struct setup *setup)
{
	static const char *const names[] = {"none", "relay", "decoy"};
	const struct place at = {place->file, "$.setup.net", place->err};
	unsigned net = NET_NONE;
	int r = row->net ? place_choose(&at, row->net, names, 3, &net) : 0;

	if (r < 0)
		return r;
	setup->net = (enum net_mode)net;
	if (row->decoys && setup->net == NET_NONE)
		return place_error(place, "decoys: they answer where \"net\" is \"decoy\", or "
					  "\"relay\" with a rule that has the verdict decoy");
	if (!row->decoys)
		return 0;
	r = script_decode(row->decoys, "$.setup.decoys", &setup->decoys, place->err);
	return r < 0 ? error_prefix(place->err, "%s", place->file) : 0;
}

int setup_decode(const struct place *place, const struct json *node, struct setup *ret)
{
	const struct place env = {place->file, "$.setup.env", place->err};
	const struct place limits = {place->file, "$.setup.limits", place->err};
	const struct place policies = {place->file, "$.setup.policies", place->err};
	const struct place mode = {place->file, "$.setup.mode", place->err};
	struct setup_row row;
	int r = place_decode(place, node, setup_fields, 10, &row);

	if (r < 0)
		return r;
	ret->files =
		xcalloc(json_length(row.files) + json_length(row.canaries), sizeof(*ret->files));
	r = decode_files(place, "files", row.files, ret);
	if (r == 0)
		r = decode_files(place, "canaries", row.canaries, ret);
	if (r == 0)
		r = decode_labels(place, row.labels, ret);
	if (r == 0)
		r = decode_binds(place, row.binds, ret);
	if (r == 0)
		r = decode_env(&env, row.env, ret);
	if (r == 0)
		r = decode_policies(&policies, row.policies, ret);
	if (r == 0)
		r = decode_net(place, &row, ret);
	if (r == 0 && row.limits)
		r = decode_limits(&limits, row.limits, ret);
	return r == 0 && row.mode ? decode_mode(&mode, row.mode, ret) : r;
}

void setup_done(struct setup *setup)
{
	for (size_t i = 0; i < setup->bind_count; i++)
		free(setup->bind_sources[i]);
	for (size_t i = 0; i < setup->env_count; i++)
		free(setup->env[i]);
	for (size_t i = 0; i < setup->policy_count; i++)
		free(setup->policies[i]);
	free(setup->files);
	free(setup->labels);
	free(setup->binds);
	free(setup->bind_sources);
	free(setup->env);
	free(setup->policies);
	script_done(&setup->decoys);
	*setup = (struct setup){0};
}
