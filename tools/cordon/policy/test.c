/* SPDX-License-Identifier: Apache-2.0 */

/* cordon policy test: the cases beside the policies, and which rules they made match and not match.
 */

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "tools/cordon/policy/policy_command.h"

enum {
	KEY_JSON = 0x3000,
	KEY_PARTIAL
};

struct test_arguments {
	struct word_list paths;
	bool json;
	bool partial;
};

struct coverage {
	unsigned matched, not_matched; /* cases */
};

struct testing {
	struct policy *policy;
	struct coverage *rules; /* owned, by index */
	bool *told;		/* owned: rules that matched in the case at hand */
	struct sources documents;
	struct json_writer writer;
	struct buf report;
	bool json;
	bool colour;
	size_t cases, failed;
};

struct document_row {
	const struct json *version, *cases;
};

static const struct json_field document_fields[] = {
	{"version", JSON_NUMBER, true, offsetof(struct document_row, version)},
	{"cases", JSON_ARRAY, true, offsetof(struct document_row, cases)},
};

struct case_row {
	const struct json *name, *before, *then, *verdict, *rule;
};

static const struct json_field case_fields[] = {
	{"name", JSON_STRING, true, offsetof(struct case_row, name)},
	{"before", JSON_ARRAY, false, offsetof(struct case_row, before)},
	{"then", JSON_OBJECT, true, offsetof(struct case_row, then)},
	{"verdict", JSON_STRING, true, offsetof(struct case_row, verdict)},
	{"rule", JSON_STRING, false, offsetof(struct case_row, rule)},
};

/* ---- one case ---- */

static int check_case(const struct testing *t, const struct source *source, const char *path,
		      const struct case_row *row, struct error *err)
{
	const char *rule = json_string(row->rule);
	_cleanup_free_ char *at_rule = xasprintf("%s.rule", path);
	_cleanup_free_ char *at_verdict = xasprintf("%s.verdict", path);
	bool known = !rule || strcmp(rule, "default") == 0;
	enum verdict verdict;

	if (!verdict_by_name(json_string(row->verdict), &verdict))
		return source_error(source, err, EINVAL, at_verdict,
				    "a verdict is allow, log, throttle, ask, decoy, deny or kill");
	for (size_t i = 0; i < policy_rule_count(t->policy) && !known; i++)
		known = strcmp(policy_rule(t->policy, i)->id, rule) == 0;
	return known ? 0
		     : source_error(source, err, EINVAL, at_rule,
				    "no rule of these policies has the id \"%.96s\"", rule);
}

static void note_answer(void *ctx, size_t rule, enum rule_answer answer)
{
	struct testing *t = ctx;

	t->told[rule] = answer == RULE_MATCHED || answer == RULE_FAILED;
}

static void cover(struct testing *t, enum action_kind kind)
{
	for (size_t i = 0; i < policy_rule_count(t->policy); i++) {
		if (t->told[i])
			t->rules[i].matched++;
		else if (policy_rule_kinds(t->policy, i) & (1u << kind))
			t->rules[i].not_matched++;
	}
}

static void report_case(struct testing *t, const struct source *source, const char *path,
			const struct case_row *row, const struct decision *decision)
{
	const char *verdict = json_string(row->verdict);
	const char *rule = json_string(row->rule);
	const char *now = decision->rule ? decision->rule->id : "default";
	const bool passed = strcmp(verdict, verdict_name(decision->verdict)) == 0 &&
			    (!rule || strcmp(rule, now) == 0);
	size_t offset = 0;
	unsigned line, column;

	t->cases++;
	t->failed += !passed;
	(void)json_locate(source->text, source->len, path, &offset);
	json_position(source->text, source->len, offset, &line, &column);
	if (t->json) {
		json_begin_object(&t->writer, NULL);
		json_put_string(&t->writer, "file", source->name);
		json_put_u64(&t->writer, "line", line);
		json_put_string(&t->writer, "name", json_string(row->name));
		json_put_bool(&t->writer, "passed", passed);
		json_put_string(&t->writer, "verdict", verdict_name(decision->verdict));
		json_put_string(&t->writer, "rule", now);
		json_end_object(&t->writer);
		return;
	}
	if (passed)
		return;
	print_text(source->name);
	(void)printf(":%u:%u: %sFAILED%s: ", line, column, t->colour ? "\033[31m" : "",
		     end_colour(t->colour));
	print_text(json_string(row->name));
	(void)printf(": %s by %s, should be %s%s%s\n", verdict_name(decision->verdict), now,
		     verdict, rule ? " by " : "", rule ? rule : "");
}

