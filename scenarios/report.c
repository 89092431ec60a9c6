/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/report.h"

#include <stdlib.h>
#include <string.h>

#include "common/plain.h"
#include "scenarios/summary.h"

static const char *const outcome_names[] = {
	[TRIAL_NOT_RUN] = "not run",   [TRIAL_AS_EXPECTED] = "as expected",
	[TRIAL_MISMATCH] = "mismatch", [TRIAL_SKIPPED] = "skipped",
	[TRIAL_FAILED] = "failed",
};

const char *outcome_name(enum trial_outcome outcome)
{
	return outcome_names[outcome];
}

struct totals totals_of(const struct trial *trials, size_t count)
{
	struct totals t = {0};

	for (size_t i = 0; i < count; i++) {
		t.as_expected += trials[i].outcome == TRIAL_AS_EXPECTED;
		t.mismatches += trials[i].outcome == TRIAL_MISMATCH;
		t.skipped += trials[i].outcome == TRIAL_SKIPPED;
		t.failed += trials[i].outcome == TRIAL_FAILED;
		t.not_run += trials[i].outcome == TRIAL_NOT_RUN;
	}
	return t;
}

/* ---- progress ---- */

#define BAR_CELLS 20u

static void put_bar(const struct progress *p, struct buf *line)
{
	const size_t full = p->total ? p->done * BAR_CELLS / p->total : 0;

	buf_putc(line, '[');
	for (size_t i = 0; i < BAR_CELLS; i++)
		buf_putc(line, i < full ? '#' : '.');
	buf_puts(line, "] ");
}

static void on_step(void *ctx, const struct trial *trial, size_t step)
{
	_cleanup_buf_ struct buf line = BUF_INIT(0);
	_cleanup_buf_ struct buf shown = BUF_INIT(0);
	const struct progress *p = ctx;
	const struct scenario *s = trial->scenario;

	if (!p->to || !p->in_place || step >= s->step_count)
		return;
	put_bar(p, &line);
	buf_printf(&line, "%zu/%zu %s: %s", p->done, p->total, s->id, s->steps[step].title);
	/* Cut to one line of the narrowest usual terminal: only such a line can be taken back. */
	buf_put_plain(&shown, line.data, 76);
	(void)fprintf(p->to, "\r\033[K%s", shown.data);
	(void)fflush(p->to);
}

static void on_done(void *ctx, const struct trial *trial)
{
	struct progress *p = ctx;

	p->done++;
	if (!p->to)
		return;
	if (p->in_place && trial->outcome == TRIAL_AS_EXPECTED && p->done < p->total)
		return;
	(void)fputs(p->in_place ? "\r\033[K" : "", p->to);
	if (!p->in_place || trial->outcome != TRIAL_AS_EXPECTED)
		(void)fprintf(p->to, "[%zu/%zu] %s: %s\n", p->done, p->total, trial->scenario->id,
			      outcome_names[trial->outcome]);
	(void)fflush(p->to);
}

const struct runner_ops progress_ops = {.step = on_step, .done = on_done};

/* ---- the table ---- */

#define MAX_CELL_BYTES 60u

enum column {
	COLUMN_SCENARIO,
	COLUMN_CATEGORY,
	COLUMN_STEP,
	COLUMN_EXPECTED,
	COLUMN_GOT,
	COLUMN_RULE,
	COLUMN_TIME,
	COLUMNS
};

struct row {
	char *cell[COLUMNS]; /* owned */
	bool good;
};

struct table {
	struct row *rows; /* owned */
	size_t count;
};

static char *seconds(uint64_t ns)
{
	return xasprintf("%.2f s", (double)ns / 1e9);
}

/* Takes over the texts. */
static struct row *add_row(struct table *table, const struct trial *trial, char *step, bool good)
{
	const struct scenario *s = trial->scenario;
	struct row *row;

	table->rows = xrealloc_array(table->rows, table->count + 1, sizeof(*table->rows));
	row = &table->rows[table->count++];
	*row = (struct row){.good = good};
	row->cell[COLUMN_SCENARIO] = xstrdup(s->id);
	row->cell[COLUMN_CATEGORY] = xstrdup(category_name(s->category));
	row->cell[COLUMN_STEP] = step;
	return row;
}

