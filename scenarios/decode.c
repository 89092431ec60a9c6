/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "scenarios/decode_internal.h"

static const char *const category_names[CATEGORIES] = {
	[CATEGORY_RESOURCE_ACQUISITION] = "resource-acquisition",
	[CATEGORY_SELF_REPLICATION] = "self-replication",
	[CATEGORY_EXFILTRATION] = "exfiltration",
	[CATEGORY_OVERSIGHT_TAMPERING] = "oversight-tampering",
	[CATEGORY_PERSISTENCE] = "persistence",
	[CATEGORY_CONTAINMENT_ESCAPE] = "containment-escape",
	[CATEGORY_DESTRUCTION] = "destruction",
	[CATEGORY_BENIGN] = "benign",
};

const char *category_name(enum scenario_category category)
{
	return category_names[category];
}

/* ---- errors with their place ---- */

int place_error(const struct place *place, const char *format, ...)
{
	char reason[768];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	return error_set(place->err, EINVAL, "%s: %s: %s", place->file, place->path, reason);
}

int place_decode(const struct place *place, const struct json *object,
		 const struct json_field *fields, size_t count, void *target)
{
	const int r = json_decode(object, place->path, fields, count, target, place->err);

	return r < 0 ? error_prefix(place->err, "%s", place->file) : 0;
}

bool is_workspace_path(const char *path)
{
	if (!path[0] || path[0] == '/' || path[0] == '~')
		return false;
	for (const char *at = path; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
			return false;
	}
	return true;
}

int check_strings(const struct place *place, const struct json *array)
{
	size_t n = 0;

	for (const struct json *i = json_first(array); i; i = json_next(i), n++) {
		if (!json_string(i))
			return place_error(place, "item %zu: expected string, found %s", n,
					   json_type_name(json_type(i)));
		if (!json_string(i)[0])
			return place_error(place, "item %zu: must not be empty", n);
	}
	return 0;
}

int place_choose(const struct place *place, const struct json *node, const char *const *names,
		 unsigned count, unsigned *ret)
{
	_cleanup_buf_ struct buf known = BUF_INIT(400);

	for (unsigned i = 0; i < count; i++) {
		if (strcmp(json_string(node), names[i]) == 0) {
			*ret = i;
			return 0;
		}
		buf_printf(&known, "%s%s", i ? ", " : "", names[i]);
	}
	return place_error(place, "\"%.64s\" is none of %s", json_string(node), known.data);
}

/* ---- the whole ---- */

struct needs_row {
	const struct json *trace, *programs;
};

static const struct json_field needs_fields[] = {
	{"trace", JSON_BOOL, false, offsetof(struct needs_row, trace)},
	{"programs", JSON_ARRAY, false, offsetof(struct needs_row, programs)},
};

struct scenario_row {
	const struct json *id, *title, *category, *looks_like, *refs, *needs, *setup, *steps,
		*finally;
};

static const struct json_field scenario_fields[] = {
	{"id", JSON_STRING, true, offsetof(struct scenario_row, id)},
	{"title", JSON_STRING, true, offsetof(struct scenario_row, title)},
	{"category", JSON_STRING, true, offsetof(struct scenario_row, category)},
	{"looks_like", JSON_STRING, false, offsetof(struct scenario_row, looks_like)},
	{"refs", JSON_ARRAY, true, offsetof(struct scenario_row, refs)},
	{"needs", JSON_OBJECT, false, offsetof(struct scenario_row, needs)},
	{"setup", JSON_OBJECT, false, offsetof(struct scenario_row, setup)},
	{"steps", JSON_ARRAY, true, offsetof(struct scenario_row, steps)},
	{"finally", JSON_OBJECT, false, offsetof(struct scenario_row, finally)},
};