static int play_before(struct example_place *place, struct example_player *player,
		       const struct json *before)
{
	const char *path = place->path;
	size_t n = 0;
	int r = 0;

	for (const struct json *b = json_first(before); b && r == 0; b = json_next(b), n++) {
		_cleanup_free_ char *at = xasprintf("%s.before[%zu]", path, n);
		struct decision decision;
		struct example example;
		struct action action;

		place->path = at;
		r = example_decode(place, b, &example);
		if (r == 0)
			example_play(player, &example, NULL, &action, &decision);
		example_done(&example);
	}
	place->path = path;
	return r;
}

static int run_case(struct testing *t, const struct source *source, const struct json *node,
		    const char *path, struct error *err)
{
	struct example_place place = {.policy = t->policy,
				      .source = source,
				      .path = path,
				      .kinds = UINT32_MAX,
				      .err = err};
	const struct rule_teller teller = {note_answer, t};
	struct example_player player = {.policy = t->policy};
	_cleanup_free_ char *then = xasprintf("%s.then", path);
	struct example example = {0};
	struct decision decision;
	struct action action;
	struct case_row row;
	int r;

	if (json_decode(node, path, case_fields, sizeof(case_fields) / sizeof(case_fields[0]), &row,
			err) < 0)
		return source_located(source, err);
	r = check_case(t, source, path, &row, err);
	player.state = policy_state_new(t->policy);
	if (r == 0)
		r = play_before(&place, &player, row.before);
	place.path = then;
	if (r == 0)
		r = example_decode(&place, row.then, &example);
	if (r == 0) {
		memset(t->told, 0, policy_rule_count(t->policy) * sizeof(*t->told));
		example_play(&player, &example, &teller, &action, &decision);
		cover(t, action.kind);
		report_case(t, source, path, &row, &decision);
	}
	example_done(&example);
	(void)policy_state_free(player.state);
	return r;
}

/* ---- the files ---- */

static int run_document(struct testing *t, const struct source *source, struct error *err)
{
	struct document_row row;
	int64_t version;
	size_t n = 0;
	int r = 0;

	if (json_decode(source->doc, "$", document_fields, 2, &row, err) < 0)
		return source_located(source, err);
	if (json_i64(row.version, 1, 1, &version) < 0)
		return source_error(source, err, EINVAL, "$.version",
				    "this cordon reads version 1 of the format");
	for (const struct json *c = json_first(row.cases); c && r == 0; c = json_next(c), n++) {
		_cleanup_free_ char *path = xasprintf("$.cases[%zu]", n);

		r = run_case(t, source, c, path, err);
	}
	return r;
}

/* NAME.cases beside NAME.json; a file without any has none. */
static int run_cases_of(struct testing *t, const char *policy_file, struct error *err)
{
	const size_t len = strlen(policy_file);
	const size_t stem = len > 5 && strcmp(policy_file + len - 5, ".json") == 0 ? len - 5 : len;
	_cleanup_free_ char *file = xasprintf("%.*s.cases", (int)stem, policy_file);
	_cleanup_free_ char *text = NULL;
	size_t text_len = 0;
	int r;

	if (access(file, F_OK) < 0 && errno == ENOENT)
		return 0;
	r = json_read_file(file, &text, &text_len, err);
	if (r == 0)
		r = sources_add_text(&t->documents, file, text, text_len, err);
	if (r == 0)
		r = run_document(t, &t->documents.items[t->documents.count - 1], err);
	return r;
}