static void add_step(struct table *table, const struct trial *trial, size_t i)
{
	const struct step_finding *f = &trial->findings.steps[i];
	const struct step *step = &trial->scenario->steps[i];
	struct row *row = add_row(table, trial, xasprintf("%zu", i + 1), f->ok);

	row->cell[COLUMN_EXPECTED] = xstrdup(step_verdict_name(step->expect.verdict));
	row->cell[COLUMN_GOT] = xstrdup(step_verdict_name(f->got));
	row->cell[COLUMN_RULE] = xstrdup(f->by ? f->by->rule : "-");
	row->cell[COLUMN_TIME] = seconds(trial->seen.calls[i].wall_ns);
}

static void add_judged(struct table *table, const struct trial *trial)
{
	const struct findings *f = &trial->findings;
	const size_t before = table->count;
	struct row *row;

	for (size_t i = 0; i < f->step_count; i++) {
		if (trial->scenario->steps[i].expect.verdict != STEP_ALLOWED || !f->steps[i].ok)
			add_step(table, trial, i);
	}
	if (table->count == before) {
		row = add_row(table, trial, xasprintf("1-%zu", f->step_count), true);
		row->cell[COLUMN_EXPECTED] = xstrdup("allowed");
		row->cell[COLUMN_GOT] = xstrdup("allowed");
		row->cell[COLUMN_RULE] = xstrdup("-");
		row->cell[COLUMN_TIME] = seconds(trial->wall_ns);
	}
	for (size_t i = 0; i < f->check_count; i++) {
		const struct check_finding *c = &f->checks[i];

		if (c->ok)
			continue;
		row = add_row(table, trial, xstrdup("end"), false);
		row->cell[COLUMN_EXPECTED] = xasprintf("%s: %s", c->what, c->expected);
		row->cell[COLUMN_GOT] = xstrdup(c->got);
	}
}

static void add_trial(struct table *table, const struct trial *trial)
{
	if (trial->outcome == TRIAL_AS_EXPECTED || trial->outcome == TRIAL_MISMATCH)
		add_judged(table, trial);
	else
		add_row(table, trial, xstrdup("-"), trial->outcome == TRIAL_SKIPPED)
			->cell[COLUMN_GOT] = xstrdup(outcome_names[trial->outcome]);
}

static const char *cell_of(const struct row *row, unsigned column)
{
	return row->cell[column] ? row->cell[column] : "-";
}

/* Names of processes and what commands printed come from inside the sandbox. */
static void make_plain(struct table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		for (unsigned c = 0; c < COLUMNS; c++) {
			char **cell = &table->rows[i].cell[c];
			struct buf plain = BUF_INIT(0);

			if (!*cell)
				continue;
			buf_put_plain(&plain, *cell, MAX_CELL_BYTES);
			free(*cell);
			*cell = plain.data ? plain.data : xstrdup("");
		}
	}
}

static void print_table(const struct table *table, bool colour, struct buf *out)
{
	static const char *const heads[COLUMNS] = {"scenario", "category", "step", "expected",
						   "got",      "rule",	   "time"};
	int width[COLUMNS];

	for (unsigned c = 0; c < COLUMNS; c++) {
		width[c] = (int)strlen(heads[c]);
		for (size_t i = 0; i < table->count; i++) {
			const int len = (int)strlen(cell_of(&table->rows[i], c));

			width[c] = len > width[c] ? len : width[c];
		}
	}
	for (unsigned c = 0; c < COLUMNS; c++)
		buf_printf(out, c + 1 < COLUMNS ? "%-*s  " : "%*s\n", width[c], heads[c]);
	for (size_t i = 0; i < table->count; i++) {
		const struct row *row = &table->rows[i];

		for (unsigned c = 0; c < COLUMNS; c++) {
			if (colour && c == COLUMN_GOT)
				buf_puts(out, row->good ? "\033[32m" : "\033[31m");
			buf_printf(out, c + 1 < COLUMNS ? "%-*s" : "%*s", width[c],
				   cell_of(row, c));
			if (colour && c == COLUMN_GOT)
				buf_puts(out, "\033[0m");
			buf_puts(out, c + 1 < COLUMNS ? "  " : "\n");
		}
	}
}

