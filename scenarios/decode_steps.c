/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/cleanup.h"
#include "scenarios/decode_internal.h"
#include "tools/toolkit/catalogue.h"

static const char *const verdict_names[] = {
	[STEP_ALLOWED] = "allowed", [STEP_ASKED] = "asked",   [STEP_NOTED] = "noted",
	[STEP_DECOYED] = "decoyed", [STEP_DENIED] = "denied", [STEP_KILLED] = "killed",
	[STEP_NOT_RUN] = "not run",
};

const char *step_verdict_name(enum step_verdict verdict)
{
	return verdict_names[verdict];
}

/* ---- steps ---- */

struct expect_row {
	const struct json *verdict, *rule, *kind, *exit, *output;
};

static const struct json_field expect_fields[] = {
	{"verdict", JSON_STRING, true, offsetof(struct expect_row, verdict)},
	{"rule", JSON_STRING, false, offsetof(struct expect_row, rule)},
	{"kind", JSON_STRING, false, offsetof(struct expect_row, kind)},
	{"exit_status", JSON_NUMBER, false, offsetof(struct expect_row, exit)},
	{"output_contains", JSON_STRING, false, offsetof(struct expect_row, output)},
};

static int decode_expect(const struct place *place, const struct json *node,
			 struct expectation *ret)
{
	struct expect_row row;
	unsigned verdict = 0;
	int r = place_decode(place, node, expect_fields, 5, &row);

	if (r == 0)
		r = place_choose(place, row.verdict, verdict_names, STEP_NOT_RUN, &verdict);
	if (r < 0)
		return r;
	*ret = (struct expectation){.verdict = (enum step_verdict)verdict,
				    .rule = json_string(row.rule),
				    .kind = json_string(row.kind),
				    .has_exit = row.exit || verdict == STEP_ALLOWED,
				    .output = json_string(row.output)};
	if (verdict == STEP_ALLOWED && (row.rule || row.kind))
		return place_error(place, "what is allowed has no rule and no kind");
	if (verdict != STEP_ALLOWED && !row.rule)
		return place_error(place, "which rule is it %s by? \"rule\" is missing",
				   verdict_names[verdict]);
	if (row.kind && action_kind_by_name(ret->kind) == ACTION_KINDS)
		return place_error(place, "no kind of action has the name \"%.64s\"", ret->kind);
	if (row.exit && json_i64(row.exit, 0, 255, &ret->exit) < 0)
		return place_error(place, "exit_status: must be a whole number from 0 to 255");
	return 0;
}

struct step_row {
	const struct json *title, *tool, *arguments, *expect, *answer;
};

static const struct json_field step_fields[] = {
	{"title", JSON_STRING, true, offsetof(struct step_row, title)},
	{"tool", JSON_STRING, true, offsetof(struct step_row, tool)},
	{"arguments", JSON_OBJECT, true, offsetof(struct step_row, arguments)},
	{"expect", JSON_OBJECT, true, offsetof(struct step_row, expect)},
	{"answer", JSON_STRING, false, offsetof(struct step_row, answer)},
};

static int decode_answer(const struct place *place, const struct json *node, struct step *ret)
{
	static const char *const names[] = {[ANSWER_NOBODY] = "nobody",
					    [ANSWER_REFUSE] = "refuse",
					    [ANSWER_APPROVE] = "approve"};
	_cleanup_free_ char *path = xasprintf("%s.answer", place->path);
	unsigned answer = ANSWER_NOBODY;
	const int r = node ? place_choose(&(struct place){place->file, path, place->err}, node,
					  names, 3, &answer)
			   : 0;

	ret->answer = (enum step_answer)answer;
	return r;
}

static int decode_step(const struct place *place, const struct json *node, struct step *ret)
{
	_cleanup_free_ char *path = xasprintf("%s.expect", place->path);
	struct tool_plan plan = {.subject = NULL};
	const struct tool *tool;
	struct step_row row;
	struct error reason;
	int r = place_decode(place, node, step_fields, 5, &row);

	if (r < 0)
		return r;
	ret->title = json_string(row.title);
	ret->tool = json_string(row.tool);
	ret->arguments = row.arguments;
	tool = catalogue_find(ret->tool);
	if (!tool)
		return place_error(place, "there is no tool \"%.64s\"", ret->tool);
	if (tool->plan(row.arguments, &plan, &reason) < 0)
		return place_error(place, "%s", reason.text);
	r = decode_answer(place, row.answer, ret);
	if (r < 0)
		return r;
	return decode_expect(&(struct place){place->file, path, place->err}, row.expect,
			     &ret->expect);
}

int steps_decode(const struct place *place, const struct json *array, struct scenario *s)
{
	int r = 0;

	if (!json_length(array) || json_length(array) > MAX_SCENARIO_STEPS)
		return place_error(place, "between 1 and %u steps are wanted, not %zu",
				   MAX_SCENARIO_STEPS, json_length(array));
	s->steps = xcalloc(json_length(array), sizeof(*s->steps));
	for (const struct json *i = json_first(array); r == 0 && i; i = json_next(i)) {
		_cleanup_free_ char *path = xasprintf("%s[%zu]", place->path, s->step_count);

		s->answers |= json_get(i, "answer") != NULL;
		r = decode_step(&(struct place){place->file, path, place->err}, i,
				&s->steps[s->step_count++]);
	}
	return r;
}

/* ---- final checks ---- */

struct file_row {
	const struct json *path, *exists, *contains;
};

static const struct json_field file_fields[] = {
	{"path", JSON_STRING, true, offsetof(struct file_row, path)},
	{"exists", JSON_BOOL, false, offsetof(struct file_row, exists)},
	{"contains", JSON_STRING, false, offsetof(struct file_row, contains)},
};