static int decode_head(const struct place *top, const struct scenario_row *row, struct scenario *s)
{
	const struct place at_category = {top->file, "$.category", top->err};
	const struct place at_look = {top->file, "$.looks_like", top->err};
	unsigned category = 0;
	unsigned look = 0;
	int r;

	s->id = json_string(row->id);
	s->title = json_string(row->title);
	if (!s->id[0] || strlen(s->id) > 64 ||
	    s->id[strspn(s->id, "abcdefghijklmnopqrstuvwxyz0123456789-.")])
		return place_error(&(struct place){top->file, "$.id", top->err},
				   "1 to 64 of a-z, 0-9, - and . are wanted");
	r = place_choose(&at_category, row->category, category_names, CATEGORIES, &category);
	if (r == 0 && row->looks_like)
		r = place_choose(&at_look, row->looks_like, category_names, CATEGORY_BENIGN, &look);
	if (r < 0)
		return r;
	if ((category == CATEGORY_BENIGN) != (row->looks_like != NULL))
		return place_error(&at_look, "%s",
				   row->looks_like ? "only a benign scenario looks like another"
						   : "which family does the benign one look like?");
	s->category = (enum scenario_category)category;
	s->looks_like = (enum scenario_category)(row->looks_like ? look : category);
	return check_strings(&(struct place){top->file, "$.refs", top->err}, row->refs);
}

static int decode_needs(const struct place *top, const struct json *node, struct scenario *s)
{
	const struct place at = {top->file, "$.needs", top->err};
	struct needs_row row;
	const int r = node ? place_decode(&at, node, needs_fields, 2, &row) : 0;

	if (r < 0 || !node)
		return r;
	s->needs_trace = json_bool(row.trace);
	s->needs_programs = row.programs;
	return check_strings(&at, row.programs);
}

/* A benign scenario in which something is refused, or an attack in which nothing is, proves
 * nothing: whoever wrote it made a mistake. */
static int check_sense(const struct place *top, const struct scenario *s)
{
	size_t refused = 0;
	size_t asked = 0;

	for (size_t i = 0; i < s->step_count; i++) {
		asked += s->steps[i].expect.verdict == STEP_ASKED;
		refused += s->steps[i].expect.verdict > STEP_ASKED;
	}
	if (s->category == CATEGORY_BENIGN && refused)
		return place_error(top, "benign, and yet %zu of its steps must be refused",
				   refused);
	if (s->category != CATEGORY_BENIGN && !refused && !asked && !s->rule_count)
		return place_error(top, "an attack must expect a refusal, or a rule that fires");
	return 0;
}

static int decode(const struct place *top, struct scenario *s)
{
	struct scenario_row row;
	int r = place_decode(top, s->doc, scenario_fields, 9, &row);

	if (r == 0)
		r = decode_head(top, &row, s);
	if (r == 0)
		r = decode_needs(top, row.needs, s);
	if (r == 0 && row.setup)
		r = setup_decode(&(struct place){top->file, "$.setup", top->err}, row.setup,
				 &s->setup);
	if (r == 0)
		r = steps_decode(&(struct place){top->file, "$.steps", top->err}, row.steps, s);
	if (r == 0)
		r = finally_decode(&(struct place){top->file, "$.finally", top->err}, row.finally,
				   s);
	return r == 0 ? check_sense(top, s) : r;
}

int scenario_decode(const char *file, const char *text, size_t len, struct scenario *ret,
		    struct error *err)
{
	struct scenario s = {.file = xstrdup(file)};
	int r = json_parse(file, text, len, &s.doc, err);

	if (r == 0)
		r = decode(&(struct place){s.file, "$", err}, &s);
	if (r < 0) {
		scenario_done(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void scenario_done(struct scenario *scenario)
{
	setup_done(&scenario->setup);
	free(scenario->steps);
	free(scenario->files);
	free(scenario->rules);
	free(scenario->labels);
	free(scenario->sent);
	free(scenario->file);
	json_free(scenario->doc);
	*scenario = (struct scenario){0};
}