static size_t report_rules(struct testing *t)
{
	size_t uncovered = 0;

	for (size_t i = 0; i < policy_rule_count(t->policy); i++) {
		const struct rule_info *info = policy_rule(t->policy, i);
		const struct coverage *c = &t->rules[i];

		uncovered += !c->matched || !c->not_matched;
		if (t->json) {
			json_begin_object(&t->writer, NULL);
			json_put_string(&t->writer, "rule", info->id);
			json_put_string(&t->writer, "file", info->file);
			json_put_u64(&t->writer, "matched", c->matched);
			json_put_u64(&t->writer, "not_matched", c->not_matched);
			json_end_object(&t->writer);
		} else if (!c->matched || !c->not_matched) {
			print_text(info->file);
			(void)printf(": %s: no case makes it %s\n", info->id,
				     c->matched	      ? "not match"
				     : c->not_matched ? "match"
						      : "match or not match");
		}
	}
	return uncovered;
}

static int run(const struct test_arguments *a, struct testing *t, struct error *err)
{
	size_t uncovered;
	size_t rules;
	int r = policy_load_words(&a->paths, &t->policy, err);

	if (r < 0)
		return r;
	rules = policy_rule_count(t->policy);
	t->rules = xcalloc(rules + 1, sizeof(*t->rules));
	t->told = xcalloc(rules + 1, sizeof(*t->told));
	json_begin_object(&t->writer, NULL);
	json_begin_array(&t->writer, "cases");
	for (size_t i = 0; policy_file(t->policy, i) && r == 0; i++)
		r = run_cases_of(t, policy_file(t->policy, i), err);
	if (r < 0)
		return r;
	json_end_array(&t->writer);
	json_begin_array(&t->writer, "rules");
	uncovered = report_rules(t);
	json_end_array(&t->writer);
	json_end_object(&t->writer);
	if (t->json)
		(void)puts(t->report.data);
	else
		(void)printf("%zu case%s, %zu failed; %zu rule%s, %zu of them not covered\n",
			     t->cases, t->cases == 1 ? "" : "s", t->failed, rules,
			     rules == 1 ? "" : "s", uncovered);
	return t->failed || (uncovered && !a->partial) ? POLICY_BAD : POLICY_GOOD;
}

/* In place of what there is of the answer by then. */
static void print_error(struct testing *t, const struct error *err)
{
	buf_done(&t->report);
	t->report = (struct buf)BUF_INIT(0);
	t->writer = (struct json_writer){.out = &t->report, .indent = true};
	json_begin_object(&t->writer, NULL);
	json_begin_array(&t->writer, "cases");
	json_end_array(&t->writer);
	json_begin_array(&t->writer, "rules");
	json_end_array(&t->writer);
	json_put_string(&t->writer, "error", err->text);
	json_end_object(&t->writer);
	(void)puts(t->report.data);
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct test_arguments *a = state->input;

	switch (key) {
	case KEY_JSON:
		a->json = true;
		return 0;
	case KEY_PARTIAL:
		a->partial = true;
		return 0;
	case ARGP_KEY_ARG:
		word_list_add(&a->paths, value);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which policies? Give their PATH");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"json", KEY_JSON, 0, 0, "Every case and every rule as JSON", 0},
	{"partial", KEY_PARTIAL, 0, 0,
	 "Rules that no case covers are told, but not held against it", 0},
	{0},
};

static const struct argp test_argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "PATH...",
	.doc = "Run the cases that stand beside policies (NAME.cases beside NAME.json), and tell which "
	       "rules they have made match and not match.\v"
	       "Exit status: 0 if every case comes as it says and every rule was made to match and "
	       "not to match; 1 if not; 2 if policies or cases cannot be read.",
};

int policy_test_command(int argc, char **argv)
{
	struct test_arguments a = {0};
	struct testing t = {.colour = is_colourful()};
	struct error err = {0};
	int status = POLICY_FAILED;

	if (argp_parse(&test_argp, argc, argv, 0, NULL, &a) == 0) {
		t.json = a.json;
		t.writer = (struct json_writer){.out = &t.report, .indent = true};
		status = run(&a, &t, &err);
		if (status < 0)
			log_error("%s", err.text);
		if (status < 0 && a.json)
			print_error(&t, &err);
	}
	(void)policy_free(t.policy);
	sources_done(&t.documents);
	buf_done(&t.report);
	free(t.rules);
	free(t.told);
	word_list_done(&a.paths);
	return status < 0 ? POLICY_FAILED : status;
}