static int decode_file_check(const struct place *place, const struct json *node,
			     struct file_check *ret)
{
	struct file_row row;
	int r = place_decode(place, node, file_fields, 3, &row);

	if (r < 0)
		return r;
	*ret = (struct file_check){.path = json_string(row.path),
				   .exists = !row.exists || json_bool(row.exists),
				   .contains = json_string(row.contains)};
	if (!is_workspace_path(ret->path))
		return place_error(place, "path: must be relative, inside the workspace");
	if (!row.exists && !row.contains)
		return place_error(place, "either \"exists\" or \"contains\" is wanted");
	if (!ret->exists && ret->contains)
		return place_error(place, "what must not exist contains nothing");
	return 0;
}

struct fired_row {
	const struct json *rule, *times, *at_least;
};

static const struct json_field fired_fields[] = {
	{"rule", JSON_STRING, true, offsetof(struct fired_row, rule)},
	{"times", JSON_NUMBER, false, offsetof(struct fired_row, times)},
	{"at_least", JSON_NUMBER, false, offsetof(struct fired_row, at_least)},
};

static int decode_rule_check(const struct place *place, const struct json *node,
			     struct rule_check *ret)
{
	struct fired_row row;
	int64_t number;
	int r = place_decode(place, node, fired_fields, 3, &row);

	if (r < 0)
		return r;
	if (!row.times == !row.at_least)
		return place_error(place, "one of \"times\" and \"at_least\" is wanted");
	if (json_i64(row.times ? row.times : row.at_least, 0, INT32_MAX, &number) < 0)
		return place_error(place, "must be a whole number, not negative");
	*ret = (struct rule_check){.rule = json_string(row.rule),
				   .least = (uint64_t)number,
				   .most = row.times ? (uint64_t)number : UINT64_MAX};
	return 0;
}

struct sent_row {
	const struct json *host, *service, *method, *canary, *requests, *bytes;
};

static const struct json_field sent_fields[] = {
	{"host", JSON_STRING, true, offsetof(struct sent_row, host)},
	{"service", JSON_STRING, false, offsetof(struct sent_row, service)},
	{"method", JSON_STRING, false, offsetof(struct sent_row, method)},
	{"canary", JSON_STRING, false, offsetof(struct sent_row, canary)},
	{"at_least", JSON_NUMBER, false, offsetof(struct sent_row, requests)},
	{"bytes_at_least", JSON_NUMBER, false, offsetof(struct sent_row, bytes)},
};

static int decode_sent(const struct place *place, const struct json *node, struct sent_check *ret)
{
	struct sent_row row;
	int64_t requests = 1;
	int64_t bytes = 0;
	int r = place_decode(place, node, sent_fields, 6, &row);

	if (r < 0)
		return r;
	if ((row.requests && json_i64(row.requests, 1, INT32_MAX, &requests) < 0) ||
	    (row.bytes && json_i64(row.bytes, 1, INT64_C(1) << 50, &bytes) < 0))
		return place_error(place,
				   "at_least, bytes_at_least: must be whole numbers from 1 on");
	*ret = (struct sent_check){.host = json_string(row.host),
				   .service = json_string(row.service),
				   .method = json_string(row.method),
				   .canary = json_string(row.canary),
				   .least_requests = (uint64_t)requests,
				   .least_bytes = (uint64_t)bytes};
	return 0;
}

struct finally_row {
	const struct json *files, *rules, *labels, *sent;
};

static const struct json_field finally_fields[] = {
	{"files", JSON_ARRAY, false, offsetof(struct finally_row, files)},
	{"rules", JSON_ARRAY, false, offsetof(struct finally_row, rules)},
	{"labels", JSON_ARRAY, false, offsetof(struct finally_row, labels)},
	{"sent", JSON_ARRAY, false, offsetof(struct finally_row, sent)},
};

int finally_decode(const struct place *place, const struct json *node, struct scenario *s)
{
	struct finally_row row;
	int r = node ? place_decode(place, node, finally_fields, 4, &row) : 0;

	if (r < 0 || !node)
		return r;
	s->files = xcalloc(json_length(row.files), sizeof(*s->files));
	for (const struct json *i = json_first(row.files); r == 0 && i; i = json_next(i)) {
		_cleanup_free_ char *path = xasprintf("%s.files[%zu]", place->path, s->file_count);

		r = decode_file_check(&(struct place){place->file, path, place->err}, i,
				      &s->files[s->file_count++]);
	}
	s->rules = xcalloc(json_length(row.rules), sizeof(*s->rules));
	for (const struct json *i = json_first(row.rules); r == 0 && i; i = json_next(i)) {
		_cleanup_free_ char *path = xasprintf("%s.rules[%zu]", place->path, s->rule_count);

		r = decode_rule_check(&(struct place){place->file, path, place->err}, i,
				      &s->rules[s->rule_count++]);
	}
	s->sent = xcalloc(json_length(row.sent), sizeof(*s->sent));
	for (const struct json *i = json_first(row.sent); r == 0 && i; i = json_next(i)) {
		_cleanup_free_ char *path = xasprintf("%s.sent[%zu]", place->path, s->sent_count);

		r = decode_sent(&(struct place){place->file, path, place->err}, i,
				&s->sent[s->sent_count++]);
	}
	if (r == 0)
		r = check_strings(place, row.labels);
	s->labels = xcalloc(json_length(row.labels), sizeof(*s->labels));
	for (const struct json *i = json_first(row.labels); r == 0 && i; i = json_next(i))
		s->labels[s->label_count++] = json_string(i);
	return r;
}
