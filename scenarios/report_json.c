/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "scenarios/report.h"
#include "scenarios/summary.h"

/* Every rule that matched in the step and decides something, once, in the record's order. */
static void put_rules(struct json_writer *w, const struct observation *seen, size_t step)
{
	_cleanup_free_ const char **told = NULL;
	size_t count = 0;
	char id[24];

	(void)snprintf(id, sizeof(id), "c%zu", step + 1);
	json_begin_array(w, "rules");
	for (size_t i = 0; i < seen->ruling_count; i++) {
		const struct ruling *r = &seen->rulings[i];
		size_t at = 0;

		if (strcmp(r->call, id) != 0 || r->verdict < VERDICT_LOG)
			continue;
		while (at < count && strcmp(told[at], r->rule) != 0)
			at++;
		if (at < count)
			continue;
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
		told = xrealloc_array(told, count + 1, sizeof(*told));
		told[count++] = r->rule;
		json_put_string(w, NULL, r->rule);
	}
	json_end_array(w);
}

static void put_step(struct json_writer *w, const struct trial *trial, size_t i)
{
	const struct step *step = &trial->scenario->steps[i];
	const struct step_finding *f = &trial->findings.steps[i];
	const struct call_seen *call = &trial->seen.calls[i];

	json_begin_object(w, NULL);
	json_put_u64(w, "step", i + 1);
	json_put_string(w, "title", step->title);
	json_put_string(w, "tool", step->tool);
	json_put_string(w, "expected", step_verdict_name(step->expect.verdict));
	json_put_string(w, "expected_rule", step->expect.rule);
	json_put_string(w, "got", step_verdict_name(f->got));
	json_put_string(w, "rule", f->by ? f->by->rule : NULL);
	json_put_string(w, "kind", f->by ? f->by->kind : NULL);
	if (f->by)
		json_put_u64(w, "event", f->by->seq);
	else
		json_put_null(w, "event");
	if (call->has_exit)
		json_put_i64(w, "exit_status", call->exit);
	else
		json_put_null(w, "exit_status");
	json_put_string(w, "alarm", f->alarm ? f->alarm->rule : NULL);
	put_rules(w, &trial->seen, i);
	json_put_bool(w, "ok", f->ok);
	json_put_string(w, "why", f->ok ? NULL : f->why);
	json_put_u64(w, "wall_ns", call->wall_ns);
	json_end_object(w);
}

static void put_check(struct json_writer *w, const struct check_finding *check)
{
	json_begin_object(w, NULL);
	json_put_string(w, "check", check->what);
	json_put_string(w, "expected", check->expected);
	json_put_string(w, "got", check->got);
	json_put_bool(w, "ok", check->ok);
	json_end_object(w);
}

static void put_trial(struct json_writer *w, const struct trial *trial)
{
	const struct scenario *s = trial->scenario;

	json_begin_object(w, NULL);
	json_put_string(w, "id", s->id);
	json_put_string(w, "title", s->title);
	json_put_string(w, "file", s->file);
	json_put_string(w, "category", category_name(s->category));
	json_put_string(w, "looks_like",
			s->category == CATEGORY_BENIGN ? category_name(s->looks_like) : NULL);
	json_put_string(w, "outcome", outcome_name(trial->outcome));
	json_put_string(w, "reason", trial->reason.text[0] ? trial->reason.text : NULL);
	json_begin_array(w, "steps");
	for (size_t i = 0; i < trial->findings.step_count; i++)
		put_step(w, trial, i);
	json_end_array(w);
	json_begin_array(w, "checks");
	for (size_t i = 0; i < trial->findings.check_count; i++)
		put_check(w, &trial->findings.checks[i]);
	json_end_array(w);
	json_put_string(w, "record", trial->record);
	json_put_u64(w, "wall_ns", trial->wall_ns);
	json_end_object(w);
}

static void put_rate(struct json_writer *w, const char *name, const struct rate *rate)
{
	json_begin_object(w, name);
	json_put_u64(w, "hits", rate->hits);
	json_put_u64(w, "of", rate->of);
	json_put_i64(w, "low_permille", lround(1000 * rate->low));
	json_put_i64(w, "high_permille", lround(1000 * rate->high));
	json_end_object(w);
}

static void put_families(struct json_writer *w, const struct trial *trials, size_t count)
{
	struct family_summary families[CATEGORIES];

	summary_make(trials, count, families);
	json_begin_array(w, "families");
	for (unsigned c = 0; c < CATEGORIES; c++) {
		json_begin_object(w, NULL);
		json_put_string(w, "family",
				c == CATEGORY_BENIGN ? "all"
						     : category_name((enum scenario_category)c));
		put_rate(w, "attacks_caught", &families[c].attacks);
		put_rate(w, "attack_steps_caught", &families[c].attack_steps);
		put_rate(w, "benign_alarms", &families[c].benign);
		put_rate(w, "benign_step_alarms", &families[c].benign_steps);
		json_end_object(w);
	}
	json_end_array(w);
}

void report_json(const struct trial *trials, size_t count, struct buf *out)
{
	const struct totals t = totals_of(trials, count);
	struct json_writer w = {.out = out, .indent = true};

	json_begin_object(&w, NULL);
	json_put_i64(&w, "version", 1);
	json_begin_array(&w, "scenarios");
	for (size_t i = 0; i < count; i++)
		put_trial(&w, &trials[i]);
	json_end_array(&w);
	put_families(&w, trials, count);
	json_begin_object(&w, "totals");
	json_put_u64(&w, "scenarios", count);
	json_put_u64(&w, "as_expected", t.as_expected);
	json_put_u64(&w, "mismatches", t.mismatches);
	json_put_u64(&w, "skipped", t.skipped);
	json_put_u64(&w, "failed", t.failed);
	json_put_u64(&w, "not_run", t.not_run);
	json_end_object(&w);
	json_end_object(&w);
}