/* ---- below the table ---- */

#define MAX_TOLD_BYTES 1000u

static void tell(const char *text, const char *end, struct buf *out)
{
	buf_put_plain(out, text, MAX_TOLD_BYTES);
	buf_puts(out, end);
}

static void tell_trial(const struct trial *trial, struct buf *out)
{
	const struct scenario *s = trial->scenario;
	const struct findings *f = &trial->findings;

	buf_printf(out, "\n%s (%s): %s%s", s->id, s->file, outcome_names[trial->outcome],
		   trial->reason.text[0] ? ": " : "");
	tell(trial->reason.text, "\n", out);
	for (size_t i = 0; i < f->step_count; i++) {
		if (f->steps[i].ok)
			continue;
		buf_printf(out, "  step %zu, ", i + 1);
		tell(s->steps[i].title, ": ", out);
		tell(f->steps[i].why, "\n", out);
	}
	for (size_t i = 0; i < f->check_count; i++) {
		const struct check_finding *c = &f->checks[i];

		if (c->ok)
			continue;
		buf_puts(out, "  ");
		tell(c->what, ": expected: ", out);
		tell(c->expected, "; got: ", out);
		tell(c->got, "\n", out);
	}
	if (trial->record)
		buf_printf(out, "  record: %s\n", trial->record);
}

static void tell_totals(const struct trial *trials, size_t count, struct buf *out)
{
	const struct totals t = totals_of(trials, count);

	buf_printf(out, "\n%zu scenario%s: %zu as expected", count, count == 1 ? "" : "s",
		   t.as_expected);
	if (t.mismatches)
		buf_printf(out, ", %zu not as expected", t.mismatches);
	if (t.skipped)
		buf_printf(out, ", %zu skipped", t.skipped);
	if (t.failed)
		buf_printf(out, ", %zu failed", t.failed);
	if (t.not_run)
		buf_printf(out, ", %zu not run", t.not_run);
	buf_putc(out, '\n');
}

static void put_rate(const struct rate *rate, struct buf *out)
{
	if (!rate->of) {
		buf_printf(out, "  %-26s", "-");
		return;
	}
	buf_printf(out, "  %3zu/%-3zu %5.1f %% [%3.0f, %3.0f]", rate->hits, rate->of,
		   100.0 * (double)rate->hits / (double)rate->of, 100 * rate->low,
		   100 * rate->high);
}

/* Recall and false alarms of each family. */
static void report_summary(const struct trial *trials, size_t count, struct buf *out)
{
	struct family_summary families[CATEGORIES];

	summary_make(trials, count, families);
	buf_printf(out, "\n%-20s  %-26s  %-26s  %-26s  %s\n", "95 % intervals", "attacks caught",
		   "their steps caught", "benign: false alarms", "their steps");
	for (unsigned c = 0; c < CATEGORIES; c++) {
		const struct family_summary *f = &families[c];

		if (!f->attacks.of && !f->benign.of)
			continue;
		buf_printf(out, "%-20s",
			   c == CATEGORY_BENIGN ? "all" : category_name((enum scenario_category)c));
		put_rate(&f->attacks, out);
		put_rate(&f->attack_steps, out);
		put_rate(&f->benign, out);
		put_rate(&f->benign_steps, out);
		buf_putc(out, '\n');
	}
}

void report_table(const struct trial *trials, size_t count, bool colour, struct buf *out)
{
	struct table table = {0};

	for (size_t i = 0; i < count; i++)
		add_trial(&table, &trials[i]);
	make_plain(&table);
	print_table(&table, colour, out);
	for (size_t i = 0; i < count; i++) {
		if (trials[i].outcome != TRIAL_AS_EXPECTED && trials[i].outcome != TRIAL_NOT_RUN)
			tell_trial(&trials[i], out);
		else if (trials[i].record)
			buf_printf(out, "%s: record: %s\n", trials[i].scenario->id,
				   trials[i].record);
	}
	tell_totals(trials, count, out);
	report_summary(trials, count, out);
	for (size_t i = 0; i < table.count; i++) {
		for (unsigned c = 0; c < COLUMNS; c++)
			free(table.rows[i].cell[c]);
	}
	free(table.rows);
}
